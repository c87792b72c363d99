"""MAX_POOL_2D, AVERAGE_POOL_2D and L2_POOL_2D. Padding counts for nothing: neither in a maximum nor in an average.

Refuses other ranks than 4, VALID windows that do not fit.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .convolution import EXTENTS, geometry, windows
from .program import Arg, Limits, Lowered, Program, fused_activation, groups_for
from .reduce import reduction

# What to start from, how a total `a` takes in a value `b`, and what becomes of a total `x` of `n` values.
POOLS = {
    "AVERAGE_POOL_2D": (0.0, "a + b", "x / n"),
    "L2_POOL_2D": (0.0, "a + b * b", "sqrt(x / n)"),
    "MAX_POOL_2D": (float("-inf"), "max(a, b)", "x"),
}
OPS = tuple(POOLS)
SIZES = (*EXTENTS, "CHANNELS")
REDUCTIONS = {"AVERAGE_POOL_2D": "MEAN", "MAX_POOL_2D": "REDUCE_MAX"}


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch over NHWC; a pool of the whole image is a reduction."""
    source = values(graph, op)
    image = graph.tensors[source].shape
    if len(image) != 4:
        raise Refused("shape", list(image), "NHWC")
    spans = windows(image[1:3], (op.options.filter_height, op.options.filter_width), op)
    h, w = spans
    output = result(graph, op, limits, (image[0], h.out, w.out, image[3]))
    stages = fused_activation(op)
    if op.kind in REDUCTIONS and all(s.out == 1 and s.kernel - s.before >= s.size for s in spans):
        return (reduction(REDUCTIONS[op.kind], source, image, (1, 2), output, limits, stages),)
    value, channels = ("vec4", image[3] // 4) if image[3] % 4 == 0 else ("float", image[3])
    identity, take, finish = POOLS[op.kind]
    constants = {**geometry(h, w), "CHANNELS": channels, "IDENTITY": identity, "TAKE": take, "RESULT": finish}
    groups = groups_for(image[0] * h.out * w.out * channels, 64, limits)
    inputs = (Arg("source", source, value),)
    return (Program("pool_2d", constants, inputs, output, groups, value=value, stages=stages, sizes=SIZES),)
