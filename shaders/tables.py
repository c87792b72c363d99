"""What TFLite's reference kernels make of each value that a quantised operand of one op may have: tables of it.

A `Table` takes the op, the values (all 256, or 65,536), and how the operand and the result are quantised. What it gives
may leave the result's type, whose ends it then stands for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Op
from .arguments import Refused
from .fixed_point import Whole, divided, inverse_square_root, saturated, scaled
from .quantized import Affine, multiplied, multiplier, rounded

Singles = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]
Function = Callable[[Any], Any]  # of an array of floats, of the same type
Making = Callable[[Op, Singles], Function]  # of an op, and the least and the largest value of its result
Table = Callable[[Op, Whole, Affine, Affine], Whole]

SINGLE = np.float32
ENDS = np.array([-(1 << 15), (1 << 15) - 1])


def clipped(low: float, high: float) -> Table:
    """RELU and its kin, whose two scales are divided in float (`QuantizedReluX` in activations.cc)."""

    def table(op: Op, x: Whole, source: Affine, made: Affine) -> Whole:
        found = multiplied(x - source.zero, float(source.single / made.single)) + made.zero
        first, last = (
            made.zero + rounded(float(SINGLE(end) / made.single)) if math.isfinite(end) else 1 << 16
            for end in (low, high)
        )
        return np.clip(found, first, last)

    return table


def leaky(op: Op, x: Whole, source: Affine, made: Affine) -> Whole:
    """LEAKY_RELU: one factor for what is negative, another for the rest."""
    above, below = source.single / made.single, source.single * SINGLE(op.options.alpha) / made.single
    x = x - source.zero
    negative = multiplied(x, abs(float(below)))
    return np.where(x < 0, -negative if below < 0 else negative, multiplied(x, float(above))) + made.zero


def absolute(op: Op, x: Whole, source: Affine, made: Affine) -> Whole:
    """ABS."""
    return multiplied(np.abs(x - source.zero), float(source.single / made.single)) + made.zero


def square_root(op: Op, x: Whole, source: Affine, made: Affine) -> Whole:
    """SQRT, rounded down (`SqrtEvalQuantized` in elementwise.cc); of what is negative, which fails, 0."""
    roots = np.sqrt(np.maximum(reals(x, source), 0)) / made.single
    return np.minimum(np.trunc(roots), 1 << 24).astype(np.int64) + made.zero


def inverse_root(op: Op, x: Whole, source: Affine, made: Affine) -> Whole:
    """RSQRT of 8 bits, in fixed point (`RsqrtEvalQuantizedInt8` in elementwise.cc); of 0 it is beyond all values."""
    whole, shift = multiplier(1.0 / float(np.sqrt(source.single) * made.single))
    up = 20

    def one(n: int) -> int:
        if n <= 0:
            return 1 << 24
        factor, down = inverse_square_root(n)
        root = scaled(np.array([1]), factor, down + up)
        return int(scaled(root, whole, shift - up)[0]) + made.zero

    return np.array([one(int(n)) for n in x - source.zero], np.int64)


def hard_swish(op: Op, x: Whole, source: Affine, made: Affine) -> Whole:
    """HARD_SWISH in 16 bits (tensorflow/lite/kernels/internal/reference/hard_swish.h)."""
    fine = SINGLE(1 / 128) * source.single
    (out, out_shift), (relu, relu_shift) = (
        (min((whole + (1 << 15)) >> 16, 32767), shift)
        for whole, shift in (multiplier(float(fine / by)) for by in (made.single, SINGLE(3 / 32768)))
    )
    if out_shift > 0:
        raise Refused("quantization", f"scales of {source.scale} to {made.scale}", "at most 128 times as much")
    high = (x - source.zero) << 7
    reluish = saturated(high << max(relu_shift - 1, 0), 16) if relu_shift > 0 else high
    reluish = (reluish * relu + (1 << 14)) >> 15
    reluish = saturated(reluish << 1, 16) if relu_shift > 0 else divided(reluish, -relu_shift)
    reluish = (reluish + (1 << 15)) >> 1
    product = reluish * ((high * out + (1 << 14)) >> 15)
    return divided(np.sign(product) * (np.abs(product) >> 15), -out_shift) + made.zero


def reals(x: Whole, q: Affine) -> Singles:
    """What quantised values stand for, in float."""
    found: Singles = q.single * (x - q.zero).astype(SINGLE)
    return found


def nearest(x: Singles) -> Whole:
    """To the nearest integer, halves away from 0; what is beyond 24 bits stays there."""
    away = np.trunc(x.astype(np.float64) + np.copysign(0.5, x))
    return np.clip(away, -(2.0**24), 2.0**24).astype(np.int64)


def eight(making: Making) -> Table:
    """A function of floats for each of 256 values (`LUTPopulate` in tensorflow/lite/kernels/internal/common.h)."""

    def table(op: Op, x: Whole, source: Affine, made: Affine) -> Whole:
        function = making(op, reals(np.array([-128, 127]), made))
        with np.errstate(all="ignore"):
            return nearest(function(reals(x, source)) * (SINGLE(1) / made.single)) + made.zero

    return table


def sixteen(making: Making) -> Table:
    """A function of floats at 513 values of 16 bits, and lines between them (`LUTLookup`)."""

    def table(op: Op, x: Whole, source: Affine, made: Affine) -> Whole:
        function = making(op, reals(ENDS, made))
        with np.errstate(all="ignore"):
            return between(points(function, reals(ENDS, source), reals(ENDS, made), SINGLE), x)

    return table


def points(function: Function, source: Iterable[Any], made: Iterable[Any], kind: type[np.floating[Any]]) -> Whole:
    """The values at 513 points of 16 bits, 128 apart: each moved by half of what a line between them is off midway.

    `source` and `made` are what the least and the largest of 16 bits stand for; `kind` is the type of all floats.
    """
    (first, last), (low, high) = ([kind(end) for end in ends] for ends in (source, made))
    step, inverse = (last - first) / kind(512), kind(65536) / (high - low)
    at = first + np.arange(512, dtype=kind) * step
    there = first + np.arange(1, 513, dtype=kind) * step
    here, midway, there = (function(x) * inverse for x in (at, at + step / kind(2), there))
    sample = away(here)
    bias = away((away((there + sample) / kind(2)) - away(midway)) / kind(2))
    found = np.append(sample - bias, away(function(np.array([last], kind)) * inverse))
    found = np.where(np.isnan(found), 0, found)  # which the last 16 bits of what C makes of it are
    whole: Whole = np.clip(found, -(1 << 15), (1 << 15) - 1).astype(np.int64)
    return whole


def away(x: Floats) -> Floats:
    """To the nearest integer, halves away from 0, in the same type."""
    found: Floats = (np.sign(x) * np.floor(np.abs(x.astype(np.float64)) + 0.5)).astype(x.dtype)
    return found


def between(values: Whole, x: Whole) -> Whole:
    """On the lines between 513 points (`LUTLookup` in common.h)."""
    k, part = 256 + (x >> 7), x & 127
    found: Whole = values[k] + (((values[k + 1] - values[k]) * part + 64) >> 7)
    return found


def plain(function: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Making:
    """A function of doubles, rounded to float."""
    return lambda op, ends: lambda x: function(x.astype(np.float64)).astype(SINGLE)


def logistic(op: Op, ends: Singles) -> Function:
    """1 / (1 + exp(-x)), each step rounded to float."""
    return lambda x: SINGLE(1) / (SINGLE(1) + np.exp(-x.astype(np.float64)).astype(SINGLE))


def log(op: Op, ends: Singles) -> Function:
    """LOG; the least value where there is none."""
    return lambda x: np.where(x > 0, np.log(x.astype(np.float64)).astype(SINGLE), ends[0])


def inverse(op: Op, ends: Singles) -> Function:
    """RSQRT; the largest value where there is none."""
    return lambda x: np.where(x > 0, SINGLE(1) / np.sqrt(x), ends[1])


def gelu(op: Op, ends: Singles) -> Function:
    """GELU (tensorflow/lite/kernels/internal/reference/gelu.h), each step rounded to float."""
    half = SINGLE(0.5)
    if op.options.approximate:
        root, cubic, tanh = SINGLE(math.sqrt(2 / math.pi)), SINGLE(0.044715), plain(np.tanh)(op, ends)
        return lambda x: half * x * (SINGLE(1) + tanh(root * (x + cubic * x * x * x)))
    erfc = plain(np.vectorize(math.erfc, otypes=[np.float64]))(op, ends)
    return lambda x: half * x * erfc(x * SINGLE(-math.sqrt(0.5)))


def sigmoid_points() -> Whole:
    """sigmoid(k / 24) in Q0.16 for k from 0 to 255 (`sigmoid_table_uint16`), moved as those of `points` are."""
    here, midway, there = (65536 / (1 + np.exp(-(np.arange(256) + part) / 24)) for part in (0, 0.5, 1))
    found = np.round(here + (midway - (here + there) / 2) / 2).astype(np.int64)
    found[-1] = 65535
    return found


def sigmoid(tanh: bool) -> Table:
    """LOGISTIC and TANH of 16 bits, by the same points (integer_ops/logistic.h and tanh.h)."""

    def table(op: Op, x: Whole, source: Affine, made: Affine) -> Whole:
        if source.zero or made.zero or made.scale != 2.0**-15:
            raise Refused("quantization", f"{source} to {made}", "zero points of 0, and a result of scale 2 ** -15")
        x = sigmoid_argument(x, source, tanh)
        size, bits = np.abs(x), 8 if tanh else 9
        values, k = sigmoid_points(), size >> bits
        inside, part = np.minimum(k, 254), size & (1 << bits) - 1
        line = (values[inside] << bits) + part * (values[inside + 1] - values[inside])
        line = np.where(k >= 255, 0xFFFF << 8 if tanh else 0x7FFF << 10, line)
        middle, half = 1 << 23, 1 << (7 if tanh else 9)
        if tanh:
            return np.where(x >= 0, line - middle + half, -line + middle + half - 1) >> 8
        return np.where(x >= 0, line + half, (1 << 25) - line + half - 1) >> 10

    return table


def sigmoid_argument(x: Whole, source: Affine, tanh: bool) -> Whole:
    """The operand as the points count it: 3/4 of it in Q3.12, where the scale is a power of 2 by a mere shift."""
    power = round(math.log2(source.scale))
    if abs(math.log2(source.scale) - power) < 1e-3 and 12 + power in ((0, 1) if tanh else (0,)):
        return x * (3 << 12 + power)
    factor, shift = source.scale * 4096.0 * 3.0, 0
    while factor <= 32767.0 / 2.0 and shift <= 30:
        factor, shift = factor * 2.0, shift + 1
    return (x * int(factor) + (1 << shift >> 1)) >> shift


_RESCALED: Mapping[str, Table] = {
    "ABS": absolute,
    "LEAKY_RELU": leaky,
    "RELU": clipped(0, math.inf),
    "RELU6": clipped(0, 6),
    "SQRT": square_root,
}
_EIGHT: Mapping[str, Table] = {
    **_RESCALED,
    "ELU": eight(plain(lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x))),
    "EXP": eight(plain(np.exp)),
    "GELU": eight(gelu),
    "HARD_SWISH": hard_swish,
    "LOG": eight(log),
    "LOGISTIC": eight(logistic),
    "RELU_0_TO_1": clipped(0, 1),
    "RELU_N1_TO_1": clipped(-1, 1),
    "RSQRT": inverse_root,
    "TANH": eight(plain(np.tanh)),
}
_SIGNED = ("ABS", "EXP", "LOG", "RSQRT", "SQRT")
TABLES: Mapping[str, Mapping[str, Table]] = {
    "INT8": _EIGHT,
    "UINT8": {kind: table for kind, table in _EIGHT.items() if kind not in _SIGNED},
    "INT16": {
        **_RESCALED,
        "EXP": sixteen(plain(np.exp)),
        "GELU": sixteen(gelu),
        "LOG": sixteen(log),
        "LOGISTIC": sigmoid(tanh=False),
        "RSQRT": sixteen(inverse),
        "TANH": sigmoid(tanh=True),
    },
}
