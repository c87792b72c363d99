"""Fixed-point arithmetic on the host, as gemmlowp's fixedpoint.h defines it, on arrays of int64 that hold 32 bits.

A number in Qn.m is an integer that stands for itself / 2 ** m.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]


def wrapped(x: Whole) -> Whole:
    """The lowest 32 bits as a signed number."""
    found: Whole = ((x + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
    return found


def saturated(x: Whole, bits: int = 32) -> Whole:
    """Within what so many bits hold."""
    return np.clip(x, -(1 << bits - 1), (1 << bits - 1) - 1)


def high_product(x: Whole, m: Whole | int) -> Whole:
    """x * m / 2 ** 31 to the nearest integer, halves up."""
    return (x * m + (1 << 30)) >> 31


def divided(x: Whole, e: int) -> Whole:
    """x / 2 ** e to the nearest integer, halves away from 0."""
    found: Whole = np.sign(x) * ((np.abs(x) + (1 << e >> 1)) >> e)
    return found


def scaled(x: Whole, whole: int, shift: int) -> Whole:
    """x * whole * 2 ** (shift - 31), rounded twice, as in lib/quantized.glsl; 32 bits wrap around."""
    return divided(high_product(wrapped(x << max(shift, 0)), whole), max(-shift, 0))


def inverse_square_root(n: int) -> tuple[int, int]:
    """(whole, shift) so that 1 / sqrt(n) is whole * 2 ** (shift - 31), for n > 0, by Newton's method in Q3.28.

    `GetInvSqrtQuantizedMultiplierExp` in tensorflow/lite/kernels/internal/common.h.
    """
    if n == 1:
        return (1 << 31) - 1, 0
    pairs = (31 - n.bit_length()) // 2 - 1
    half_input = divided(np.array([(n << 2 * pairs) >> 1]), 1)
    x = np.array([1 << 28])
    for _ in range(5):
        cube = saturated(high_product(high_product(x, x), x) << 6)
        x = saturated((high_product(x, 3 << 27) - high_product(half_input, cube)) << 3)
    whole, shift = int(high_product(x, 1518500250)[0]), 11 - pairs  # sqrt(1/2)
    return (whole << -shift, 0) if shift < 0 else (whole, -shift)
