"""BITCAST among types of any sizes, and the parts of complex numbers."""

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
    UINT64,
    Array,
    Case,
    Shape,
    Type,
    between,
    case,
    noise,
)  # fmt: skip

TYPES = (COMPLEX64, FLOAT, FLOAT16, FLOAT64, INT8, UINT8, INT16, UINT16, INT32, UINT32, INT64, UINT64)


def complex_noise(rng: np.random.Generator, shape: Shape, dtype: np.dtype[np.generic]) -> Array:
    """Of any size."""
    sizes = 10 ** rng.uniform(-25, 18, (2, *shape))
    parts = rng.standard_normal((2, *shape)) * sizes
    return np.asarray(parts[0] + 1j * parts[1], dtype)


def small_bytes(rng: np.random.Generator, shape: Shape, dtype: np.dtype[np.generic]) -> Array:
    """Of bytes of which many are 0."""
    return rng.integers(0, 3, (*shape, dtype.itemsize), np.uint8).view(dtype).reshape(shape)


@family(kind=("REAL", "IMAG", "COMPLEX_ABS"), shape=shapes())
def parts(pick: Random, kind: str, shape: Shape) -> Case:
    return case(kind, COMPLEX64(shape, complex_noise), makes=FLOAT, tolerance=1e-6)


@family(source=(*TYPES, BOOL), made=(*TYPES, BOOL), shape=shapes(0, 4))
def bitcast(pick: Random, source: Type, made: Type, shape: Shape) -> Case | None:
    before, after = source.dtype.itemsize, made.dtype.itemsize
    if before > after:
        output = (*shape, before // after)
    else:
        output = shape
        shape = shape if before == after else (*shape, after // before)
    # Any bits of a float but those of a NaN may pass through a float.
    values = between(-100, 100) if made.dtype.kind in "fc" and source.dtype.kind in "iu" else noise
    if made is BOOL and source is not BOOL:
        values = small_bytes
    return case("BITCAST", source(shape, values), makes=made, outputs=[output], tolerance=0.0)
