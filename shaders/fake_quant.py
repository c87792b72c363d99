"""FAKE_QUANT: rounds to the steps that quantised values would have.

Refuses a narrow range, fewer than 1 or more than 30 bits.
"""

from __future__ import annotations

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Elementwise, Limits, Lowered, Stage, valued

OPS = ("FAKE_QUANT",)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One stage; the output has the input's shape."""
    source = values(graph, op)
    bits = op.options.num_bits
    if op.options.narrow_range or not 1 <= bits <= 30:
        raise Refused("options", f"{bits} bits, narrow range: {bool(op.options.narrow_range)}", "1 to 30, not narrow")
    output = result(graph, op, limits, graph.tensors[source].shape)
    return Elementwise(source, output, stage(op.options.min, op.options.max, bits))


def stage(least: float, most: float, bits: int) -> Stage:
    """`NudgeQuantizationParameters`, `FakeQuantizeArray` (tensorflow/lite/kernels/internal/quantization_util.h).

    The range moves so that 0 is a step of it; the number of that step has 16 bits there. A NaN becomes the least.
    """
    low, high, steps = np.float32(least), np.float32(most), np.float32((1 << bits) - 1)
    with np.errstate(all="ignore"):
        scale = (high - low) / steps
        zero = -low / scale
        place = 0.0 if not zero >= 0 else float(min(np.floor(zero + np.float32(0.5)), steps))
        offset = np.float32(int(place) & 0xFFFF)
        bottom, top, inverse = -offset * scale, (steps - offset) * scale, np.float32(1) / scale
    if not np.isfinite([scale, inverse]).all():
        return Stage(valued(np.nan))
    inside = f"smaller(larger(x, {valued(bottom)}), {valued(top)})"
    counted = f"({inside} - {valued(bottom)}) * {valued(inverse)}"
    # Halves go up: floor(v + 0.5) would be wrong just below one.
    return Stage(
        f"(floor({counted}) + step(0.5, fract({counted}))) * {valued(scale)} + {valued(bottom)}", includes=("math",)
    )
