"""Reductions of quantised integers over any axes: means, sums, products."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np

from axes import family, shapes
from case import INT8, INT16, REFERENCE, UINT8, Array, Case, Numpy, Shape, Type, Values, between, case

from .reduce import axes

ANY = (INT8, UINT8, INT16)


def parts(type: Type) -> tuple[float, int]:
    """The scale and the zero point of a type."""
    assert isinstance(type.quantization, tuple)
    return type.quantization


def near(type: Type, pick: Random, ratio: float) -> Type:
    """A type with so many times the scale, and any zero point."""
    scale = np.log10(parts(type)[0] * ratio)
    return type.affine(pick, scale, scale)


@family(type=ANY, which=["one", "some", "all", "none"], shape=shapes(1, 4), keep=[False, True], rescaled=[False, True])
def mean(pick: Random, type: Type, which: str, shape: Shape, keep: bool, rescaled: bool) -> Case:
    source = type.affine(pick)
    made = near(source, pick, pick.uniform(0.3, 2)) if rescaled else source
    return case("MEAN", source(shape), axes(pick, shape, which), makes=made, keep_dims=keep, op_version=2)


def summed(source: Type, made: Type) -> Numpy:
    """SUM with a quotient of scales from 1/2 to 1, which rounds once, halves up."""

    def oracle(x: Array, found: Array, keep_dims: bool, **options: Any) -> list[Array]:
        ratio, gone = parts(source)[0] / parts(made)[0], tuple({int(axis) % x.ndim for axis in found})
        sums = (x.astype(np.int64) - parts(source)[1]).sum(gone, keepdims=keep_dims)
        info = np.iinfo(made.dtype)
        return [np.clip(np.floor(sums * ratio + 0.5) + parts(made)[1], info.min, info.max)]

    return oracle


@family(type=ANY, which=["one", "some", "all", "none"], shape=shapes(1, 4), keep=[False, True])
def sum_(pick: Random, type: Type, which: str, shape: Shape, keep: bool) -> Case:
    """Of what is signed the reference kernel takes the bytes as if they were not, unlike all its other kernels."""
    source = type.affine(pick)
    made = near(source, pick, pick.uniform(1.05, 1.9))
    oracle = REFERENCE if type is UINT8 else summed(source, made)
    zero = parts(source)[1]
    values = between(max(zero - 9, np.iinfo(type.dtype).min), min(zero + 9, np.iinfo(type.dtype).max))
    return case(
        "SUM", source(shape, values), axes(pick, shape, which), makes=made, keep_dims=keep, oracle=oracle, op_version=2
    )


def factors(scale: float, zero: int) -> Values:
    """Values that stand for numbers near 1 and -1, so that products neither vanish nor overflow."""
    size = 1 / scale

    def drawn(rng: np.random.Generator, shape: Shape, dtype: np.dtype[np.generic]) -> Array:
        found = np.round(rng.uniform(0.8, 1.25, shape) * size * rng.choice([-1, 1], shape) + zero)
        return np.clip(found, np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)

    return drawn


@family(type=[INT8, INT16], which=["one", "some", "all", "none"], shape=shapes(1, 4), keep=[False, True])
def product(pick: Random, type: Type, which: str, shape: Shape, keep: bool) -> Case:
    scale, zero = (1 / 16384, 0) if type is INT16 else (1 / 50, pick.randint(-60, 60))
    made = type.quantized(scale * pick.uniform(0.8, 3), 0 if type is INT16 else pick.randint(-60, 60))
    found: Sequence[int] = axes(pick, shape, which)
    x = type.quantized(scale, zero)(shape, factors(scale, zero))
    return case("REDUCE_PROD", x, [*found], makes=made, keep_dims=keep, op_version=2)


CASES = [
    *(
        case("MEAN", type.quantized(0.1, 3)((2, 7, 7, 8)), [1, 2], makes=type.quantized(0.1, 3), op_version=2)
        for type in (INT8, UINT8)
    ),
    *(
        case(kind, INT16.quantized(0.001)((2, 300, 3)), [1], makes=INT16.quantized(0.0013), op_version=2)
        for kind in ("MEAN", "REDUCE_PROD")
    ),
    *(case("REDUCE_PROD", type((3, 4, 8)), [0, 2], keep_dims=False, op_version=2) for type in ANY),
    *(case(kind, INT8.quantized(0.5)(()), [0, -1], makes=INT8.quantized(0.5)) for kind in ("MEAN", "REDUCE_MAX")),
    case("SUM", UINT8.quantized(0.1, 100)((5, 601)), [1], makes=UINT8.quantized(9, 100), op_version=2),
]
