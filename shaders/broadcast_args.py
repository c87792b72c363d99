"""BROADCAST_ARGS: the shape that two shapes broadcast to.

Refuses shapes that are not lists (rank 1).
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .strided_copy import View, moved
from .types import INDICES, element

OPS = ("BROADCAST_ARGS",)
TYPES = INDICES
EMPTY = (False, True)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; its run fails where the shapes do not go together, at which the reference ends the process."""
    a, b = (values(graph, op, k, INDICES, empty=True) for k in (0, 1))
    counts = [graph.tensors[t].shape for t in (a, b)]
    if any(len(shape) != 1 for shape in counts):
        raise Refused("shape", counts, "two lists")
    kind = graph.tensors[a].type
    (one,), (other,) = counts
    output = result(graph, op, limits, (max(one, other),), types={kind})
    if not one or not other:  # the shape of a scalar goes with any
        return moved(graph, limits, View.of(graph, b if other else a), output)
    constants = {"A": one, "B": other, "ONE": element(1, kind)}
    groups = groups_for(graph.tensors[output].size, 64, limits)
    fails = "the shapes do not broadcast"
    return (Program("broadcast_args", constants, (Arg("a", a), Arg("b", b)), output, groups, fails=fails),)
