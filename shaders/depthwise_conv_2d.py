"""DEPTHWISE_CONV_2D, with any multiplier."""

from __future__ import annotations

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .convolution import Window, bias_of, geometry, windows
from .program import Arg, Const, Limits, Lowered, Program, fused_activation, groups_for

OPS = ("DEPTHWISE_CONV_2D",)
MOST_COLUMNS, MOST_SPAN = 8, 24


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: input NHWC, filters 1HWO where O is a multiple of C, bias O or none; both may be computed."""
    source, filters = (values(graph, op, k) for k in (0, 1))
    image, sizes = (graph.tensors[t].shape for t in (source, filters))
    if len(image) != 4 or len(sizes) != 4 or sizes[0] != 1 or sizes[3] % image[3]:
        raise Refused("shape", f"filters {list(sizes)} over {list(image)}", "1HWO, O a multiple of C")
    h, w = windows(image[1:3], sizes[1:3], op)
    channels = sizes[3]
    output = result(graph, op, limits, (image[0], h.out, w.out, channels))
    multiplier = channels // image[3]
    value, step = ("vec4", 4) if multiplier == 1 and channels % 4 == 0 else ("float", 1)
    columns = row_tile(w)
    constants = {
        **geometry(h, w),
        "COLUMNS": columns,
        "SPAN": span(columns, w),
        "KEEP_ROW": int(span(columns, w) <= MOST_SPAN),
        "TILES": -(-w.out // columns),
        "IMAGES": image[0],
        "STEPS": channels // step,
        "IN_STEPS": image[3] // step,
        "MULTIPLIER": multiplier,
    }
    bias = bias_of(graph, op, 2, channels)
    zeros = Const(lambda: np.zeros(channels, np.float32), channels * 4)
    inputs = (
        Arg("source", source, value),
        Arg("weights", filters, value),
        Arg("bias", bias if bias >= 0 else zeros, value),
    )
    threads = image[0] * h.out * constants["TILES"] * constants["STEPS"]
    groups = groups_for(threads, 64, limits)
    stages = fused_activation(op)
    return (Program("depthwise_conv_2d", constants, inputs, output, groups, value=value, stages=stages),)


def span(columns: int, w: Window) -> int:
    """How many columns of input lie under neighbouring columns of output."""
    return (columns - 1) * w.stride + (w.kernel - 1) * w.dilation + 1


def row_tile(w: Window) -> int:
    """How many neighbouring columns one thread computes: with what it reads, and little of it past the edge."""
    fitting = [c for c in range(1, MOST_COLUMNS + 1) if span(c, w) <= MOST_SPAN] or [1]
    return min(fitting, key=lambda c: -(-w.out // c) * (span(c, w) + w.kernel))
