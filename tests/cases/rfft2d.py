"""RFFT2D."""

from __future__ import annotations

from random import Random

from axes import Axis, family, shapes
from case import Case, Shape, Type, case

SHAPES: list[Shape] = [(4, 8), (1, 16), (2, 3, 5), (2, 1, 17, 13), (8, 32)]


@family(shape=Axis(SHAPES, shapes(2, 4).drawn), height=[1, 2, 4, 16], width=[2, 4, 8, 32])
def rfft2d(pick: Random, shape: Shape, height: int, width: int) -> Case:
    return case(
        "RFFT2D", shape, [height, width], makes=Type("COMPLEX64"), outputs=[(*shape[:-2], height, width // 2 + 1)]
    )
