"""FULLY_CONNECTED.

Refuses weights of another rank than 2; shuffled weights that are computed, or not in rows of 4 by 16 values of UINT8;
weights of INT2 that are computed.
"""

from __future__ import annotations

from dataclasses import replace

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .hybrid import Rows
from .product import Product
from .program import Limits, Lowered, Stage
from .strided_copy import View, copy
from .sums import READ, WRITTEN, shuffled_sums, sums_of
from .ways import Ways
from .weights import Weights

OPS = ("FULLY_CONNECTED",)
TYPES, RESULTS = READ, WRITTEN
SHUFFLED = "SHUFFLED4x16INT8"
SHUFFLED_ROWS = (1, 4)  # which the reference kernel takes


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: input of any rank, read as rows of I; weights OI, bias O or none; both may be computed."""
    layout = op.options.get("weights_format", "DEFAULT")
    if layout not in ("DEFAULT", SHUFFLED):
        raise Refused("weights", f"weights are stored as {layout}", f"DEFAULT or {SHUFFLED}")
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
    if layout == SHUFFLED:
        return shuffled(graph, op, limits, source, weights, rows)
    sums = sums_of(graph, op, source, weights, 2, channels, limits, Rows(source, rows, depth))
    output = result(graph, op, limits, (*shape[:-1], channels) if keep else (rows, channels), types=WRITTEN[op.kind])
    signed = bool(sums.before)
    right = Weights(weights, (1, 1, depth, channels), (0, 0, 1, depth), sums.weights_zero, signed)
    return Ways.between(sums.before, Product(sums.source, right, output, rows, sums).ways(graph, limits))


def shuffled(graph: Graph, op: Op, limits: Limits, source: int, weights: int, rows: int) -> Lowered:
    """Two launches: the second makes what the reference kernel leaves in its workspace, the input less 128, by 16."""
    channels, depth = graph.tensors[weights].shape
    if (
        len(op.outputs) != 2
        or rows not in SHUFFLED_ROWS
        or channels % 4
        or depth % 16
        or not graph.is_constant(weights)
    ):
        met = f"{rows} rows by {depth} to {channels} values, {len(op.outputs)} outputs"
        raise Refused("weights", met, f"constant ones, {SHUFFLED_ROWS} rows, multiples of 16 and 4, two outputs")
    sums = shuffled_sums(graph, op, source, weights, channels)
    output = result(graph, op, limits, (rows, channels), types={"INT16"})
    workspace = graph.tensors[op.outputs[1]]
    if workspace.size != rows * depth:  # the reference kernel writes past one that is smaller
        raise Refused("shape", f"{workspace.name!r} is declared {list(workspace.shape)}", f"{rows * depth} elements")
    right = Weights(weights, (1, 1, depth, channels), (0, 0, 1, depth), signed=True, shuffled=True)
    blocks = View.of(graph, source, (rows, depth // 16, 16)).transpose((1, 0, 2))
    copied = copy(graph, limits, blocks, View.of(graph, workspace.index, blocks.shape))
    flipped = replace(copied, stages=(Stage("x ^ 128"),))
    return Ways.between((), Product(sums.source, right, output, rows, sums).ways(graph, limits), (flipped,))
