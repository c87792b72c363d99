"""REDUCE_WINDOW."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import family, pairs, shapes
from case import BOOL, FLOAT, FLOAT64, INT8, INT16, INT32, INT64, UINT8, Case, Shape, Type, case, few, noise

TYPES = (FLOAT, FLOAT64, BOOL, INT8, UINT8, INT16, INT32, INT64)


@family(
    of=pairs(dict.fromkeys(("ADD", "MUL", "MINIMUM", "MAXIMUM", "ALL", "ANY"), TYPES)),
    shape=shapes(1, 5), plain=[True, False],
)  # fmt: skip
def reduce_window(pick: Random, of: tuple[str, Type], shape: Shape, plain: bool) -> Case:
    name, type = of
    most = 1 if plain else 2
    dilations = [pick.randint(1, most) for _ in shape]
    window = [pick.randint(1, min(3, (n - 1) // d + 1)) for n, d in zip(shape, dilations, strict=True)]
    strides = [pick.randint(1, most + 1) for _ in shape]
    whole = [INT64(np.array(numbers, np.int64)) for numbers in (window, strides, dilations)]
    values = few if name in ("ALL", "ANY") else noise
    return case("REDUCE_WINDOW", type(shape, values), type.constant((), values), *whole, reduce_function=name)
