"""SOFTMAX of 8-bit integers over the last axis, in fixed point, bit by bit as TFLite's reference kernel has it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .fixed_point import divided, high_product
from .program import Arg, Const, Limits, Lowered, Program, groups_for
from .quantized import EIGHT_BITS, RANGES, affine, multiplier
from .reduce import power_of_two

OPS = ("SOFTMAX",)
TYPES = EIGHT_BITS

INTEGER_BITS = 5  # of what exp takes: Q5.26
# gemmlowp's exp(-2 ** k) in Q0.31, for each k from -2 on.
POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch that reads each row three times; exp is a table, as two 8-bit values differ by at most 255."""
    source = values(graph, op, types=EIGHT_BITS)
    shape = graph.tensors[source].shape
    output = graph.tensors[result(graph, op, limits, shape, types=EIGHT_BITS)]
    if not shape:
        raise Refused("shape", [], "at least one axis")
    low, high = RANGES[output.type]
    made = affine(output)
    if output.type != graph.tensors[source].type or made.zero != low or abs(made.scale * 256 - 1) > 1e-3:
        raise Refused("quantization", f"{output.name!r} has {made}", f"the input's type, 1/256 and {low}")
    real = min(op.options.beta * affine(graph.tensors[source]).scale * 2.0 ** (31 - INTEGER_BITS), 2.0**31 - 1)
    if not real > 1:
        raise Refused("quantization", f"beta times the scale is {real / 2.0**26:.3g}", "more than 2 ** -26")
    units, rows = shape[-1], math.prod(shape[:-1])
    lanes = min(power_of_two(units // 4), 256, limits.invocations)
    local = (lanes, max(64 // lanes, 1), 1)
    constants = {
        "UNITS": units, "ROWS": rows, "LANES": lanes, "LANE_STEP": 1, "PARTIAL": "int", "LOW": low, "HIGH": high,
    }  # fmt: skip
    inputs = (Arg("source", source, "float"), Arg("exps", Const(lambda: exponentials(real), 1024), "int"))
    groups, shared = groups_for(rows, local[1], limits), 2 * 4 * local[0] * local[1]
    includes = ("reduce", "quantized", "reciprocal")
    return (
        Program("quantized_softmax", constants, inputs, output.index, groups, local, includes=includes, shared=shared),
    )


def exponentials(real: float) -> NDArray[np.int32]:
    """exp(-k * real / 2 ** 26) in Q0.31 for k from 0 to 255; 0 where -k is beyond what the kernel counts.

    gemmlowp's `exp_on_negative_values`, fixedpoint.h.
    """
    whole, shift = multiplier(real)
    radius = math.floor(((1 << INTEGER_BITS) - 1) * 2.0 ** (31 - INTEGER_BITS) / 2.0**shift)
    k = np.arange(256, dtype=np.int64)
    counted = k <= radius
    a = high_product(np.where(counted, -k, 0) << shift, whole)
    quarter = 1 << 24
    rest = (a & (quarter - 1)) - quarter
    found = near_zero(rest << INTEGER_BITS)
    for bit, power in enumerate(POWERS):
        found = np.where((rest - a) & (quarter << bit), high_product(found, power), found)
    found = np.where(a == 0, 2**31 - 1, found)
    return np.where(counted, found, 0).astype(np.int32)


def near_zero(a: NDArray[np.int64]) -> NDArray[np.int64]:
    """exp of [-1/4, 0) in Q0.31: a Taylor series around -1/8."""
    start = 1895147668  # exp(-1/8)
    x = a + (1 << 28)
    square = high_product(x, x)
    series = divided(
        high_product(divided(high_product(square, square), 2) + high_product(square, x), 715827883) + square, 1
    )
    return start + high_product(x + series, start)
