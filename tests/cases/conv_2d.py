"""CONV_2D, DEPTHWISE_CONV_2D and TRANSPOSE_CONV, of floats and 8-bit ones."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from axes import ACTIVATIONS, CLAMPS, Axis, family
from axes import st as strategies
from case import FLOAT, INT8, INT32, UINT8, Case, Shape, Type, Typed, by_channel, case, scaled

Pair = tuple[int, int]
Window = tuple[Pair, Pair, Pair]  # kernel, stride, dilation
WINDOWS: list[Window] = [
    ((3, 3), (1, 1), (1, 1)), ((1, 1), (1, 1), (1, 1)), ((3, 3), (2, 2), (1, 1)), ((2, 5), (1, 3), (1, 1)),
    ((1, 1), (3, 2), (1, 1)), ((5, 4), (2, 1), (1, 1)), ((3, 3), (1, 1), (2, 2)), ((3, 1), (1, 1), (3, 1)),
    ((3, 3), (2, 2), (2, 1)), ((2, 2), (4, 4), (1, 1)), ((7, 5), (1, 1), (1, 1)), ((1, 2), (1, 1), (1, 5)),
]  # fmt: skip
CHANNELS = (1, 3, 4, 5, 8)
small = strategies.integers(1, 4)
windows = Axis(WINDOWS, strategies.tuples(*(strategies.tuples(small, small) for _ in range(3))))
images = Axis(
    [(2, 9, 7), (1, 5, 4), (3, 2, 3), (1, 1, 1), (2, 17, 13)],
    strategies.tuples(small, *[strategies.integers(1, 9)] * 2),
)
PADDINGS = ("SAME", "VALID")


def fits(image: Shape, window: Window, padding: str) -> bool:
    (h, w), _, (down, right) = window
    return padding == "SAME" or ((h - 1) * down < image[1] and (w - 1) * right < image[2])


def options(window: Window, padding: str, activation: str, dilated: bool = True) -> dict[str, Any]:
    _, stride, dilation = window
    found = {"stride_h": stride[0], "stride_w": stride[1], "padding": padding, "fused_activation_function": activation}
    return found | ({"dilation_h_factor": dilation[0], "dilation_w_factor": dilation[1]} if dilated else {})


def made(size: Shape, window: Window, padding: str, channels: int) -> Shape:
    def along(n: int, k: int, s: int, d: int) -> int:
        return -(-n // s) if padding == "SAME" else (n - (k - 1) * d + s - 1) // s

    return (size[0], *map(along, size[1:], *window), channels)


@family(image=images, into=CHANNELS, out=CHANNELS, window=windows, padding=PADDINGS, activation=ACTIVATIONS)
def conv_2d(
    pick: Random, image: Shape, into: int, out: int, window: Window, padding: str, activation: str
) -> Case | None:
    if not fits(image, window, padding):
        return None
    filters, bias = FLOAT.constant((out, *window[0], into)), FLOAT.constant((out,))
    return case("CONV_2D", (*image, into), filters, bias, **options(window, padding, activation))


@family(
    image=[(1, 8, 8), (2, 7, 9), (1, 13, 4), (1, 3, 30), (1, 16, 16)], into=[16, 24, 40], out=[16, 20, 44],
    padding=PADDINGS, activation=ACTIVATIONS, length=[1.0, 30.0],
)  # fmt: skip
def conv_2d_wide(
    pick: Random, image: Shape, into: int, out: int, padding: str, activation: str, length: float
) -> Case | None:
    """Enough channels that 3 by 3 is best done by Winograd's way, in whole tiles and in parts of them.

    Not with filters so long that their sums are mostly cut off.
    """
    window = ((3, 3), (1, 1), (1, 1))
    filters, bias = FLOAT.constant((out, 3, 3, into), scaled(length / (9 * into) ** 0.5)), FLOAT.constant((out,))
    return case("CONV_2D", (*image, into), filters, bias, **options(window, padding, activation))


@family(image=images, channels=CHANNELS, multiplier=[1, 2, 4], window=windows, padding=PADDINGS, activation=ACTIVATIONS)
def depthwise_conv_2d(
    pick: Random, image: Shape, channels: int, multiplier: int, window: Window, padding: str, activation: str
) -> Case | None:
    if not fits(image, window, padding) or (max(window[1]) > 1 and max(window[2]) > 1):
        return None
    filters, bias = FLOAT.constant((1, *window[0], channels * multiplier)), FLOAT.constant((channels * multiplier,))
    more = options(window, padding, activation)
    return case("DEPTHWISE_CONV_2D", (*image, channels), filters, bias, depth_multiplier=multiplier, **more)


@family(
    image=images, into=CHANNELS, out=[1, 4, 5], window=windows, padding=PADDINGS, activation=ACTIVATIONS,
    bias=[True, False], other=[0, 1],
)  # fmt: skip
def transpose_conv(
    pick: Random, image: Shape, into: int, out: int, window: Window, padding: str, activation: str, bias: bool,
    other: int,
) -> Case | None:  # fmt: skip
    """`other` takes another of the outputs that the forward convolution maps to the input than the usual one."""
    kernel, stride, _ = window
    size = [
        n * s - min(other, s - 1) if padding == "SAME" else (n - 1) * s + k + min(other, s - 1)
        for n, s, k in zip(image[1:], stride, kernel, strict=True)
    ]
    shape = [image[0], *size, out]
    more = [FLOAT.constant((out,))] if bias else []
    given = [FLOAT.constant((out, *kernel, into)), FLOAT((*image, into)), *more]
    return case("TRANSPOSE_CONV", shape, *given, outputs=[shape], **options(window, padding, activation, False))


@family(into=CHANNELS, out=[1, 3, 5], kernel=[(2, 2), (3, 2), (1, 5)], computed=[False, True])
def windows_side_by_side(pick: Random, into: int, out: int, kernel: Pair, computed: bool) -> Case:
    """Transposed convolutions whose strides are as long as their kernels."""
    shape = [2, 3 * kernel[0], 5 * kernel[1], out]
    filters = (out, *kernel, into) if computed else FLOAT.constant((out, *kernel, into))
    more = options((kernel, kernel, (1, 1)), "SAME", "RELU6", False)
    return case("TRANSPOSE_CONV", shape, filters, (2, 3, 5, into), FLOAT.constant((out,)), outputs=[shape], **more)


@family(
    kind=["CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"], channels=[(3, 5), (4, 8), (8, 3), (5, 12)],
    kernel=[(1, 1), (3, 2), (5, 4)],
)  # fmt: skip
def computed_filters(pick: Random, kind: str, channels: Pair, kernel: Pair) -> Case:
    """Of 1x1, in a window, and as large as the image."""
    into, out = channels
    more = {"stride_h": 1, "stride_w": 1, "padding": "VALID"}
    if kind == "CONV_2D":
        return case(kind, (2, 5, 4, into), (out, *kernel, into), (out,), **more)
    if kind == "DEPTHWISE_CONV_2D":
        return case(kind, (2, 5, 4, into), (1, *kernel, 2 * into), (2 * into,), depth_multiplier=2, **more)
    shape = [2, 4 + kernel[0], 3 + kernel[1], out]
    return case(kind, shape, (out, *kernel, into), (2, 5, 4, into), (out,), outputs=[shape], **more)


GROUPS = [(2, 4, 16), (4, 3, 32), (3, 1, 24), (2, 4, 6), (3, 5, 3), (2, 8, 24), (5, 1, 20)]


@family(groups=GROUPS, kernel=[(1, 1), (3, 3)], computed=[False, True])
def grouped(pick: Random, groups: tuple[int, int, int], kernel: Pair, computed: bool) -> Case:
    sets, depth, out = groups
    filters, bias = FLOAT((out, *kernel, depth)), FLOAT((out,))
    given = [filters, bias] if computed else [filters.fixed(), bias.fixed()]
    return case("CONV_2D", (2, 5, 4, sets * depth), *given, stride_h=1, stride_w=1, padding="SAME")


# 8 bits


def quantized(
    pick: Random, kind: str, type: Type, image: Shape, sizes: Shape, out: Shape, by_channels: bool, bias: bool = True,
    **more: Any,
) -> Case:  # fmt: skip
    """Weights, a bias, and an output whose scale spreads the sums over its type's range."""
    axis = 3 if kind == "DEPTHWISE_CONV_2D" else 0
    channels = sizes[axis]
    source = type.affine(pick)
    assert isinstance(source.quantization, tuple)
    scales = np.float32([10 ** pick.uniform(-3, 0) for _ in range(channels if by_channels else 1)])
    zeros = [pick.randint(0, 255)] if type is UINT8 else [0] * len(scales)
    products = np.float32(source.quantization[0]) * scales
    given: list[Typed | None] = [
        source(image), Type(type.name, by_channel(scales, axis, zeros)).constant(sizes),
        Type("INT32", by_channel(products)).constant((channels,), scaled(1e-5)) if bias else None,
    ]  # fmt: skip
    terms = np.prod(sizes) / channels
    scale = np.log10(float(products.mean()) * np.sqrt(terms) * pick.uniform(20, 200))
    return case(kind, *given, makes=type.affine(pick, scale, scale), outputs=[out], op_version=3, **more)


