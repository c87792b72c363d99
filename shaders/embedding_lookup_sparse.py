"""EMBEDDING_LOOKUP_SPARSE: weighted sums of embeddings, or their means, for each row of a sparse matrix of ids.

Refuses a shape of the sparse matrix that is computed; numbers, places and weights that do not go together.
"""

from __future__ import annotations

from math import prod

from ..graph.model import Graph, Op
from .arguments import Refused, answering, integers, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .types import FLOAT

OPS = ("EMBEDDING_LOOKUP_SPARSE",)
TYPES = FLOAT | {"INT32"}
RESULTS = FLOAT

# What the sum of a row is divided by, of its weights' sum and the sum of their squares.
COMBINERS = {"SUM": "1.0", "MEAN": "total", "SQRTN": "square_root(squares)"}


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch, in which each value looks through all entries; its run fails where one lies outside.

    The sparse matrix's shape is constant. Entries of a row that are apart are combined apart, as in the reference.
    """
    ids, places = (values(graph, op, k, {"INT32"}) for k in (0, 1))
    weights, table = (values(graph, op, k) for k in (3, 4))
    dense = integers(graph, op, 2)
    many, at, given, whole = (graph.tensors[t].shape for t in (ids, places, weights, table))
    if len(many) != 1 or given != many or at != (*many, len(dense)) or not dense or len(whole) < 2:
        met = f"ids {list(many)}, places {list(at)}, weights {list(given)}, a table {list(whole)}"
        raise Refused("shape", met, f"a place among {len(dense)} axes and a weight for each id")
    rows = dense[:-1]
    output = result(graph, op, limits, (*rows, *whole[1:]))
    constants = {
        "COUNT": many[0], "RANK": len(dense), "DIMS": tuple(dense), "ROWS": whole[0], "INNER": prod(whole[1:]),
        "DIVISOR": COMBINERS[op.options.combiner],
    }  # fmt: skip
    named = zip(("ids", "places", "weights", "table"), (ids, places, weights, table), strict=True)
    return (
        Program(
            "embedding_lookup_sparse", constants, tuple(Arg(name, t) for name, t in named), output,
            groups_for(graph.tensors[output].size, 64, limits), includes=("exact",),
            fails=f"an id or a place lies outside {whole[0]} rows or {rows}",
        ),
    )  # fmt: skip
