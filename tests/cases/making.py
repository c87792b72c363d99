"""ONE_HOT, TOPK_V2, RANGE, FILL, CUMSUM, ADD_N, FAKE_QUANT."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from axes import WIDE, family, shapes
from case import BOOL, FLOAT, INT8, INT16, INT32, INT64, UINT8, Case, Shape, Type, between, case, few

MADE = [FLOAT, INT32, INT64, BOOL, INT8, UINT8]


@family(type=MADE, index=[INT32, INT64], shape=shapes(0, 4), depth=[1, 3, 4, 8], constant=[False, True])
def one_hot(pick: Random, type: Type, index: Type, shape: Shape, depth: int, constant: bool) -> Case:
    axis = pick.randint(-1, len(shape))
    on, off = (type(np.array(v)) for v in (3, 0)) if constant else (type(()), type(()))
    given = index(shape, between(-2, depth + 2))
    return case("ONE_HOT", given, np.array(depth, np.int32), on, off, makes=type, axis=axis, tolerance=0)


@family(type=[FLOAT, INT32, INT64, INT8, UINT8, INT16], shape=shapes(1, 5), values=[None, few])
def topk_v2(pick: Random, type: Type, shape: Shape, values: Any) -> Case:
    k = pick.randint(1, shape[-1])
    made = [(*shape[:-1], k)] * 2
    given = type(shape, values)
    return case("TOPK_V2", given, np.array(k, np.int32), makes=[type, INT32], outputs=made, tolerance=0)


@family(type=WIDE, shape=shapes(1), index=[INT32, INT64], constant=[False, True])
def fill(pick: Random, type: Type, shape: Shape, index: Type, constant: bool) -> Case:
    return case("FILL", index(list(shape)), type.constant(()) if constant else type(()), makes=type, tolerance=0)


@family(type=[FLOAT, INT32], shape=shapes(1), exclusive=[False, True], reverse=[False, True], scalar=[False, True])
def cumsum(pick: Random, type: Type, shape: Shape, exclusive: bool, reverse: bool, scalar: bool) -> Case:
    axis = pick.randrange(-len(shape), len(shape))
    at = np.array(axis if scalar else [axis], np.int32)
    return case("CUMSUM", type(shape), at, exclusive=exclusive, reverse=reverse, tolerance=1e-6)


@family(type=[FLOAT, INT32], shape=shapes(), count=[2, 3, 7])
def add_n(pick: Random, type: Type, shape: Shape, count: int) -> Case:
    return case("ADD_N", *[type(shape)] * count, tolerance=1e-6)


FAKES: list[dict[str, Any]] = [
    *({"min": -1.0, "max": 1.0, "num_bits": bits} for bits in (1, 2, 4, 8, 12, 16, 17, 20, 24, 30)),
    {"min": 0.0, "max": 6.0, "num_bits": 8}, {"min": 1.0, "max": 2.0, "num_bits": 8},
    {"min": -3.0, "max": -2.0, "num_bits": 8}, {"min": -0.1, "max": 7.3, "num_bits": 3},
    {"min": 0.0, "max": 0.0, "num_bits": 8}, {"min": 1.0, "max": -1.0, "num_bits": 8},
    {"min": float("nan"), "max": 1.0, "num_bits": 8}, {"min": -1.0, "max": float("inf"), "num_bits": 8},
]  # fmt: skip
FLOATS = np.concatenate(
    [np.random.default_rng(0).standard_normal(300) * 3, [0, -0.0, np.nan, np.inf, -np.inf, 0.5, -0.5]]
)
RANGES: list[tuple[Any, Any, Any, Type, int]] = [
    (1, 8, 3, INT32, 3), (8, 1, -3, INT32, 3), (0, 6, 1, INT64, 6), (5, -9, -4, INT64, 4), (0.1, 1.3, 0.1, FLOAT, 12),
    (3, 1, -0.25, FLOAT, 8), (0, 1, 1, INT32, 1),
]  # fmt: skip

CASES = [
    *(case("FAKE_QUANT", FLOAT(FLOATS.shape, FLOATS), tolerance=2e-7, **options) for options in FAKES),
    *(
        case(
            "RANGE",
            *(type(np.array(v, type.dtype)) for v in (start, limit, step)),
            makes=type,
            outputs=[(count,)],
            tolerance=0,
        )
        for start, limit, step, type, count in RANGES
    ),
    *(
        case("CUMSUM", shape, [axis], exclusive=exclusive, reverse=not exclusive)
        for shape, axis in (((5003,), 0), ((2, 300, 3), 1), ((70, 40, 4), 1), ((1, 2, 900), 2))
        for exclusive in (False, True)
    ),
    case("TOPK_V2", (1, 1001), np.array(5, np.int32), makes=[FLOAT, INT32], outputs=[(1, 5)] * 2, tolerance=0),
]
