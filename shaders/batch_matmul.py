"""BATCH_MATMUL: products of the matrices in the last two dimensions; the others broadcast."""

from __future__ import annotations

from math import prod

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, result, values
from .hybrid import Rows
from .product import Batch, Product
from .program import Limits, Lowered
from .sums import READ, WRITTEN, sums_of
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
    sums = sums_of(graph, op, left, right, 2, channels, limits, Rows(left, count, depth, rows if turned else 0))
    output = result(graph, op, limits, (*whole, rows, channels), types=WRITTEN[op.kind])
    steps = (1, depth) if transposed else (channels, 1)
    weights = Weights(right, (prod(b[:-2]), 1, depth, channels), (depth * channels, 0, *steps), sums.weights_zero)
    batch = Batch(whole, a[:-2], b[:-2])
    if sums.before:
        one_batch(a, b, turned)
    straight = not turned or bool(sums.before)  # what was quantised lies row after row
    product = Product(sums.source, weights, output, rows, sums, batch, not straight)
    return (*sums.before, product.program(graph, limits))


def one_batch(a: Shape, b: Shape, turned: bool) -> None:
    """Refuse hybrid products over batches of more than one dimension, where the reference kernel takes wrong scales.

    It adds up places in a batch without regard to how many there are (`BatchMatMul` in
    tensorflow/lite/kernels/internal/reference/batch_matmul.h), after it has made rows of a dimension that weights lack.
    """
    left = a[:-3] if not turned and len(a) > 2 and len(b) > 2 and b[-3] == 1 else a[:-2]
    if any(sum(n > 1 for n in batch) > 1 for batch in (left, b[:-2])):
        raise Refused("batches", f"{list(a)} and {list(b)}", "one dimension of batches, as the weights are quantised")
