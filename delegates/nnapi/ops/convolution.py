"""Convolutions and products with weights, and pooling: NHWC, padding implicit where TFLite's is, else explicit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ....graph.model import Graph, Op, Tensor
from ..abi import L1, L3, L6, PADDING, Operation, Type
from ..node import (
    TENSORS,
    Arg,
    Const,
    Node,
    Nodes,
    Refused,
    Ways,
    affine,
    between,
    boolean,
    full,
    i32,
    numbers,
)
from ..program import Operand
from ..reading import BASIC, QUANTIZED, Types, alike, fused, input_of, result, scaled, source, tensor

NCHW = boolean(False)
POOLS: dict[str, tuple[Operation, Types]] = {
    "AVERAGE_POOL_2D": (Operation.AVERAGE_POOL_2D, BASIC),
    "L2_POOL_2D": (Operation.L2_POOL_2D, {"FLOAT32": L1}),
    "MAX_POOL_2D": (Operation.MAX_POOL_2D, BASIC),
}


def image(graph: Graph, op: Op, types: Types, k: int = 0) -> tuple[int, tuple[int, ...], int]:
    """(input `k`, its shape, NHWC; level)."""
    x, level = source(graph, op, types, k)
    shape = tensor(graph, x).shape
    if len(shape) != 4:
        raise Refused("rank", list(shape), "NHWC")
    return x, shape, level


def window(size: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    """How many places a window has (`ComputeOutSize` in tensorflow/lite/kernels/padding.h)."""
    if padding not in PADDING:
        raise Refused("padding", padding, "SAME or VALID")
    reach = (kernel - 1) * dilation + 1
    out = -(-size // stride) if padding == "SAME" else (size - reach + stride) // stride
    if out < 1:
        raise Refused("window", f"a window of {reach} over {size} elements", "one that fits")
    return out


def weights(graph: Graph, op: Op, k: int, like: Tensor, channel: int | None) -> tuple[Arg, tuple[float, ...]]:
    """(constant weights for an input like `like`, their scale, or their scales along `channel` if these may differ)."""
    found, t = tensor(graph, op.inputs[k]), op.inputs[k]
    values = graph.constant(t)
    if values is None:
        raise Refused("not_constant", f"the weights {found.name!r} are computed", "a constant")
    q = found.quantization
    by_channel = q is not None and q.scales.size > 1 and (like.type, found.type) == ("UINT8", "INT8")
    if found.type != like.type and not by_channel:
        raise Refused("hybrid", f"{like.type} with weights of {found.type}", "weights of the same type")
    if q is None or q.scales.size <= 1:
        scaled(graph, t)
        if found.type == "INT8" and affine(found)[1]:
            raise Refused("quantization", f"{found.name!r} has a zero point of {affine(found)[1]}", "0, as it is INT8")
        return t, (affine(found)[0],)
    scales = tuple(float(s) for s in q.scales)
    if channel is None or q.axis != channel or found.type != "INT8" or q.zero_points.any() or min(scales) <= 0:
        met = f"{found.name!r} is {found.type} with scales along dimension {q.axis}"
        raise Refused(
            "quantization", met, f"INT8, zero points of 0, along {channel}" if channel is not None else "one scale"
        )
    if len(scales) != found.shape[channel]:
        raise Refused("quantization", f"{len(scales)} scales", f"{found.shape[channel]}, one a channel")
    operand = Operand(Type.TENSOR_QUANT8_SYMM_PER_CHANNEL, found.shape, channel=channel, scales=scales)
    return Const(operand, lambda: values), scales


def bias(graph: Graph, op: Op, k: int, like: Tensor, scales: Sequence[float], channels: int) -> Const:
    """A bias with the scale that NNAPI wants: the input's times the weights', or none by channel; zeros if absent."""
    quantized = like.type in QUANTIZED
    scale = float(np.float32(affine(like)[0]) * np.float32(scales[0])) if quantized and len(scales) == 1 else 0.0
    wanted = "INT32" if quantized else like.type
    operand = Operand(TENSORS[wanted], (channels,), scale)
    t = input_of(op, k)
    if t < 0:
        return full(operand, 0)
    found = tensor(graph, t)
    values = graph.constant(t)
    if found.type != wanted or found.size != channels or values is None:
        raise Refused(
            "bias", f"{found.name!r} is {found.type} {list(found.shape)}", f"a constant {wanted} [{channels}]"
        )
    return Const(operand, lambda: values.reshape(channels))


def before_29(graph: Graph, like: Tensor, scales: Sequence[float], output: int) -> int:
    """The level at which a result's scale may be so small: before 29 it had to be more than the product's."""
    if like.type != "UINT8":
        return L1
    product = np.float32(affine(like)[0]) * np.float32(scales[0])
    return L1 if np.float32(affine(graph.tensors[output])[0]) > product else L3


def conv_2d(graph: Graph, op: Op, depthwise: bool = False) -> Nodes:
    """CONV_2D, GROUPED_CONV_2D where the weights have less channels than the image, or DEPTHWISE_CONV_2D."""
    x, (batch, height, width, depth), level = image(graph, op, BASIC)
    like, filters = tensor(graph, x), tensor(graph, op.inputs[1]).shape
    if len(filters) != 4:
        raise Refused("rank", f"weights {list(filters)}", 4)
    channels, share = (filters[3], 0) if depthwise else (filters[0], filters[3])
    fits = (filters[0] == 1 and channels % depth == 0) if depthwise else depth % share == 0
    groups = 1 if depthwise or not fits else depth // share
    if not fits or channels % groups:
        raise Refused("shape", f"weights {list(filters)} over {depth} channels", "a divisor")
    packed, scales = weights(graph, op, 1, like, 3 if depthwise else 0)
    o = op.options
    dilations = (o.dilation_w_factor, o.dilation_h_factor)
    down, right = o.stride_h, o.stride_w
    out = (
        window(height, filters[1], down, dilations[1], o.padding),
        window(width, filters[2], right, dilations[0], o.padding),
    )
    y = result(graph, op, (batch, *out, channels))
    scaled(graph, x, y)
    level = max(level, before_29(graph, like, scales, y))
    head: tuple[Arg, ...] = (
        x,
        packed,
        bias(graph, op, 2, like, scales, channels),
        i32(PADDING[o.padding]),
        i32(right),
        i32(down),
    )
    if groups > 1:
        if dilations != (1, 1):
            raise Refused("dilation", dilations, "none in groups")
        return (Node(Operation.GROUPED_CONV_2D, (*head, i32(groups), fused(op), NCHW), (y,), max(level, L3)),)
    if depthwise:
        head += (i32(channels // depth),)
    code = Operation.DEPTHWISE_CONV_2D if depthwise else Operation.CONV_2D
    tail: tuple[Arg, ...] = ()
    if dilations != (1, 1):
        tail, level = (NCHW, *map(i32, dilations)), max(level, L3)
    return (Node(code, (*head, fused(op), *tail), (y,), level),)


def dense(graph: Graph, op: Op) -> tuple[int, int, int, tuple[int, int, int]]:
    """(input, output, level, (rows, units, inner size)) of a FULLY_CONNECTED."""
    x, level = source(graph, op, BASIC)
    like, filters = tensor(graph, x), tensor(graph, op.inputs[1]).shape
    if len(like.shape) < 2 or len(filters) != 2 or like.size % filters[1]:
        raise Refused("shape", f"{list(like.shape)} with weights {list(filters)}", "2 to 4 dimensions, weights of 2")
    if op.options.get("weights_format", "DEFAULT") != "DEFAULT":
        raise Refused("weights_format", op.options.weights_format, "DEFAULT")
    (units, inner), rows = filters, like.size // filters[1]
    y = result(graph, op, None)
    made = graph.tensors[y].shape
    if made not in ((rows, units), (*like.shape[:-1], units)):
        raise Refused("shape", list(made), [rows, units])
    scaled(graph, x, y)
    return x, y, level, (rows, units, inner)


def fully_connected(graph: Graph, op: Op) -> Nodes:
    """FULLY_CONNECTED, whose result NNAPI makes 2-D: a RESHAPE gives it the dimensions that it has in the file."""
    x, y, level, (rows, units, _) = dense(graph, op)
    like, made = tensor(graph, x), graph.tensors[y].shape
    packed, scales = weights(graph, op, 1, like, None)
    level = max(level, before_29(graph, like, scales, y))
    inputs = (x, packed, bias(graph, op, 2, like, scales, units), fused(op))
    if len(made) == 2:
        return (Node(Operation.FULLY_CONNECTED, inputs, (y,), level),)
    flat = between(graph, y, (rows, units))
    return (
        Node(Operation.FULLY_CONNECTED, inputs, (flat,), level),
        Node(Operation.RESHAPE, (flat, numbers(made)), (y,), level),
    )


def dense_by_channel(graph: Graph, op: Op) -> Nodes:
    """A CONV_2D over images of one pixel: FULLY_CONNECTED itself takes no scales by channel."""
    x, y, level, (rows, units, inner) = dense(graph, op)
    like = tensor(graph, x)
    packed, scales = weights(graph, op, 1, like, 0)
    if not isinstance(packed, Const):
        raise Refused("quantization", "one scale", "one for each channel")
    pixels = Const(replace(packed.operand, dims=(units, 1, 1, inner)), packed.pack)
    image_in, image_out = between(graph, x, (rows, 1, 1, inner)), between(graph, y, (rows, 1, 1, units))
    inputs = (image_in, pixels, bias(graph, op, 2, like, scales, units), i32(PADDING["VALID"]), i32(1), i32(1))
    return (
        Node(Operation.RESHAPE, (x, numbers((rows, 1, 1, inner))), (image_in,), level),
        Node(Operation.CONV_2D, (*inputs, fused(op)), (image_out,), level),
        Node(Operation.RESHAPE, (image_out, numbers(graph.tensors[y].shape)), (y,), level),
    )


def batch_matmul(graph: Graph, op: Op) -> Nodes:
    """BATCH_MATMUL of as many matrices on either side."""
    types: Types = {"FLOAT32": L6, "INT8": L6}
    x, level = source(graph, op, types)
    y, _ = source(graph, op, types, 1)
    a, b, o = tensor(graph, x), tensor(graph, y), op.options
    if a.type != b.type or len(a.shape) < 2 or a.shape[:-2] != b.shape[:-2]:
        raise Refused("shape", f"{a.type} {list(a.shape)} by {b.type} {list(b.shape)}", "one type, equal batches")
    (rows, inner), (again, columns) = a.shape[-2:][:: -1 if o.adj_x else 1], b.shape[-2:][:: -1 if o.adj_y else 1]
    if inner != again:
        raise Refused("shape", f"{list(a.shape)} by {list(b.shape)}", "matrices that fit")
    z = result(graph, op, (*a.shape[:-2], rows, columns))
    scaled(graph, x, y, z)
    return (Node(Operation.BATCH_MATMUL, (x, y, boolean(o.adj_x), boolean(o.adj_y)), (z,), level),)


def pool(kind: str, graph: Graph, op: Op) -> Nodes:
    """A pool, quantised as what it pools."""
    code, types = POOLS[kind]
    x, (batch, height, width, depth), level = image(graph, op, types)
    o = op.options
    out = (
        window(height, o.filter_height, o.stride_h, 1, o.padding),
        window(width, o.filter_width, o.stride_w, 1, o.padding),
    )
    y = result(graph, op, (batch, *out, depth))
    alike(graph, x, y)
    given = (o.stride_w, o.stride_h, o.filter_width, o.filter_height)
    return (Node(code, (x, i32(PADDING[o.padding]), *map(i32, given), fused(op)), (y,), level),)


OPS: dict[str, Ways] = {
    **{kind: (partial(pool, kind),) for kind in POOLS},
    "CONV_2D": (conv_2d,),
    "DEPTHWISE_CONV_2D": (partial(conv_2d, depthwise=True),),
    "FULLY_CONNECTED": (fully_connected, dense_by_channel),
    "BATCH_MATMUL": (batch_matmul,),
}
