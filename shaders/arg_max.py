"""ARG_MAX and ARG_MIN: the first position of the largest or smallest value along an axis.

Refuses an axis that is computed.
"""

from __future__ import annotations

import math

from ..graph.model import Graph, Op
from .arguments import answering, axis_in, integer, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .reduce import power_of_two, workgroup
from .types import INDICES, glsl

OPS = ("ARG_MAX", "ARG_MIN")
TYPES = frozenset({"FLOAT32", "INT32", "INT8", "UINT8", "BOOL"})
RESULTS = INDICES


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; the invocations of a result each walk a part of its values, then compare theirs."""
    source = values(graph, op, types=TYPES)
    tensor = graph.tensors[source]
    axis = axis_in(integer(graph, op, 1), len(tensor.shape))
    shape = (*tensor.shape[:axis], *tensor.shape[axis + 1 :])
    output = result(graph, op, limits, shape, types=INDICES)
    count, inner = tensor.shape[axis], math.prod(tensor.shape[axis + 1 :])
    lanes = 1 if limits.plenty(math.prod(shape)) else power_of_two(min(count // 4, 64, limits.invocations))
    columns = max(64 // lanes, 1)
    local, lane_step = workgroup(lanes, columns, limits)
    constants = {
        "COUNT": count,
        "INNER": inner,
        "LANES": lanes,
        "LANE_STEP": lane_step,
        "OPERAND": glsl(tensor.type),
        "BEYOND": ">" if op.kind == "ARG_MAX" else "<",
        "RESULT": "ivec2(found, 0)" if graph.tensors[output].type == "INT64" else "found",
        "PARTIAL": "int",
    }
    groups = groups_for(math.prod(shape), columns, limits)
    args = (Arg("source", source),)
    shared = 4 * lanes * columns
    includes, sizes = ("reduce",), ("COUNT", "INNER")
    return (Program("arg_max", constants, args, output, groups, local, includes=includes, shared=shared, sizes=sizes),)
