"""Arithmetic of two operands that broadcast, with its fused activation: floats, integers, quantised."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from axes import axis, broadcasts, family, pairs, shapes
from case import (
    BOOL,
    FLOAT,
    FLOAT16,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    Array,
    Case,
    Shape,
    Type,
    Typed,
    Values,
    any_bits,
    between,
    case,
    few,
    halves,
    noise,
    scaled,
)

Shapes = tuple[Shape, Shape]
ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1", "TANH", "SIGN_BIT")
LONG, NARROW, MORE = (INT32, INT64), (INT8, UINT8, INT16), (UINT16, UINT32)
FUSED = {"ADD": [FLOAT, *LONG], "SUB": [FLOAT, *LONG], "MUL": [FLOAT, *LONG, UINT32], "DIV": [FLOAT, INT32]}
ORDERED = [FLOAT, FLOAT16, *LONG, *NARROW]
PLAIN = {
    "MAXIMUM": ORDERED, "MINIMUM": ORDERED, "SQUARED_DIFFERENCE": [FLOAT, INT32],
    "POW": [FLOAT], "BITWISE_XOR": [INT32, *NARROW, *MORE], "RIGHT_SHIFT": [INT32, *NARROW, *MORE],
}  # fmt: skip
FLOORED = {"FLOOR_DIV": [FLOAT, INT32, INT8, INT16], "FLOOR_MOD": [FLOAT, *LONG, INT8, INT16]}
CONSTANT = axis([None, 0, 1])


def operands(shapes: Shapes, left: Typed, right: Typed, constant: int | None) -> list[Typed]:
    """Two tensors, one of which may be a constant."""
    return [value.fixed() if k == constant else value for k, value in enumerate((left, right))]


def away_from_zero(rng: np.random.Generator, shape: Shape, dtype: np.dtype[np.float32]) -> Array:
    found = noise(rng, shape, dtype)
    return np.asarray(np.copysign(np.abs(found) + np.float32(0.25), found), dtype)


def eighths(rng: np.random.Generator, shape: Shape, dtype: np.dtype[np.float32]) -> Array:
    """Whose quotients are far from where a rounding error makes a whole step; never 0."""
    found = rng.integers(1, 80, shape) / 8 * rng.choice([-1, 1], shape)
    return found.astype(dtype)


def divisors(rng: np.random.Generator, shape: Shape, dtype: np.dtype[np.generic]) -> Array:
    """Neither 0 nor -1, by which the lowest number cannot be divided."""
    found = halves(rng, shape, dtype)
    return np.where(np.isin(found, (0, -1)), 7, found).astype(dtype)


@family(of=pairs(FUSED), shapes=broadcasts(), activation=ACTIVATIONS, constant=CONSTANT)
def fused(pick: Random, of: tuple[str, Type], shapes: Shapes, activation: str, constant: int | None) -> Case:
    kind, type = of
    left = halves if type is not FLOAT else scaled(3)
    right = away_from_zero if type is FLOAT else divisors if kind == "DIV" else halves
    if activation != "NONE" and type is not FLOAT:
        left, right = between(-9, 9), between(1, 5)
    given = operands(shapes, type(shapes[0], left), type(shapes[1], right), constant)
    return case(kind, *given, makes=type, fused_activation_function=activation, tolerance=1e-6)


@family(of=pairs(PLAIN), shapes=broadcasts(), constant=CONSTANT, values=["any", "few"])
def plain(pick: Random, of: tuple[str, Type], shapes: Shapes, constant: int | None, values: str) -> Case | None:
    kind, type = of
    drawn = few if values == "few" else scaled(4) if type in (FLOAT, FLOAT16) else halves
    if type is FLOAT and kind in ("POW", "SQUARED_DIFFERENCE"):
        if values == "few":
            return None
        drawn = away_from_zero
    left = (lambda *given: np.abs(away_from_zero(*given))) if kind == "POW" else drawn
    given = operands(shapes, type(shapes[0], left), type(shapes[1], drawn), constant)
    return case(kind, *given, makes=type, tolerance=1e-6)


@family(
    kind=["ADD", "MUL"], shapes=broadcasts(), activation=ACTIVATIONS, constant=CONSTANT,
    values=[scaled(3), scaled(300), any_bits],
)  # fmt: skip
def fused_halves(
    pick: Random, kind: str, shapes: Shapes, activation: str, constant: int | None, values: Values
) -> Case | None:
    if values is any_bits and "RELU" in activation:
        return None  # OpenGL ES without `precise` may lose a NaN in them, of FLOAT32 too
    given = operands(shapes, FLOAT16(shapes[0], values), FLOAT16(shapes[1], values), constant)
    return case(kind, *given, makes=FLOAT16, fused_activation_function=activation, tolerance=0)


@family(of=pairs(FLOORED), shapes=broadcasts(), constant=CONSTANT)
def floored(pick: Random, of: tuple[str, Type], shapes: Shapes, constant: int | None) -> Case:
    kind, type = of
    left, right = (eighths, eighths) if type is FLOAT else (halves, divisors)
    given = operands(shapes, type(shapes[0], left), type(shapes[1], right), constant)
    return case(kind, *given, makes=type, tolerance=1e-6)


@family(kind=["MAXIMUM", "MINIMUM"], type=[INT8, UINT8], shapes=broadcasts(4), constant=CONSTANT)
def quantized_extremum(pick: Random, kind: str, type: Type, shapes: Shapes, constant: int | None) -> Case:
    same = type.affine(pick)
    return case(kind, *operands(shapes, same(shapes[0]), same(shapes[1]), constant), makes=same, op_version=2)


POWERS = np.repeat(np.array([0, 1, -1, 2, -2, 3, -3, 7, 46341, -46341, 2**31 - 1, -(2**31)], np.int32), 12)
EXPONENTS = np.tile(np.array([0, 1, 2, 3, 5, 10, 19, 20, 30, 31, 32, 100], np.int32), 12)
TENTHS = np.random.default_rng(0)


def nearby(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Floats of both signs whose sums lose digits, and whose products are as often subnormal as not."""
    found: Array = np.ldexp(rng.integers(-(2**53), 2**53, shape).astype(dtype), rng.integers(-4, 4, shape) - 563)
    return found


