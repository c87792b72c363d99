"""Convolutions and fully connected layers of 8-bit integers: every bit as the reference kernels have it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from delegraph.graph.builder import GraphBuilder

from .harness import check, refuses
from .quantized import ACTIVATIONS, TYPES, exact, noise, weighted

STEPS: list[dict[str, Any]] = [
    {"kernel": (3, 3), "padding": "SAME"},
    {"kernel": (3, 3), "padding": "VALID"},
    {"kernel": (1, 1), "padding": "SAME"},
    {"kernel": (3, 2), "padding": "SAME", "stride": (2, 1)},
    {"kernel": (2, 3), "padding": "SAME", "stride": (2, 3)},
    {"kernel": (3, 3), "padding": "SAME", "dilation": (2, 1)},
    {"kernel": (2, 2), "padding": "VALID", "dilation": (1, 3)},
    {"kernel": (7, 5), "padding": "VALID"},
]


def convolution(
    kind: str, dtype: str, size: tuple[int, int], depth: int, channels: int, seed: int, kernel: tuple[int, int],
    padding: str, stride: tuple[int, int] = (1, 1), dilation: tuple[int, int] = (1, 1), groups: int = 1,
    batch: int = 2, **more: Any,
) -> bytes:  # fmt: skip
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    out = [
        -(-n // s) if padding == "SAME" else (n - r + s) // s for n, s, r in zip(size, stride, reach, strict=True)
    ]  # fmt: skip
    sizes = (1, *kernel, channels) if kind == "DEPTHWISE_CONV_2D" else (channels, *kernel, depth // groups)
    if kind == "DEPTHWISE_CONV_2D":
        more["depth_multiplier"] = channels // depth
    return weighted(
        kind, dtype, (batch, *size, depth), sizes, (batch, *out, channels), np.random.default_rng(seed),
        padding=padding, stride_h=stride[0], stride_w=stride[1], dilation_h_factor=dilation[0],
        dilation_w_factor=dilation[1], **more,
    )  # fmt: skip


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("steps", STEPS, ids=str)
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_windows(kind: str, steps: dict[str, Any], dtype: str, per_channel: bool) -> None:
    if per_channel and dtype == "uint8":
        pytest.skip("uint8 has one scale")
    for seed, (depth, channels) in enumerate([(4, 8), (3, 6)]):
        content = convolution(kind, dtype, (9, 7), depth, channels, seed, per_channel=per_channel, **steps)
        exact(content, np.random.default_rng(seed), launches=1)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("channels", [1, 3, 4, 5, 8, 12])
@pytest.mark.parametrize("depth", [1, 3, 4, 5, 8])
def test_conv_2d_channels(depth: int, channels: int, dtype: str) -> None:
    activation = ACTIVATIONS[(depth + channels) % 4]
    content = convolution(
        "CONV_2D", dtype, (3, 4), depth, channels, depth, (2, 2), "SAME", per_channel=dtype == "int8",
        fused_activation_function=activation,
    )  # fmt: skip
    exact(content, np.random.default_rng(channels), launches=1)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("multiplier", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [1, 3, 4, 5, 8])
def test_depthwise_channels(depth: int, multiplier: int, dtype: str) -> None:
    activation = ACTIVATIONS[(depth + multiplier) % 4]
    content = convolution(
        "DEPTHWISE_CONV_2D", dtype, (4, 5), depth, depth * multiplier, depth, (3, 3), "SAME",
        per_channel=dtype == "int8", fused_activation_function=activation,
    )  # fmt: skip
    exact(content, np.random.default_rng(multiplier), launches=1)


@pytest.mark.parametrize("channels", [4, 6, 8, 20])
def test_groups(channels: int) -> None:
    content = convolution("CONV_2D", "int8", (4, 5), 8, channels, 1, (3, 3), "SAME", groups=2, per_channel=True)
    exact(content, np.random.default_rng(0), launches=1)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 7), (23, 17)])
def test_sizes(size: tuple[int, int]) -> None:
    for kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        exact(convolution(kind, "int8", size, 8, 8, 3, (3, 3), "SAME", stride=(2, 2)), np.random.default_rng(0))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("units", [1, 3, 4, 10, 64])
@pytest.mark.parametrize("depth", [1, 5, 8, 33])
def test_fully_connected(depth: int, units: int, dtype: str) -> None:
    rng = np.random.default_rng(depth * units)
    activation = ACTIVATIONS[(depth + units) % 4]
    content = weighted(
        "FULLY_CONNECTED",
        dtype,
        (16, depth),
        (units, depth),
        (16, units),
        rng,
        bias=units != 10,
        fused_activation_function=activation,
    )
    exact(content, rng, launches=1)


def test_fully_connected_per_channel() -> None:
    rng = np.random.default_rng(0)
    exact(weighted("FULLY_CONNECTED", "int8", (7, 12), (9, 12), (7, 9), rng, per_channel=True), rng, launches=1)


@pytest.mark.parametrize("kind", ["CONV_2D", "FULLY_CONNECTED"])
def test_ties_are_rounded_as_there(kind: str) -> None:
    """Sums over all of 16 bits times powers of two, so that many fall in the middle between two integers.

    A convolution rounds twice, a fully connected layer multiplies in double: not the same.
    """
    sums = np.concatenate([np.arange(-700, 700), np.arange(-700, 700) * 16]).astype(np.int32)
    ones = (1, 1, 1, 1) if kind == "CONV_2D" else (1, 1)
    options = {"stride_h": 1, "stride_w": 1} if kind == "CONV_2D" else {}
    for power in (1, 2, 4, 7):
        b = GraphBuilder()
        x = b.input(ones, "int8", quantization=(0.5, 0))
        w = b.constant(np.zeros((len(sums), *ones[1:]), np.int8), quantization=(0.5, 0))
        bias = b.constant(sums, quantization=(0.25, 0))
        shape = (*ones[:-1], len(sums))
        b.output(b.op(kind, [x, w, bias], shape, quantization=(0.25 * 2**power, 3), op_version=3, **options))
        check(b.build(), inputs=[np.ones(ones, np.int8)], tolerance=0.0)


def test_refusals() -> None:
    rng = np.random.default_rng(0)
    b = GraphBuilder()
    x, w = b.input((1, 4, 4, 4), "int8", quantization=(0.1, 0)), b.input((4, 1, 1, 4), "int8", quantization=(0.1, 0))
    b.output(b.op("CONV_2D", [x, w], (1, 4, 4, 4), quantization=(0.1, 0), stride_h=1, stride_w=1))
    refuses(b.build(), "not_constant")
    for quantization, other in ((None, (0.1, 0)), ((0.1, 0), None)):
        b = GraphBuilder()
        x = b.input((1, 4, 4, 4), "int8", quantization=quantization)
        w = b.constant(noise(rng, "int8", (4, 1, 1, 4)), quantization=(0.1, 0))
        b.output(b.op("CONV_2D", [x, w], (1, 4, 4, 4), quantization=other, stride_h=1, stride_w=1))
        refuses(b.build(), "quantization")
