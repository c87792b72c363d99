"""Ops of one 8-bit operand: tables of what TFLite's reference kernels make of each of the 256 values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Const, Elementwise, Limits, Lowered, Stage
from .quantized import EIGHT_BITS, RANGES, Affine, affine, multiplied, multiplier, rounded

Values = NDArray[np.int64]
Table = Callable[[Op, Values, Affine, Affine], Values]


def clipped(low: float, high: float) -> Table:
    """RELU and its kin, whose two scales are divided in float (`QuantizedReluX` in activations.cc)."""

    def table(op: Op, x: Values, source: Affine, made: Affine) -> Values:
        real = float(source.single / made.single)
        found = np.array([multiplied(int(v), real) for v in x - source.zero]) + made.zero
        first, last = (
            made.zero + rounded(float(np.float32(end) / made.single)) if math.isfinite(end) else 1 << 16
            for end in (low, high)
        )
        within: Values = np.clip(found, first, last)
        return within

    return table


def leaky(op: Op, x: Values, source: Affine, made: Affine) -> Values:
    """LEAKY_RELU: one factor for what is negative, another for the rest."""
    factors = float(source.single / made.single), float(source.single * np.float32(op.options.alpha) / made.single)
    if factors[1] < 0:
        raise Refused("alpha", op.options.alpha, "0 or more")
    return np.array([multiplied(int(v), factors[bool(v < 0)]) for v in x - source.zero]) + made.zero


def of_floats(function: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Table:
    """A function of floats, rounded to float where C's is (TFLite's `LUTPopulate`)."""

    def table(op: Op, x: Values, source: Affine, made: Affine) -> Values:
        real = source.single * (x - source.zero).astype(np.float32)
        with np.errstate(over="ignore"):
            values = function(real.astype(np.float64)).astype(np.float32)
            scaled = values * (np.float32(1) / made.single)
        away = np.trunc(scaled.astype(np.float64) + np.copysign(0.5, scaled))
        whole: Values = np.clip(away, -(2.0**24), 2.0**24).astype(np.int64)
        return whole + made.zero

    return table


def logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)), each step rounded to float."""
    exps = np.exp(-x).astype(np.float32)
    found: NDArray[np.float32] = np.float32(1) / (np.float32(1) + exps)
    return found.astype(np.float64)


def hard_swish(op: Op, x: Values, source: Affine, made: Affine) -> Values:
    """HARD_SWISH in 16 bits (tensorflow/lite/kernels/internal/reference/hard_swish.h)."""
    fine = np.float32(1 / 128) * source.single
    (out, out_shift), (relu, relu_shift) = (
        (min((whole + (1 << 15)) >> 16, 32767), shift)
        for whole, shift in (multiplier(float(fine / by)) for by in (made.single, np.float32(3 / 32768)))
    )
    if out_shift > 0:
        raise Refused("quantization", f"scales of {source.scale} to {made.scale}", "at most 128 times as much")
    high = (x - source.zero) << 7
    reluish = saturated(high << max(relu_shift - 1, 0)) if relu_shift > 0 else high
    reluish = (reluish * relu + (1 << 14)) >> 15
    reluish = saturated(reluish << 1) if relu_shift > 0 else divided(reluish, -relu_shift)
    reluish = (reluish + (1 << 15)) >> 1
    product = reluish * ((high * out + (1 << 14)) >> 15)
    return divided(np.sign(product) * (np.abs(product) >> 15), -out_shift) + made.zero


def saturated(x: Values) -> Values:
    """Within 16 bits."""
    return np.clip(x, -32768, 32767)


def divided(x: Values, e: int) -> Values:
    """x / 2 ** e to the nearest integer, halves away from 0."""
    found: Values = np.sign(x) * ((np.abs(x) + (1 << e >> 1)) >> e)
    return found


TABLES: Mapping[str, Table] = {
    "ELU": of_floats(lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x)),
    "HARD_SWISH": hard_swish,
    "LEAKY_RELU": leaky,
    "LOGISTIC": of_floats(logistic),
    "RELU": clipped(0, math.inf),
    "RELU6": clipped(0, 6),
    "RELU_0_TO_1": clipped(0, 1),
    "RELU_N1_TO_1": clipped(-1, 1),
    "TANH": of_floats(np.tanh),
}
OPS = tuple(TABLES)
TYPES = EIGHT_BITS


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One stage; the output has the input's shape."""
    source = graph.tensors[values(graph, op, types=TYPES)]
    output = graph.tensors[result(graph, op, limits, source.shape, types={source.type})]
    low, high = RANGES[source.type]
    found = TABLES[op.kind](op, np.arange(low, high + 1), affine(source), affine(output))
    table = np.clip(found, low, high).astype(np.int32)
    stage = Stage("y", Const(lambda: table, table.nbytes), lookup=low, operand_type="int")
    return Elementwise(source.index, output.index, stage)
