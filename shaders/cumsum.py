"""CUMSUM along a constant axis.

Refuses an axis that is computed (cumsum_computed takes it), a scalar.
"""

from __future__ import annotations

import math

from ..graph.model import Graph, Op
from .arguments import answering, axis_in, integer, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .reduce import power_of_two
from .types import STORED, in_fours

OPS = ("CUMSUM",)
TYPES = frozenset({"FLOAT32", "INT32", "INT64"})

# Lines that keep a GPU busy by themselves, and values that are worth a thread.
ENOUGH = 1 << 12
IN_A_ROW = 8


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; several threads share a line where there are few."""
    source = values(graph, op, types=TYPES)
    shape = graph.tensors[source].shape
    axis = axis_in(integer(graph, op, 1), len(shape))
    output = result(graph, op, limits, shape, types=(graph.tensors[source].type,))
    inner, units = math.prod(shape[axis + 1 :]), shape[axis]
    kind = graph.tensors[source].type
    value, step = ("vec4", 4) if in_fours((kind,), inner) else ("float", 1)
    lines = math.prod(shape) // units // step
    lanes = power_of_two(min(ENOUGH // lines, units // IN_A_ROW, 256, limits.invocations))
    local = (max(64 // lanes, 1), lanes, 1)
    constants = {
        "UNITS": units, "INNER": inner // step, "LINES": lines, "LANES": lanes, "EACH": -(-units // lanes),
        "EXCLUSIVE": bool(op.options.exclusive), "REVERSE": bool(op.options.reverse), "WIDE": kind == "INT64",
    }  # fmt: skip
    inputs = (Arg("source", source, value),)
    shared = STORED[kind].dtype.itemsize * step * math.prod(local)
    groups = groups_for(lines, local[0], limits)
    return (Program("cumsum", constants, inputs, output, groups, local, value, includes=("int64",), shared=shared),)
