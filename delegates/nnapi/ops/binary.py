"""Ops of two tensors, element by element, that broadcast; and what selects between two."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from ....graph.model import Graph, Op
from ..abi import L1, L2, L3, L4, L6, Operation
from ..node import Arg, Between, Const, Node, Nodes, Refused, Ways, affine, between, full, numbers
from ..reading import (
    MOST_RANK,
    NONE,
    QUANTIZED,
    WIDE,
    Shape,
    Types,
    alike,
    broadcast,
    fused,
    result,
    scaled,
    source,
    tensor,
)

ARITHMETIC: Mapping[str, tuple[Operation, Types]] = {
    "ADD": (Operation.ADD, {"FLOAT32": L1, "UINT8": L1, "INT8": L4, "INT32": L4}),
    "DIV": (Operation.DIV, {"FLOAT32": L2}),  # of INT32 NNAPI rounds down, TFLite towards 0
    "MUL": (Operation.MUL, {"FLOAT32": L1, "UINT8": L1, "INT8": L4, "INT32": L4}),
    "SUB": (Operation.SUB, {"FLOAT32": L2, "UINT8": L3, "INT8": L4, "INT32": L4}),
}
EXTREMES = {"MAXIMUM": Operation.MAXIMUM, "MINIMUM": Operation.MINIMUM}
LOGICAL = {"LOGICAL_AND": Operation.LOGICAL_AND, "LOGICAL_OR": Operation.LOGICAL_OR}
COMPARED: Types = {"BOOL": L3, **WIDE}
COMPARISONS = {
    kind: Operation[kind] for kind in ("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL")
}


def two(graph: Graph, op: Op, types: Types, rank: int | None = MOST_RANK, makes: str = "") -> tuple[int, int, int, int]:
    """(input, input of the same type, output of the shape they broadcast to, level)."""
    x, level = source(graph, op, types, 0, rank)
    y, _ = source(graph, op, types, 1, rank)
    first, second = tensor(graph, x), tensor(graph, y)
    if first.type != second.type:
        raise Refused("type", f"{first.type} and {second.type}", "two of one type")
    return x, y, result(graph, op, broadcast(first.shape, second.shape), type=makes), level


def arithmetic(kind: str, graph: Graph, op: Op) -> Nodes:
    """One operation with a fused activation."""
    code, types = ARITHMETIC[kind]
    x, y, z, level = two(graph, op, types)
    scaled(graph, x, y, z)
    activation = fused(op)
    if tensor(graph, x).type == "INT32" and activation.value:
        raise Refused("activation", op.options.fused_activation_function, "none for INT32")
    if kind == "MUL" and tensor(graph, x).type in QUANTIZED:
        factors, scale = (np.float32(affine(tensor(graph, t))[0]) for t in (x, y)), affine(graph.tensors[z])[0]
        if not scale > (product := float(np.prod([*factors], dtype=np.float32))):
            raise Refused("quantization", f"the result has a scale of {scale}", f"more than {product}, the product's")
    return (Node(code, (x, y, activation), (z,), level),)


def floor_div(graph: Graph, op: Op) -> Nodes:
    """DIV of integers, which rounds down; of floats, the floor of a rounded quotient would not always be the same."""
    x, y, z, level = two(graph, op, {"INT32": L4})
    return (Node(Operation.DIV, (x, y, NONE), (z,), level),)


def squared_difference(graph: Graph, op: Op) -> Nodes:
    """The difference times itself."""
    x, y, z, level = two(graph, op, {"FLOAT32": L2, "INT32": L4})
    difference = between(graph, z)
    return (
        Node(Operation.SUB, (x, y, NONE), (difference,), level),
        Node(Operation.MUL, (difference, difference, NONE), (z,), level),
    )


def add_n(graph: Graph, op: Op) -> Nodes:
    """One sum after another."""
    types: Types = {"FLOAT32": L1, "INT32": L4}
    found = [source(graph, op, types, k) for k in range(len(op.inputs))]
    shape = tensor(graph, found[0][0]).shape
    if len(found) < 2 or any(tensor(graph, t).shape != shape for t, _ in found):
        raise Refused("arguments", f"{len(found)} tensors", "two or more of one shape")
    z = result(graph, op, shape)
    nodes: list[Node] = []
    so_far: int | Between = found[0][0]
    made: list[int | Between] = [*(between(graph, z) for _ in found[2:]), z]
    for (t, level), total in zip(found[1:], made, strict=True):
        nodes.append(Node(Operation.ADD, (so_far, t, NONE), (total,), level))
        so_far = total
    return tuple(nodes)


def extreme(kind: str, graph: Graph, op: Op) -> Nodes:
    """The larger or the smaller one, of tensors that are quantised alike."""
    x, y, z, level = two(graph, op, WIDE, None)
    alike(graph, x, y, z)
    return (Node(EXTREMES[kind], (x, y), (z,), level),)


def power(graph: Graph, op: Op) -> Nodes:
    """POW of floats."""
    x, y, z, level = two(graph, op, {"FLOAT32": L3}, None)
    return (Node(Operation.POW, (x, y), (z,), level),)


def prelu(graph: Graph, op: Op) -> Nodes:
    """PRELU, whose alpha may broadcast."""
    x, y, z, level = two(graph, op, {"FLOAT32": L3, "UINT8": L3, "INT8": L4}, None)
    scaled(graph, x, y, z)
    return (Node(Operation.PRELU, (x, y), (z,), level),)


def comparison(kind: str, graph: Graph, op: Op) -> Nodes:
    """A comparison, of numbers that are both quantised, or neither."""
    x, y, z, level = two(graph, op, COMPARED, None, "BOOL")
    if len({bool(affine(tensor(graph, t))[0]) for t in (x, y)}) > 1:
        raise Refused("quantization", "one of the two has a scale", "both or none")
    return (Node(COMPARISONS[kind], (x, y), (z,), level),)


def logical(kind: str, graph: Graph, op: Op) -> Nodes:
    """AND or OR."""
    x, y, z, level = two(graph, op, {"BOOL": L3}, None)
    return (Node(LOGICAL[kind], (x, y), (z,), level),)


def select(graph: Graph, op: Op) -> Nodes:
    """SELECT, of three tensors of one shape, quantised alike."""
    chosen, _ = source(graph, op, {"BOOL": L3}, 0, None)
    x, level = source(graph, op, WIDE, 1, None)
    y, _ = source(graph, op, WIDE, 2, None)
    shape, kind = tensor(graph, x).shape, tensor(graph, x).type
    if tensor(graph, y).type != kind or {tensor(graph, t).shape for t in (chosen, y)} != {shape}:
        raise Refused("shape", [list(tensor(graph, t).shape) for t in (chosen, x, y)], "three of one shape and type")
    z = result(graph, op, shape, type=kind)
    alike(graph, x, y, z)
    return (Node(Operation.SELECT, (chosen, x, y), (z,), level),)


def select_broadcast(graph: Graph, op: Op) -> Nodes:
    """SELECT of three that broadcast: conditions beside none by LOGICAL_OR, constants as they are, others by TILE."""
    chosen, _ = source(graph, op, {"BOOL": L3})
    (x, level), (y, _) = (source(graph, op, WIDE, k) for k in (1, 2))
    shape, kind = broadcast(*(tensor(graph, t).shape for t in (chosen, x, y))), tensor(graph, x).type
    if tensor(graph, y).type != kind or not shape:
        raise Refused("shape", [list(tensor(graph, t).shape) for t in (chosen, x, y)], "two of one type, no scalars")
    z = result(graph, op, shape, type=kind)
    alike(graph, x, y, z)
    nodes: list[Node] = []

    def spread(t: int) -> Arg:
        made, value = between(graph, t, shape), graph.constant(t)
        if tensor(graph, t).shape == shape:
            return t
        if value is not None:
            return Const(made.operand, lambda: np.broadcast_to(value, shape))
        if t == chosen:
            nodes.append(Node(Operation.LOGICAL_OR, (t, full(made.operand, False)), (made,), L3))
        else:
            nodes.extend(tiled(graph, t, made, shape, level))
        return made

    given = tuple(map(spread, (chosen, x, y)))
    return (*nodes, Node(Operation.SELECT, given, (z,), level))


def tiled(graph: Graph, x: int, y: int | Between, target: Shape, level: int) -> Nodes:
    """TILE to a shape that `x` broadcasts to, after a RESHAPE where dimensions are added."""
    shape = tensor(graph, x).shape
    whole = (1,) * (len(target) - len(shape)) + shape
    times = numbers([out // size for out, size in zip(target, whole, strict=True)] or [1])
    if len(whole) == max(len(shape), 1):
        return (Node(Operation.TILE, (x, times), (y,), level),)
    reshaped = between(graph, x, whole)
    integers = tensor(graph, x).type == "INT32"
    return (
        Node(Operation.RESHAPE, (x, numbers(whole)), (reshaped,), L6 if integers else L1),
        Node(Operation.TILE, (reshaped, times), (y,), level),
    )


def broadcast_to(graph: Graph, op: Op) -> Nodes:
    """BROADCAST_TO of at most four dimensions."""
    x, level = source(graph, op, WIDE)
    shape = tensor(graph, x).shape
    target = graph.tensors[op.outputs[0]].shape
    if broadcast(shape, target) != target or len(target) > MOST_RANK:
        raise Refused("shape", f"{list(shape)} to {list(target)}", f"at most {MOST_RANK} dimensions that broadcast")
    wanted = graph.constant(op.inputs[1])
    if wanted is not None and tuple(wanted.ravel().tolist()) != target:
        raise Refused("shape", f"{graph.tensors[op.outputs[0]].name!r} is declared {list(target)}", wanted.tolist())
    y = result(graph, op, target)
    alike(graph, x, y)
    return tiled(graph, x, y, target, level)


OPS: dict[str, Ways] = {
    **{kind: (partial(arithmetic, kind),) for kind in ARITHMETIC},
    **{kind: (partial(extreme, kind),) for kind in EXTREMES},
    **{kind: (partial(comparison, kind),) for kind in COMPARISONS},
    **{kind: (partial(logical, kind),) for kind in LOGICAL},
    "ADD_N": (add_n,),
    "BROADCAST_TO": (broadcast_to,),
    "FLOOR_DIV": (floor_div,),
    "POW": (power,),
    "PRELU": (prelu,),
    "SELECT": (select,),
    "SELECT_V2": (select, select_broadcast),
    "SQUARED_DIFFERENCE": (squared_difference,),
}
