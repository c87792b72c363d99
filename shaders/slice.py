"""SLICE and STRIDED_SLICE: a box of the input, every so many along each axis.

Refuses places and sizes that are computed (slice_computed takes the places), a box that reaches out.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..graph.model import Graph, Op
from .arguments import Refused, answering, integers, result, values
from .program import Limits, Lowered
from .strided_copy import View, moved
from .types import ANY

OPS = ("SLICE", "STRIDED_SLICE")
TYPES = ANY


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One copy of a sliced view."""
    view = View.of(graph, values(graph, op, types=ANY))
    view = sliced(graph, op, view) if op.kind == "SLICE" else strided(graph, op, view)
    return moved(graph, limits, view, result(graph, op, limits, view.shape, types=ANY))


def sliced(graph: Graph, op: Op, view: View) -> View:
    """SLICE: `size` elements from `begin` on, for each axis; a size of -1 is all that is left."""
    begins, sizes = (integers(graph, op, k, (len(view.shape),)) for k in (1, 2))
    for axis, (n, begin, size) in enumerate(zip(view.shape, begins, sizes, strict=True)):
        count = n - begin if size == -1 else size
        if begin < 0 or count < 0 or begin + count > n:
            raise Refused("slice", f"{size} elements from {begin} on, of {n}", "a part of the axis")
        view = view.slice(axis, begin, count)
    return view


@dataclass(frozen=True)
class Spec:
    """One entry of a strided slice. `bit` is its place in the masks; None stands for an axis that no entry names."""

    bit: int | None
    new: bool = False


def specs(rank: int, count: int, ellipsis: int, new_axis: int) -> list[Spec]:
    """The axes of a strided slice of `count` entries: those of the input and the new ones, in order.

    As in TFLite's strided_slice.cc: an ellipsis, or what is missing at the end, stands for the axes that no other entry
    names; a new axis at an ellipsis does nothing. Where an ellipsis stands for no axis, TFLite and TensorFlow differ.
    """
    if not rank and not count:
        return []
    named = sum(not (ellipsis | new_axis) >> k & 1 for k in range(count))
    found: list[Spec] = []
    for k in range(count):
        if ellipsis >> k & 1:
            found += [Spec(None)] * (rank - named)
        else:
            found.append(Spec(k, bool(new_axis >> k & 1)))
    missing = rank - sum(not spec.new for spec in found)
    if missing < 0 or ellipsis & (ellipsis - 1) or (ellipsis and named == rank) or (ellipsis | new_axis) >> count:
        raise Refused("slice", f"{count} entries for {rank} axes", "one for each axis, and one ellipsis for the rest")
    return found + [Spec(None)] * missing


def strided(graph: Graph, op: Op, view: View) -> View:
    """STRIDED_SLICE: numpy's slices, with bits in masks for what is left out."""
    if len(op.inputs) != 4:
        raise Refused("inputs", len(op.inputs), 4)
    begins, ends, strides = (integers(graph, op, k) for k in (1, 2, 3))
    if not len(begins) == len(ends) == len(strides) <= 32:
        raise Refused("slice", f"{len(begins)} begins, {len(ends)} ends and {len(strides)} strides", "as many of each")
    masks = {name: op.options[f"{name}_mask"] for name in ("begin", "end", "ellipsis", "new_axis")}
    shrink, offset = op.options.shrink_axis_mask, op.options.offset
    axis = 0
    for spec in specs(len(view.shape), len(begins), masks["ellipsis"], masks["new_axis"]):
        if spec.new:
            view = view.insert(axis)
        elif spec.bit is not None:
            k, n = spec.bit, view.shape[axis]
            begin = None if masks["begin"] >> k & 1 else begins[k]
            if shrink >> k & 1:
                view = view.at(axis, only(n, begin or 0, strides[k]))
                continue
            end = None if masks["end"] >> k & 1 and not offset else ends[k]
            start, count = span(n, begin, end, strides[k], offset)
            view = view.slice(axis, start, count, strides[k])
        axis += 1
    return view


def only(n: int, position: int, stride: int) -> int:
    """The one position of an axis that is to vanish; what lies before the first is the first, as in TFLite."""
    if stride <= 0 or position >= n:
        raise Refused("slice", f"position {position} of {n}, stride {stride}", f"less than {n}, and a stride above 0")
    return max(position + n, 0) if position < 0 else position


def span(n: int, begin: int | None, end: int | None, stride: int, offset: bool) -> tuple[int, int]:
    """(start, count) of a slice of an axis of size `n`; with `offset`, `end` counts from the start, unclipped."""
    if stride == 0:
        raise Refused("slice", "a stride of 0", "another")
    start, stop, _ = slice(begin, end, stride).indices(n)
    taken = range(start, start + (end or 0) if offset else stop, stride)
    if taken and not (0 <= taken[0] < n and 0 <= taken[-1] < n):
        raise Refused("slice", f"positions {taken[0]} to {taken[-1]} of {n}", f"0 to {n - 1}")
    return start, len(taken)
