"""PAD, PADV2, MIRROR_PAD."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import WIDE, family, shapes
from case import (
    BOOL,
    FLOAT,
    FLOAT16,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    Case,
    Shape,
    Type,
    case,
)

I8, U8, I16 = INT8.quantized(0.1, 3), UINT8.quantized(0.1, 3), INT16.quantized(0.1)
TYPES = [FLOAT, BOOL, FLOAT16, I8, I16, INT32, INT64, U8]
SHAPES = shapes(1, 5)


def border(pick: Random, most: list[int], index: Type) -> object:
    return index([[pick.randint(0, n), pick.randint(0, n)] for n in most])


@family(type=TYPES, shape=SHAPES, index=[INT32, INT64])
def pad(pick: Random, type: Type, shape: Shape, index: Type) -> Case:
    most = [pick.choice((0, 1, 4)) for _ in shape]
    return case("PAD", type(shape), border(pick, most, index), tolerance=0)


@family(type=[type for type in TYPES if type is not FLOAT16], shape=SHAPES, extreme=["least", "most", "drawn"])
def padv2(pick: Random, type: Type, shape: Shape, extreme: str) -> Case:
    most = [pick.randint(0, 3) for _ in shape]
    if type.dtype.kind == "b":
        ends = (False, True)
    else:
        info = np.finfo(type.dtype) if type is FLOAT else np.iinfo(type.dtype)
        ends = (info.min, info.max)
    value = type.constant(()) if extreme == "drawn" else type(np.array(ends[extreme == "most"], type.dtype))
    return case("PADV2", type(shape), border(pick, most, INT32), value, tolerance=0)


@family(type=WIDE, shape=SHAPES, mode=["REFLECT", "SYMMETRIC"], index=[INT32, INT64])
def mirror_pad(pick: Random, type: Type, shape: Shape, mode: str, index: Type) -> Case:
    most = [min(n - (mode == "REFLECT"), 3) for n in shape]
    return case("MIRROR_PAD", type(shape), border(pick, most, index), mode=mode, tolerance=0)


def of_floats(shape: Shape, borders: list[list[int]]) -> Case:
    return case("PAD", shape, borders, tolerance=0)


CASES = [  # sizes that go by fours, or nearly
    of_floats((3, 17, 13, 1), [[0, 0], [1, 1], [1, 1], [0, 0]]),
    of_floats((1, 7, 7, 8), [[0, 0], [3, 0], [0, 0], [0, 8]]),
    of_floats((2, 3, 3, 4), [[0, 0], [0, 0], [0, 0], [4, 4]]),
    of_floats((2, 3, 3, 4), [[0, 0], [0, 0], [0, 0], [2, 2]]),
    of_floats((1, 1, 1, 1), [[0, 0], [9, 4], [2, 3], [1, 0]]),
    *(
        case("PADV2", (2, 3, 4), [[1, 0], [0, 2], [0, 0]], np.array(value, np.float32), tolerance=0)
        for value in (2.5, -0.0, np.inf, -np.inf, np.nan, 1e-40)
    ),
]
