"""QUANTIZE and DEQUANTIZE of activations: between floats and integers, and from one way to be quantised to another.

Refuses INT16 with zero points but 0, scales along an axis of another length, scales that are not above 0.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op, Tensor
from .arguments import Refused, answering, result, values
from .program import Arg, Const, Elementwise, Limits, Lowered, Program, Stage, groups_for, in_bits, literal
from .quantized import EIGHT_BITS, RANGES, affine, rescaled
from .types import in_fours

# What QUANTIZE makes of what.
PAIRS = {
    "FLOAT32": frozenset({"INT8", "UINT8", "INT16"}),
    "INT8": frozenset({"INT8", "UINT8", "INT16"}),
    "UINT8": frozenset({"INT8", "UINT8", "INT16"}),
    "INT16": frozenset({"INT8", "INT16", "INT32"}),
    "INT32": frozenset({"INT8", "INT16"}),
}
OPS = ("DEQUANTIZE", "QUANTIZE")
TYPES = {"DEQUANTIZE": EIGHT_BITS | {"INT16", "FLOAT16"}, "QUANTIZE": frozenset(PAIRS)}
RESULTS = {"DEQUANTIZE": frozenset({"FLOAT32"}), "QUANTIZE": frozenset().union(*PAIRS.values())}


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One stage, or where each channel has a scale of its own one launch; the output has the input's shape."""
    source = graph.tensors[values(graph, op, types=TYPES[op.kind])]
    makes = PAIRS[source.type] if op.kind == "QUANTIZE" else RESULTS[op.kind]
    output = graph.tensors[result(graph, op, limits, source.shape, types=makes)]
    floating, whole = (output, source) if op.kind == "DEQUANTIZE" else (source, output)
    if source.type == "FLOAT16":
        return Elementwise(source.index, output.index, Stage("x"))
    if floating.type == "FLOAT32" and whole.quantization is not None and whole.quantization.scales.size > 1:
        return (by_channel(graph, op, whole, limits),)
    return Elementwise(source.index, output.index, stage(source, output))


def stage(source: Tensor, output: Tensor) -> Stage:
    """The op where there is one scale."""
    if output.type == "FLOAT32":
        q = affine(source)
        if source.type == "INT16" and q.zero:
            raise Refused("quantization", f"zero point {q.zero}", "0, as it is INT16")
        return Stage(f"MADE(x - ({q.zero})) * {in_bits(q.single)}")
    y = affine(output)
    low, high = map(literal, RANGES[output.type])
    if source.type == "FLOAT32":
        # By a power of 2 a product is as exact as a quotient, and shorter.
        power = math.frexp(y.scale)[0] == 0.5
        quotient = f"x * {in_bits(1 / y.scale)}" if power else f"divided(x, {in_bits(y.single)})"
        return Stage(f"nearest({quotient}, ({y.zero}), {low}, {high})", includes=("exact",))
    x = affine(source)
    if source.type == output.type == "INT16" and (x.zero or y.zero):
        raise Refused("quantization", f"zero points {x.zero} and {y.zero}", "0, as both are INT16")
    found = rescaled(f"x - ({x.zero})", x.scale / y.scale)
    return Stage(f"clamp({found} + ({y.zero}), {low}, {high})", includes=("quantized",))


def by_channel(graph: Graph, op: Op, whole: Tensor, limits: Limits) -> Program:
    """The launch that divides, or multiplies, by scales along an axis of the quantised tensor `whole`."""
    q, axis = whole.quantization, whole.quantization.axis if whole.quantization else 0
    if q is None or not 0 <= axis < len(whole.shape) or whole.shape[axis] != q.scales.size:
        raise Refused("quantization", f"{whole.name!r}", "a scale for each position of an axis")
    if not (np.isfinite(q.scales) & (q.scales > 0)).all() or q.zero_points.size not in (1, q.scales.size):
        raise Refused("quantization", f"{whole.name!r}", "scales above 0, and one zero point or as many")
    each = math.prod(whole.shape[axis + 1 :])

    def along(found: NDArray[np.generic]) -> Const:
        spread = np.repeat(np.broadcast_to(found, q.scales.shape), each)
        return Const(lambda: spread, spread.nbytes)

    period = q.scales.size * each
    scales = Stage("x * y", along(q.scales.astype(np.float32)), period)
    zeros = Stage("x - y", along(q.zero_points.astype(np.int32)), period, operand_type="int")
    low, high = RANGES[whole.type]
    stages: tuple[Stage, ...]
    if op.kind == "DEQUANTIZE":
        stages = (zeros, Stage("MADE(x)", makes="float"), scales)
    else:
        placed = replace(zeros, expression=f"nearest(x, y, {low}, {high})", makes="int")
        stages = (replace(scales, expression="divided(x, y)", includes=("exact",)), placed)
    source, output = (graph.tensors[t] for t in (op.inputs[0], op.outputs[0]))
    value, count = "float", output.size
    if in_fours((source.type, output.type), count):
        value, count = "vec4", count // 4
    inputs, groups = (Arg("source", source.index, value),), groups_for(count, 64, limits)
    return Program(
        "elementwise", {}, inputs, output.index, groups, value=value, stages=stages, type=source.type, exact=True
    )
