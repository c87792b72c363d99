"""Quantised ops without weights, in 8 bits: every bit as the reference kernels have it."""

from __future__ import annotations

import numpy as np

from delegraph.graph.builder import GraphBuilder

from .harness import check, refuses
from .quantized import exact, noise


def test_a_residual_is_fused() -> None:
    """A convolution, and the sum of what it makes with its own input: one launch."""
    rng = np.random.default_rng(0)
    b = GraphBuilder()
    x = b.input((1, 5, 4, 8), "int8", quantization=(0.3, 20))
    w = b.constant(noise(rng, "int8", (8, 1, 1, 8)), quantization=(0.01, 0))
    bias = b.constant(np.arange(8, dtype=np.int32), quantization=(0.003, 0))
    made = b.op("CONV_2D", [x, w, bias], (1, 5, 4, 8), quantization=(0.2, -9), op_version=3, stride_w=1, stride_h=1)
    b.output(b.op("ADD", [made, x], (1, 5, 4, 8), quantization=(0.4, 3), op_version=2))
    exact(b.build(), rng, launches=1)


def test_extreme_inputs() -> None:
    """The least and the greatest values alone, where sums are largest."""
    for value in (-128, 127):
        b = GraphBuilder()
        x = b.input((1, 2, 2, 4), "int8", quantization=(0.9, 127 if value < 0 else -128))
        y = b.op("ADD", [x, x], (1, 2, 2, 4), quantization=(2.0, 0), op_version=2)
        b.output(b.op("MUL", [y, x], (1, 2, 2, 4), quantization=(900.0, 0), op_version=2))
        check(b.build(), inputs=[np.full((1, 2, 2, 4), value, np.int8)], tolerance=0.0)


def test_refusals() -> None:
    b = GraphBuilder()
    x = b.input((2, 8), "int8", quantization=(0.1, 0))
    b.output(b.op("SOFTMAX", [x], (2, 8), quantization=(0.1, 0), beta=1.0))
    refuses(b.build(), "quantization")
