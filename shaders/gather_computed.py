"""GATHER, GATHER_ND and EMBEDDING_LOOKUP at positions that are computed, or that differ from one batch to the next.

Refuses batch axes that differ, constant positions that are not there. One that is computed and not there fails the
run.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, axis_in, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .types import ANY

OPS = ("EMBEDDING_LOOKUP", "GATHER", "GATHER_ND")
TYPES = ANY
PRIORITY = -1  # after the copies through a table

NUMBERS = {
    "EMBEDDING_LOOKUP": {"INT32"},
    "GATHER": {"INT16", "INT32", "INT64"},
    "GATHER_ND": {"INT16", "INT32", "INT64"},
}
AXES = 4


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; like the reference's, its run fails where a position lies outside."""
    lookup = op.kind == "EMBEDDING_LOOKUP"
    source, numbers = values(graph, op, int(lookup), ANY), values(graph, op, int(not lookup), NUMBERS[op.kind])
    whole, many = graph.tensors[source].shape, graph.tensors[numbers].shape
    batch: Shape = ()
    outer: Shape = ()
    if op.kind == "GATHER":
        axis, count = axis_in(op.options.axis, len(whole)), op.options.batch_dims
        count += len(many) if count < 0 else 0
        if not 0 <= count <= min(axis, len(many)) or whole[:count] != many[:count]:
            raise Refused("batch_dims", f"{count} of {list(whole)} and {list(many)}", "axes alike, before the axis")
        batch, outer, sizes, inner = whole[:count], whole[count:axis], whole[axis : axis + 1], whole[axis + 1 :]
        points = many[count:]
    else:
        depth = 1 if lookup else many[-1] if many else 0
        if not 1 <= depth <= len(whole) or (lookup and (len(many) != 1 or len(whole) < 2)):
            raise Refused("shape", f"positions {list(many)} in {list(whole)}", "a number for each of the leading axes")
        sizes, inner = whole[:depth], whole[depth:]
        points = many if lookup else many[:-1]
    known = graph.constant(numbers)
    if known is not None and not (known.size and ((known >= 0) & (known < np.array(sizes))).all()):
        raise Refused("indices", known.ravel()[:4].tolist(), f"inside {list(sizes)}")
    output = result(graph, op, limits, (*batch, *outer, *points, *inner), types={graph.tensors[source].type})
    told = {"OUTER": prod(outer), "POINTS": prod(points), "INNER": prod(inner), "SIZES": tuple(sizes)}
    constants = {**told, "DEPTH": len(sizes)}
    if limits.texels:  # software compiles one shader for any depth up to AXES
        constants["SIZES"] = (*sizes, *(1,) * (AXES - len(sizes)))
        told["DEPTH"] = len(sizes)
    groups = groups_for(graph.tensors[output].size, 64, limits)
    args = (Arg("source", source), Arg("numbers", numbers))
    fails = f"a position lies outside {list(sizes)}"
    includes, names = ("int64",), tuple(told)
    return (Program("gather_computed", constants, args, output, groups, includes=includes, fails=fails, sizes=names),)
