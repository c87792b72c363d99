"""Products of quantised inputs and weights, beyond convolutions of 8 bits (conv_2d.py): 16 bits, packed weights."""

from __future__ import annotations

from math import prod
from random import Random
from typing import Any

import numpy as np

from axes import Axis, axis, family
from axes import st as strategies
from case import INT2, INT4, INT8, INT16, INT32, INT64, UINT8, Case, Shape, Type, Typed, between, by_channel, case
from delegraph.graph.model import Quantization

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
WINDOWS: list[dict[str, Any]] = [
    {"kernel": (3, 3), "padding": "SAME"},
    {"kernel": (1, 1), "padding": "VALID"},
    {"kernel": (3, 2), "padding": "SAME", "stride": (2, 1)},
    {"kernel": (2, 3), "padding": "VALID", "stride": (2, 3)},
    {"kernel": (3, 3), "padding": "SAME", "dilation": (2, 1)},
    {"kernel": (2, 2), "padding": "VALID", "dilation": (1, 3)},
    {"kernel": (7, 5), "padding": "VALID"},
]
FEW = strategies.integers(1, 12)
CHANNELS = Axis([(4, 8), (3, 6), (8, 5), (1, 1), (5, 12)], strategies.tuples(FEW, FEW))
BY_CHANNEL = axis([False, True])
BIAS = {"INT8": INT32, "UINT8": INT32, "INT16": INT64}  # the input's type -> the bias'
VALUES = {"INT4": between(-8, 7), "INT2": between(-2, 1)}


class Layer:
    """An input, constant weights, their bias and an output that go together: scales, zero points, values."""

    def __init__(
        self, pick: Random, x: Type, w: Type, sizes: Shape, axis: int, by_channel: bool, bias: Type | None = None
    ) -> None:
        """`sizes` are those of the weights, their output channels along `axis`."""
        count = sizes[axis]
        scales = np.array([10 ** pick.uniform(-3, 0) for _ in range(count if by_channel else 1)], np.float32)
        each = Quantization(scales, np.full(len(scales), 77 if w is UINT8 else 0, np.int64), axis)
        self.weights = Type(w.name, each).constant(sizes, VALUES.get(w.name))
        self.input = x.affine(pick, -3, -1)
        scale = np.float32(self.input.quantization[0])  # type: ignore[index]
        kind = bias or BIAS[x.name]
        most = 1 << 30 if kind is INT64 else 20000 if x is not INT16 else 1 << 20
        of_bias = Quantization(scale * scales, np.zeros(len(scales), np.int64))
        self.bias = Type(kind.name, of_bias).constant((count,), between(-most, most))
        steps = 64 if x is INT16 else 32
        made = float(scale * scales.mean()) * (prod(sizes) / count) ** 0.5 * steps * pick.uniform(1, 4)
        self.output = x.quantized(made, x.affine(pick).quantization[1])  # type: ignore[index]


def windowed(kind: str, layer: Layer, image: Shape, window: dict[str, Any], activation: str, **more: Any) -> Case:
    """A convolution of a layer."""
    stride, dilation = window.get("stride", (1, 1)), window.get("dilation", (1, 1))
    return case(
        kind, layer.input(image), layer.weights, layer.bias, makes=layer.output, padding=window["padding"],
        stride_h=stride[0], stride_w=stride[1], dilation_h_factor=dilation[0], dilation_w_factor=dilation[1],
        fused_activation_function=activation, **more,
    )  # fmt: skip


@family(
    of=[(INT16, INT8), (INT16, INT4), (INT8, INT4)], by_channel=BY_CHANNEL, window=WINDOWS, channels=CHANNELS,
    activation=ACTIVATIONS,
)  # fmt: skip
def conv_2d(
    pick: Random, of: tuple[Type, Type], by_channel: bool, window: dict[str, Any], channels: tuple[int, int],
    activation: str,
) -> Case:  # fmt: skip
    depth, made = channels
    short = of[0] is INT16 and pick.random() < 0.3
    layer = Layer(pick, *of, (made, *window["kernel"], depth), 0, by_channel, INT32 if short else None)
    more = {"quantized_bias_type": "INT32"} if short else {}
    return windowed("CONV_2D", layer, (2, 9, 7, depth), window, activation, **more)


@family(
    of=[(INT16, INT8), (INT8, INT4)], by_channel=BY_CHANNEL, window=WINDOWS, depth=[1, 3, 4, 5, 8],
    multiplier=[1, 2, 3],
)  # fmt: skip
def depthwise_conv_2d(
    pick: Random, of: tuple[Type, Type], by_channel: bool, window: dict[str, Any], depth: int, multiplier: int
) -> Case:
    layer = Layer(pick, *of, (1, *window["kernel"], depth * multiplier), 3, by_channel)
    activation = pick.choice(ACTIVATIONS)
    return windowed("DEPTHWISE_CONV_2D", layer, (2, 9, 7, depth), window, activation, depth_multiplier=multiplier)


