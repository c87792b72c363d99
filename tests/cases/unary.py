"""Ops of one operand, element by element: floats, integers, and 8-bit ones by tables."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import family, pairs, shapes
from case import (
    FLOAT,
    FLOAT16,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    RUNTIME,
    STEP,
    Array,
    Case,
    Shape,
    Type,
    Values,
    any_bits,
    case,
    few,
    noise,
    positive,
    scaled,
)

FLOATS = (
    "ABS", "COS", "EXP", "FLOOR", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOG", "LOGISTIC", "NEG", "RELU", "RELU6",
    "RELU_0_TO_1", "RELU_N1_TO_1", "RSQRT", "SIGN", "SIN", "SQRT", "SQUARE", "TANH", "ZEROS_LIKE",
)  # fmt: skip
POSITIVE = ("LOG", "RSQRT", "SQRT")
INTEGERS = {
    "ABS": [INT32, INT16],
    "NEG": [INT32, INT64, INT8, INT16],
    "SIGN": [INT32, FLOAT64],
    "ZEROS_LIKE": [INT32, INT64],
}
HALVES = ("COS", "FLOOR", "GELU", "LOGISTIC", "NEG", "SIN", "TANH")
ROUNDED = ("CEIL", "ELU", "ROUND")


def quarters(rng: np.random.Generator, shape: Shape, dtype: np.dtype[np.float32]) -> Array:
    return np.asarray(np.round(rng.standard_normal(shape) * 16) / 4, dtype)


@family(kind=FLOATS, shape=shapes())
def of_floats(pick: Random, kind: str, shape: Shape) -> Case:
    values = positive if kind in POSITIVE else scaled(4)
    options = {"alpha": pick.choice((0.3, -1.5, 0.0))} if kind == "LEAKY_RELU" else {}
    return case(kind, FLOAT(shape, values), tolerance=1e-6, **options)


@family(kind=HALVES, shape=shapes(), values=[noise, scaled(4), any_bits])
def of_halves(pick: Random, kind: str, shape: Shape, values: Values) -> Case:
    return case(kind, FLOAT16(shape, values), tolerance=0 if kind in ("FLOOR", "NEG") else STEP)


@family(kind=ROUNDED, shape=shapes())
def of_floats_without_reference(pick: Random, kind: str, shape: Shape) -> Case:
    return case(kind, FLOAT(shape, quarters), oracle=RUNTIME, outputs=[shape], tolerance=1e-6)


@family(of=pairs(INTEGERS), shape=shapes(), values=[few, noise])
def of_integers(pick: Random, of: tuple[str, Type], shape: Shape, values: object) -> Case:
    kind, type = of
    return case(kind, type(shape, values))  # type: ignore[arg-type]


EVERY_HALF = np.arange(2**16, dtype=np.uint16).view(np.float16)

CASES = [
    *(
        case("GELU", FLOAT(shape, scaled(4)), approximate=approximate, tolerance=1e-6)
        for shape in [(7,), (2, 3, 4)]
        for approximate in (False, True)
    ),
    *(  # of halves that are small, step by step
        case(
            "GELU",
            FLOAT16((2**16,), np.where(np.abs(EVERY_HALF) < 5, EVERY_HALF, 0)),
            approximate=approximate,
            tolerance=STEP / 8,
        )
        for approximate in (False, True)
    ),
    case("NEG", FLOAT16((2**16,), EVERY_HALF), tolerance=0),
    case("FLOOR", FLOAT16((2**16,), EVERY_HALF), tolerance=0),
]
