"""SELECT and SELECT_V2: each element from one of two tensors, as a third says.

Refuses shapes that do not broadcast; of SELECT, a condition that is neither as large nor one of rows.
"""

from __future__ import annotations

import math

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, result, values
from .binary import merged, strides
from .program import Arg, Limits, Lowered, Program, groups_for
from .types import ANY, in_fours

OPS = ("SELECT", "SELECT_V2")
TYPES = ANY


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch. SELECT_V2 broadcasts all three; SELECT's condition may be a scalar, or say it for whole rows."""
    condition = values(graph, op, 0, ("BOOL",))
    first = values(graph, op, 1, ANY)
    kind = graph.tensors[first].type
    second = values(graph, op, 2, (kind,))
    shapes = [graph.tensors[t].shape for t in (condition, first, second)]
    if op.kind == "SELECT":
        shapes[0] = aligned(*shapes)
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise Refused("shape", ", ".join(str(list(s)) for s in shapes), "shapes that broadcast") from None
    output = result(graph, op, limits, shape, types=(kind,))
    dims, present = merged(shape, shapes)
    dims, present = (dims, present) if dims else ([1], [[True]] * 3)
    value = "vec4" if in_fours((kind,), dims[-1]) else "float"
    if value == "vec4":
        dims[-1] //= 4
    constants = {"FOURS": value == "vec4", "RANK": len(dims), "DIMS": tuple(dims)}
    constants |= {f"{name}_STRIDES": strides(dims, here) for name, here in zip("CAB", present, strict=True)}
    sizes = ("DIMS", "C_STRIDES", "A_STRIDES", "B_STRIDES")
    inputs = tuple(
        Arg(name, t, value if here[-1] else "float")
        for name, t, here in zip(("condition", "first", "second"), (condition, first, second), present, strict=True)
    )
    groups = groups_for(math.prod(dims), 64, limits)
    return (Program("select", constants, inputs, output, groups, value=value, sizes=sizes),)


def aligned(condition: Shape, first: Shape, second: Shape) -> Shape:
    """The shape of SELECT's condition, as it broadcasts to the values."""
    if first != second or condition not in (first, (), first[:1]):
        raise Refused("shape", f"{list(condition)}, {list(first)}, {list(second)}", "all alike, or a condition of rows")
    return condition if condition == first else (*condition, *(1 for _ in first[1:]))
