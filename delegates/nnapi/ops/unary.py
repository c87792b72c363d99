"""Ops of one tensor, element by element."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from ....graph.model import Graph, Op
from ..abi import L1, L3, L4, L7, Operation, Type
from ..node import TENSORS, Const, Node, Nodes, Refused, Ways, affine, between, full, i32, real
from ..program import Operand
from ..reading import BASIC, FLOATS, NONE, QUANTIZED, Types, alike, exactly, result, scaled, source, tensor

ANY: Types = {"FLOAT32": L3, "INT32": L3}
PLAIN: Mapping[str, tuple[Operation, Types, int | None]] = {
    "ABS": (Operation.ABS, {"FLOAT32": L3, "INT32": L4}, None),
    "EXP": (Operation.EXP, FLOATS, None),
    "FLOOR": (Operation.FLOOR, {"FLOAT32": L1}, 4),
    "HARD_SWISH": (Operation.HARD_SWISH, {"FLOAT32": L4, "UINT8": L4, "INT8": L4}, None),
    "LOG": (Operation.LOG, FLOATS, None),
    "LOGICAL_NOT": (Operation.LOGICAL_NOT, {"BOOL": L3}, None),
    "NEG": (Operation.NEG, ANY, None),
    "RSQRT": (Operation.RSQRT, {"FLOAT32": L3, "UINT8": L7, "INT8": L7}, None),
    "SIN": (Operation.SIN, FLOATS, None),
    "SQRT": (Operation.SQRT, FLOATS, None),
}
CLAMPS = {"RELU": Operation.RELU, "RELU6": Operation.RELU6, "RELU_N1_TO_1": Operation.RELU1}
# Operation, types, and the one scale and zero points that a quantised result may have.
FIXED: Mapping[str, tuple[Operation, Types, float, Mapping[str, int]]] = {
    "LOGISTIC": (Operation.LOGISTIC, BASIC, 1 / 256, {"UINT8": 0, "INT8": -128}),
    "TANH": (Operation.TANH, {"FLOAT32": L1, "UINT8": L3, "INT8": L4}, 1 / 128, {"UINT8": 128, "INT8": 0}),
}


def one(graph: Graph, op: Op, types: Types, rank: int | None = 4) -> tuple[int, int, int]:
    """(input, output of the same shape and type, level)."""
    x, level = source(graph, op, types, rank=rank)
    return x, result(graph, op, tensor(graph, x).shape), level


def single(graph: Graph, x: int) -> Operand:
    """One float, of the type that `x` has."""
    return Operand(TENSORS[tensor(graph, x).type], (1,))


def plain(kind: str, graph: Graph, op: Op) -> Nodes:
    """One operation of the same name."""
    code, types, rank = PLAIN[kind]
    x, y, level = one(graph, op, types, rank)
    scaled(graph, x, y)
    return (Node(code, (x,), (y,), level),)


def clamp(kind: str, graph: Graph, op: Op) -> Nodes:
    """A clamp, of a result that is quantised as what it clamps."""
    x, y, level = one(graph, op, BASIC)
    scaled(graph, x)
    alike(graph, x, y)
    return (Node(CLAMPS[kind], (x,), (y,), level),)


def fixed(kind: str, graph: Graph, op: Op) -> Nodes:
    """A function whose range is known, so that NNAPI fixes how a result is quantised."""
    code, types, scale, zero = FIXED[kind]
    x, y, level = one(graph, op, types)
    scaled(graph, x)
    exactly(graph, y, scale, zero)
    return (Node(code, (x,), (y,), level),)


def elu(graph: Graph, op: Op) -> Nodes:
    """ELU with an alpha of 1."""
    x, y, level = one(graph, op, {"FLOAT32": L4}, None)
    return (Node(Operation.ELU, (x, real(1.0, tensor(graph, x).type)), (y,), level),)


def hard_swish_composed(graph: Graph, op: Op) -> Nodes:
    """x * relu6(x + 3) / 6, for phones that have no operation of that name."""
    x, y, level = one(graph, op, {"FLOAT32": L1})
    constant = single(graph, x)
    shifted, product = between(graph, x), between(graph, x)
    return (
        Node(Operation.ADD, (x, full(constant, 3.0), i32(3)), (shifted,), level),
        Node(Operation.MUL, (x, shifted, NONE), (product,), level),
        Node(Operation.MUL, (product, full(constant, 1 / 6), NONE), (y,), level),
    )


def ceil(graph: Graph, op: Op) -> Nodes:
    """Minus the floor of minus x."""
    x, y, level = one(graph, op, FLOATS)
    minus, floored = between(graph, x), between(graph, x)
    return (
        Node(Operation.NEG, (x,), (minus,), level),
        Node(Operation.FLOOR, (minus,), (floored,), level),
        Node(Operation.NEG, (floored,), (y,), level),
    )


def square(graph: Graph, op: Op) -> Nodes:
    """x times x."""
    x, y, level = one(graph, op, {"FLOAT32": L1})
    return (Node(Operation.MUL, (x, x, NONE), (y,), level),)


def relu_0_to_1(graph: Graph, op: Op) -> Nodes:
    """The smaller one of 1 and RELU."""
    x, y, level = one(graph, op, FLOATS)
    positive = between(graph, x)
    return (
        Node(Operation.RELU, (x,), (positive,), level),
        Node(Operation.MINIMUM, (positive, full(single(graph, x), 1.0)), (y,), level),
    )


def leaky_relu(graph: Graph, op: Op) -> Nodes:
    """PRELU with one alpha; a quantised alpha is one step of its own scale."""
    x, y, level = one(graph, op, {"FLOAT32": L3, "UINT8": L3, "INT8": L4}, None)
    scaled(graph, x, y)
    slope = float(np.float32(op.options.alpha))
    kind = tensor(graph, x).type
    if kind not in QUANTIZED:
        alpha = full(single(graph, x), slope)
    elif slope > 0:
        code = Type.TENSOR_QUANT8_ASYMM if kind == "UINT8" else Type.TENSOR_QUANT8_ASYMM_SIGNED
        alpha = Const(Operand(code, (1,), slope, 0), lambda: np.ones(1, np.int8))
    else:
        raise Refused("alpha", slope, "above 0 where tensors are quantised")
    return (Node(Operation.PRELU, (x, alpha), (y,), level),)


def dequantize(graph: Graph, op: Op) -> Nodes:
    """Numbers of quantised bytes; half floats are cast, as DEQUANTIZE takes none."""
    x, level = source(graph, op, {"UINT8": L1, "INT8": L4, "FLOAT16": L3})
    scaled(graph, x)
    code = Operation.CAST if tensor(graph, x).type == "FLOAT16" else Operation.DEQUANTIZE
    return (Node(code, (x,), (result(graph, op, tensor(graph, x).shape, type="FLOAT32"),), level),)


def quantize(graph: Graph, op: Op) -> Nodes:
    """Quantised bytes of numbers."""
    x, level = source(graph, op, FLOATS, rank=None)
    kind = graph.tensors[op.outputs[0]].type
    if kind not in QUANTIZED:
        raise Refused("type", f"the result is {kind}", "INT8 or UINT8")
    y = result(graph, op, tensor(graph, x).shape, type=kind)
    scaled(graph, y)
    return (Node(Operation.QUANTIZE, (x,), (y,), level),)


def cast(graph: Graph, op: Op) -> Nodes:
    """Between numbers, and from bytes that are not quantised; to bytes NNAPI saturates where TFLite wraps around."""
    types: Types = {"FLOAT32": L3, "INT32": L3, "UINT8": L3}
    x, level = source(graph, op, types, rank=None)
    kind = graph.tensors[op.outputs[0]].type
    if kind not in ("FLOAT16", "FLOAT32", "INT32"):
        raise Refused("type", f"the result is {kind}", "FLOAT16, FLOAT32 or INT32")
    y = result(graph, op, tensor(graph, x).shape, type=kind)
    if any(affine(graph.tensors[t])[0] for t in (x, y)):
        raise Refused("quantization", "bytes with a scale are cast for what they are", "no scale")
    return (Node(Operation.CAST, (x,), (y,), level),)


def requantize(graph: Graph, op: Op) -> Nodes:
    """Quantised bytes of others: as numbers between, which is exact where scales are the same, else near as exact."""
    x, level = source(graph, op, {"UINT8": L3, "INT8": L4})
    kind = graph.tensors[op.outputs[0]].type
    if kind not in QUANTIZED:
        raise Refused("type", f"the result is {kind}", "INT8 or UINT8")
    y = result(graph, op, tensor(graph, x).shape, type=kind)
    scaled(graph, x, y)
    numbers = between(graph, x, type=Type.TENSOR_FLOAT32)
    return (
        Node(Operation.DEQUANTIZE, (x,), (numbers,), level),
        Node(Operation.QUANTIZE, (numbers,), (y,), L3),
    )


OPS: dict[str, Ways] = {
    **{kind: (partial(plain, kind),) for kind in PLAIN},
    **{kind: (partial(clamp, kind),) for kind in CLAMPS},
    **{kind: (partial(fixed, kind),) for kind in FIXED},
    "ELU": (elu,),
    "HARD_SWISH": (partial(plain, "HARD_SWISH"), hard_swish_composed),
    "CEIL": (ceil,),
    "SQUARE": (square,),
    "RELU_0_TO_1": (relu_0_to_1,),
    "LEAKY_RELU": (leaky_relu,),
    "DEQUANTIZE": (dequantize,),
    "QUANTIZE": (quantize, requantize),
    "CAST": (cast,),
}
