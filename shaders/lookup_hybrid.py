"""EMBEDDING_LOOKUP in a quantised table, of which it makes floats: q * scale, the scale of the table or of the row.

Refuses constant numbers of rows that are not there, tables that are no matrices or more, zero points but 0.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Arg, Const, Limits, Lowered, Program, groups_for
from .types import FLOAT

OPS = ("EMBEDDING_LOOKUP",)
TABLES = frozenset({"INT8", "UINT8"})  # which the reference takes for one another
TYPES = TABLES | {"INT32"}
RESULTS = FLOAT


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; like the reference's, its run fails where a number lies outside."""
    numbers, table = values(graph, op, 0, {"INT32"}), values(graph, op, 1, TABLES)
    many, shape = graph.tensors[numbers].shape, graph.tensors[table].shape
    if len(many) != 1 or len(shape) < 2:
        raise Refused("shape", f"numbers {list(many)} of rows of {list(shape)}", "a list, and rows")
    known = graph.constant(numbers)
    if known is not None and not ((known >= 0) & (known < shape[0])).all():
        raise Refused("indices", known[:4].tolist(), f"0 to {shape[0] - 1}")
    q = graph.tensors[table].quantization
    if q is None or q.zero_points.any() or q.scales.size not in (1, shape[0]) or (q.scales.size > 1 and q.axis):
        raise Refused("quantization", graph.tensors[table].name, "a scale, or one for each row, and zero points of 0")
    output = result(graph, op, limits, (*many, *shape[1:]), types=FLOAT)
    scales = np.broadcast_to(q.scales.astype(np.float32), shape[:1])
    constants = {"INNER": prod(shape[1:]), "ROWS": shape[0]}
    args = (
        Arg("numbers", numbers),
        Arg("source", table),
        Arg("scales", Const(lambda: np.ascontiguousarray(scales), 4 * shape[0]), "float"),
    )
    groups = groups_for(graph.tensors[output].size, 64, limits)
    fails = f"a number lies outside 0 to {shape[0] - 1}"
    return (Program("lookup_hybrid", constants, args, output, groups, fails=fails),)