@family(groups=[2, 4], each=[1, 3, 4, 5], depth=[1, 2, 4])
def grouped(pick: Random, groups: int, each: int, depth: int) -> Case:
    layer = Layer(pick, INT16, INT8, (groups * each, 2, 2, depth), 0, True)
    return windowed("CONV_2D", layer, (1, 4, 5, groups * depth), WINDOWS[0], "RELU")


@family(
    x=[INT8, UINT8, INT16], by_channel=BY_CHANNEL, channels=CHANNELS, stride=[(1, 1), (2, 2), (2, 3), (3, 1)],
    padding=["SAME", "VALID"], activation=["NONE", "RELU"], bias=[False, True],
)  # fmt: skip
def transpose_conv(
    pick: Random, x: Type, by_channel: bool, channels: tuple[int, int], stride: tuple[int, int], padding: str,
    activation: str, bias: bool,
) -> Case | None:  # fmt: skip
    if by_channel and x is UINT8:
        return None
    depth, made = channels
    kernel = (pick.choice((1, 2, 3)), pick.choice((1, 2, 3)))
    layer = Layer(pick, x, UINT8 if x is UINT8 else INT8, (made, *kernel, depth), 0, by_channel)
    grown = [n * s if padding == "SAME" else (n - 1) * s + k for n, s, k in zip((3, 4), stride, kernel, strict=True)]
    return case(
        "TRANSPOSE_CONV", [2, *grown, made], layer.weights, layer.input((2, 3, 4, depth)),
        *([layer.bias] if bias else []), makes=layer.output, padding=padding, stride_h=stride[0], stride_w=stride[1],
        fused_activation_function=activation, op_version=3,
    )  # fmt: skip


@family(
    of=[(INT8, INT8), (INT16, INT8), (INT16, INT16), (INT8, INT4), (INT16, INT4), (INT8, INT2), (INT16, INT2)],
    by_channel=BY_CHANNEL, depth=[1, 5, 8, 33], units=[1, 3, 4, 20], rows=[(1,), (4,), (5, 3), (2, 1, 3)],
    keep=[False, True], bias=[None, INT32, INT64],
)  # fmt: skip
def fully_connected(
    pick: Random, of: tuple[Type, Type], by_channel: bool, depth: int, units: int, rows: Shape, keep: bool,
    bias: Type | None,
) -> Case | None:  # fmt: skip
    wide = of[0] is INT16
    if (by_channel and units == 1) or (not wide and bias is INT64):
        return None
    layer = Layer(pick, *of, (units, depth), 0, by_channel, bias)
    more = {"quantized_bias_type": bias.name} if wide and bias else {}
    return case(
        "FULLY_CONNECTED", layer.input((*rows, depth)), layer.weights, *([layer.bias] if bias else []),
        makes=layer.output, keep_num_dims=keep, fused_activation_function=pick.choice(ACTIVATIONS), **more,
    )  # fmt: skip


@family(depth=[5, 8], units=[3, 4], activation=ACTIVATIONS)
def made_wider(pick: Random, depth: int, units: int, activation: str) -> Case:
    """UINT8 to INT16, as models of 2018 have it."""
    layer = Layer(pick, UINT8, UINT8, (units, depth), 0, False)
    assert isinstance(layer.output.quantization, tuple)
    made = INT16.quantized(layer.output.quantization[0] / 200)
    return case(
        "FULLY_CONNECTED", layer.input((3, depth)), layer.weights, layer.bias, makes=made,
        fused_activation_function=activation,
    )  # fmt: skip


@family(
    of=[(INT8, INT8, INT8), (INT8, INT8, INT32), (INT16, INT16, INT16), (INT16, INT8, INT16)], adj_x=[False, True],
    adj_y=[False, True], batches=[((), ()), ((3,), (3,)), ((2, 1), (3,)), ((4,), ())], constant=[False, True],
    rows=[1, 5], depth=[3, 8], columns=[1, 4, 6],
)  # fmt: skip
def batch_matmul(
    pick: Random, of: tuple[Type, Type, Type], adj_x: bool, adj_y: bool, batches: tuple[Shape, Shape], constant: bool,
    rows: int, depth: int, columns: int,
) -> Case:  # fmt: skip
    def side(type: Type, zero: int, batch: Shape, shape: Shape, turned: bool) -> Typed:
        zero = zero if of[0] is INT8 else 0
        return type.quantized(0.05, zero)((*batch, *shape[:: -1 if turned else 1]))

    spread = 0.0025 * (70 if of[1] is INT8 else 20000) * depth**0.5
    made = of[2] if of[2] is INT32 else of[2].quantized(spread)
    left = side(of[0], pick.randint(-128, 127), batches[0], (rows, depth), adj_x)
    right = side(of[1], pick.randint(-128, 127), batches[1], (depth, columns), adj_y)
    return case(
        "BATCH_MATMUL", left, right.fixed() if constant else right, makes=made, adj_x=adj_x, adj_y=adj_y, op_version=4
    )


