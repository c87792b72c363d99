"""What ops make where all that they could read has no elements: what they begin with, in every place.

Refuses a shape or an axis that is computed, more than one value to pad with.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..graph.model import NUMPY_TYPES, Graph, Op
from .arguments import Shape, affine, answering, axis_in, integer, integers, pairs, result
from .pad import around
from .program import Arg, Limits, Lowered, Program, groups_for
from .segment import TYPES as JOINED
from .strided_copy import View, moved
from .types import FLOAT, INDICES, QUANTIZED, glsl, like, stored

PADS = ("PAD", "PADV2")
REDUCTIONS = ("MEAN", "REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM")
SEGMENTS = tuple(kind for kind in JOINED if kind not in ("SCATTER_ND", "SEGMENT_SUM"))
OPS = (*PADS, *REDUCTIONS, *SEGMENTS, "SCATTER_ND")

NUMBERS = FLOAT | INDICES
TYPES = {
    **dict.fromkeys(PADS, NUMBERS | QUANTIZED),
    **dict.fromkeys(("MEAN", "SUM"), NUMBERS),
    **dict.fromkeys(("REDUCE_MAX", "REDUCE_MIN"), NUMBERS | QUANTIZED | {"BOOL"}),
    **dict.fromkeys(("REDUCE_ALL", "REDUCE_ANY"), frozenset({"BOOL"})),
    "REDUCE_PROD": NUMBERS | {"BOOL"},
    **{kind: JOINED[kind] | {"INT32"} for kind in (*SEGMENTS, "SCATTER_ND")},
}
EMPTY = (True,)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch that copies a constant, or the value to pad with."""
    kind = graph.tensors[op.outputs[0]].type
    output = result(graph, op, limits, made(graph, op), types=TYPES[op.kind])
    if op.kind == "PADV2":
        return moved(graph, limits, View.filled(around(graph, op), graph.tensors[output].shape), output)
    tensor = graph.tensors[output]
    constant = partial(np.full, tensor.shape, stored(np.array(first(graph, op), NUMPY_TYPES[kind])))
    source = Arg("source", like(tensor, constant), glsl(kind))
    return (Program("elementwise", {}, (source,), output, groups_for(tensor.size, 64, limits)),)


def made(graph: Graph, op: Op) -> Shape:
    """The output's shape."""
    shape = graph.tensors[op.inputs[0]].shape
    if op.kind in PADS:
        around = pairs(graph, op, 1, len(shape))
        return tuple(before + n + after for n, (before, after) in zip(shape, around, strict=True))
    if op.kind in REDUCTIONS:
        axes = {axis_in(axis, len(shape)) for axis in integers(graph, op, 1)}
        return tuple(1 if d in axes else n for d, n in enumerate(shape) if op.options.keep_dims or d not in axes)
    if op.kind == "SCATTER_ND":
        return tuple(integers(graph, op, 2))
    return integer(graph, op, 2), *shape[len(graph.tensors[op.inputs[1]].shape) :]


def first(graph: Graph, op: Op) -> Any:
    """What every place holds. A mean of no floats is no number, one of integers 0."""
    tensor = graph.tensors[op.outputs[0]]
    dtype = NUMPY_TYPES[tensor.type]
    if op.kind == "PAD":
        return affine(tensor)[1] if tensor.type in QUANTIZED else 0
    if op.kind == "MEAN":
        return np.nan if dtype.kind == "f" else 0
    if op.kind in ("REDUCE_PROD", "REDUCE_ALL", "UNSORTED_SEGMENT_PROD"):
        return 1
    if op.kind.endswith(("_MAX", "_MIN")):
        if dtype.kind == "b":
            return op.kind.endswith("_MIN")
        ends = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
        return ends.min if op.kind.endswith("_MAX") else ends.max
    return 0
