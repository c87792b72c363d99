"""Ops of one quantised operand as stages, and the values that they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from delegraph.delegates.gpu import launches
from delegraph.graph.builder import GraphBuilder

from .harness import check
from .quantized import exact, noise
from .test_failing import fails


def test_tables_are_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution, what activates it and what dequantises that: one launch, however small."""
    monkeypatch.setattr(launches, "SMALL", 0)
    rng = np.random.default_rng(0)
    b = GraphBuilder()
    x = b.input((1, 5, 4, 8), "int8", quantization=(0.3, 20))
    w = b.constant(noise(rng, "int8", (8, 1, 1, 8)), quantization=(0.01, 0))
    bias = b.constant(np.arange(8, dtype=np.int32), quantization=(0.003, 0))
    made = b.op("CONV_2D", [x, w, bias], (1, 5, 4, 8), quantization=(0.2, -9), op_version=3, stride_w=1, stride_h=1)
    made = b.op("LOGISTIC", [made], (1, 5, 4, 8), quantization=(1 / 256, -128), op_version=2)
    b.output(b.op("DEQUANTIZE", [made], (1, 5, 4, 8), dtype="FLOAT32", op_version=2))
    exact(b.build(), rng, launches=1)


@pytest.mark.parametrize("kind", ["RSQRT", "SQRT"])
@pytest.mark.parametrize("shape", [(8,), (5,)])
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_roots_of_negatives(dtype: str, shape: tuple[int, ...], kind: str) -> None:
    b = GraphBuilder()
    zero = 7 if dtype == "int8" else 0
    x = b.input(shape, dtype, quantization=(0.3, zero))
    b.output(b.op(kind, [x], shape, quantization=(0.2, 0)))
    values = np.arange(*shape).astype(dtype) + np.dtype(dtype).type(zero)
    check(b.build(), inputs=[values], tolerance=0)
    values[3] = zero - 1
    fails(b.build(), [values])
