"""Products and convolutions of more pixels, channels and inputs than a tile holds, and of no multiples of these."""

from __future__ import annotations

from math import prod
from random import Random

from axes import Axis, family
from axes import st as strategies
from case import FLOAT, INT8, UINT8, Case, Shape, case, scaled
from cases.conv_2d import Window, made, options, quantized
from cases.hybrid import weights

DEPTHS = Axis([132, 260, 520, 36], strategies.integers(33, 80).map(lambda fours: 4 * fours))
CHANNELS = Axis([36, 68, 70], strategies.integers(33, 80))
WINDOWS: list[Window] = [((3, 2), (2, 1), (1, 1)), ((1, 1), (1, 1), (1, 1)), ((3, 3), (1, 1), (2, 1))]
ROWS = (2, 5, 9)
BYTES = {"INT8": INT8, "UINT8": UINT8}


@family(
    kind=["float", "INT8", "UINT8", "hybrid"], window=WINDOWS, depth=DEPTHS, channels=CHANNELS,
    activation=["RELU6", "NONE"],
)  # fmt: skip
def conv_2d(pick: Random, kind: str, window: Window, depth: int, channels: int, activation: str) -> Case:
    image, sizes, more = (*ROWS, depth), (channels, *window[0], depth), options(window, "SAME", activation)
    if kind in BYTES:
        out = made(ROWS, window, "SAME", channels)
        return quantized(pick, "CONV_2D", BYTES[kind], image, sizes, out, kind == "INT8", **more)
    # Sums are then no larger than what RELU6 leaves of them, by which errors are judged.
    like_bounds = scaled(prod(sizes[1:]) ** -0.5)
    filters = weights(pick, sizes, 0, True) if kind == "hybrid" else FLOAT.constant(sizes, like_bounds)
    return case("CONV_2D", image, filters, FLOAT.constant((channels,)), **more)


@family(
    kind=["float", "INT8", "UINT8", "hybrid", "computed"], depth=DEPTHS, channels=CHANNELS,
    count=[(1,), (2, 7), ROWS[1:]],
)  # fmt: skip
def fully_connected(pick: Random, kind: str, depth: int, channels: int, count: Shape) -> Case:
    rows, sizes, bias = (*count, depth), (channels, depth), FLOAT.constant((channels,))
    if kind in BYTES:
        return quantized(pick, "FULLY_CONNECTED", BYTES[kind], rows, sizes, (prod(count), channels), False)
    given = {"float": FLOAT.constant(sizes), "hybrid": weights(pick, sizes, 0, True), "computed": FLOAT(sizes)}
    return case("FULLY_CONNECTED", rows, given[kind], bias, keep_num_dims=True)
