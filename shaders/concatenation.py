"""CONCATENATION along an axis, and PACK, which makes that axis.

Refuses a fused activation; UINT8 and INT16 whose result has no scale where an input has one; PACK, and INT8, of
tensors quantised in different ways.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .arguments import Refused, affine, answering, axis_in, result, same_affine, values
from .program import Const, Limits, Lowered, Program, Stage
from .strided_copy import View, copy, moved
from .types import ANY

OPS = ("CONCATENATION", "PACK")
TYPES = ANY
EMPTY = (False, True)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One copy for each input, into its part of the output."""
    # TFLite's own kernel takes no fused activation here.
    if op.kind == "CONCATENATION" and (fused := op.options.fused_activation_function) != "NONE":
        raise Refused("activation", fused, "NONE")
    views = [View.of(graph, values(graph, op, k, ANY, empty=True)) for k in range(len(op.inputs))]
    rank = len(views[0].shape) + (op.kind == "PACK")
    axis = axis_in(op.options.axis, rank)
    if op.kind == "PACK":
        views = [view.insert(axis) for view in views]
    first = views[0].shape
    for view in views:
        if (*view.shape[:axis], *view.shape[axis + 1 :]) != (*first[:axis], *first[axis + 1 :]):
            raise Refused("shape", f"{list(view.shape)} beside {list(first)}", f"the same but for axis {axis}")
    shape = (*first[:axis], sum(view.shape[axis] for view in views), *first[axis + 1 :])
    output = result(graph, op, limits, shape, types=ANY)
    if op.kind == "PACK" or graph.tensors[output].type == "INT8":
        same_affine(graph, op, op.inputs)
    views = [view for view in views if graph.tensors[view.tensor].size]
    if len(views) == 1 and not rescaled(graph, views[0].tensor, output):
        return moved(graph, limits, views[0], output)
    in_a_row = math.prod(shape[:axis]) == 1  # each input's values stand together in the output
    programs: list[Program] = []
    start = 0
    for view in views:
        part = View.of(graph, output).slice(axis, start, view.shape[axis])
        program = copy(graph, limits, view, part)
        begins = start * math.prod(shape[axis + 1 :]) if in_a_row else None
        programs.append(replace(program, stages=rescaled(graph, view.tensor, output), part=begins))
        start += view.shape[axis]
    return tuple(programs)


def rescaled(graph: Graph, source: int, output: int) -> tuple[Stage, ...]:
    """What makes values of UINT8 those of another scale and zero point: a table of all of them.

    `ConcatenationWithScaling` in tensorflow/lite/kernels/internal/reference/concatenation.h, in float32 as there. Of
    other types, it leaves values as they are.
    """
    old, new = graph.tensors[source], graph.tensors[output]
    if new.type != "UINT8" or affine(old) == affine(new):
        return ()
    (scale, zero), (wanted, offset) = affine(old), affine(new)
    if wanted == 0:
        raise Refused("quantization", f"{new.name!r} has no scale", f"as {old.name!r}")
    factor = np.float32(scale) * (np.float32(1) / np.float32(wanted))

    def table() -> NDArray[np.int32]:
        exact = (np.arange(256, dtype=np.float32) * factor + np.float32(-zero) * factor).astype(np.float64)
        rounded = np.copysign(np.floor(np.abs(exact) + 0.5), exact)
        clipped: NDArray[np.int32] = np.clip(rounded + offset, 0, 255).astype(np.int32)
        return clipped

    return (Stage("y", Const(table, 1024), lookup=0, operand_type="int"),)
