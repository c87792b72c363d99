"""PRELU and ATAN2: two operands that do not broadcast both ways."""

from __future__ import annotations

from random import Random

from axes import family, shapes
from case import FLOAT, FLOAT16, STEP, Case, Shape, Type, case


@family(shape=shapes(1), leading=[0, 1, 2], ones=[False, True], constant=[False, True])
def prelu(pick: Random, shape: Shape, leading: int, ones: bool, constant: bool) -> Case | None:
    if leading >= len(shape):
        return None
    slopes = FLOAT(tuple(1 if ones and pick.random() < 0.5 else n for n in shape[leading:]))
    return case("PRELU", shape, slopes.fixed() if constant else slopes, tolerance=1e-6)


@family(type=[FLOAT, FLOAT16], shape=shapes())
def atan2(pick: Random, type: Type, shape: Shape) -> Case:
    return case("ATAN2", type(shape), type(shape), tolerance=1e-5 if type is FLOAT else STEP)  # Mesa's is 1.5e-6 off
