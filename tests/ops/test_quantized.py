"""Quantised ops without weights, in 8 bits: every bit as the reference kernels have it."""

from __future__ import annotations

import numpy as np
import pytest

from delegraph.graph.builder import GraphBuilder

from .harness import check, refuses
from .quantized import ACTIVATIONS, TYPES, affine, elementwise, exact, noise

SHAPES = [
    ((2, 3, 5, 4), (2, 3, 5, 4)), ((1, 7, 5, 3), (1, 7, 5, 3)), ((2, 3, 3, 8), (8,)), ((2, 3, 3, 5), (5,)),
    ((2, 3, 5, 4), (1, 1, 1, 1)), ((2, 1, 5, 4), (1, 3, 5, 1)), ((5,), (2, 3, 5)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL"])
def test_binary(kind: str, shapes: tuple[tuple[int, ...], ...], dtype: str) -> None:
    for seed, activation in enumerate(ACTIVATIONS):
        rng = np.random.default_rng(seed)
        a, b = affine(rng, dtype), affine(rng, dtype)
        scale = a[0] * b[0] * 100 if kind == "MUL" else a[0] + b[0]
        made = (float(np.float32(scale)), affine(rng, dtype)[1])
        exact(elementwise(kind, dtype, shapes, (a, b), made, fused_activation_function=activation), rng, launches=1)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kind", ["MAXIMUM", "MINIMUM"])
def test_extremum(kind: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    for shapes in SHAPES:
        same = affine(rng, dtype)
        exact(elementwise(kind, dtype, shapes, (same, same), same), rng, launches=1)


@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL"])
def test_a_constant_operand(kind: str) -> None:
    rng = np.random.default_rng(0)
    for shape in ((1,), (8,), (2, 3, 8)):
        for first in (False, True):
            b = GraphBuilder()
            x = b.input((2, 3, 8), "int8", quantization=(0.3, 20))
            c = b.constant(noise(rng, "int8", shape), quantization=(0.1, -5))
            b.output(b.op(kind, [c, x] if first else [x, c], (2, 3, 8), quantization=(0.7, 11), op_version=2))
            exact(b.build(), rng, launches=1)


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


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("depth", [1, 3, 4, 8])
@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_pool(kind: str, depth: int, dtype: str) -> None:
    rng = np.random.default_rng(depth)
    same = affine(rng, dtype)
    for k, (window, stride, padding) in enumerate(
        [((2, 2), (2, 2), "VALID"), ((3, 3), (1, 1), "SAME"), ((3, 2), (2, 3), "SAME"), ((9, 7), (1, 1), "VALID")]
    ):
        out = [
            -(-n // s) if padding == "SAME" else (n - f + s) // s
            for n, f, s in zip((9, 7), window, stride, strict=True)
        ]
        b = GraphBuilder()
        x = b.input((2, 9, 7, depth), dtype, quantization=same)
        options = {"filter_height": window[0], "filter_width": window[1], "stride_h": stride[0], "stride_w": stride[1]}
        y = b.op(
            kind, [x], (2, *out, depth), quantization=same, op_version=2, padding=padding,
            fused_activation_function=ACTIVATIONS[k], **options,
        )  # fmt: skip
        b.output(y)
        exact(b.build(), rng, launches=1)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("units", [1, 3, 4, 10, 100, 400])
def test_softmax(units: int, dtype: str) -> None:
    rng = np.random.default_rng(units)
    for scale, beta in ((0.002, 1.0), (0.05, 0.5), (0.1, 1.0), (0.6, 2.0), (30.0, 1.0)):
        b = GraphBuilder()
        x = b.input((3, units), dtype, quantization=(scale, 7))
        made = (1 / 256, int(np.iinfo(dtype).min))
        b.output(b.op("SOFTMAX", [x], (3, units), quantization=made, op_version=2, beta=beta))
        exact(b.build(), rng, launches=1)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("axes", [[1, 2], [1], [3], [0, 1, 2, 3], [-1, 1]], ids=str)
def test_mean(axes: list[int], dtype: str) -> None:
    rng = np.random.default_rng(0)
    for shape in ((2, 7, 7, 8), (2, 3, 5, 3)):
        for keep in (False, True):
            q = affine(rng, dtype)
            gone = {axis % 4 for axis in axes}
            for made in (q, (float(np.float32(q[0] * rng.uniform(0.3, 2))), affine(rng, dtype)[1])):
                b = GraphBuilder()
                x = b.input(shape, dtype, quantization=q)
                out = [1 if d in gone else n for d, n in enumerate(shape) if keep or d not in gone]
                axis = b.constant(np.array(axes, np.int32))
                b.output(b.op("MEAN", [x, axis], out, quantization=made, op_version=2, keep_dims=keep))
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
