"""LSTM, the basic kernel, its states kept by itself or handed over, run after run."""

from __future__ import annotations

import math
from random import Random

from axes import Axis, family
from axes import st as strategies
from case import FLOAT, INT16, INT32, UINT8, Case, between, case, scaled

SIZES = Axis(  # batches, inputs, units
    [(2, 3, 5), (1, 1, 1), (3, 8, 4), (1, 17, 40)], strategies.tuples(*(strategies.integers(1, 9) for _ in range(3)))
)


@family(type=[FLOAT, UINT8], kept=[False, True], size=SIZES, spread=[0.3, 1.0, 40.0])
def lstm_basic(pick: Random, type: object, kept: bool, size: tuple[int, int, int], spread: float) -> Case:
    n, x, h = size
    depth = x + h
    if type is FLOAT:
        source = activation = weights = bias = state = FLOAT
        matrix = weights.constant((4 * h, depth), scaled(spread / math.sqrt(depth)))
        added = bias.constant((4 * h,))
    else:
        source = activation = UINT8.quantized(1 / 128, 128)
        state, scale = INT16.quantized(2.0**-11), spread / (50 * math.sqrt(depth))
        matrix = UINT8.quantized(scale, pick.randint(90, 160)).constant((4 * h, depth))
        added = INT32.quantized(scale / 128).constant((4 * h,), between(-9000, 9000))
    role = "variable" if kept else "__call__"
    return case(
        "LSTM", source((n, x)), getattr(activation, role)((n, h)), matrix, added, getattr(state, role)((n, h)),
        makes=(activation, state, activation, state if type is FLOAT else INT16.quantized(2.0**-12)),
        outputs=[(n, h), (n, h), (n, depth), (n, 4 * h)], runs=3, kernel_type="BASIC",
        fused_activation_function="TANH", tolerance=1e-5 if type is FLOAT else 0.0,
    )  # fmt: skip