CASES = [
    case("POW", INT32(POWERS.shape, POWERS), EXPONENTS),
    *(case("POW", INT32((4,), [1, -3, 7, 2]), np.array([power], np.int32)) for power in (0, 1, 2, 3, 11)),
    *(
        case("POW", FLOAT((1, 5, 3, 4), between(1, 9)), np.array([power], np.float32), tolerance=1e-6)
        for power in (-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 2.5)
    ),
    *(  # quotients that float32 rounds up to the integer which they lie below
        case(
            kind,
            FLOAT((3000,), TENTHS.integers(-50, 50, 3000) / 10),
            FLOAT((3000,), TENTHS.integers(1, 20, 3000) * TENTHS.choice([-1, 1], 3000) / 10),
            tolerance=0,
        )
        for kind in ("FLOOR_DIV", "FLOOR_MOD")
    ),
    *(  # sums and products of doubles, each to the last bit
        case(f"STABLEHLO_{kind}", FLOAT64((2, 2000), values), FLOAT64((2, 2000), values), tolerance=0)
        for kind in ("ADD", "MULTIPLY")
        for values in (any_bits, nearby, few)
    ),
]


@family(
    of=pairs({
        f"STABLEHLO_{kind}": [FLOAT, FLOAT16, FLOAT64, BOOL, INT8, UINT8, INT16, UINT16, INT32, UINT32, INT64, UINT64]
        for kind in ("ADD", "MULTIPLY", "MAXIMUM", "MINIMUM")
    }),
    shape=shapes(), constant=["none", "left", "right"],
)  # fmt: skip
def stablehlo(pick: Random, of: tuple[str, Type], shape: Shape, constant: str) -> Case:
    kind, type = of
    left, right = type(shape), type(shape)
    return case(
        kind, left.fixed() if constant == "left" else left, right.fixed() if constant == "right" else right,
        tolerance=1e-6,
    )  # fmt: skip
