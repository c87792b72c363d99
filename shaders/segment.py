"""Sums (products, maxima, minima) of the slices that are given the same number: SEGMENT_SUM, SCATTER_ND, ...

Refuses numbers or a shape that are computed (scatter_computed takes the numbers where the shape is known), numbers of
SEGMENT_SUM that descend or leave one out.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from math import prod

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, integer, integers, result, values
from .gather_nd import positions
from .program import Arg, Const, Limits, Lowered, Program, groups_for
from .types import element, in_fours

# How a value `b` joins a total `a`.
JOINS = {
    "SCATTER_ND": "a + b",
    "SEGMENT_SUM": "a + b",
    "UNSORTED_SEGMENT_MAX": "larger(b, a)",
    "UNSORTED_SEGMENT_MIN": "smaller(b, a)",
    "UNSORTED_SEGMENT_PROD": "a * b",
    "UNSORTED_SEGMENT_SUM": "a + b",
}
# How SCATTER_ND adds up values of other types.
SUMS = {
    "BOOL": "a | b", "INT8": "(a + b) << 24 >> 24", "INT64": "plus(a, b)", "UINT8": "(a + b) & 255",
}  # fmt: skip
OPS = tuple(JOINS)
TYPES: dict[str, frozenset[str]] = dict.fromkeys(OPS, frozenset({"FLOAT32", "INT32"}))
TYPES["SCATTER_ND"] = frozenset({"FLOAT32", "INT32", *SUMS})


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; the numbers are constant. Slices join in their order; one with a negative number is left out."""
    source = values(graph, op, int(op.kind == "SCATTER_ND"), TYPES[op.kind])
    numbers, shape, inner = scattered(graph, op) if op.kind == "SCATTER_ND" else segmented(graph, op)
    kind = graph.tensors[source].type
    output = result(graph, op, limits, shape, types=(kind,))
    count = prod(shape) // inner
    order = np.argsort(numbers, kind="stable")
    starts = np.searchsorted(np.array(numbers)[order], np.arange(count + 1)).astype(np.uint32)
    value, step = ("vec4", 4) if in_fours((kind,), inner) else ("float", 1)
    identity, join = joined(op.kind, kind)
    constants = {"INNER": inner // step, "IDENTITY": identity, "JOIN": join}
    inputs = (
        Arg("source", source, value),
        Arg("starts", Const(partial(np.asarray, starts), starts.nbytes), "uint"),
        Arg("members", Const(partial(np.asarray, order, np.uint32), 4 * len(order)), "uint"),
    )
    groups = groups_for(prod(shape) // step, 64, limits)
    return (Program("segment", constants, inputs, output, groups, value=value, includes=("math", "int64")),)


def joined(kind: str, type: str) -> tuple[str, str]:
    """What a segment of no slices joins to, and how a value joins a total, in GLSL with lib/math and lib/int64."""
    ends = np.iinfo(np.int32) if type == "INT32" else np.finfo(np.float32)
    starts = {"UNSORTED_SEGMENT_MAX": ends.min, "UNSORTED_SEGMENT_MIN": ends.max, "UNSORTED_SEGMENT_PROD": 1}
    return element(starts.get(kind, 0), type), SUMS.get(type, JOINS[kind])


def segmented(graph: Graph, op: Op) -> tuple[list[int], Shape, int]:
    """(the segment of each slice, the output's shape, elements of a slice)."""
    shape, ids = (graph.tensors[t].shape for t in op.inputs[:2])
    numbers = integers(graph, op, 1)
    if not ids or ids != shape[: len(ids)] or (op.kind == "SEGMENT_SUM" and len(ids) > 1):
        raise Refused("shape", f"segments {list(ids)} of {list(shape)}", "one for each of the leading slices")
    if op.kind == "SEGMENT_SUM":
        if numbers[0] != 0 or any(b - a not in (0, 1) for a, b in pairwise(numbers)):
            raise Refused("segments", numbers[:8], "0, then each the same or the next")
        count = numbers[-1] + 1
    else:
        count = integer(graph, op, 2)
        if max(numbers) >= count:
            raise Refused("segments", numbers[:8], f"less than {count}")
    rest = shape[len(ids) :]
    return numbers, (count, *rest), prod(rest)


def scattered(graph: Graph, op: Op) -> tuple[list[int], Shape, int]:
    """(the place of each update, the output's shape, elements of an update)."""
    many, updates = (graph.tensors[t].shape for t in op.inputs[:2])
    shape = tuple(integers(graph, op, 2))
    k = many[-1] if many else 0
    if not 1 <= k <= len(shape) or any(n < 1 for n in shape) or updates != (*many[:-1], *shape[k:]):
        raise Refused("shape", f"updates {list(updates)} at {list(many)} of {list(shape)}", "that they agree")
    return positions(integers(graph, op, 0), many, shape[:k]), shape, prod(shape[k:])
