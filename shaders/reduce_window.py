"""REDUCE_WINDOW: what becomes of the elements in each place of a window, from an initial value on.

Refuses a window, strides or dilations that are computed or below 1, a scalar.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, integers, result, values
from .program import Arg, Limits, Lowered, Program, Scratch, groups_for
from .types import DOUBLES, STORED

OPS = ("REDUCE_WINDOW",)
TYPES = frozenset({"FLOAT32", "FLOAT64", "INT8", "UINT8", "INT16", "INT32", "INT64", "BOOL"})

# Of a, what there is, and b; of numbers of 64 bits.
EXPRESSIONS = {
    "ADD": ("a + b", "plus(a, b)"),
    "MUL": ("a * b", "times(a, b)"),
    "MINIMUM": ("smaller(b, a)", "smaller(b, a)"),
    "MAXIMUM": ("larger(b, a)", "larger(b, a)"),
}
LOGICAL = {"ALL": "&&", "ANY": "||"}
# By GLSL's type of an element, whether it is true, and what stands for whether a condition holds.
TRUTHS = {
    "float": ("{} != 0.0", "float({})"), "int": ("{} != 0", "int({})"), "ivec2": ("{} != ivec2(0)", "ivec2({}, 0)"),
    "uvec2": ("!is_zero({})", "uvec2(0u, {} ? 0x3ff00000u : 0u)"),
}  # fmt: skip
WRAPPED = {"INT8": "wrapped({}, 24)", "INT16": "wrapped({}, 16)", "UINT8": "({}) & 255"}
LIBRARIES = {"FLOAT32": ("math",), "FLOAT64": DOUBLES, "INT64": ("int64",)}


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
    inputs, includes = (Arg("source", source), Arg("initial", start)), LIBRARIES.get(type, ("integer",))
    groups = groups_for(math.prod(windows.made), 64, limits)
    return Program("reduce_window", constants, inputs, output, groups, includes=includes)


def expression(name: str, type: str) -> str:
    """GLSL that joins two elements by a function of that name."""
    one = STORED[type].one
    if name in LOGICAL:
        true, made = TRUTHS[one]
        return made.format(f"({true.format('a')}) {LOGICAL[name]} ({true.format('b')})")
    if name not in EXPRESSIONS:
        raise Refused("function", name, ", ".join((*EXPRESSIONS, *LOGICAL)))
    if name == "ADD" and type == "BOOL":
        return "a | b"
    found = EXPRESSIONS[name][one in ("ivec2", "uvec2")]
    return WRAPPED[type].format(found) if type in WRAPPED and name in ("ADD", "MUL") else found
