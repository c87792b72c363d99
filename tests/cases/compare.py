"""Comparisons and logic, which make bools."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import axis, broadcasts, but, family, shapes
from case import BOOL, FLOAT, FLOAT16, INT8, INT16, INT32, INT64, UINT8, Array, Case, Shape, Type, case, few

TYPES = [FLOAT, FLOAT16, INT32, INT64, INT16, BOOL]
KINDS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")


def with_nan(rng: np.random.Generator, shape: Shape, dtype: np.dtype[np.generic]) -> Array:
    found = few(rng, shape, dtype)
    return np.asarray(np.where(rng.random(shape) < 0.1, np.nan, found), dtype) if dtype.kind == "f" else found


@family(kind=KINDS, type=TYPES, shapes=broadcasts(), constant=axis([None, 0, 1]))
def compare(pick: Random, kind: str, type: Type, shapes: tuple[Shape, Shape], constant: int | None) -> Case | None:
    if (type is BOOL and kind not in ("EQUAL", "NOT_EQUAL")) or (type is INT16 and kind == "NOT_EQUAL"):
        return None  # nor does the reference
    given = [type(shape, with_nan) for shape in shapes]
    return case(kind, *(v.fixed() if k == constant else v for k, v in enumerate(given)), makes=BOOL)


@family(kind=["LOGICAL_AND", "LOGICAL_OR"], shapes=broadcasts(), constant=axis([None, 0, 1]))
def logic(pick: Random, kind: str, shapes: tuple[Shape, Shape], constant: int | None) -> Case:
    given = [BOOL(shape) for shape in shapes]
    return case(kind, *(v.fixed() if k == constant else v for k, v in enumerate(given)))


@family(shape=shapes())
def logical_not(pick: Random, shape: Shape) -> Case:
    return case("LOGICAL_NOT", BOOL(shape))


@family(
    kind=["ARG_MAX", "ARG_MIN"], type=[FLOAT, INT8, UINT8, INT32, BOOL], made=[INT32, INT64], shape=shapes(1),
    values=["few", "any"],
)  # fmt: skip
def arg(pick: Random, kind: str, type: Type, made: Type, shape: Shape, values: str) -> Case:
    place = np.array(pick.randint(-len(shape), len(shape) - 1), pick.choice((np.int32, np.int64)))
    given = type(shape, few if values == "few" else None)
    return case(kind, given, place, makes=made, output_type=made.name)


NANS: list[list[int]] = [[1], [4], [2, 3, 4], [0, 1, 2, 3, 4]]  # first of several the reference finds the last position


def with_nans_at(where: list[int]) -> Array:
    x = np.array([3, 1, 5, 2, 4], np.float32)
    x[where] = np.nan
    return x


CASES = [
    *(
        case(kind, FLOAT((5,), with_nans_at(where)), np.array(0, np.int32), makes=INT32, output_type="INT32")
        for kind in ("ARG_MAX", "ARG_MIN")
        for where in NANS
    ),
    *(
        case(kind, type(shape), np.array(axis, np.int32), makes=INT32, output_type="INT32")
        for kind in ("ARG_MAX", "ARG_MIN")
        for type in but([FLOAT, INT8], "BOOL")
        for shape, axis in (((2, 301, 3), 1), ((1001,), 0), ((4, 8), 1))
    ),
]
