"""CAST between all types, of values where conversions round, wrap around or end."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import family, shapes
from case import (
    BOOL,
    COMPLEX64,
    FLOAT,
    FLOAT16,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT16,
    UINT32,
    Array,
    Case,
    Shape,
    Type,
    case,
)

TYPES = [BOOL, COMPLEX64, FLOAT, FLOAT16, FLOAT64, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32]
FLOATS = np.array(
    [0.5, -0.5, 1.9, -1.9, 3e9, -3e9, 1e19, -1e19, np.nan, np.inf, -np.inf, 300.7, -300.7, 7e4, -7e4, 128, 255, 127.5,
     2147483520, 4294967040, -1, 0, -0.0, 1e-40, 8388609, 1.5e10, -1.5e10, 9.2233715e18, -9.223372e18, 4294967296,
     16777217 * 256, 5e-3],
    np.float32,
)  # fmt: skip
# As near to one half as to the next, of each exponent; and the floats beside these.
_HALVES = np.arange(0, 0x7C00, 257, np.uint16).view(np.float16).astype(np.float32)
_NEXT = np.arange(1, 0x7C01, 257, np.uint16).view(np.float16).astype(np.float32)
TIES = np.concatenate([
    sign * np.nextafter(middle, towards)
    for middle in [(_HALVES + np.where(np.isinf(_NEXT), np.float32(65536), _NEXT)) / 2]
    for towards in (np.float32(0), middle, np.float32(np.inf))
    for sign in (1, -1)
]).astype(np.float32)  # fmt: skip
DOUBLES = np.array([
    1e300, -1e300, 5e-324, 2.0**63, -(2.0**63), 2.0**63 - 1024, 4294967295.5, 2147483647.5, -2147483648.9, 127.9,
    -128.9, 2.0**53 + 2, 2.0**52 + 1, 2.0**51 + 0.5, 1e15 + 0.25, -1e12 - 0.5, 2.0**32 - 0.5, 1 - 2.0**-53,
    3.4028235677973366e38,
])  # fmt: skip
# As near to one float as to the next, of each exponent.
_FLOATS = np.arange(0, 0x7F7FFFFF, 0x3FFFFF, np.uint32)
BETWEEN = (_FLOATS.view(np.float32).astype(np.float64) + (_FLOATS + np.uint32(1)).view(np.float32)) / 2


def extremes(type: Type) -> Array:
    if type is FLOAT:
        return np.concatenate([FLOATS, TIES])
    if type is COMPLEX64:
        return np.asarray(FLOATS + np.complex64(2j), np.complex64)
    if type is FLOAT64:
        floats = np.concatenate([FLOATS, TIES, BETWEEN]).astype(np.float64)
        return np.concatenate([DOUBLES, floats, np.nextafter(floats, np.inf), np.nextafter(floats, -np.inf)])
    if type is FLOAT16:
        return np.arange(2**16, dtype=np.uint16).view(np.float16)
    info = np.iinfo(type.dtype) if type is not BOOL else np.iinfo(np.uint8)
    powers = (0, 7, 8, 15, 16, 24, 25, 31, 32, 33, 40, 53, 62, 63)
    near = [p + d for k in powers for p in (2**k, -(2**k)) for d in (-1, 0, 1)]
    near += [2**62 + 2**38, 2**62 + 2**38 + 1, 2**40 + 2**16, 2**40 + 2**16 + 1, 2**40 + 3 * 2**16, 2**55 - 1]
    return np.array([0, *(v for v in near if info.min <= v <= info.max)], type.dtype)


@family(source=TYPES, made=TYPES)
def cast(pick: Random, source: Type, made: Type) -> Case:
    values = extremes(source)
    names = {"in_data_type": source.name, "out_data_type": made.name}
    return case("CAST", source(values.shape, values), makes=made, tolerance=0, **names)


@family(source=TYPES, made=TYPES, shape=shapes())
def cast_of_ranks(pick: Random, source: Type, made: Type, shape: Shape) -> Case:
    names = {"in_data_type": source.name, "out_data_type": made.name}
    return case("CAST", source(shape), makes=made, tolerance=0, **names)
