"""Reductions, normalisations, and resizing of images."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ....graph.model import Graph, Op
from ..abi import L1, L2, L3, L4, Operation, Type
from ..node import Node, Nodes, Refused, Ways, between, boolean, i32, numbers, real
from ..reading import (
    BASIC,
    FLOATS,
    SECOND,
    WIDE,
    Types,
    alike,
    axes,
    exactly,
    integer,
    integers,
    result,
    scaled,
    source,
    tensor,
)

BYTES: Types = {"FLOAT32": L3, "UINT8": L3, "INT8": L4}
REDUCTIONS: Mapping[str, tuple[Operation, Types]] = {
    "MEAN": (Operation.MEAN, SECOND),
    "REDUCE_ALL": (Operation.REDUCE_ALL, {"BOOL": L3}),
    "REDUCE_ANY": (Operation.REDUCE_ANY, {"BOOL": L3}),
    "REDUCE_MAX": (Operation.REDUCE_MAX, BYTES),
    "REDUCE_MIN": (Operation.REDUCE_MIN, BYTES),
    "REDUCE_PROD": (Operation.REDUCE_PROD, FLOATS),
    "SUM": (Operation.REDUCE_SUM, FLOATS),
}
RESIZES: Mapping[str, tuple[Operation, Types]] = {
    "RESIZE_BILINEAR": (Operation.RESIZE_BILINEAR, {"FLOAT32": L1, "UINT8": L3, "INT8": L4}),
    "RESIZE_NEAREST_NEIGHBOR": (Operation.RESIZE_NEAREST_NEIGHBOR, BYTES),
}


def reduction(kind: str, graph: Graph, op: Op) -> Nodes:
    """A reduction over constant axes, quantised as what it reduces."""
    code, types = REDUCTIONS[kind]
    x, level = source(graph, op, types)
    shape, keep = tensor(graph, x).shape, bool(op.options.keep_dims)
    along = axes(integers(graph, op, 1), len(shape))
    if not along:
        raise Refused("axis", "none", "at least one")
    sizes = [1 if k in along else size for k, size in enumerate(shape) if keep or k not in along]
    y = result(graph, op, sizes)
    alike(graph, x, y)
    kept = i32(keep) if kind == "MEAN" else boolean(keep)
    return (Node(code, (x, numbers(along), kept), (y,), level),)


def mean_of_numbers(graph: Graph, op: Op) -> Nodes:
    """MEAN of quantised bytes to others: NNAPI takes it of one scale alone, so it is taken of numbers between."""
    x, level = source(graph, op, {"UINT8": L3, "INT8": L4})
    shape, keep = tensor(graph, x).shape, bool(op.options.keep_dims)
    along = axes(integers(graph, op, 1), len(shape))
    if not along:
        raise Refused("axis", "none", "at least one")
    y = result(graph, op, [1 if k in along else size for k, size in enumerate(shape) if keep or k not in along])
    scaled(graph, x, y)
    numbers_of = between(graph, x, type=Type.TENSOR_FLOAT32)
    mean = between(graph, y, type=Type.TENSOR_FLOAT32)
    return (
        Node(Operation.DEQUANTIZE, (x,), (numbers_of,), level),
        Node(Operation.MEAN, (numbers_of, numbers(along), i32(keep)), (mean,), L2),
        Node(Operation.QUANTIZE, (mean,), (y,), L3),
    )


def arg(code: Operation, graph: Graph, op: Op) -> Nodes:
    """ARGMAX and ARGMIN, whose result is INT32; the engine widens it where the op's is INT64."""
    x, level = source(graph, op, WIDE, rank=None)
    shape = tensor(graph, x).shape
    (axis,) = axes([integer(graph, op, 1)], len(shape))
    kind = graph.tensors[op.outputs[0]].type
    if kind not in ("INT32", "INT64"):
        raise Refused("type", f"the result is {kind}", "INT32 or INT64")
    y = result(graph, op, (*shape[:axis], *shape[axis + 1 :]), type=kind)
    return (Node(code, (x, i32(axis)), (y,), level),)


def topk(graph: Graph, op: Op) -> Nodes:
    """TOPK_V2 of constant length."""
    x, level = source(graph, op, WIDE, rank=None)
    shape, k = tensor(graph, x).shape, integer(graph, op, 1)
    if not shape or not 1 <= k <= shape[-1]:
        raise Refused("shape", f"{k} of {list(shape)}", "as many as there are")
    made = (*shape[:-1], k)
    y, places = result(graph, op, made), result(graph, op, made, 1, "INT32")
    alike(graph, x, y)
    return (Node(Operation.TOPK_V2, (x, i32(k)), (y, places), level),)


