"""AVERAGE_POOL_2D and MAX_POOL_2D of quantised integers, bit by bit as TFLite has them.

Refuses other ranks than 4, a tensor without a scale, VALID windows that do not fit.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .convolution import EXTENTS, geometry, windows
from .program import Arg, Limits, Lowered, Program, groups_for
from .quantized import activation_range
from .types import QUANTIZED

SIZES = (*EXTENTS, "CHANNELS", "LOW", "HIGH")
POOLS = {
    "AVERAGE_POOL_2D": (0, "x + value", "(x + n / 2 * (1 + 2 * (x >> 31))) / n"),  # halves away from 0
    "MAX_POOL_2D": (-(1 << 15), "max(x, value)", "x"),
}
OPS = tuple(POOLS)
TYPES = QUANTIZED


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch over NHWC. Padding counts for nothing; integers are taken as they are, whatever their scales."""
    source = values(graph, op, types=TYPES)
    image = graph.tensors[source].shape
    if len(image) != 4:
        raise Refused("shape", list(image), "NHWC")
    h, w = windows(image[1:3], (op.options.filter_height, op.options.filter_width), op)
    type = graph.tensors[source].type
    output = graph.tensors[result(graph, op, limits, (image[0], h.out, w.out, image[3]), types={type})]
    value, channels = ("vec4", image[3] // 4) if image[3] % 4 == 0 else ("float", image[3])
    (low, high), (identity, take, finish) = activation_range(op, output), POOLS[op.kind]
    constants = {
        **geometry(h, w), "LOW": low, "HIGH": high, "CHANNELS": channels, "IDENTITY": identity, "TAKE": take,
        "RESULT": finish,
    }  # fmt: skip
    groups = groups_for(image[0] * h.out * w.out * channels, 64, limits)
    inputs = (Arg("source", source, value),)
    return (Program("quantized_pool", constants, inputs, output.index, groups, value=value, sizes=SIZES),)
