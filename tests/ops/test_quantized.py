"""Quantised ops without weights, in 8 bits: every bit as the reference kernels have it."""

from __future__ import annotations

import numpy as np
import pytest

from delegraph.delegates.gpu import launches
from delegraph.graph.builder import GraphBuilder

from .harness import check, refuses
from .quantized import exact, noise


def test_a_residual_is_fused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution, and the sum of what it makes with its own input: one launch, however small."""
    monkeypatch.setattr(launches, "SMALL", 0)
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


SCALES = [(0.3, 0.7, 1.1), (1.0, 1.0, 2.0), (0.5, 0.011, 0.4), (2e-5, 0.9, 1.0)]


@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("kind", ["ADD", "SUB"])
def test_sums_of_all_pairs_of_bytes(kind: str, scales: tuple[float, float, float]) -> None:
    every = np.arange(-128, 128).astype(np.int8)
    b = GraphBuilder()
    x, y = (b.input((256, 256), "int8", quantization=q) for q in ((scales[0], -128), (scales[1], 127)))
    b.output(b.op(kind, [x, y], (256, 256), quantization=(scales[2], 3), op_version=2))
    inputs = [np.repeat(every, 256).reshape(256, 256), np.tile(every, (256, 1))]
    check(b.build(), inputs=inputs, tolerance=0.0)


@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("kind", ["ADD", "SUB"])
def test_sums_of_all_numbers_of_16_bits(kind: str, scales: tuple[float, float, float]) -> None:
    every = np.arange(-(2**15), 2**15).astype(np.int16)
    b = GraphBuilder()
    x, y = (b.input((2, 2**16), "int16", quantization=(scale, 0)) for scale in scales[:2])
    b.output(b.op(kind, [x, y], (2, 2**16), quantization=(scales[2], 0), op_version=2, pot_scale_int16=False))
    other = np.stack([every[::-1], np.random.default_rng(0).permutation(every)])
    check(b.build(), inputs=[np.stack([every, every]), other], tolerance=0.0)


@pytest.mark.parametrize("scale", [1.0, 2.0**-7, 2.0**30, 2.0**-30, 0.1])
@pytest.mark.parametrize("count", [7, 8])
def test_steps_of_powers_of_two(scale: float, count: int) -> None:
    """What lies between two steps, where quotients by a power of 2 are made products; what 32 bits do not hold."""
    b = GraphBuilder()
    x = b.input((4, count))
    b.output(b.op("QUANTIZE", [x], (4, count), dtype="INT8", quantization=(scale, -3)))
    steps = np.array([[-2.5, -0.5, 0.5, 1.5], [125.5, 200.0, -300.0, 3.0], [2.0**31, -(2.0**31), 0.0, -0.0]])
    with np.errstate(over="ignore"):
        values = (steps * scale).astype(np.float32).reshape(-1)
    values = np.concatenate([values, np.float32([1e-45, -1e-40, 1e38, -1e38])])
    values = np.resize(
        np.concatenate([values, np.nextafter(values, 0), np.nextafter(values, np.float32(1))]), (4, count)
    )
    check(b.build(), inputs=[values], tolerance=0.0)


def test_refusals() -> None:
    b = GraphBuilder()
    x = b.input((2, 8), "int8", quantization=(0.1, 0))
    b.output(b.op("SOFTMAX", [x], (2, 8), quantization=(0.1, 0), beta=1.0))
    refuses(b.build(), "quantization")
