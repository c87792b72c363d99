"""Reductions over any axes, of floats, integers and bools."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np

from axes import family, pairs, shapes
from case import BOOL, FLOAT, INT8, INT16, INT32, INT64, UINT8, Array, Case, Shape, Type, case, halves, noise

LONG, NARROW = (INT32, INT64), (INT8, UINT8, INT16)
KINDS = {
    "MEAN": [FLOAT, *LONG], "SUM": [FLOAT, *LONG, BOOL], "REDUCE_PROD": [FLOAT, *LONG, BOOL],
    "REDUCE_MAX": [FLOAT, *LONG, *NARROW, BOOL], "REDUCE_MIN": [FLOAT, *LONG, *NARROW, BOOL], "REDUCE_ANY": [BOOL],
    "REDUCE_ALL": [BOOL],
}  # fmt: skip


def factors(rng: np.random.Generator, shape: Shape, dtype: np.dtype[np.generic]) -> Array:
    """Floats whose product neither vanishes nor overflows, odd integers."""
    return np.asarray(1 + noise(rng, shape, dtype) / 8, dtype) if dtype.kind == "f" else halves(rng, shape, dtype) | 1


def axes(pick: Random, shape: Shape, which: str) -> list[int]:
    if which == "none":
        return []
    if which == "all":
        return [*range(len(shape))]
    found = pick.choices(range(-len(shape), len(shape)), k=pick.randint(1, len(shape)))
    return found if which == "some" else [pick.randrange(-len(shape), len(shape))]


@family(of=pairs(KINDS), shape=shapes(1), which=["one", "some", "all", "none"], keep=[False, True], index=[INT32])
def reduce(pick: Random, of: tuple[str, Type], shape: Shape, which: str, keep: bool, index: Type) -> Case:
    kind, type = of
    values = {"f": factors if kind == "REDUCE_PROD" else noise, "b": noise}.get(type.dtype.kind, factors)
    found = index(np.array(axes(pick, shape, which), index.dtype))
    return case(kind, type(shape, values), found, keep_dims=keep, tolerance=5e-6)


def long(kind: str, shape: Shape, found: Sequence[int], type: Type = FLOAT) -> Case:
    return case(kind, type(shape, factors if kind == "REDUCE_PROD" else None), [*found], tolerance=5e-6)


INFINITE = np.array([[-np.inf] * 3, [np.inf, np.inf, -np.inf], [np.inf] * 3])

CASES = [
    *(case(kind, FLOAT((3, 3), INFINITE), found) for kind in ("REDUCE_MAX", "REDUCE_MIN") for found in ([1], [0], [])),
    *(case("REDUCE_ANY", BOOL((2, 6), np.full((2, 6), value)), [1]) for value in (False, True)),
    *(case("REDUCE_ALL", BOOL((2, 6), np.full((2, 6), value)), [1]) for value in (False, True)),
    *(long(kind, (5, 601), [1]) for kind in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD")),
    *(long(kind, shape, [0]) for kind in ("MEAN", "REDUCE_MAX") for shape in ((600,), (300, 3))),
    *(case(kind, (), [1, 2], keep_dims=True) for kind in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_PROD")),
    *(case(kind, (5,), [0, -1, 0]) for kind in ("MEAN", "SUM", "REDUCE_MAX")), case("MEAN", INT32(()), [1, 2]),
    long("MEAN", (5, 601), [1], INT32), long("MEAN", (600, 8), [0], INT32), case("MEAN", INT64((7, 5)), [0, 0, 1]),
    long("SUM", (5, 601), [1], INT64), long("MEAN", (), []), long("MEAN", (1, 7, 7, 1280), [1, 2]),
]  # fmt: skip
