"""MATRIX_DIAG and MATRIX_SET_DIAG: matrices with a given diagonal, in zeros or in other matrices.

Refuses a scalar, a diagonal of another length than the matrices'.
"""

from __future__ import annotations

from dataclasses import replace

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, result, values
from .overlay import overlay
from .program import Limits, Lowered
from .strided_copy import Linear, View, moved
from .types import ANY, element

OPS = ("MATRIX_DIAG", "MATRIX_SET_DIAG")
TYPES = ANY


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: (..., n) on the diagonals of (..., n, n) or (..., rows, columns) with n the lesser of both."""
    diagonal = values(graph, op, int(op.kind == "MATRIX_SET_DIAG"), ANY)
    shape = graph.tensors[diagonal].shape
    if op.kind == "MATRIX_DIAG":
        whole = (*shape, *shape[-1:])
        if not shape:
            raise Refused("shape", [], "at least one axis")
        output = result(graph, op, limits, whole, types=ANY)
        return moved(graph, limits, on_diagonal(graph, diagonal, whole), output, element(0, graph.tensors[output].type))
    under = values(graph, op, types=ANY)
    whole = graph.tensors[under].shape
    if len(whole) < 2 or shape != (*whole[:-2], min(whole[-2:])):
        raise Refused("shape", f"diagonals {list(shape)} of {list(whole)}", "(..., n) of (..., rows, columns)")
    output = result(graph, op, limits, whole, types=ANY)
    return (overlay(graph, limits, under, on_diagonal(graph, diagonal, whole), output),)


def on_diagonal(graph: Graph, tensor: int, whole: Shape) -> View:
    """Values (..., n) as matrices, all places outside but the diagonal."""
    view = View.of(graph, tensor).insert(len(whole) - 1, whole[-1])
    off = Linear(0, (*(0 for _ in whole[:-2]), 1, -1))  # row - column
    return replace(view, shape=whole, guards=((off, 1),))