# BATCH_MATMUL takes no heed of scales by channel, and so makes its zero point of all; nor does it ask INT16 for scales.
UNSCALED = [
    case("BATCH_MATMUL", x((2, 3, 5)), w.constant((2, 4, 5)), makes=made, adj_y=True, op_version=4)
    for x, w, made in (
        (INT8.quantized(0.02, 3), Type("INT8", by_channel([0.1, 0.2, 0.3, 0.4], 1)), INT8.quantized(1.0, 7)),
        (INT16.quantized(0.1), Type("INT8", by_channel([0.1, 0.2, 0.3, 0.4], 1)), INT16.quantized(1.0)),
        (INT16, INT16, INT16),
        (INT16.quantized(0.1), INT16, INT16.quantized(0.1)),
    )
]  # fmt: skip


def computed(kind: str, x: Type, w: Type = INT8, **options: Any) -> Case:
    """An op whose weights and bias are computed."""
    made = x.quantized(0.02, 3 if x is INT8 else 0)
    sizes = {"CONV_2D": (6, 2, 2, 4), "FULLY_CONNECTED": (6, 4), "DEPTHWISE_CONV_2D": (1, 2, 2, 8)}[kind]
    image = (5, 4) if kind == "FULLY_CONNECTED" else (1, 5, 4, 4)
    bias = BIAS[x.name].quantized(0.0005)((sizes[-1 if kind == "DEPTHWISE_CONV_2D" else 0],), between(-999, 999))
    inputs = x.quantized(0.05, 5 if x is INT8 else 0)(image), w.quantized(0.01)(sizes, VALUES.get(w.name)), bias
    return case(kind, *inputs, makes=made, **options)


SLIDING = {"stride_h": 1, "stride_w": 1, "padding": "SAME"}
COMPUTED = [
    made
    for x in (INT8, INT16)
    for made in (
        computed("CONV_2D", x, **SLIDING),
        computed("DEPTHWISE_CONV_2D", x, **SLIDING, depth_multiplier=2),
        computed("FULLY_CONNECTED", x),
    )
] + [
    computed("CONV_2D", INT8, INT4, **SLIDING),
    computed("DEPTHWISE_CONV_2D", INT8, INT4, **SLIDING, depth_multiplier=2),
    computed("FULLY_CONNECTED", INT8, INT4),
    computed("FULLY_CONNECTED", INT16, INT4),
]


def ties(kind: str, x: Type, power: int) -> Case:
    """Sums over all of 16 bits times powers of two, so that many fall in the middle between two integers.

    A convolution takes 16 bits of the factor, a fully connected layer multiplies in double.
    """
    sums = np.concatenate([np.arange(-700, 700), np.arange(-700, 700) * 16])
    ones = (1, 1) if kind == "FULLY_CONNECTED" else (1, 1, 1, 1)
    weights = INT8.quantized(0.5)(np.zeros((len(sums), *ones[1:])))
    bias = BIAS[x.name].quantized(0.25)(sums)
    made = x.quantized(0.25 * 2**power, 3 if x is INT8 else 0)
    options = {} if kind == "FULLY_CONNECTED" else SLIDING
    return case(kind, x.quantized(0.5)(ones), weights, bias, makes=made, **options)


TIES = [ties(kind, INT16, power) for kind in ("CONV_2D", "FULLY_CONNECTED") for power in (1, 2, 7)]

# More products than 32 bits hold the sum of.
LONG = [
    case(
        "FULLY_CONNECTED", INT16.quantized(0.5)((2, 1200), between(32000, 32767)),
        INT8.quantized(0.5)(np.full((5, 1200), 127)), makes=INT16.quantized(0.5 * 0.5 * 127 * 1200),
    ),
    case(
        "CONV_2D", INT16.quantized(0.5)((1, 2, 2, 1200), between(32000, 32767)),
        INT8.quantized(0.5)(np.full((5, 1, 1, 1200), 127)), INT64.quantized(0.25)(np.full(5, 1 << 34)),
        makes=INT16.quantized(0.5 * 0.5 * 127 * 1200), **SLIDING,
    ),
]  # fmt: skip
# The second output is the reference kernel's workspace. Other numbers of rows it leaves alone.
SHUFFLED = [
    case(
        "FULLY_CONNECTED", x((rows, depth)), UINT8.quantized(0.03, 9).constant((units, depth)),
        INT32.quantized(0.0015).constant((units,), between(-3000, 3000)), makes=[INT16.quantized(scale), x],
        outputs=[(rows, units), (rows, depth)], weights_format="SHUFFLED4x16INT8", fused_activation_function=name,
        op_version=2,
    )
    for rows, depth, units, x, name, scale in (
        (1, 16, 4, UINT8.quantized(0.05, 128), "NONE", 0.02), (4, 48, 12, UINT8.quantized(0.05, 100), "RELU", 0.02),
        (4, 32, 8, UINT8.quantized(0.05, 128), "RELU6", 0.001),
    )
]  # fmt: skip

CASES = [*SHUFFLED, *UNSCALED, *COMPUTED, *TIES, *LONG]
