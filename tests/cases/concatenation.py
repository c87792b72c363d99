"""Tensors joined and parted: CONCATENATION, PACK, UNPACK, SPLIT, SPLIT_V."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import MOVED, but, family, shapes
from case import FLOAT, INT16, INT32, INT64, UINT8, Case, Shape, Type, Typed, case


@family(type=MOVED, shape=shapes(1), count=[1, 2, 3, 5], constant=[False, True])
def concatenation(pick: Random, type: Type, shape: Shape, count: int, constant: bool) -> Case:
    axis = pick.randrange(-len(shape), len(shape))
    sizes = [pick.choice((1, 2, 3, 4, 8)) for _ in range(count)]
    place = axis % len(shape)
    parts: list[Typed] = [type((*shape[:place], n, *shape[place + 1 :])) for n in sizes]
    if constant and count > 1 and type.name != "UINT32":
        parts[-1] = parts[-1].fixed()
    return case("CONCATENATION", *parts, axis=axis, tolerance=0)


@family(type=but(MOVED, "BOOL FLOAT16"), shape=shapes(0, 4), count=[1, 2, 5])
def pack(pick: Random, type: Type, shape: Shape, count: int) -> Case:
    axis = pick.randint(-len(shape) - 1, len(shape))
    return case("PACK", *[type(shape)] * count, axis=axis, values_count=count, tolerance=0)


@family(type=but(MOVED, "INT64 UINT32"), shape=shapes(1), count=[1, 2, 5])
def unpack(pick: Random, type: Type, shape: Shape, count: int) -> Case:
    axis = pick.randrange(-len(shape), len(shape))
    place = axis % len(shape)
    whole = (*shape[:place], count, *shape[place + 1 :])
    return case("UNPACK", type(whole), axis=axis, num=count, outputs=count, tolerance=0)


@family(type=but(MOVED, "BOOL FLOAT16 UINT32"), shape=shapes(1), count=[1, 2, 3], each=[1, 3, 4])
def split(pick: Random, type: Type, shape: Shape, count: int, each: int) -> Case:
    axis = pick.randrange(-len(shape), len(shape))
    place = axis % len(shape)
    whole = (*shape[:place], count * each, *shape[place + 1 :])
    at = np.array(axis, np.int32)
    return case("SPLIT", at, type(whole), num_splits=count, outputs=count, tolerance=0)


@family(
    type=but(MOVED, "BOOL FLOAT16 UINT32"), shape=shapes(1), count=[1, 2, 3], rest=[False, True], index=[INT32, INT64]
)
def split_v(pick: Random, type: Type, shape: Shape, count: int, rest: bool, index: Type) -> Case:
    axis = pick.randrange(-len(shape), len(shape))
    place = axis % len(shape)
    sizes = [pick.choice((1, 3, 4)) for _ in range(count)]
    whole = (*shape[:place], sum(sizes), *shape[place + 1 :])
    if rest:
        sizes[pick.randrange(count)] = -1
    at = np.array(axis, np.int32)
    return case("SPLIT_V", type(whole), index(sizes), at, num_splits=count, outputs=count, tolerance=0)


def of_scales(type: Type, made: Type, shape: Shape, *others: Type) -> Case:
    """Parts of several scales, joined in one."""
    return case("CONCATENATION", *(each(shape) for each in (type, *others)), makes=made, axis=1)


U8 = UINT8.quantized(0.1, 3)

CASES = [
    *(
        of_scales(U8, UINT8.quantized(scale, zero), shape, UINT8.quantized(scale, zero), UINT8.quantized(0.05, 7))
        for scale, zero in ((0.2, 5), (0.033, 128), (0.1, 255), (3.0, 0))
        for shape in ((2, 4), (3, 5))
    ),
    of_scales(U8, UINT8.quantized(0.2, 9), (16, 16)),
    of_scales(INT16.quantized(0.1), INT16.quantized(0.5), (2, 3), INT16.quantized(0.2)),  # joined as they are
    *(
        case("CONCATENATION", *parts, axis=axis, tolerance=0)
        for parts, axis in (
            ([(2, 5, 4, 8), (2, 5, 4, 4), (2, 5, 4, 16)], 3), ([(2, 5, 4, 8), (2, 5, 4, 2), (2, 5, 4, 2)], 3),
            ([(1, 896, 1), (1, 96, 1), (1, 24, 1)], 1), ([(1, 3, 3, 2)] * 20, 3),
        )
    ),
    case("CONCATENATION", FLOAT((2, 3)), axis=1, tolerance=0),
]  # fmt: skip
