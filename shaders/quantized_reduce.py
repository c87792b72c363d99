"""MEAN, SUM and REDUCE_PROD of quantised integers, bit by bit as TFLite has them.

Refuses axes that are computed, INT16 with zero points but 0, a tensor without a scale.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .quantized import RANGES, affine, multiplier, short_multipliers
from .reduce import places, reduced, reduction, runs_of
from .types import QUANTIZED, glsl

TYPES = {"MEAN": QUANTIZED, "REDUCE_PROD": frozenset({"INT8", "INT16"}), "SUM": QUANTIZED}
OPS = tuple(TYPES)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; no axes rescale the values."""
    source = graph.tensors[values(graph, op, types=TYPES[op.kind])]
    shape = source.shape
    axes, made = reduced(graph, op, shape)
    output = graph.tensors[result(graph, op, limits, made, types={source.type})]
    x, y, count = affine(source), affine(output), math.prod(shape[d] for d in axes)
    if source.type == "INT16" and (x.zero or y.zero):
        raise Refused("quantization", f"zero points {x.zero} and {y.zero}", "0, as they are INT16")
    low, high = RANGES[output.type]
    constants: dict[str, Any] = {"OUT_ZERO": y.zero, "LOW": low, "HIGH": high}
    if op.kind == "REDUCE_PROD":
        runs = runs_of(shape, axes)
        (whole,), (down,) = short_multipliers(np.array([x.scale / y.scale ** (1 / count)]))
        constants |= {**places(runs), "COUNT": count, "IN_ZERO": x.zero, "MULTIPLIER": int(whole), "DOWN": int(down)}
        groups, inputs = groups_for(output.size, 64, limits), (Arg("source", source.index),)
        return (Program("quantized_product", constants, inputs, output.index, groups, includes=("int64",)),)
    whole, shift = multiplier(x.scale / y.scale)
    if op.kind == "MEAN":
        down = min(count.bit_length() - 1, 32, 31 + shift)
        whole, shift = (whole << down) // count, shift - down
    program = reduction("SUM", source.index, shape, axes, output.index, limits)
    constants |= {
        **program.constants, "PARTIAL": glsl(source.type, program.constants["PARTIAL"]), "OFFSET": x.zero * count,
        "MULTIPLIER": whole, "SHIFT": shift,
    }  # fmt: skip
    return (replace(program, body="quantized_reduce", constants=constants, includes=("reduce", "quantized")),)
