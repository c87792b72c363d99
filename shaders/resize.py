"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR: images of another size.

Which pixels are read is computed here, in float32 and step by step as TFLite's reference kernels do, so that no GPU's
rounding can pick others.

Refuses other ranks than 4, a size that is computed, half_pixel_centers with align_corners.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .arguments import Refused, answering, integers, result, values
from .program import Arg, Const, Limits, Lowered, Program, groups_for
from .strided_copy import View, moved
from .types import ANY, FLOAT

TYPES = {"RESIZE_BILINEAR": FLOAT, "RESIZE_NEAREST_NEIGHBOR": ANY}
OPS = tuple(TYPES)
LOCAL = 64


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """Nearest neighbours are copied through a table; bilinear is a body of its own (see `shared_out`)."""
    source = values(graph, op, types=TYPES[op.kind])
    old = graph.tensors[source].shape
    height, width = integers(graph, op, 1, (2,))
    if len(old) != 4 or height < 1 or width < 1:
        raise Refused("shape", f"shape {list(old)} to {height} x {width} pixels", "rank 4, and a pixel")
    output = result(graph, op, limits, (old[0], height, width, old[3]), types=TYPES[op.kind])
    align, half = op.options.align_corners, op.options.half_pixel_centers
    if op.kind == "RESIZE_NEAREST_NEIGHBOR":
        view = View.of(graph, source)
        for axis, size in ((1, height), (2, width)):
            view = view.take(axis, nearest(old[axis], size, align, half))
        return moved(graph, limits, view, output)
    if align and half:
        raise Refused("half_pixel_centers", "with align_corners", "one of the two")
    return (bilinear(graph, limits, source, output, align, half),)


def scale(old: int, new: int, align: bool) -> np.float32:
    """Pixels of the input for one of the output."""
    if align and new > 1:
        old, new = old - 1, new - 1
    ratio: np.float32 = np.float32(old) / np.float32(new)
    return ratio


def nearest(old: int, new: int, align: bool, half: bool) -> list[int]:
    """The pixel that each of `new` ones is taken from (GetNearestNeighbor in TFLite's resize_nearest_neighbor.h)."""
    at = (np.arange(new, dtype=np.float32) + np.float32(0.5 if half else 0.0)) * scale(old, new, align)
    low = np.floor(at)
    rounded = low + (at - low >= 0.5) if align else low
    found: list[int] = np.minimum(rounded.astype(np.int64), old - 1).tolist()
    return found


def positions(old: int, new: int, align: bool, half: bool) -> NDArray[np.float32]:
    """Where each of `new` pixels lies among `old` ones (ComputeInterpolationValues in TFLite's resize_bilinear.h)."""
    at = np.arange(new, dtype=np.float32)
    step = scale(old, new, align)
    return (at + np.float32(0.5)) * step - np.float32(0.5) if half else at * step


def bilinear(graph: Graph, limits: Limits, source: int, output: int, align: bool, half: bool) -> Program:
    """The program of RESIZE_BILINEAR."""
    (_, old_height, old_width, channels), new = graph.tensors[source].shape, graph.tensors[output].shape
    value, depth = ("vec4", channels // 4) if channels % 4 == 0 else ("float", channels)

    def table() -> NDArray[np.float32]:
        axes = (positions(old, size, align, half) for old, size in ((old_height, new[1]), (old_width, new[2])))
        return np.concatenate(list(axes))

    parts, invocations = shared_out(math.prod(new[:3]), depth, limits)
    constants = {"OLD_HEIGHT": old_height, "OLD_WIDTH": old_width, "HEIGHT": new[1], "WIDTH": new[2], **parts}
    inputs = (Arg("source", source, value), Arg("positions", Const(table, 4 * (new[1] + new[2]))))
    groups = groups_for(invocations, LOCAL, limits)
    return Program("resize", constants, inputs, output, groups, (LOCAL, 1, 1), value, sizes=tuple(constants))


def shared_out(pixels: int, depth: int, limits: Limits) -> tuple[dict[str, int], int]:
    """How pixels of so many values are shared out to invocations, as constants, and how many of these there are.

    Where a pixel lies is found once for all values that one makes. On GPUs that is one, so that neighbours read and
    write neighbouring values; software makes all of a pixel's, if there are pixels enough for all its threads.
    """
    each = depth if limits.plenty(pixels) else 1
    parts = -(-depth // each)
    return {"PIXELS": pixels, "DEPTH": depth, "EACH": each, "PARTS": parts}, pixels * parts
