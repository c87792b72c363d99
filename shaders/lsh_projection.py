"""LSH_PROJECTION: bits by the signs of sums of hashes, as locality sensitive hashing has them.

Refuses seeds that are no matrix of 1 to 32 columns, another number of weights than there are rows.
"""

from __future__ import annotations

from math import prod

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .bitcast import WORDS, by_type
from .program import Arg, Limits, Lowered, Program, groups_for
from .types import ANY

OPS = ("LSH_PROJECTION",)
TYPES = ANY
RESULTS = frozenset({"INT32"})


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: seeds [hashes, bits], rows [n, ...] of any type, and maybe weights [n].

    SPARSE makes a number of each hash's bits and adds hash * 2 ** bits to it, DENSE gives each bit by itself. What is
    hashed is a row's bytes in the file's type. Sums and products are rounded as doubles are, in the rows' order.
    """
    if op.options.type not in ("SPARSE", "DENSE"):
        raise Refused("type", op.options.type, "SPARSE or DENSE")
    seeds, rows = values(graph, op, 0), graph.tensors[values(graph, op, 1, TYPES)]
    weights = values(graph, op, 2) if len(op.inputs) > 2 else None
    hashes = graph.tensors[seeds].shape
    if len(hashes) != 2 or hashes[1] > 32 or not rows.shape:
        raise Refused("shape", f"seeds {list(hashes)} for {list(rows.shape)}", "at most 32 for each hash, and rows")
    if weights is not None and graph.tensors[weights].shape != rows.shape[:1]:
        raise Refused("shape", f"weights {list(graph.tensors[weights].shape)}", f"one for each of {rows.shape[0]} rows")
    sparse = op.options.type == "SPARSE"
    many = hashes[:1] if sparse else (prod(hashes),)
    output = result(graph, op, limits, many, types=RESULTS)
    count, size = prod(rows.shape[1:]), rows.dtype.itemsize
    constants = {
        "ROWS": rows.shape[0], "COUNT": count, "SIZE": size, "LENGTH": 4 + count * size,
        "TO_WORDS(x)": by_type(WORDS, rows.type), "WEIGHTED": weights is not None,
        "BITS": hashes[1] if sparse else 1,
        "OFFSET": (1 << hashes[1] % 32) if sparse else 0,  # as processors shift by the lowest five bits
    }  # fmt: skip
    args = [Arg("seeds", seeds), Arg("source", rows.index)]
    if weights is not None:
        args.append(Arg("weights", weights))
    return (
        Program(
            "lsh_projection", constants, tuple(args), output, groups_for(prod(many), 64, limits),
            includes=("int64", "sum_double", *(("half_bits",) if rows.type == "FLOAT16" else ())),
        ),
    )  # fmt: skip
