"""FULLY_CONNECTED."""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .hybrid import Rows
from .product import Product
from .program import Limits, Lowered
from .sums import READ, WRITTEN, sums_of
from .weights import Weights

OPS = ("FULLY_CONNECTED",)
TYPES, RESULTS = READ, WRITTEN


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: input of any rank, read as rows of I; weights OI, bias O or none; both may be computed."""
    if (layout := op.options.get("weights_format", "DEFAULT")) != "DEFAULT":
        raise Refused("weights", f"weights are stored as {layout}", "DEFAULT")
    source, weights = (values(graph, op, k, READ[op.kind]) for k in (0, 1))
    shape, matrix = (graph.tensors[t].shape for t in (source, weights))
    if len(matrix) != 2:
        raise Refused("shape", f"weights {list(matrix)}", "rank 2")
    channels, depth = matrix
    size = graph.tensors[source].size
    keep = bool(op.options.get("keep_num_dims", False))
    if size % depth or (keep and shape[-1:] != (depth,)):
        raise Refused("shape", f"weights {list(matrix)} over {list(shape)}", f"rows of {depth}")
    rows = size // depth
    sums = sums_of(graph, op, source, weights, 2, channels, limits, Rows(source, rows, depth))
    output = result(graph, op, limits, (*shape[:-1], channels) if keep else (rows, channels), types=WRITTEN[op.kind])
    signed = bool(sums.before)
    right = Weights(weights, (1, 1, depth, channels), (0, 0, 1, depth), sums.weights_zero, signed)
    return (*sums.before, Product(sums.source, right, output, rows, sums).program(graph, limits))
