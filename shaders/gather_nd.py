"""GATHER_ND and EMBEDDING_LOOKUP: slices at the given positions of the leading axes.

Refuses positions that are computed (gather_computed takes them), constant positions that are not there.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, integers, result, values
from .program import Limits, Lowered
from .strided_copy import View, moved
from .types import ANY

OPS = ("GATHER_ND", "EMBEDDING_LOOKUP")
TYPES = ANY
EMPTY = (False, True)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One copy through a table of positions, which are constant. Of no numbers each position is all of the input."""
    lookup = op.kind == "EMBEDDING_LOOKUP"
    source = values(graph, op, int(lookup), ANY)
    shape = graph.tensors[source].shape
    many: Shape = graph.tensors[op.inputs[int(not lookup)]].shape
    if lookup:
        many = (*many, 1)
    if not many or many[-1] > len(shape) or (lookup and (len(many) != 2 or len(shape) < 2)):
        raise Refused("shape", f"positions {list(many)} in {list(shape)}", "one number for each of the leading axes")
    leading, rest = shape[: many[-1]], shape[many[-1] :]
    output = result(graph, op, limits, (*many[:-1], *rest), types={graph.tensors[source].type})
    flat = positions(integers(graph, op, int(not lookup)), many, leading) if many[-1] else [0] * prod(many[:-1])
    return moved(graph, limits, View.of(graph, source, (prod(leading), *rest)).take(0, flat), output)


def positions(found: list[int], many: Shape, sizes: Shape) -> list[int]:
    """Row-major positions in a block of `sizes`, from as many coordinates for each."""
    points = np.array(found, np.int64).reshape(-1, many[-1])
    if not points.size or (points < 0).any() or (points >= sizes).any():
        raise Refused("indices", f"{points[:4].tolist()} in {list(sizes)}", "positions inside, at least one")
    return [int(p) for p in np.ravel_multi_index(tuple(points.T), sizes)]
