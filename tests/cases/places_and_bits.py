"""BUCKETIZE, DILATE and BITCAST."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import WIDE, Axis, family, shapes
from case import BOOL, FLOAT, FLOAT64, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, Case, Shape, Type, case

SPECIAL = [-1, 0, 0.5, 1, 2, 2.5, 3, np.nan, np.inf, -np.inf]
FINE = [*SPECIAL, -0.0, 1 - 2**-50, 1 + 2**-50, 2.5 - 2**-50, -3 - 2**-50, 2.0**24 + 1, 2.0**24 - 2**-20]
WHOLE = [-5, 0, 1, 2, 3, 10, 2**24 + 1, -(2**31), 2**31 - 1]
BITS = [
    (FLOAT, INT32), (FLOAT, UINT32), (INT32, FLOAT), (INT32, UINT32), (UINT32, INT32), (INT16, UINT16),
    (UINT16, INT16), (INT8, UINT8), (UINT8, INT8), (BOOL, INT8), (INT64, FLOAT64), (FLOAT64, INT64), (UINT32, FLOAT),
    (FLOAT, FLOAT), (INT8, INT8), (INT64, INT64),
]  # fmt: skip


@family(type=[FLOAT, FLOAT64, INT32, INT64], bounds=[[0.0, 1.0, 2.5], [1.0, 1.0], [], [2.0**24, 2.0**24 + 2], [-3.0]])
def bucketize(pick: Random, type: Type, bounds: list[float]) -> Case:
    given = {FLOAT: SPECIAL, FLOAT64: FINE, INT32: WHOLE}.get(type, [*WHOLE, 2**40, -(2**40), 2**24 + 3])
    return case("BUCKETIZE", type((len(given),), given), makes=INT32, boundaries=bounds)


@family(type=WIDE, shape=Axis([(3,), (2, 3), (2, 1, 4), (2, 3, 1, 2)], shapes(1, 5).drawn), fixed=[False, True])
def dilate(pick: Random, type: Type, shape: Shape, fixed: bool) -> Case:
    apart = [pick.randint(1, 3) for _ in shape]
    between = type.constant(()) if fixed else type(())
    return case("DILATE", type(shape), apart, between, makes=type)


@family(of=BITS, shape=[(5,), (2, 3, 8)])
def bitcast(pick: Random, of: tuple[Type, Type], shape: Shape) -> Case:
    return case("BITCAST", of[0](shape), makes=of[1])


CASES: list[Case] = []
