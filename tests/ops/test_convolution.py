"""Convolutions and fully connected layers against the reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from delegraph.graph.builder import GraphBuilder

from .harness import check, difference, graph_of, reference, refuses, run_gpu
from .single import model, one

CHANNELS = (1, 3, 4, 5, 8)
SIZES = ((1, 1), (2, 3), (5, 4), (17, 13))


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


def depthwise(
    image: tuple[int, ...], multiplier: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1),
    padding: str = "SAME", dilation: tuple[int, int] = (1, 1), activation: str = "NONE",
) -> bytes:  # fmt: skip
    channels = image[3] * multiplier
    return one(
        "DEPTHWISE_CONV_2D", image, noise(1, *kernel, channels), noise(channels, seed=2),
        stride_h=stride[0], stride_w=stride[1], dilation_h_factor=dilation[0], dilation_w_factor=dilation[1],
        depth_multiplier=multiplier, padding=padding, fused_activation_function=activation,
    )  # fmt: skip


def transposed(
    image: tuple[int, ...], filters: tuple[int, ...], stride: tuple[int, int], padding: str,
    bias: bool = True, activation: str = "NONE", short: tuple[int, int] = (0, 0),
) -> bytes:  # fmt: skip
    """`short` makes the output smaller than the largest that the forward convolution maps to the input."""
    size = [
        image[k + 1] * stride[k] if padding == "SAME" else (image[k + 1] - 1) * stride[k] + filters[k + 1]
        for k in (0, 1)
    ]
    shape = [image[0], size[0] - short[0], size[1] - short[1], filters[0]]
    return model(
        "TRANSPOSE_CONV", [shape, noise(*filters), image, *([noise(filters[0], seed=2)] if bias else [])], [shape],
        stride_h=stride[0], stride_w=stride[1], padding=padding, fused_activation_function=activation,
    )  # fmt: skip


def dense(shape: tuple[int, ...], channels: int, keep: bool = False, bias: bool = True, **options: Any) -> bytes:
    depth = shape[-1]
    return one(
        "FULLY_CONNECTED", shape, noise(channels, depth), noise(channels, seed=2) if bias else None,
        keep_num_dims=keep, **options,
    )  # fmt: skip


@pytest.mark.parametrize("out", CHANNELS)
@pytest.mark.parametrize("into", CHANNELS)
def test_conv_2d_channels(into: int, out: int) -> None:
    check(conv((1, 5, 4, into), (out, 3, 3, into)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("batch", [1, 3])
def test_conv_2d_sizes(size: tuple[int, int], padding: str, batch: int) -> None:
    kernel = (3, 2) if padding == "SAME" else (min(3, size[0]), min(2, size[1]))
    check(conv((batch, *size, 4), (5, *kernel, 4), padding=padding))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(
    ("stride", "dilation", "kernel"),
    [
        ((2, 2), (1, 1), (3, 3)), ((1, 3), (1, 1), (2, 5)), ((3, 2), (1, 1), (1, 1)), ((2, 1), (1, 1), (5, 4)),
        ((1, 1), (2, 2), (3, 3)), ((1, 1), (3, 1), (3, 1)), ((2, 2), (2, 1), (3, 3)), ((4, 4), (1, 1), (2, 2)),
    ],
)  # fmt: skip
def test_conv_2d_windows(
    stride: tuple[int, int], dilation: tuple[int, int], kernel: tuple[int, int], padding: str
) -> None:
    check(conv((2, 17, 13, 3), (8, *kernel, 3), stride, padding, dilation))


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])
def test_conv_2d_activations(activation: str) -> None:
    check(conv((1, 5, 4, 4), (8, 2, 2, 4), activation=activation))


@pytest.mark.parametrize("channels", [(3, 5), (4, 8), (8, 3), (12, 20)])
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (17, 13)])
def test_conv_2d_of_1x1(channels: tuple[int, int], size: tuple[int, int]) -> None:
    into, out = channels
    check(conv((1, *size, into), (out, 1, 1, into), activation="RELU"))


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


@pytest.mark.parametrize("size", [(1, 1), (3, 3)])
@pytest.mark.parametrize(
    ("sets", "depth", "out"), [(2, 4, 16), (4, 3, 32), (3, 1, 24), (2, 4, 6), (3, 5, 3), (2, 8, 24), (5, 1, 20)]
)
def test_conv_2d_groups(sets: int, depth: int, out: int, size: tuple[int, int]) -> None:
    check(conv((2, 5, 4, sets * depth), (out, *size, depth)))


@pytest.mark.parametrize("channels", [(3, 5), (4, 8), (8, 3), (5, 12)])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 4)])
def test_computed_filters_and_bias(channels: tuple[int, int], size: tuple[int, int]) -> None:
    """Of 1x1, in a window, and as large as the image."""
    into, out = channels
    options = {"stride_h": 1, "stride_w": 1, "padding": "VALID"}
    check(one("CONV_2D", (2, 5, 4, into), (out, *size, into), (out,), **options))
    check(one("DEPTHWISE_CONV_2D", (2, 5, 4, into), (1, *size, 2 * into), (2 * into,), depth_multiplier=2, **options))
    shape = [2, 4 + size[0], 3 + size[1], out]
    check(model("TRANSPOSE_CONV", [shape, (out, *size, into), (2, 5, 4, into), (out,)], [shape], **options))


@pytest.mark.parametrize(("sets", "depth", "out"), [(2, 4, 16), (4, 3, 20)])
def test_computed_filters_of_groups(sets: int, depth: int, out: int) -> None:
    options = {"stride_h": 1, "stride_w": 1, "padding": "SAME"}
    check(one("CONV_2D", (2, 5, 4, sets * depth), (out, 3, 3, depth), (out,), **options))


def test_many_pixels_and_channels() -> None:
    check(conv((1, 41, 37, 12), (36, 3, 3, 12), (2, 2)))


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("multiplier", [1, 2, 4])
def test_depthwise_conv_2d_channels(channels: int, multiplier: int) -> None:
    check(depthwise((2, 5, 4, channels), multiplier, (3, 3)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_depthwise_conv_2d_sizes(size: tuple[int, int], padding: str) -> None:
    kernel = (3, 3) if padding == "SAME" else (min(3, size[0]), min(3, size[1]))
    check(depthwise((1, *size, 4), 1, kernel, padding=padding, activation="RELU6"))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(
    ("stride", "dilation", "kernel"),
    [
        ((2, 2), (1, 1), (3, 3)), ((3, 3), (1, 1), (5, 2)), ((1, 1), (2, 3), (3, 3)), ((1, 1), (1, 1), (5, 5)),
        ((4, 4), (1, 1), (2, 2)), ((1, 1), (1, 12), (1, 2)),
    ],
)  # fmt: skip
def test_depthwise_conv_2d_windows(
    stride: tuple[int, int], dilation: tuple[int, int], kernel: tuple[int, int], padding: str
) -> None:
    check(depthwise((1, 17, 13, 8), 1, kernel, stride, padding, dilation))


def test_depthwise_conv_2d_reads_far_apart() -> None:
    """A window too wide to keep its row."""
    check(depthwise((1, 3, 61, 4), 1, (1, 3), dilation=(1, 25)))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(
    ("stride", "kernel"), [((1, 1), (3, 3)), ((2, 2), (2, 2)), ((2, 2), (3, 3)), ((3, 1), (4, 2)), ((2, 3), (5, 3))]
)
def test_transpose_conv_windows(stride: tuple[int, int], kernel: tuple[int, int], padding: str) -> None:
    check(transposed((2, 5, 4, 3), (8, *kernel, 3), stride, padding))


@pytest.mark.parametrize("into", CHANNELS)
@pytest.mark.parametrize("out", [1, 4, 5])
def test_transpose_conv_channels(into: int, out: int) -> None:
    check(transposed((1, 5, 4, into), (out, 2, 2, into), (2, 2), "SAME", bias=into != 4))


def test_transpose_conv_to_a_smaller_output() -> None:
    check(transposed((1, 5, 4, 4), (4, 3, 3, 4), (2, 2), "SAME", activation="RELU", short=(1, 1)))


def test_transpose_conv_leaves_gaps() -> None:
    """Where the stride is larger than the kernel, some outputs are the bias alone."""
    check(transposed((1, 3, 3, 4), (4, 1, 1, 4), (3, 2), "SAME"))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 8), (4, 64), (5, 3), (33, 12)])
@pytest.mark.parametrize("channels", [1, 4, 5, 130])
def test_fully_connected(shape: tuple[int, ...], channels: int) -> None:
    check(dense(shape, channels, fused_activation_function="RELU"))


@pytest.mark.parametrize("shape", [(2, 3, 5), (1, 2, 2, 8)])
@pytest.mark.parametrize("keep", [False, True])
def test_fully_connected_of_any_rank(shape: tuple[int, ...], keep: bool) -> None:
    check(dense(shape, 6, keep, bias=False))


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


def test_weights_of_another_type_are_refused() -> None:
    b = GraphBuilder()
    w = b.constant(np.ones((3, 4), np.int8), quantization=(0.1, 0))
    b.output(b.op("FULLY_CONNECTED", [b.input((2, 4)), w, -1], (2, 3)))
    refuses(b.build(), "type")