@family(
    kind=["CONV_2D", "DEPTHWISE_CONV_2D"], type=[INT8, UINT8], image=images, depth=CHANNELS, out=[1, 2, 3, 4],
    window=windows, padding=PADDINGS, activation=ACTIVATIONS, by_channels=[False, True],
)  # fmt: skip
def of_8_bits(
    pick: Random, kind: str, type: Type, image: Shape, depth: int, out: int, window: Window, padding: str,
    activation: str, by_channels: bool,
) -> Case | None:  # fmt: skip
    if not fits(image, window, padding) or (by_channels and type is UINT8):
        return None
    more = options(window, padding, activation)
    channels = depth * out if kind == "DEPTHWISE_CONV_2D" else (1, 5, 8, 12)[out - 1]
    sizes = (channels, *window[0], depth)
    if kind == "DEPTHWISE_CONV_2D":
        more["depth_multiplier"] = out
        sizes = (1, *window[0], channels)
    shape = made(image, window, padding, channels)
    return quantized(pick, kind, type, (*image, depth), sizes, shape, by_channels, **more)


@family(units=[1, 3, 4, 10, 64], depth=[1, 5, 8, 33], type=[INT8, UINT8], activation=CLAMPS, bias=[True, False])
def dense_of_8_bits(pick: Random, units: int, depth: int, type: Type, activation: str, bias: bool) -> Case:
    more = {"fused_activation_function": activation}
    return quantized(pick, "FULLY_CONNECTED", type, (7, depth), (units, depth), (7, units), False, bias, **more)


