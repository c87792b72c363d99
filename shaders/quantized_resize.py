"""RESIZE_BILINEAR of quantised integers, bit by bit as TFLite's reference kernels have it.

Refuses other ranks than 4, a size that is computed, half_pixel_centers with align_corners.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .arguments import Refused, answering, integers, result, values
from .program import Arg, Const, Limits, Lowered, Program, groups_for
from .resize import positions, shared_out
from .types import QUANTIZED

OPS = ("RESIZE_BILINEAR",)
TYPES = QUANTIZED
ONE = 1 << 10  # positions are in fixed point, of 10 bits
LARGEST = 1 << 16


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: in fixed point, of UINT8 in float, halves up."""
    source = values(graph, op, types=TYPES)
    old = graph.tensors[source].shape
    height, width = integers(graph, op, 1, (2,))
    if len(old) != 4 or height < 1 or width < 1 or max(*old[1:3], height, width) > LARGEST:
        raise Refused("shape", f"shape {list(old)} to {height} x {width} pixels", "rank 4, and a pixel")
    output = result(graph, op, limits, (old[0], height, width, old[3]), types={graph.tensors[source].type})
    align, half = op.options.align_corners, op.options.half_pixel_centers
    if align and half:
        raise Refused("half_pixel_centers", "with align_corners", "one of the two")
    value, depth = ("vec4", old[3] // 4) if old[3] % 4 == 0 else ("float", old[3])

    single = graph.tensors[source].type == "UINT8"

    def table() -> NDArray[np.int32]:
        found = singles if single else neighbours
        return np.concatenate([found(o, n, align, half) for o, n in zip(old[1:3], (height, width), strict=True)])

    parts, invocations = shared_out(math.prod((old[0], height, width)), depth, limits)
    sizes = {"OLD_HEIGHT": old[1], "OLD_WIDTH": old[2], "HEIGHT": height, "WIDTH": width, **parts}
    constants = {**sizes, "SINGLE": single, "REAL": value}
    inputs = (Arg("source", source, value), Arg("positions", Const(table, 16 * (height + width)), "ivec4"))
    groups = groups_for(invocations, 64, limits)
    return (Program("quantized_resize", constants, inputs, output, groups, value=value, sizes=tuple(sizes)),)


def neighbours(old: int, new: int, align: bool, half: bool) -> NDArray[np.int32]:
    """For each of `new` pixels: the two of `old` beside it, and the weight of each of them, of ONE.

    `ComputeInterpolationValues` for integers in tensorflow/lite/kernels/internal/reference/resize_bilinear.h.
    """
    ratio = (old - 1, new - 1) if align and new > 1 else (old, new)
    step = (ONE * ratio[0] + ratio[1] // 2) // ratio[1]
    at = np.arange(new, dtype=np.int64) * step + (step // 2 - ONE // 2 if half else 0)
    low = np.maximum(np.trunc(at / ONE).astype(np.int64), 0)
    high = np.minimum(np.trunc((at + ONE - 1) / ONE).astype(np.int64), old - 1)
    part = at - low * ONE
    return np.stack([np.minimum(low, old - 1), high, ONE - part, part], axis=1).astype(np.int32)


def singles(old: int, new: int, align: bool, half: bool) -> NDArray[np.int32]:
    """As `neighbours`, the weights as the bits of floats."""
    at = positions(old, new, align, half)
    low = np.maximum(np.floor(at), 0).astype(np.int32)
    high = np.minimum(np.ceil(at), old - 1).astype(np.int32)
    part = at - low.astype(np.float32)
    weights = (w.astype(np.float32).view(np.int32) for w in (np.float32(1) - part, part))
    return np.stack([np.minimum(low, old - 1), high, *weights], axis=1)
