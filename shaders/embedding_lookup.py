"""EMBEDDING_LOOKUP in a quantised table, of what its rows stand for.

Refuses constant numbers of rows that are not there, a table quantised along another axis than its rows.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Arg, Const, Limits, Lowered, Program, groups_for
from .types import in_bytes

OPS = ("EMBEDDING_LOOKUP",)
TYPES = frozenset({"INT32", "INT8"})
RESULTS = frozenset({"FLOAT32"})
PRIORITY = 1  # before the kernels that copy rows
TABLES = frozenset({"INT8", "UINT8", "INT4", "INT2"})


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: positions [n], a table of any rank from 2 on with a scale, or one for each row, and no zero point.

    The run fails where a position lies outside. The bytes of UINT8 are taken for signed ones, as in the reference.
    """
    numbers, table = values(graph, op, 0, {"INT32"}), values(graph, op, 1, TABLES)
    tensor, many = graph.tensors[table], graph.tensors[numbers].shape
    q = tensor.quantization
    if q is None or q.scales.size not in (1, tensor.shape[0]) or (q.scales.size > 1 and q.axis) or q.zero_points[0]:
        raise Refused("quantization", f"{tensor.name!r}", "a scale, or one for each row, and 0 for 0")
    if len(many) != 1 or len(tensor.shape) < 2:
        raise Refused("shape", f"positions {list(many)} in {list(tensor.shape)}", "a number for each row wanted")
    rows, rest = tensor.shape[0], tensor.shape[1:]
    known, constant = graph.constant(numbers), graph.constant(table)
    if known is not None and not ((known >= 0) & (known < rows)).all():
        raise Refused("indices", known.ravel()[:4].tolist(), f"0 to {rows - 1}")
    if constant is None and tensor.type != "INT8":
        raise Refused("not_constant", f"{tensor.name!r} is computed", "a constant")
    output = result(graph, op, limits, (*many, *rest), types=RESULTS)
    source = table if constant is None else in_bytes(lambda: constant.view(np.int8), constant.size, np.dtype(np.int8))
    args = (
        Arg("numbers", numbers),
        Arg("table", source, "float" if constant is None else "int"),
        Arg("scales", Const(lambda: q.scales.astype(np.float32), 4 * q.scales.size), "float"),
    )
    constants = {"SIZE": prod(rest), "ROWS": rows, "SCALES": q.scales.size}
    groups = groups_for(graph.tensors[output].size, 64, limits)
    fails = f"a position lies outside {rows} rows"
    return (Program("embedding_lookup", constants, args, output, groups, fails=fails),)
