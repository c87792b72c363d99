"""HASHTABLE_LOOKUP: the rows of a table by keys that ascend, and whether there is one: where not, it is 0.

Refuses a table with another number of rows than there are keys, keys that are no list.
"""

from __future__ import annotations

from math import prod

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, same_affine, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .types import ANY

OPS = ("HASHTABLE_LOOKUP",)
TYPES = ANY


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """Two launches, of rows and of hits; keys are searched by halves, as by the C library's bsearch."""
    wanted, keys, table = values(graph, op, 0, {"INT32"}), values(graph, op, 1, {"INT32"}), values(graph, op, 2, ANY)
    (many, known, whole) = (graph.tensors[t].shape for t in (wanted, keys, table))
    if len(many) != 1 or len(known) != 1 or known != whole[:1]:
        raise Refused("shape", f"{list(many)} of {list(known)}, a table {list(whole)}", "a key for each row")
    same_affine(graph, op, [table])
    rows = result(graph, op, limits, (*many, *whole[1:]), types={graph.tensors[table].type})
    hits = result(graph, op, limits, many, 1, {"UINT8"})
    asked = (Arg("wanted", wanted), Arg("keys", keys))
    row = "row < 0 ? VALUE(0) : table(uint(row * INNER) + i % uint(INNER))"
    parts = ((rows, prod(whole[1:]), row, (*asked, Arg("table", table))), (hits, 1, "int(row >= 0)", asked))
    return tuple(
        Program(
            "hashtable_lookup", {"INNER": inner, "KEYS": known[0], "RESULT": found}, args, output,
            groups_for(graph.tensors[output].size, 64, limits),
        )
        for output, inner, found, args in parts
    )  # fmt: skip
