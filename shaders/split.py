"""SPLIT and SPLIT_V cut an axis in pieces, UNPACK in single positions; each piece is an output.

Refuses an axis or sizes that are computed, pieces that do not add up to the axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from ..graph.model import Graph, Op
from .arguments import Refused, answering, axis_in, integer, integers, result, same_affine, values
from .program import Limits, Lowered
from .strided_copy import View, copy, moved
from .types import ANY

OPS = ("SPLIT", "SPLIT_V", "UNPACK")
TYPES = ANY
EMPTY = (False, True)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One copy for each output; an output that is the whole input is an alias."""
    view = View.of(graph, values(graph, op, 1 if op.kind == "SPLIT" else 0, ANY))
    axis = op.options.axis if op.kind == "UNPACK" else integer(graph, op, 0 if op.kind == "SPLIT" else 2)
    axis = axis_in(axis, len(view.shape))
    if op.kind == "UNPACK":
        same_affine(graph, op, op.inputs)
    sizes = pieces(graph, op, view.shape[axis])
    if len(sizes) != len(op.outputs):
        raise Refused("outputs", f"{len(op.outputs)} outputs for {len(sizes)} pieces", len(sizes))
    starts = accumulate(sizes, initial=0)
    parts = [view.slice(axis, start, size) for start, size in zip(starts, sizes, strict=False)]
    if op.kind == "UNPACK":
        parts = [part.at(axis, 0) for part in parts]
    outputs = [result(graph, op, limits, part.shape, k, ANY) for k, part in enumerate(parts)]
    if len(parts) == 1:
        return moved(graph, limits, parts[0], outputs[0])
    pairs = ((part, output) for part, output in zip(parts, outputs, strict=True) if graph.tensors[output].size)
    return tuple(copy(graph, limits, part, View.of(graph, output, part.shape)) for part, output in pairs)


def pieces(graph: Graph, op: Op, n: int) -> Sequence[int]:
    """The size of each piece of an axis of size `n`."""
    if op.kind == "SPLIT_V":
        sizes = integers(graph, op, 1, (len(op.outputs),))
        rest = n - sum(size for size in sizes if size != -1)
        sizes = [rest if size == -1 else size for size in sizes]
    else:
        count: int = op.options.num if op.kind == "UNPACK" else op.options.num_splits
        if not 0 < count <= len(op.outputs):
            raise Refused("outputs", f"{len(op.outputs)} outputs for {count} pieces", count)
        sizes = [1 if op.kind == "UNPACK" else n // count] * count
    if sum(sizes) != n or any(size < 0 for size in sizes):
        raise Refused("shape", f"an axis of {n} in pieces of {sizes}", f"pieces that add up to {n}")
    return sizes
