"""PRELU and ATAN2: two operands that do not broadcast both ways."""

from __future__ import annotations

from random import Random

from axes import family, shapes
from case import FLOAT, FLOAT16, FLOAT64, STEP, Case, Shape, Type, any_bits, case, few, noise


@family(shape=shapes(1), leading=[0, 1, 2], ones=[False, True], constant=[False, True])
def prelu(pick: Random, shape: Shape, leading: int, ones: bool, constant: bool) -> Case | None:
    if leading >= len(shape):
        return None
    slopes = FLOAT(tuple(1 if ones and pick.random() < 0.5 else n for n in shape[leading:]))
    return case("PRELU", shape, slopes.fixed() if constant else slopes, tolerance=1e-6)


TOLERANCES = {FLOAT: 1e-5, FLOAT16: STEP, FLOAT64: 1e-15}  # of float32's 1.5e-6 is Mesa's


@family(type=[*TOLERANCES], shape=shapes())
def atan2(pick: Random, type: Type, shape: Shape) -> Case:
    return case("ATAN2", type(shape), type(shape), tolerance=TOLERANCES[type])


CASES = [
    case("ATAN2", FLOAT64((600,), values), FLOAT64((600,), values), tolerance=1e-15)
    for values in (any_bits, few, noise)
] + [
    case("ATAN2", type((3, 40), few), type((3, 40), few), tolerance=tolerance) for type, tolerance in TOLERANCES.items()
]
