"""One tensor laid over a part of another."""

from __future__ import annotations

from ..graph.model import Graph
from .arguments import Refused
from .program import Arg, Limits, Program, groups_for
from .strided_copy import View, placed
from .types import in_fours

LOCAL = 64


def overlay(graph: Graph, limits: Limits, under: int, over: View, output: int) -> Program:
    """The program that takes what lies inside `over`, of the output's shape, from there, and the rest from `under`."""
    tensors = [graph.tensors[t] for t in (under, over.tensor, output)]
    if len({tensor.type for tensor in tensors}) > 1:
        raise Refused("type", ", ".join(f"{tensor.name!r} is {tensor.type}" for tensor in tensors), "all of one type")
    value, fours = "float", over.quartered()
    if fours is not None and in_fours((tensors[0].type,), *(tensor.size for tensor in tensors)):
        over, value = fours, "vec4"
    constants, sizes = placed(OVER=over)
    count = graph.tensors[output].size // (4 if value == "vec4" else 1)
    inputs = (Arg("under", under, value), Arg("over", over.tensor, value))
    groups, local = groups_for(count, LOCAL, limits), (LOCAL, 1, 1)
    return Program("overlay", constants, inputs, output, groups, local, value, includes=("box",), sizes=sizes)
