"""GATHER_ND, which NNAPI does not have: a GATHER of rows, whose places are sums of the places by their strides."""

from __future__ import annotations

import math

import numpy as np

from ....graph.model import Graph, Op
from ..abi import L3, L4, Operation, Type
from ..node import Arg, Between, Const, Node, Nodes, Refused, Ways, between, dims, full, i32, numbers
from ..program import Operand
from ..reading import MOST_RANK, NONE, Shape, alike, result, source, tensor
from .shape import RESHAPED


def gather_nd(graph: Graph, op: Op) -> Nodes:
    """Rows by several indices each. One that is beyond its dimension is an error where the row is beyond them all."""
    x, level = source(graph, op, RESHAPED)
    places = op.inputs[1]
    if graph.constant(places) is None:
        source(graph, op, {"INT32": L4}, 1)
    shape, chosen = tensor(graph, x).shape, tensor(graph, places).shape
    deep = chosen[-1] if chosen else 0
    if not 1 <= deep <= len(shape):
        raise Refused("shape", f"{list(chosen)} of {list(shape)}", "as many indices as dimensions, or less")
    made = (*chosen[:-1], *shape[deep:])
    y = result(graph, op, made)
    alike(graph, x, y)
    whole = (math.prod(shape[:deep]), *shape[deep:])
    if len(made) + 1 > MOST_RANK:
        raise Refused("rank", f"a result {list(made)}", f"less than {MOST_RANK} dimensions")
    rows, found = between(graph, x, whole), between(graph, x, (*chosen[:-1], 1, *shape[deep:]))
    nodes, row = flat_places(graph, places, shape[:deep])
    return (
        *nodes,
        Node(Operation.RESHAPE, (x, numbers(whole)), (rows,), level),
        Node(Operation.GATHER, (rows, i32(0), row), (found,), L3),
        Node(Operation.RESHAPE, (found, numbers(dims(made))), (y,), level),
    )


def flat_places(graph: Graph, places: int, sizes: Shape) -> tuple[list[Node], Arg]:
    """(what makes them, the row that each list of indices stands for)."""
    strides = [math.prod(sizes[k + 1 :]) for k in range(len(sizes))]
    known, rest = graph.constant(places), tensor(graph, places).shape[:-1]
    if known is not None:
        if not ((known >= 0) & (known < sizes)).all():
            raise Refused("places", [int(known.min()), int(known.max())], f"within {list(sizes)}")
        rows = (known * np.array(strides)).sum(-1, keepdims=True, dtype=np.int64).astype(np.int32)
        return [], Const(Operand(Type.TENSOR_INT32, rows.shape), lambda: rows)
    nodes: list[Node] = []

    def make(code: Operation, *inputs: Arg) -> Between:
        made = between(graph, places, (*rest, 1))
        nodes.append(Node(code, inputs, (made,), L4))
        return made

    total: Arg = places
    for k, stride in enumerate(strides):
        part: Arg = places
        if len(strides) > 1:
            part = make(Operation.SLICE, places, numbers([*(0 for _ in rest), k]), numbers([*rest, 1]))
        if stride != 1:
            part = make(Operation.MUL, part, full(Operand(Type.TENSOR_INT32, (1,)), stride), NONE)
        total = make(Operation.ADD, total, part, NONE) if k else part
    return nodes, total


OPS: dict[str, Ways] = {"GATHER_ND": (gather_nd,)}
