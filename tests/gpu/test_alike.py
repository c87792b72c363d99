"""Layers that differ in their activation alone share a shader, and are right whatever values they meet."""

from __future__ import annotations

import numpy as np
import pytest
from ops.harness import graph_of, run_gpu

from delegraph.delegates.gpu.compiler import joined, source
from delegraph.delegates.gpu.launches import lower
from delegraph.graph.builder import GraphBuilder
from delegraph.shaders.program import Limits

from .graphs import SAME, noise

LIMITS = Limits()
FUSED, APART = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1"), ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1")


def layer(fused: str = "NONE", apart: str = "", kind: str = "CONV_2D") -> bytes:
    b = GraphBuilder()
    x, bias = b.input((1, 3, 5, 8)), b.constant(np.zeros(8, np.float32))
    filters = (
        np.eye(8, dtype=np.float32).reshape(8, 1, 1, 8) if kind == "CONV_2D" else np.ones((1, 1, 1, 8), np.float32)
    )
    more = {"fused_activation_function": fused} | ({} if kind == "CONV_2D" else {"depth_multiplier": 1})
    y = b.op(kind, [x, b.constant(filters), bias], (1, 3, 5, 8), **SAME, **more)
    b.output(b.op(apart, [y], (1, 3, 5, 8)) if apart else y)
    return b.build()


def text_of(content: bytes, limits: Limits = LIMITS, way: str = "") -> str:
    graph = graph_of(content).with_ways({0: way})
    ((launch,), _) = lower(graph, range(len(graph.ops)), frozenset(), limits)
    ranges = [(block, [(0, 0)] * len(block)) for block in launch.blocks]
    return joined(source(launch.program, 30, ranges))


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_activations_that_bound_are_one_shader(kind: str) -> None:
    found = {text_of(layer(fused, kind=kind)) for fused in FUSED} | {
        text_of(layer(apart=op, kind=kind)) for op in APART
    }
    assert len(found) == 1
    assert len(found | {text_of(layer(apart="HARD_SWISH", kind=kind))}) == 2


@pytest.mark.parametrize("value", [1.0, -0.0, np.inf, -np.inf, np.nan])
def test_each_keeps_its_bounds(value: float) -> None:
    """Values as they come, by way of a sum of one product, against what each activation makes of them."""
    x = noise(1, 3, 5, 8) * 5 if value == 1.0 else np.full((1, 3, 5, 8), value, np.float32)
    for fused, (low, high) in zip(FUSED, ((-np.inf, np.inf), (0, np.inf), (0, 6), (-1, 1)), strict=True):
        (got,) = run_gpu(graph_of(layer(fused, kind="DEPTHWISE_CONV_2D")), [x])
        np.testing.assert_array_equal(got, np.where(x < low, low, np.where(x > high, high, x)).astype(np.float32))


@pytest.mark.parametrize("kind", ["DEQUANTIZE", "QUANTIZE"])
def test_scales_are_told(kind: str) -> None:
    """Ops that differ in how their tensor is quantised are one shader."""

    def text(scale: float, zero: int) -> str:
        b, shape, q = GraphBuilder(), (2, 15), (scale, zero)
        if kind == "QUANTIZE":
            b.output(b.op(kind, [b.input(shape)], shape, dtype="INT8", quantization=q))
        else:
            b.output(b.op(kind, [b.input(shape, "int8", quantization=q)], shape, dtype="FLOAT32", op_version=2))
        return text_of(b.build())

    assert text(0.3, 4) == text(0.1, -5)


def test_kernels_of_any_size_are_one_shader_on_software() -> None:
    def text(kernel: int, stride: int, limits: Limits) -> str:
        out = (1, 3, 5, 8) if stride == 1 else (1, 2, 3, 8)
        b = GraphBuilder()
        filters, bias = b.constant(noise(8, kernel, kernel, 8)), b.constant(noise(8))
        more = {**SAME, "stride_h": stride, "stride_w": stride}
        b.output(b.op("CONV_2D", [b.input((1, 3, 5, 8)), filters, bias], out, **more))
        return text_of(b.build(), limits, "tiles of 7 by 16")

    software = Limits(texels=True)
    assert text(3, 1, software) == text(5, 1, software) == text(1, 2, software)
    assert text(3, 1, LIMITS) != text(5, 1, LIMITS)


def test_small_copies_are_one_shader_on_software() -> None:
    def text(kind: str, shape: tuple[int, ...], out: tuple[int, ...], limits: Limits, *more: list[int]) -> str:
        b = GraphBuilder()
        b.output(b.op(kind, [b.input(shape), *(b.constant(np.array(n, np.int32)) for n in more)], out))
        return text_of(b.build(), limits)

    software = Limits(texels=True)
    for limits, texts in ((LIMITS, 3), (software, 1)):
        slices = (
            text("SLICE", (5, 7), (5, 3), limits, [0, 2], [5, 3]),
            text("SLICE", (9, 7), (3, 7), limits, [2, 0], [3, 7]),
        )
        found = {*slices, text("TRANSPOSE", (5, 7), (7, 5), limits, [1, 0])}
        assert len(found) == texts
    large = text("SLICE", (3000, 7), (3000, 3), software, [0, 2], [3000, 3])
    assert large not in found, "there it pays to leave out what need not be computed"


def test_positions_of_any_depth_are_one_shader_on_software() -> None:
    def text(depth: int, limits: Limits) -> str:
        b = GraphBuilder()
        where = b.input((2, depth), np.int32)
        b.output(b.op("GATHER_ND", [b.input((3, 4, 5, 6)), where], (2, *(3, 4, 5, 6)[depth:])))
        return text_of(b.build(), limits)

    assert text(2, Limits(texels=True)) == text(4, Limits(texels=True))
    assert text(2, LIMITS) != text(4, LIMITS)
