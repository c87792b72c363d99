"""Floats times quantised weights, the inputs quantised on the way: what dynamic-range quantisation makes of a model."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from axes import family
from case import FLOAT, INT2, INT4, INT8, INT32, UINT8, Array, Case, Shape, Type, Typed, between, case
from cases.weighted import BY_CHANNEL, CHANNELS, WINDOWS
from delegraph.graph.model import Quantization

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")


def spread(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Values of UINT8, which are taken for those of INT8, but for -128."""
    found = rng.integers(0, 256, shape)
    return np.where(found == 128, 0, found).astype(dtype)


MORE = ("TANH", "SIGN_BIT")  # which FULLY_CONNECTED alone heeds
VALUES = {"INT4": between(-8, 7), "INT2": between(-2, 1), "UINT8": spread}


def weights(pick: Random, sizes: Shape, axis: int, by_channel: bool, type: Type = INT8) -> Typed:
    """Constant weights without -128, which converters do not make and which the runtime's SSE code takes for 128."""
    scales = [10 ** pick.uniform(-3, 0) for _ in range(sizes[axis] if by_channel else 1)]
    each = Quantization(np.array(scales, np.float32), np.zeros(len(scales), np.int64), axis)
    return Type(type.name, each).constant(sizes, VALUES.get(type.name, between(-127, 127)))


def sliding(kind: str, image: Shape, w: Typed, window: dict[str, Any], activation: str, **more: Any) -> Case:
    """A convolution whose bias has as many elements as the weights' quantised axis."""
    assert isinstance(w.type.quantization, Quantization)
    stride, dilation = window.get("stride", (1, 1)), window.get("dilation", (1, 1))
    return case(
        kind, image, w, FLOAT.constant((w.shape[w.type.quantization.axis],)), padding=window["padding"],
        stride_h=stride[0], stride_w=stride[1], dilation_h_factor=dilation[0], dilation_w_factor=dilation[1],
        fused_activation_function=activation, **more,
    )  # fmt: skip


@family(
    type=[INT8, INT4, UINT8], by_channel=BY_CHANNEL, window=WINDOWS, channels=CHANNELS,
    activation=[*ACTIVATIONS, "TANH"],
)  # fmt: skip
def conv_2d(
    pick: Random, type: Type, by_channel: bool, window: dict[str, Any], channels: tuple[int, int], activation: str
) -> Case | None:
    if type is UINT8 and by_channel:
        return None
    depth, made = channels
    w = weights(pick, (made, *window["kernel"], depth), 0, by_channel, type)
    return sliding("CONV_2D", (2, 9, 7, depth), w, window, activation)


@family(groups=[2, 4], each=[1, 3, 4], depth=[1, 2, 4])
def grouped(pick: Random, groups: int, each: int, depth: int) -> Case:
    w = weights(pick, (groups * each, 2, 2, depth), 0, True)
    return sliding("CONV_2D", (2, 4, 5, groups * depth), w, WINDOWS[0], "NONE")


@family(window=WINDOWS, depth=[1, 3, 4, 8], multiplier=[1, 2])
def depthwise_conv_2d(pick: Random, window: dict[str, Any], depth: int, multiplier: int) -> Case:
    w = weights(pick, (1, *window["kernel"], depth * multiplier), 3, True)
    return sliding(
        "DEPTHWISE_CONV_2D", (2, 9, 7, depth), w, window, pick.choice(ACTIVATIONS), depth_multiplier=multiplier
    )


@family(by_channel=BY_CHANNEL, channels=CHANNELS, stride=[(1, 1), (2, 2), (2, 3)], bias=[False, True])
def transpose_conv(
    pick: Random, by_channel: bool, channels: tuple[int, int], stride: tuple[int, int], bias: bool
) -> Case:
    depth, made = channels
    w = weights(pick, (made, 3, 2, depth), 0, by_channel)
    grown = [n * s for n, s in zip((3, 4), stride, strict=True)]
    return case(
        "TRANSPOSE_CONV", [2, *grown, made], w, (2, 3, 4, depth), *([FLOAT.constant((made,))] if bias else []),
        padding="SAME", stride_h=stride[0], stride_w=stride[1], op_version=3,
    )  # fmt: skip


@family(
    type=[INT8, INT4, INT2, UINT8], by_channel=BY_CHANNEL, asymmetric=[False, True], depth=[1, 5, 8, 33],
    units=[1, 3, 4, 20], rows=[(1,), (4,), (5, 3)], activation=[*ACTIVATIONS, *MORE],
)  # fmt: skip
def fully_connected(
    pick: Random, type: Type, by_channel: bool, asymmetric: bool, depth: int, units: int, rows: Shape, activation: str
) -> Case | None:
    if type is UINT8 and by_channel:
        return None
    return case(
        "FULLY_CONNECTED", (*rows, depth), weights(pick, (units, depth), 0, by_channel, type),
        FLOAT.constant((units,)) if pick.random() < 0.7 else None, keep_num_dims=pick.random() < 0.5,
        asymmetric_quantize_inputs=asymmetric, fused_activation_function=activation,
        tolerance=1e-4 if activation == "TANH" else 1e-5,
    )  # fmt: skip


