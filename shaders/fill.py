"""FILL, one value in every place; ZEROS_LIKE; and SPARSE_TO_DENSE with no entries, which fills as well.

Refuses a shape that is computed, values that are not scalars; of SPARSE_TO_DENSE, entries (scatter_computed takes
them), more than 4 axes.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from . import scatter_computed
from .arguments import Refused, answering, integers, result, same_affine, values
from .program import Elementwise, Limits, Lowered, Stage
from .strided_copy import View, moved
from .types import ANY

OPS = ("FILL", "SPARSE_TO_DENSE", "ZEROS_LIKE")
TYPES = {"FILL": ANY, "SPARSE_TO_DENSE": scatter_computed.TYPES["SPARSE_TO_DENSE"], "ZEROS_LIKE": ANY}
RESULTS = {**TYPES, "SPARSE_TO_DENSE": scatter_computed.RESULTS["SPARSE_TO_DENSE"]}
EMPTY = (False, True)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """A copy of the one value, which may be computed, to a constant shape. ZEROS_LIKE: a stage."""
    if op.kind == "ZEROS_LIKE":
        source = values(graph, op, types=ANY)
        output = result(graph, op, limits, graph.tensors[source].shape, types=ANY)
        return Elementwise(source, output, Stage("MADE(0)"))
    sparse = op.kind == "SPARSE_TO_DENSE"
    if sparse:
        without_entries(graph, op)
    shape = integers(graph, op, int(sparse))
    value = values(graph, op, 3 if sparse else 1, RESULTS[op.kind])
    if graph.tensors[value].shape:
        raise Refused("shape", f"a value of shape {list(graph.tensors[value].shape)}", "a scalar")
    same_affine(graph, op, [value])
    return moved(graph, limits, View.filled(value, shape), result(graph, op, limits, shape, types=ANY))


def without_entries(graph: Graph, op: Op) -> None:
    """Refuse a SPARSE_TO_DENSE that has entries, or a shape that they could not have."""
    places, shape, found = (graph.tensors[t] for t in op.inputs[:3])
    rank = shape.size
    if places.shape != (0, rank) and (places.shape, rank) != ((0,), 1):
        raise Refused("shape", f"places {list(places.shape)} in {rank} axes", "no entries")
    if rank > 4 or found.shape not in ((), (0,)):
        raise Refused("shape", f"values {list(found.shape)} in {rank} axes", "at most one value, and 4 axes")
