"""SOFTMAX and LOG_SOFTMAX of quantised integers over the last axis, bit by bit as the reference kernels have them.

Refuses results of other scales and zero points than the reference's (1/256 at the least value, 1/32768 of INT16,
16/256 of LOG_SOFTMAX), a beta that nearly vanishes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op, Tensor
from .arguments import Refused, answering, result, values
from .fixed_point import Whole, divided, high_product
from .program import Arg, Const, Limits, Lowered, Program
from .quantized import EIGHT_BITS, RANGES, Affine, affine, multiplier
from .softmax import over_rows
from .tables import points
from .types import QUANTIZED

TYPES = {"LOG_SOFTMAX": EIGHT_BITS, "SOFTMAX": QUANTIZED}
OPS = tuple(TYPES)
RESULTS = {"LOG_SOFTMAX": EIGHT_BITS, "SOFTMAX": QUANTIZED}
WIDER: Mapping[str, tuple[str, ...]] = {"LOG_SOFTMAX": (), "SOFTMAX": ("INT16",)}  # results beside the operand's type

INTEGER_BITS = 5  # of what exp takes: Q5.26
LARGEST = 2.0**31 - 1
# gemmlowp's exp(-2 ** k) in Q0.31, for each k from -2 on.
POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
STEPS = (1 << 16) - 1  # between the ends of 16 bits
HALVES = (-(1 << 15) * (2.0 / STEPS), ((1 << 15) - 1) * (2.0 / STEPS))  # the ends of 16 bits, in Q0.15
TENTH = 10.0 / STEPS  # of 16 bits, where they are from -10 to 0


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch that reads each row three times; of 8 bits exp is a table, as two values differ by at most 255."""
    source = graph.tensors[values(graph, op, types=TYPES[op.kind])]
    output = graph.tensors[result(graph, op, limits, source.shape, types={source.type, *WIDER[op.kind]})]
    x, y = affine(source), affine(output)
    low, high = RANGES[output.type]
    constants: dict[str, Any] = {"PARTIAL": "int", "LOW": low, "HIGH": high}
    if source.type == "INT16":
        if output.type != "INT16" or y.zero:
            raise Refused("quantization", f"{output.name!r} is {output.type} with zero point {y.zero}", "INT16 with 0")
        whole, shift = multiplier(x.scale * op.options.beta / TENTH)
        constants |= {"MULTIPLIER": whole, "SHIFT": shift}
        inputs: tuple[Arg, ...] = (table("exps", 513, exponential_points), table("inverses", 513, inverse_points))
        return (rows(graph, "quantized_softmax16", constants, source, output, limits, inputs),)
    beta = op.options.beta if op.kind == "SOFTMAX" else 1.0
    real = min(beta * x.scale * 2.0 ** (31 - INTEGER_BITS), LARGEST)
    if not real > 1:
        raise Refused("quantization", f"beta times the scale is {real / 2.0**26:.3g}", "more than 2 ** -26")
    inputs = (table("exps", 256, partial(exponentials, real)),)
    if op.kind == "SOFTMAX":
        check(output, y, 2.0 ** -(8 if output.type != "INT16" else 16), low)
        constants["BITS"] = 8 if output.type != "INT16" else 16
        return (rows(graph, "quantized_softmax", constants, source, output, limits, inputs),)
    check(output, y, 1 / 16, high)
    whole, shift = multiplier(real)
    back, down = multiplier(2.0 ** (31 - shift) / whole)
    constants |= {"MULTIPLIER": whole, "SHIFT": shift, "LEAST": -radius(shift), "BACK": back, "BACK_SHIFT": down}
    return (rows(graph, "quantized_log_softmax", constants, source, output, limits, inputs),)


def check(output: Tensor, made: Affine, scale: float, zero: int) -> None:
    """Refuse a result that is not quantised as the reference kernels want it."""
    if made.zero != zero or abs(made.scale / scale - 1) > 1e-3:
        raise Refused("quantization", f"{output.name!r} has {made}", f"{scale} and {zero}")


def rows(
    graph: Graph, body: str, constants: dict[str, Any], source: Tensor, output: Tensor, limits: Limits,
    tables: tuple[Arg, ...],
) -> Program:  # fmt: skip
    """The launch of lanes that share rows, with tables beside the source."""
    includes = ("quantized", "reciprocal", "exponentials")
    return over_rows(
        graph, body, constants, source.index, output.index, limits, 2, tables=tables, includes=includes, fours=False
    )


def table(name: str, size: int, pack: Callable[[], NDArray[np.int32]]) -> Arg:
    """A table of integers as an argument."""
    return Arg(name, Const(pack, 4 * size), "int")


def radius(shift: int) -> int:
    """By how much a value may be less than the largest of its row for its exponential to count."""
    return math.floor(((1 << INTEGER_BITS) - 1) * 2.0 ** (31 - INTEGER_BITS) / 2.0**shift)


def exponentials(real: float) -> NDArray[np.int32]:
    """exp(-k * real / 2 ** 26) in Q0.31 for k from 0 to 255; 0 where -k is beyond what the kernel counts.

    gemmlowp's `exp_on_negative_values`, fixedpoint.h.
    """
    whole, shift = multiplier(real)
    k = np.arange(256, dtype=np.int64)
    counted = k <= radius(shift)
    a = high_product(np.where(counted, -k, 0) << shift, whole)
    quarter = 1 << 24
    rest = (a & (quarter - 1)) - quarter
    found = near_zero(rest << INTEGER_BITS)
    for bit, power in enumerate(POWERS):
        found = np.where((rest - a) & (quarter << bit), high_product(found, power), found)
    found = np.where(a == 0, 2**31 - 1, found)
    return np.where(counted, found, 0).astype(np.int32)


def near_zero(a: Whole) -> Whole:
    """exp of [-1/4, 0) in Q0.31: a Taylor series around -1/8."""
    start = 1895147668  # exp(-1/8)
    x = a + (1 << 28)
    square = high_product(x, x)
    series = divided(
        high_product(divided(high_product(square, square), 2) + high_product(square, x), 715827883) + square, 1
    )
    return start + high_product(x + series, start)


def exponential_points() -> NDArray[np.int32]:
    """exp at 513 points of 16 bits that stand for -10 to 0, in Q0.15."""
    return points(np.exp, (-STEPS * TENTH, 0.0), HALVES, np.float64).astype(np.int32)


def inverse_points() -> NDArray[np.int32]:
    """1 / (1 + x) at 513 points of 16 bits that stand for 0 to 1, in Q0.15."""
    return points(lambda x: 1.0 / (1.0 + x), (0.0, STEPS * (1.0 / STEPS)), HALVES, np.float64).astype(np.int32)
