"""DYNAMIC_UPDATE_SLICE: a tensor with a box of it replaced by another.

Refuses a box that is larger than the tensor, tensors of several types.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, integers, result, values
from .overlay import overlay
from .program import Arg, Limits, Lowered, Program, groups_for
from .strided_copy import View, moved
from .types import ANY, INDICES

OPS = ("DYNAMIC_UPDATE_SLICE",)
TYPES = ANY
EMPTY = (False, True)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; the box is moved to where it fits, wherever it is to start."""
    under, update = (values(graph, op, k, ANY, empty=True) for k in (0, 1))
    whole, box = (graph.tensors[t].shape for t in (under, update))
    if len(box) != len(whole) or any(n > m for n, m in zip(box, whole, strict=True)):
        raise Refused("shape", f"{list(box)} in {list(whole)}", "a box that fits")
    output = result(graph, op, limits, whole, types=ANY)
    if not graph.tensors[update].size:
        return moved(graph, limits, View.of(graph, under), output)
    if graph.constant(op.inputs[2]) is None:
        return (computed(graph, op, limits, under, update, output),)
    starts = integers(graph, op, 2, (len(whole),))
    view = View.of(graph, update)
    for axis, (start, n, m) in enumerate(zip(starts, box, whole, strict=True)):
        before = min(max(start, 0), m - n)
        view = view.pad(axis, before, m - n - before)
    return (overlay(graph, limits, under, view, output),)


def computed(graph: Graph, op: Op, limits: Limits, under: int, update: int, output: int) -> Program:
    """The program for a box that starts at computed places."""
    starts = values(graph, op, 2, INDICES)
    whole, box, places = (graph.tensors[t].shape for t in (under, update, starts))
    if places != (len(whole),):
        raise Refused("shape", f"{list(places)} places", [len(whole)])
    if len({graph.tensors[t].type for t in (under, update, output)}) > 1:
        raise Refused("type", "tensors of several types", "all of one type")
    constants = {"RANK": len(whole), "WHOLE": whole, "BOX": box}
    args = (Arg("under", under), Arg("update", update), Arg("starts", starts))
    groups = groups_for(graph.tensors[output].size, 64, limits)
    return Program("update_computed", constants, args, output, groups, includes=("int64",))
