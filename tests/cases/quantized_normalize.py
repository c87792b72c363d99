"""Rows of quantised integers divided by what they hold: SOFTMAX, LOG_SOFTMAX, L2_NORMALIZATION."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import family, shapes
from case import INT8, INT16, UINT8, Array, Case, Shape, Type, Values, case, noise

NARROW = (INT8, UINT8)
SCALES = (0.002, 0.05, 0.1, 0.6, 30.0)
UNITS = (1, 3, 4, 10, 100, 400)


def least(type: Type) -> int:
    """The least value of a type."""
    return int(np.iinfo(type.dtype).min)


def beside(spread: float) -> Values:
    """Values about the middle of their type, all of it or a part."""

    def drawn(rng: np.random.Generator, shape: Shape, dtype: np.dtype[np.generic]) -> Array:
        info = np.iinfo(dtype)
        found = rng.normal((int(info.max) + int(info.min)) / 2, spread * (int(info.max) - int(info.min)), shape)
        return noise(rng, shape, dtype) if spread > 1 else np.clip(found, info.min, info.max).astype(dtype)

    return drawn


@family(type=NARROW, wide=[False, True], units=UNITS, scale=SCALES, beta=[1.0, 0.5, 2.0], spread=[0.05, 2])
def softmax(pick: Random, type: Type, wide: bool, units: int, scale: float, beta: float, spread: float) -> Case:
    """To as many bits, or to 16."""
    made = INT16.quantized(2.0**-16, -(1 << 15)) if wide else type.quantized(1 / 256, least(type))
    x = type.quantized(scale, 7)((3, units), beside(spread))
    return case("SOFTMAX", x, makes=made, op_version=2, beta=beta)


@family(shape=shapes(1, 4), scale=[2e-6, 5e-5, 0.001, 0.02], beta=[1.0, 0.5, 2.0], spread=[0.05, 2])
def softmax_of_16_bits(pick: Random, shape: Shape, scale: float, beta: float, spread: float) -> Case:
    x = INT16.quantized(scale)(shape, beside(spread))
    return case("SOFTMAX", x, makes=INT16.quantized(2.0**-15), op_version=3, beta=beta)


@family(type=NARROW, units=UNITS, scale=SCALES, spread=[0.05, 2])
def log_softmax(pick: Random, type: Type, units: int, scale: float, spread: float) -> Case:
    x = type.quantized(scale, 7)((3, units), beside(spread))
    return case("LOG_SOFTMAX", x, makes=type.quantized(1 / 16, least(type) + 255), op_version=2)


@family(type=NARROW, units=UNITS, zero=[0, 100, 255], spread=[0.05, 2])
def l2_normalization(pick: Random, type: Type, units: int, zero: int, spread: float) -> Case:
    x = type.quantized(0.1, least(type) + zero)((3, units), beside(spread))
    return case("L2_NORMALIZATION", x, makes=type.quantized(1 / 128, least(type) + 128), op_version=2)


CASES = [
    case("SOFTMAX", INT16.quantized(0.001)((2, 3000)), makes=INT16.quantized(2.0**-15), op_version=3, beta=1.0),
    case("L2_NORMALIZATION", INT8.quantized(0.1, -128)((70000,)), makes=INT8.quantized(1 / 128), op_version=2),
    case("L2_NORMALIZATION", INT8.quantized(0.1)((2, 4), np.zeros((2, 4))), makes=INT8.quantized(1 / 128)),
    case("LOG_SOFTMAX", UINT8.quantized(0.1)((2, 3000)), makes=UINT8.quantized(1 / 16, 255), op_version=2),
]