@family(
    by_channel=BY_CHANNEL, asymmetric=[False, True], adj_x=[False, True], adj_y=[False, True],
    batches=[((), ()), ((3,), ()), ((3,), (3,)), ((1,), (4,))], rows=[1, 5], depth=[3, 8], columns=[4, 6],
)  # fmt: skip
def batch_matmul(
    pick: Random, by_channel: bool, asymmetric: bool, adj_x: bool, adj_y: bool, batches: tuple[Shape, Shape], rows: int,
    depth: int, columns: int,
) -> Case:  # fmt: skip
    left, right = (depth, rows) if adj_x else (rows, depth), (columns, depth) if adj_y else (depth, columns)
    axis = len(batches[1]) + (0 if adj_y else 1)
    w = weights(pick, (*batches[1], *right), axis, by_channel)
    options = {"adj_x": adj_x, "adj_y": adj_y, "asymmetric_quantize_inputs": asymmetric}
    return case("BATCH_MATMUL", (*batches[0], *left), w, op_version=4, **options)


# The reference kernel counts places in batches of several dimensions as it should not.
SEVERAL: list[tuple[Shape, Shape]] = [
    ((2, 3), ()), ((2, 3), (3,)), ((2, 3), (2, 3)), ((2, 3), (2, 1)), ((2, 1, 3), (2, 1)), ((1, 3, 2), (2, 3, 1)),
    ((), (2, 3)), ((2, 2, 2), (1, 1, 2)), ((1, 2, 3), (2, 1, 3)), ((3, 2), (1, 1)),
]  # fmt: skip


@family(
    asymmetric=[False, True], by_channel=BY_CHANNEL, turned=[False, True], batches=SEVERAL, rows=[2, 6],
    columns=[3, 8], constant=[True, False],
)  # fmt: skip
def batch_matmul_of_several(
    pick: Random, asymmetric: bool, by_channel: bool, turned: bool, batches: tuple[Shape, Shape], rows: int,
    columns: int, constant: bool,
) -> Case | None:  # fmt: skip
    if asymmetric and (batches[1] == (2, 1, 3) or (turned and batches[1] == (2, 3, 1))):
        return None  # the reference kernel reads sums that it has not made
    left, right = (5, rows) if turned else (rows, 5), (5, columns)
    w = weights(pick, (*batches[1], *right), len(batches[1]) + 1, by_channel)
    if not constant:
        w = Typed(w.type, w.shape, "computed", w.values)
    options = {"adj_x": turned, "adj_y": False, "asymmetric_quantize_inputs": asymmetric}
    return case("BATCH_MATMUL", (*batches[0], *left), w, op_version=4, **options)


def steps(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Rows whose values lie in the middle between two steps of their scale, or as far below 0 as above."""
    scale = np.where(np.arange(shape[0]) % 2, 2.0 ** rng.integers(-5, 5, shape[0]), rng.uniform(0.1, 3, shape[0]))
    found = rng.integers(-254, 255, shape) / 2 * scale[:, None].astype(np.float32)
    found[:, 0] = 127 * scale
    found[::3, -1] = -127 * scale[::3]
    found[-1] = 0
    return found.astype(dtype)


# What inputs are quantised to, seen through weights of 1.
SEEN = [
    case(
        "FULLY_CONNECTED", FLOAT((600, n), steps), INT8.quantized(1.0)(np.eye(n)), tolerance=1e-6,
        asymmetric_quantize_inputs=asymmetric,
    )
    for n in (5, 16, 67)
    for asymmetric in (False, True)
]  # fmt: skip
U8 = UINT8.quantized(0.02)
COMPUTED = [
    case("FULLY_CONNECTED", (3, 7), INT4.quantized(0.1)((6, 7), VALUES["INT4"])),
    case("FULLY_CONNECTED", (3, 8), U8((6, 8), spread), FLOAT((6,)), asymmetric_quantize_inputs=True),
    case("CONV_2D", (1, 5, 5, 3), U8((5, 3, 3, 3), spread), FLOAT((5,)), padding="SAME", stride_h=1, stride_w=1),
]
CASES = [*SEEN, *COMPUTED]


@family(type=[INT8, UINT8, INT4, INT2], by_row=BY_CHANNEL, constant=[False, True], shape=[(9, 8), (7, 2, 12)])
def embedding_lookup(pick: Random, type: Type, by_row: bool, constant: bool, shape: Shape) -> Case:
    positions = Typed(INT32, (5,), "constant" if constant else "computed", between(0, shape[0] - 1))
    return case("EMBEDDING_LOOKUP", positions, weights(pick, shape, 0, by_row, type), makes=FLOAT)