def grouped_of_8_bits(channels: int) -> Case:
    more = {"stride_h": 1, "stride_w": 1, "padding": "SAME"}
    shape, sizes = (2, 4, 5, 8), (channels, 3, 3, 4)
    return quantized(Random(channels), "CONV_2D", INT8, shape, sizes, (2, 4, 5, channels), True, **more)


SUMS = np.concatenate([np.arange(-700, 700), np.arange(-700, 700) * 16]).astype(np.int32)


def ties(kind: str, power: int) -> Case:
    """Sums over all of 16 bits times powers of two, so that many fall in the middle between two integers.

    A convolution rounds twice, a fully connected layer multiplies in double: not the same.
    """
    ones = (1, 1, 1, 1) if kind == "CONV_2D" else (1, 1)
    half, quarter = INT8.quantized(0.5), INT32.quantized(0.25)
    weights = half(np.zeros((len(SUMS), *ones[1:]), np.int8))
    more = {"stride_h": 1, "stride_w": 1} if kind == "CONV_2D" else {}
    given = half(ones, np.ones(ones))
    return case(kind, given, weights, quarter(SUMS), makes=INT8.quantized(0.25 * 2**power, 3), op_version=3, **more)


CASES = [
    *(grouped_of_8_bits(channels) for channels in (4, 6, 8, 20)),
    *(ties(kind, power) for kind in ("CONV_2D", "FULLY_CONNECTED") for power in (1, 2, 4, 7)),
    quantized(Random(1), "FULLY_CONNECTED", INT8, (7, 12), (9, 12), (7, 9), True),
    case(
        "CONV_2D", (1, 41, 37, 12), FLOAT.constant((36, 3, 3, 12)), FLOAT.constant((36,)), stride_h=2, stride_w=2,
        padding="SAME",
    ),
    case(  # a window too wide to keep its row
        "DEPTHWISE_CONV_2D", (1, 3, 61, 4), FLOAT.constant((1, 1, 3, 4)), FLOAT.constant((4,)), stride_h=1, stride_w=1,
        padding="SAME", depth_multiplier=1, dilation_h_factor=1, dilation_w_factor=25,
    ),
    *(
        case(
            "CONV_2D", (1, *size, into), FLOAT.constant((out, 1, 1, into)), FLOAT.constant((out,)), stride_h=1,
            stride_w=1, padding="SAME", fused_activation_function="RELU",
        )
        for into, out in ((4, 8), (12, 20))
        for size in ((2, 2), (17, 13))
    ),
]  # fmt: skip
