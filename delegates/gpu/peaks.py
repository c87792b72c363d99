"""How far from 0 the values of a graph can be, as far as ops bound them: enough to know that they fit into half."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from ...graph.model import Graph, Op
from .reals import steps_of

MOST = 65504.0  # half's largest number
LEAST = 2.0**-14  # its smallest that has all its bits

ACTIVATIONS = {"RELU6": 6.0, "RELU_N1_TO_1": 1.0, "TANH": 1.0}
# What ops make, whatever they are given.
BOUNDED = {
    "COS": 1.0, "L2_NORMALIZATION": 1.0, "LOGISTIC": 1.0, "RELU6": 6.0, "RELU_0_TO_1": 1.0, "RELU_N1_TO_1": 1.0,
    "SIGN": 1.0, "SIN": 1.0, "SOFTMAX": 1.0, "TANH": 1.0,
}  # fmt: skip
# Ops that make nothing further from 0 than the furthest of what they are given, or 0.
WITHIN = frozenset({
    "ABS", "AVERAGE_POOL_2D", "BATCH_TO_SPACE_ND", "BROADCAST_TO", "CONCATENATION", "DEPTH_TO_SPACE", "EXPAND_DIMS",
    "GATHER", "GATHER_ND", "GELU", "HARD_SWISH", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MIRROR_PAD", "NEG",
    "PACK", "PAD", "PADV2", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RESHAPE", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "SELECT", "SELECT_V2", "SLICE", "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH",
    "SPLIT", "SPLIT_V", "SQUEEZE", "STRIDED_SLICE", "TILE", "TOPK_V2", "TRANSPOSE", "UNPACK",
})  # fmt: skip
# The axis of the output's channels in weights.
WEIGHTS = {"CONV_2D": 0, "CONV_3D": 4, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}

Known = Mapping[int, float]


def peaks(graph: Graph, halved: Collection[int]) -> dict[int, float]:
    """Tensor -> a number that no value of it is further from 0 than; what is not here may be anything.

    An input that is held in half is looked at on its way there, and has no more than MOST. Not so what ops make: it
    may be fused into what comes next, and never be stored.
    """
    found: dict[int, float] = {t: MOST for t in graph.inputs if t in halved}
    for op in graph.ops:
        peak = _peak(graph, op, found)
        for t in op.outputs:
            steps = steps_of(graph.tensors[t])
            known = max(map(abs, steps.bounds())) * float(steps.scale) if steps is not None else peak
            if math.isfinite(known):
                found[t] = known
    return found


def _peak(graph: Graph, op: Op, found: Known) -> float:
    activation = ACTIVATIONS.get(str(op.options.get("fused_activation_function", "NONE")), math.inf)
    return min(activation, BOUNDED.get(op.kind, math.inf), _of_operands(graph, op, found))


def _of_operands(graph: Graph, op: Op, found: Known) -> float:
    given = [_given(graph, t, found) for t in op.inputs if t >= 0 and graph.tensors[t].type == "FLOAT32"]
    if op.kind in WITHIN:
        return max(given, default=math.inf)
    if op.kind in ("ADD", "ADD_N", "SUB"):
        return sum(given)
    if op.kind == "MUL":
        return math.prod(given)
    if op.kind == "SQUARE":
        return given[0] ** 2
    weights = graph.constant(op.inputs[1]) if op.kind in WEIGHTS else None
    if weights is None or weights.dtype != np.float32 or not weights.size:
        return math.inf
    others = tuple(axis for axis in range(weights.ndim) if axis != WEIGHTS[op.kind])
    sums = np.abs(weights.astype(np.float64)).sum(others).max()
    return float(given[0] * sums + sum(given[2:]))


def _given(graph: Graph, t: int, found: Known) -> float:
    value = graph.constant(t)
    if not graph.tensors[t].size:
        return math.inf  # the least of nothing is the largest number
    if value is None:
        return found.get(t, math.inf)
    return float(np.abs(value).max(initial=0))
