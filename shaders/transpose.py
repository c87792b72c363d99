"""TRANSPOSE permutes axes, REVERSE_V2 turns them round.

Refuses axes that are computed or named twice.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, axis_in, integers, result, values
from .program import Limits, Lowered
from .strided_copy import View, moved
from .types import ANY

OPS = ("TRANSPOSE", "REVERSE_V2")
TYPES = ANY


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One copy, or an alias where only axes of size 1 change places."""
    view = View.of(graph, values(graph, op, types=ANY))
    rank = len(view.shape)
    axes = [axis_in(axis, rank) for axis in integers(graph, op, 1)]
    if len(set(axes)) < len(axes):
        raise Refused("axis", axes, "each axis once")
    if op.kind == "REVERSE_V2":
        for axis in axes:
            n = view.shape[axis]
            view = view.slice(axis, n - 1, n, -1)
    elif len(axes) < rank:
        raise Refused("axis", axes, f"all {rank} axes")
    else:
        view = view.transpose(axes)
    return moved(graph, limits, view, result(graph, op, limits, view.shape, types=ANY))
