"""Convolutions and fully connected layers: absent biases, expanded weights, what is not a number, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from delegraph.graph.builder import GraphBuilder

from .harness import check, difference, graph_of, reference, refuses, run_gpu
from .single import model, one


def noise(*shape: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def conv(
    image: tuple[int, ...], filters: tuple[int, ...], stride: tuple[int, int] = (1, 1), padding: str = "SAME",
    dilation: tuple[int, int] = (1, 1), activation: str = "NONE",
) -> bytes:  # fmt: skip
    return one(
        "CONV_2D", image, noise(*filters), noise(filters[0], seed=2),
        stride_h=stride[0], stride_w=stride[1], dilation_h_factor=dilation[0], dilation_w_factor=dilation[1],
        padding=padding, fused_activation_function=activation,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "filters"),
    [("CONV_2D", (5, 1, 1, 4)), ("CONV_2D", (5, 3, 3, 4)), ("DEPTHWISE_CONV_2D", (1, 3, 3, 4))],
)  # fmt: skip
def test_an_absent_bias_is_zero(kind: str, filters: tuple[int, ...]) -> None:
    """LiteRT's reference kernels want a bias, so they get zeros."""
    channels = filters[0] if kind == "CONV_2D" else filters[3]
    bare, zeros = (
        model(kind, [(1, 5, 4, 4), noise(*filters), bias], [(1, 5, 4, channels)],
              stride_h=1, stride_w=1, padding="SAME", **({"depth_multiplier": 1} if kind != "CONV_2D" else {}))
        for bias in (None, np.zeros(channels, np.float32))
    )  # fmt: skip
    inputs = [noise(1, 5, 4, 4)]
    got = run_gpu(graph_of(bare), inputs)
    assert difference(got[0], reference(zeros, inputs)[0]) <= 1e-5


@pytest.mark.parametrize("stored", ["FLOAT16", "INT8"])
def test_weights_that_a_dequantize_expands(stored: str) -> None:
    b = GraphBuilder()
    x = b.input((1, 4, 5, 4))
    half = noise(8, 3, 3, 4).astype(np.float16)
    whole = (noise(8, 3, 3, 4) * 50).astype(np.int8)
    kept = b.constant(half) if stored == "FLOAT16" else b.constant(whole, quantization=(0.02, 3))
    w = b.op("DEQUANTIZE", [kept], (8, 3, 3, 4), dtype="FLOAT32")
    b.output(b.op("CONV_2D", [x, w, b.constant(noise(8))], (1, 4, 5, 8), padding="SAME", stride_w=1, stride_h=1))
    check(b.build(), launches=1)


def test_not_a_number_and_infinity_pass_an_activation() -> None:
    x = noise(1, 3, 3, 1)
    x[0, 0, 0, 0], x[0, 1, 1, 0] = np.nan, -np.inf
    check(conv((1, 3, 3, 1), (4, 1, 1, 1), activation="RELU6"), inputs=[x])


def test_a_window_that_does_not_fit_is_refused() -> None:
    options = {"stride_h": 1, "stride_w": 1, "padding": "VALID"}
    refuses(model("CONV_2D", [(1, 2, 2, 4), noise(4, 3, 3, 4), noise(4)], [(1, 1, 1, 4)], **options), "window")


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("CONV_2D", [(1, 5, 5, 4), noise(8, 3, 3, 4), noise(8)]),
        ("DEPTHWISE_CONV_2D", [(1, 5, 5, 8), noise(1, 3, 3, 8), noise(8)]),
        ("TRANSPOSE_CONV", [[1, 5, 5, 8], noise(8, 3, 3, 4), (1, 5, 5, 4), noise(8)]),
        ("FULLY_CONNECTED", [(5, 4), noise(8, 4), noise(8)]),
    ],
)  # fmt: skip
def test_a_false_output_shape_is_refused(kind: str, inputs: list[Any]) -> None:
    options = {} if kind == "FULLY_CONNECTED" else {"stride_h": 1, "stride_w": 1, "padding": "SAME"}
    refuses(model(kind, inputs, [(1, 5, 5, 9)], **options), "shape")


def test_a_bias_of_another_length_is_refused() -> None:
    options = {"stride_h": 1, "stride_w": 1, "padding": "SAME"}
    refuses(model("CONV_2D", [(1, 2, 2, 4), noise(4, 3, 3, 4), noise(3)], [(1, 2, 2, 4)], **options), "shape")
