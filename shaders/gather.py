"""GATHER: the given positions of an axis.

Refuses positions that are computed or batches (gather_computed takes both), constant positions that are not there.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, axis_in, integers, result, values
from .program import Limits, Lowered
from .strided_copy import View, moved
from .types import ANY

OPS = ("GATHER",)
TYPES = ANY


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One copy through a table of positions, which are constant."""
    view = View.of(graph, values(graph, op, types=ANY))
    axis = axis_in(op.options.axis, len(view.shape))
    if (batch := op.options.batch_dims) != 0:
        raise Refused("batch_dims", batch, 0)
    positions = integers(graph, op, 1)
    n = view.shape[axis]
    if not positions or not all(0 <= p < n for p in positions):
        raise Refused("indices", f"positions {positions[:8]} of an axis of {n}", f"0 to {n - 1}")
    sizes = graph.tensors[op.inputs[1]].shape
    shape = (*view.shape[:axis], *sizes, *view.shape[axis + 1 :])
    output = result(graph, op, limits, shape, types=ANY)
    return moved(graph, limits, view.take(axis, positions), output)
