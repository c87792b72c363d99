"""SCATTER_ND and UNSORTED_SEGMENT_* by computed numbers, and SPARSE_TO_DENSE: what joins at each output place.

Refuses a shape of the result that is computed, updates that do not fit it, constant positions that are not there. One
that is computed and not there fails the run.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, integer, integers, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .segment import TYPES as SUMMED
from .segment import joined
from .types import INDICES

OPS = (
    "SCATTER_ND", "SPARSE_TO_DENSE", "UNSORTED_SEGMENT_MAX", "UNSORTED_SEGMENT_MIN", "UNSORTED_SEGMENT_PROD",
    "UNSORTED_SEGMENT_SUM",
)  # fmt: skip
RESULTS = {**SUMMED, "SPARSE_TO_DENSE": frozenset({"FLOAT32", "INT32", "INT64", "INT8", "UINT8"})}
TYPES = {kind: types | INDICES for kind, types in RESULTS.items()}
PRIORITY = -1  # after what has its members listed


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch, in which each value of the output looks through all numbers; its run fails where one lies outside."""
    sparse = op.kind == "SPARSE_TO_DENSE"
    numbers, source, shape = dense(graph, op) if sparse else placed(graph, op)
    kind = graph.tensors[source].type
    many, updates = (graph.tensors[t].shape for t in (numbers, source))
    output = result(graph, op, limits, shape, types=(kind,))
    segments = not sparse and op.kind != "SCATTER_ND"
    depth = 1 if segments or len(many) < 1 + sparse else many[-1]
    sizes = shape[:depth]
    check_known(graph, numbers, sizes, skips=segments)
    members = prod(many) // depth
    first, join = ("otherwise(0u)", "b") if sparse else joined(op.kind, kind)
    inner = prod(shape[depth:])
    constants = {
        "INNER": inner,
        "MEMBERS": members,
        "DEPTH": depth,
        "SIZES": sizes,
        "SKIPS": segments,
        "FIRST": first,
        "JOIN": join,
        "AT": "0u" if sparse and not updates else "m * uint(INNER) + i % uint(INNER)",
    }
    args: tuple[Arg, ...] = (Arg("numbers", numbers), Arg("source", source))
    if sparse:
        args += (Arg("otherwise", values(graph, op, 3, (kind,))),)
    groups = groups_for(graph.tensors[output].size, 64, limits)
    fails = f"a place lies outside {list(sizes)}"
    return (Program("scatter_computed", constants, args, output, groups, includes=("math", "int64"), fails=fails),)


def check_known(graph: Graph, numbers: int, sizes: Shape, skips: bool) -> None:
    """Refuse constant numbers at which every run would fail."""
    known = graph.constant(numbers)
    if known is None:
        return
    points = known.reshape(-1, len(sizes))
    if not ((points < np.array(sizes)) & (skips | (points >= 0))).all():
        raise Refused("indices", points[:4].tolist(), f"inside {list(sizes)}")


def placed(graph: Graph, op: Op) -> tuple[int, int, Shape]:
    """(the numbers, the updates, the output's shape) of SCATTER_ND and UNSORTED_SEGMENT_*."""
    scatter = op.kind == "SCATTER_ND"
    numbers, source = values(graph, op, int(not scatter), {"INT32"}), values(graph, op, int(scatter), RESULTS[op.kind])
    many, updates = (graph.tensors[t].shape for t in (numbers, source))
    if scatter:
        shape = tuple(integers(graph, op, 2))
        k = many[-1] if many else 0
        if not 1 <= k <= len(shape) or updates != (*many[:-1], *shape[k:]):
            raise Refused("shape", f"updates {list(updates)} at {list(many)} of {list(shape)}", "that they agree")
        return numbers, source, shape
    if not many or many != updates[: len(many)]:
        raise Refused("shape", f"segments {list(many)} of {list(updates)}", "one for each of the leading slices")
    return numbers, source, (integer(graph, op, 2), *updates[len(many) :])


def dense(graph: Graph, op: Op) -> tuple[int, int, Shape]:
    """(the places, the values, the output's shape) of SPARSE_TO_DENSE."""
    places, source = values(graph, op, 0, INDICES), values(graph, op, 2, RESULTS[op.kind])
    many, found = (graph.tensors[t].shape for t in (places, source))
    shape = tuple(integers(graph, op, 1))
    fits = many[1:] == (len(shape),) or (len(many) < 2 and len(shape) == 1)
    if not fits or len(shape) > 4 or found not in ((), many[:1]) or graph.tensors[op.inputs[3]].size != 1:
        raise Refused("shape", f"values {list(found)} at {list(many)} of {list(shape)}", "one for each place, or one")
    return places, source, shape
