"""Rows and channels divided by what they hold: SOFTMAX, LOG_SOFTMAX, L2_NORMALIZATION, LOCAL_RESPONSE_NORMALIZATION."""

from __future__ import annotations

from random import Random

from axes import family, shapes
from case import FLOAT, FLOAT16, STEP, Case, Shape, Type, case

LONG: list[Shape] = [(1, 1001), (3, 1000), (300, 4), (7, 100)]


@family(type=[FLOAT, FLOAT16], shape=shapes(1), beta=[1.0, 2.5, 0.0])
def softmax(pick: Random, type: Type, shape: Shape, beta: float) -> Case:
    return case("SOFTMAX", type(shape), beta=beta, tolerance=5e-6 if type is FLOAT else STEP)


@family(kind=["LOG_SOFTMAX", "L2_NORMALIZATION"], shape=shapes(1))
def rows(pick: Random, kind: str, shape: Shape) -> Case:
    return case(kind, shape, tolerance=1e-6)


POWERS = [(1.0, 0.5, 0.5), (2.0, 1e-4, 0.75), (0.5, 2.0, 1.0), (1.0, 1.0, -0.3), (1.0, 0.1, 0.0)]


@family(channels=[1, 3, 4, 8, 17], radius=[0, 1, 2, 5, 40], powers=POWERS)
def local_response(pick: Random, channels: int, radius: int, powers: tuple[float, float, float]) -> Case:
    options = dict(zip(("bias", "alpha", "beta"), powers, strict=True))
    return case("LOCAL_RESPONSE_NORMALIZATION", (2, 3, 2, channels), radius=radius, **options)


CASES = [
    *(case("SOFTMAX", shape, beta=1.0, tolerance=5e-6) for shape in [*LONG, (1, 4099)]),
    *(case(kind, shape, tolerance=1e-6) for kind in ("LOG_SOFTMAX", "L2_NORMALIZATION") for shape in LONG),
    *(  # powers of negative numbers
        case("LOCAL_RESPONSE_NORMALIZATION", (1, 1, 2, 3), radius=1, bias=-9.0, alpha=0.5, beta=beta)
        for beta in (0.75, 1.0, 0.0, -2.0)
    ),
]
