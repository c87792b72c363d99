"""NON_MAX_SUPPRESSION_V4 and V5."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import family
from case import FLOAT, INT32, Array, Case, Shape, Typed, Values, case


def crowded(rng: np.random.Generator, shape: Shape, dtype: np.dtype[np.generic]) -> Array:
    """Boxes near each other, corners in any order; some without an area."""
    middles, sides = rng.random((shape[0], 2)) * 3, rng.random((shape[0], 2)) * rng.choice([-1, 1], (shape[0], 2))
    sides[rng.random(shape[0]) < 0.05] = 0
    return np.concatenate([middles - sides, middles + sides], 1).astype(dtype)


def sure(rng: np.random.Generator, shape: Shape, dtype: np.dtype[np.generic]) -> Array:
    """Scores, no two the same."""
    return rng.permutation(np.linspace(-0.2, 1, shape[0])).astype(dtype)


def even(rng: np.random.Generator, shape: Shape, dtype: np.dtype[np.generic]) -> Array:
    """Scores of which many are the same, as of quantised ones."""
    return (rng.integers(0, 9, shape) / 8).astype(dtype)


def number(value: float, known: bool) -> Typed:
    made = FLOAT((), value)
    return made.fixed() if known else made


@family(
    count=[1, 5, 70, 300], wanted=[1, 6, 40], most=[0.0, 0.3, 0.6, 1.0, 1.5], least=[-1.0, 0.1, 0.8],
    known=[False, True], of=[sure, even],
)  # fmt: skip
def hard(pick: Random, count: int, wanted: int, most: float, least: float, known: bool, of: Values) -> Case:
    given = FLOAT((count, 4), crowded), FLOAT((count,), of), INT32(np.int32(wanted))
    return case("NON_MAX_SUPPRESSION_V4", *given, number(most, known), number(least, known), makes=INT32, outputs=2)


@family(
    count=[1, 5, 70, 300], wanted=[1, 6, 40], most=[0.5, 1.0, 1.5], least=[-1.0, 0.1, 0.8], sigma=[0.0, 0.3, 2.0],
    known=[False, True], of=[sure, even],
)  # fmt: skip
def soft(
    pick: Random, count: int, wanted: int, most: float, least: float, sigma: float, known: bool, of: Values
) -> Case:
    given = FLOAT((count, 4), crowded), FLOAT((count,), of), INT32(np.int32(wanted))
    numbers = (number(value, known) for value in (most, least, sigma))
    return case("NON_MAX_SUPPRESSION_V5", *given, *numbers, makes=(INT32, FLOAT, INT32), outputs=3)


CASES: list[Case] = []
