"""QUANTIZE between quantised types, and DEQUANTIZE."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import family, shapes
from case import FLOAT, INT8, UINT8, Case, Shape, Type, case

EIGHT = [INT8, UINT8]


@family(type=EIGHT, made=EIGHT, seed=range(4))
def requantize(pick: Random, type: Type, made: Type, seed: int) -> Case:
    """Every value."""
    source = type.affine(pick, -3, -0.5)
    assert isinstance(source.quantization, tuple)
    scale = np.log10(source.quantization[0] * pick.uniform(0.5, 2))
    info = np.iinfo(type.dtype)
    values = np.arange(info.min, info.max + 1)
    return case("QUANTIZE", source((4, 8, 8), values), makes=made.affine(pick, scale, scale), op_version=2)


@family(type=EIGHT, shape=shapes(1))
def dequantize(pick: Random, type: Type, shape: Shape) -> Case:
    return case("DEQUANTIZE", type.affine(pick)(shape), makes=FLOAT, op_version=2, tolerance=0)
