"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import MOVED, Axis, but, family
from axes import st as strategies
from case import FLOAT, INT8, INT16, UINT8, Case, Type, case

Sizes = tuple[int, int, int, int]  # from height and width to
SIZES: list[Sizes] = [
    (1, 1, 1, 1), (1, 1, 3, 5), (4, 4, 8, 8), (8, 8, 4, 4), (17, 13, 5, 7), (5, 7, 17, 13), (17, 13, 1, 1),
    (3, 9, 9, 3), (5, 7, 5, 7),
]  # fmt: skip
wide = strategies.integers(1, 97)
sizes = Axis(SIZES, strategies.tuples(wide, strategies.integers(1, 9), wide, strategies.integers(1, 9)))
FLAGS = [(False, False), (True, False), (False, True), (True, True)]  # align_corners, half_pixel_centers
CHANNELS = (1, 3, 4, 5, 8)


def resize(kind: str, type: Type, size: Sizes, channels: int, flags: tuple[bool, bool]) -> Case | None:
    if kind == "RESIZE_BILINEAR" and all(flags):
        return None  # nor does the reference
    options = {"align_corners": flags[0], "half_pixel_centers": flags[1]}
    tolerance = 1e-6 if kind == "RESIZE_BILINEAR" else 0.0
    return case(kind, type((2, *size[:2], channels)), [*size[2:]], tolerance=tolerance, op_version=3, **options)


BILINEAR = [FLOAT, INT8.quantized(0.1, 3), UINT8.quantized(0.1, 3), INT16.quantized(0.001)]


@family(type=BILINEAR, size=sizes, channels=CHANNELS, flags=FLAGS)
def bilinear(pick: Random, type: Type, size: Sizes, channels: int, flags: tuple[bool, bool]) -> Case | None:
    return resize("RESIZE_BILINEAR", type, size, channels, flags)


@family(type=but(MOVED, "BOOL FLOAT16 INT32 INT64 UINT32"), size=sizes, channels=CHANNELS, flags=FLAGS)
def nearest_neighbor(pick: Random, type: Type, size: Sizes, channels: int, flags: tuple[bool, bool]) -> Case | None:
    return resize("RESIZE_NEAREST_NEIGHBOR", type, size, channels, flags)


IMAGE = np.ones((1, 4, 4, 1), np.float32)
IMAGE[0, 1, 1], IMAGE[0, 3, 2] = np.inf, np.nan

CASES = [  # what is not a number spreads as in the reference
    case("RESIZE_BILINEAR", FLOAT(IMAGE.shape, IMAGE), [7, 7], align_corners=a, half_pixel_centers=h, tolerance=1e-6)
    for a, h in FLAGS[:3]
]
