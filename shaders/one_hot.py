"""ONE_HOT: along a new axis one value at the index, another everywhere else.

Refuses a depth that is computed, on and off values that are not one element each.
"""

from __future__ import annotations

import math

from ..graph.model import Graph, Op
from .arguments import Refused, answering, axis_in, integer, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .types import FLOAT, INDICES

OPS = ("ONE_HOT",)
TYPES = FLOAT | INDICES | {"BOOL", "INT8", "UINT8"}


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; an index outside the new axis is nowhere. Of 64 bits the reference takes the low 32."""
    indices = values(graph, op, 0, INDICES)
    on = values(graph, op, 2, TYPES)
    kind = graph.tensors[on].type
    off = values(graph, op, 3, {kind})
    if any(graph.tensors[t].size != 1 for t in (on, off)):
        raise Refused("shape", [list(graph.tensors[t].shape) for t in (on, off)], "one value each")
    shape, depth = graph.tensors[indices].shape, integer(graph, op, 1)
    axis = axis_in(op.options.axis, len(shape) + 1)
    output = result(graph, op, limits, (*shape[:axis], depth, *shape[axis:]), types={kind})
    constants = {
        "DEPTH": depth,
        "INNER": math.prod(shape[axis:]),
        "INDEX": "indices(at).x" if graph.tensors[indices].type == "INT64" else "indices(at)",
    }
    args = (Arg("indices", indices), Arg("on", on), Arg("off", off))
    return (Program("one_hot", constants, args, output, groups_for(graph.tensors[output].size, 64, limits)),)
