"""TILE and BROADCAST_TO repeat a tensor along its axes.

Refuses sizes that are computed or negative, axes that do not broadcast.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, integers, result, values
from .program import Limits, Lowered
from .strided_copy import View, moved
from .types import ANY

OPS = ("TILE", "BROADCAST_TO")
TYPES = ANY


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One copy of a view in which some axes go nowhere."""
    view = View.of(graph, values(graph, op, types=ANY))
    rank = len(view.shape)
    wanted = integers(graph, op, 1, (rank,) if op.kind == "TILE" else None)
    if any(n < 0 for n in wanted) or len(wanted) < rank:
        raise Refused("shape", f"{op.label} of {list(view.shape)} by {wanted}", f"{rank} sizes or more, none negative")
    if op.kind == "TILE":
        shape = [n * times for n, times in zip(view.shape, wanted, strict=True)]
        for axis in reversed(range(rank)):
            view = view.insert(axis, wanted[axis])
        return moved(graph, limits, view, result(graph, op, limits, shape, types=ANY))
    for _ in range(len(wanted) - rank):
        view = view.insert(0)
    for axis, (n, size) in enumerate(zip(view.shape, wanted, strict=True)):
        if n not in (1, size):
            raise Refused("shape", f"{list(view.shape)} broadcast to {wanted}", "axes alike, or 1")
        view = view.stretch(axis, size) if n == 1 else view
    return moved(graph, limits, view, result(graph, op, limits, wanted, types=ANY))
