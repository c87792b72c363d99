"""REDUCE_WINDOW: what becomes of the elements in each place of a window, from an initial value on.

Refuses a window, strides or dilations that are computed or below 1, a scalar, ALL and ANY of numbers, other functions
of BOOL.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, integers, result, values
from .program import Arg, Limits, Lowered, Program, Scratch, groups_for

OPS = ("REDUCE_WINDOW",)
TYPES = frozenset({"FLOAT32", "INT8", "UINT8", "INT16", "INT32", "INT64", "BOOL"})

# Of a, what there is, and b; of numbers of 64 bits; those of a BOOL are the bits of an int.
EXPRESSIONS = {
    "ADD": ("a + b", "plus(a, b)"),
    "MUL": ("a * b", "times(a, b)"),
    "MINIMUM": ("smaller(b, a)", "smaller(b, a)"),
    "MAXIMUM": ("larger(b, a)", "larger(b, a)"),
    "ALL": ("a & b", ""),
    "ANY": ("a | b", ""),
}
WRAPPED = {"INT8": "wrapped({}, 24)", "INT16": "wrapped({}, 16)", "UINT8": "({}) & 255"}
LIBRARIES = {"FLOAT32": "math", "INT64": "int64"}


@dataclass(frozen=True)
class Windows:
    """Windows over a shape, how far apart they are and their elements are; a number for each axis."""

    shape: Shape
    window: Shape
    strides: Shape
    dilations: Shape

    @property
    def size(self) -> int:
        """Of how many elements they are."""
        return math.prod(self.shape)

    @property
    def made(self) -> Shape:
        """How many windows there are along each axis."""
        reach = [(n - 1) * d + 1 for n, d in zip(self.window, self.dilations, strict=True)]
        fits = zip(self.shape, reach, self.strides, strict=True)
        return tuple((n - r) // s + 1 if n >= r else 0 for n, r, s in fits)

    def constants(self) -> dict[str, Any]:
        """For the body."""
        within = [math.prod(self.shape[k + 1 :]) for k in range(len(self.shape))]
        return {
            "RANK": len(self.shape), "MADE": self.made, "WINDOW": self.window, "PLACES": math.prod(self.window),
            "STEPS": tuple(s * n for s, n in zip(self.strides, within, strict=True)),
            "WINDOW_STEPS": tuple(d * n for d, n in zip(self.dilations, within, strict=True)),
        }  # fmt: skip


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch. Window, strides and dilations are constant."""
    source = graph.tensors[values(graph, op, types=TYPES)]
    start = graph.tensors[values(graph, op, 1, {source.type})]
    rank, shape = len(source.shape), source.shape
    if start.size != 1 or not rank:
        raise Refused("shape", f"{list(shape)} from {list(start.shape)}", "a rank above 0, and one initial value")
    window, strides, dilations = (tuple(integers(graph, op, k, (rank,))) for k in (2, 3, 4))
    if min(*window, *strides, *dilations) < 1:
        raise Refused("window", [window, strides, dilations], "nothing below 1")
    windows = Windows(shape, window, strides, dilations)
    output = result(graph, op, limits, windows.made, types={source.type})
    function = op.options.reduce_function
    return (reduced(source.index, windows, start.index, output, function, source.type, limits),)


def reduced(
    source: int | Scratch, windows: Windows, start: int, output: int, function: str, type: str, limits: Limits
) -> Program:
    """The launch."""
    constants = {**windows.constants(), "JOINED(a, b)": expression(function, type)}
    inputs, includes = (Arg("source", source), Arg("initial", start)), (LIBRARIES.get(type, "integer"),)
    groups = groups_for(math.prod(windows.made), 64, limits)
    return Program("reduce_window", constants, inputs, output, groups, includes=includes)


def expression(name: str, type: str) -> str:
    """GLSL that joins two elements by a function of that name."""
    if name not in EXPRESSIONS or (name in ("ALL", "ANY")) != (type == "BOOL"):
        raise Refused("function", f"{name} of {type}", "ALL or ANY of BOOL, or another of numbers")
    found = EXPRESSIONS[name][type == "INT64"]
    return WRAPPED[type].format(found) if type in WRAPPED and name in ("ADD", "MUL") else found