def softmax(graph: Graph, op: Op) -> Nodes:
    """SOFTMAX along the last axis."""
    x, level = source(graph, op, BASIC)
    shape, beta = tensor(graph, x).shape, float(op.options.beta)
    if not beta > 0:
        raise Refused("beta", beta, "above 0")
    y = result(graph, op, shape)
    scaled(graph, x)
    exactly(graph, y, 1 / 256, {"UINT8": 0, "INT8": -128})
    return (
        Node(
            Operation.SOFTMAX,
            (x, real(beta, tensor(graph, x).type)),
            (y,),
            max(level, L1 if len(shape) in (2, 4) else L3),
        ),
    )


def log_softmax(graph: Graph, op: Op) -> Nodes:
    """LOG_SOFTMAX along the last axis."""
    x, level = source(graph, op, FLOATS, rank=None)
    like = tensor(graph, x)
    return (Node(Operation.LOG_SOFTMAX, (x, real(1.0, like.type), i32(-1)), (result(graph, op, like.shape),), level),)


def l2_normalization(graph: Graph, op: Op) -> Nodes:
    """L2_NORMALIZATION along the last axis."""
    x, level = source(graph, op, {"FLOAT32": L1, "UINT8": L3, "INT8": L4})
    shape = tensor(graph, x).shape
    if op.options.fused_activation_function != "NONE":
        raise Refused("activation", op.options.fused_activation_function, "NONE")
    y = result(graph, op, shape)
    scaled(graph, x)
    exactly(graph, y, 1 / 128, {"UINT8": 128, "INT8": 0})
    return (Node(Operation.L2_NORMALIZATION, (x,), (y,), max(level, L1 if len(shape) == 4 else L3)),)


def local_response_normalization(graph: Graph, op: Op) -> Nodes:
    """LOCAL_RESPONSE_NORMALIZATION along the last axis."""
    x, level = source(graph, op, {"FLOAT32": L1})
    shape, o = tensor(graph, x).shape, op.options
    if o.radius < 0 or o.bias == 0:
        raise Refused("radius", f"a radius of {o.radius}, a bias of {o.bias}", "none below 0, a bias that is not 0")
    given = (i32(o.radius), *(real(value, tensor(graph, x).type) for value in (o.bias, o.alpha, o.beta)))
    y = result(graph, op, shape)
    return (Node(Operation.LOCAL_RESPONSE_NORMALIZATION, (x, *given), (y,), max(level, L1 if len(shape) == 4 else L3)),)


def resize(kind: str, graph: Graph, op: Op) -> Nodes:
    """A resize to constant sizes; where corners or centres matter, they are told, which takes level 30."""
    code, types = RESIZES[kind]
    x, level = source(graph, op, types)
    shape, size, o = tensor(graph, x).shape, integers(graph, op, 1), op.options
    if len(shape) != 4 or len(size) != 2 or min(size) < 1:
        raise Refused("shape", f"{list(shape)} to {size}", "NHWC to a height and a width")
    if o.align_corners and o.half_pixel_centers:
        raise Refused("align_corners", "with half pixel centers", "one of the two")
    y = result(graph, op, (shape[0], *size, shape[3]))
    alike(graph, x, y)
    inputs = (x, i32(size[1]), i32(size[0]))
    if o.align_corners or o.half_pixel_centers:
        flags = (boolean(False), boolean(o.align_corners), boolean(o.half_pixel_centers))
        return (Node(code, (*inputs, *flags), (y,), max(level, L4)),)
    layout = (boolean(False),) if kind == "RESIZE_NEAREST_NEIGHBOR" else ()
    return (Node(code, (*inputs, *layout), (y,), level),)


OPS: dict[str, Ways] = {
    **{kind: (partial(reduction, kind),) for kind in REDUCTIONS},
    "MEAN": (partial(reduction, "MEAN"), mean_of_numbers),
    **{kind: (partial(resize, kind),) for kind in RESIZES},
    "ARG_MAX": (partial(arg, Operation.ARGMAX),),
    "ARG_MIN": (partial(arg, Operation.ARGMIN),),
    "TOPK_V2": (topk,),
    "SOFTMAX": (softmax,),
    "LOG_SOFTMAX": (log_softmax,),
    "L2_NORMALIZATION": (l2_normalization,),
    "LOCAL_RESPONSE_NORMALIZATION": (local_response_normalization,),
}
