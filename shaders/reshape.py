"""Ops that keep every value where it is: RESHAPE, SQUEEZE, EXPAND_DIMS.

Refuses a shape that is computed, another number of elements, SQUEEZE of an axis that is not 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, axis_in, integer, integers, result, same_affine, values
from .program import Limits, Lowered
from .strided_copy import View, moved
from .types import ANY

OPS = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
TYPES = ANY


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """An alias; a copy where the input is constant."""
    source = values(graph, op, types=ANY)
    old = graph.tensors[source].shape
    if op.kind == "RESHAPE":
        shape = reshaped(old, wanted(graph, op))
    elif op.kind == "SQUEEZE":
        shape = squeezed(old, listed(op.options.squeeze_dims))
    else:
        axis = axis_in(integer(graph, op, 1), len(old) + 1)
        same_affine(graph, op, [source])
        shape = (*old[:axis], 1, *old[axis:])
    return moved(graph, limits, View.of(graph, source, shape), result(graph, op, limits, shape, types=ANY))


def listed(vector: Iterable[int] | None) -> list[int]:
    """An option that is a vector, or absent."""
    return [] if vector is None else [int(v) for v in vector]


def wanted(graph: Graph, op: Op) -> list[int]:
    """The shape RESHAPE asks for: its second input where that is a vector of INT32, else the option `new_shape`."""
    if len(op.inputs) > 1 and op.inputs[1] >= 0:
        tensor = graph.tensors[op.inputs[1]]
        if len(tensor.shape) == 1 and tensor.type == "INT32":
            return integers(graph, op, 1)
    shape = listed(op.options.new_shape)
    return [] if shape == [0] else shape  # old files write [0] for a scalar


def reshaped(old: Shape, new: Sequence[int]) -> Shape:
    """`new` with its one -1 made what is left over."""
    free = [k for k, n in enumerate(new) if n == -1]
    known = math.prod(n for n in new if n != -1)
    if len(free) > 1 or any(n < -1 for n in new) or (free and known == 0):
        raise Refused("shape", f"a reshape to {list(new)}", "sizes, of which one may be -1")
    shape = tuple(math.prod(old) // known if n == -1 else n for n in new)
    if math.prod(shape) != math.prod(old):
        raise Refused("shape", f"a reshape from {list(old)} to {list(new)}", "as many elements")
    return shape


def squeezed(old: Shape, axes: Sequence[int]) -> Shape:
    """`old` without the given axes, all of size 1; without every such axis where none is given."""
    gone = {axis_in(axis, len(old)) for axis in axes} or {k for k, n in enumerate(old) if n == 1}
    if any(old[k] != 1 for k in gone):
        raise Refused("shape", f"squeezing axes {sorted(gone)} of {list(old)}", "axes of size 1")
    return tuple(n for k, n in enumerate(old) if k not in gone)
