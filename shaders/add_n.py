"""ADD_N.

Refuses operands of different shapes or types, or fewer than two.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Arg, Limits, Lowered, Program, Stage, groups_for

OPS = ("ADD_N",)
TYPES = frozenset({"FLOAT32", "INT32"})


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch, as many buffers as there are tensors: the first, then each of the others as a stage."""
    first, *others = (values(graph, op, k, TYPES) for k in range(len(op.inputs)))
    shape, kind = graph.tensors[first].shape, graph.tensors[first].type
    if not others or any((graph.tensors[t].shape, graph.tensors[t].type) != (shape, kind) for t in others):
        raise Refused("shape", [list(graph.tensors[t].shape) for t in op.inputs], "two or more alike")
    output = result(graph, op, limits, shape, types=(kind,))
    size = graph.tensors[output].size
    value, count = ("vec4", size // 4) if size % 4 == 0 else ("float", size)
    stages = tuple(Stage("x + y", t) for t in others)
    groups = groups_for(count, 64, limits)
    return (Program("elementwise", {}, (Arg("source", first, value),), output, groups, value=value, stages=stages),)
