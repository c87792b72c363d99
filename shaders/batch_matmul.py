"""BATCH_MATMUL: products of the matrices in the last two dimensions; the others broadcast.

Refuses matrices of rank 1 or above 5 (with the batches), batches that do not broadcast.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .hybrid import Rows
from .hybrid_batches import Batches, numbered
from .product import Batch, Product
from .program import Limits, Lowered
from .sums import READ, WRITTEN, sums_of
from .ways import Ways
from .weights import Weights

OPS = ("BATCH_MATMUL",)
TYPES, RESULTS = READ, WRITTEN


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch. Either side may be constant; its matrices are turned around where `adj_x` or `adj_y` says so."""
    left, right = (values(graph, op, k, READ[op.kind]) for k in (0, 1))
    a, b = (graph.tensors[t].shape for t in (left, right))
    if not all(2 <= len(shape) <= 5 for shape in (a, b)):
        raise Refused("shape", f"{list(a)} and {list(b)}", "ranks 2 to 5")
    turned, transposed = (bool(op.options[name]) for name in ("adj_x", "adj_y"))
    rows, depth = reversed(a[-2:]) if turned else a[-2:]
    inner, channels = reversed(b[-2:]) if transposed else b[-2:]
    try:
        whole = np.broadcast_shapes(a[:-2], b[:-2])
    except ValueError:
        raise Refused("shape", f"{list(a)} and {list(b)}", "batches that broadcast") from None
    if inner != depth:
        raise Refused("shape", f"{list(a)} and {list(b)}", f"matrices that meet in {depth}")
    count = graph.tensors[left].size // depth
    batches = Batches.of(a, b, turned)
    kinds = [graph.folded.get(t, graph.tensors[t]).type for t in (left, right)]
    hybrid = kinds[0] == "FLOAT32" != kinds[1]
    astray = hybrid and batches.astray
    given = Rows(left, count, depth, rows if turned else 0, kept=astray)
    sums = sums_of(graph, op, left, right, 2, channels, limits, given)
    output = result(graph, op, limits, (*whole, rows, channels), types=WRITTEN[op.kind])
    steps = (1, depth) if transposed else (channels, 1)
    weights = Weights(right, (prod(b[:-2]), 1, depth, channels), (depth * channels, 0, *steps), sums.weights_zero)
    if astray:
        sums = numbered(sums, batches, weights, bool(op.options.asymmetric_quantize_inputs), limits)
    batch = Batch(whole, a[:-2], b[:-2], apart=astray)
    straight = not turned or hybrid  # what was quantised lies row after row
    product = Product(sums.source, weights, output, rows, sums, batch, not straight)
    return Ways.between(sums.before, product.ways(graph, limits))
