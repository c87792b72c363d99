"""REDUCE_WINDOW: what becomes of the elements in each place of a window, from an initial value on."""

from __future__ import annotations

import math

from ..graph.model import Graph, Op
from .arguments import Refused, answering, integers, result, values
from .program import Arg, Limits, Lowered, Program, groups_for

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


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch. Window, strides and dilations are constant."""
    source = graph.tensors[values(graph, op, types=TYPES)]
    start = graph.tensors[values(graph, op, 1, {source.type})]
    rank, shape = len(source.shape), source.shape
    if start.size != 1 or not rank:
        raise Refused("shape", f"{list(shape)} from {list(start.shape)}", "a rank above 0, and one initial value")
    window, strides, dilations = (integers(graph, op, k, (rank,)) for k in (2, 3, 4))
    if min(*window, *strides, *dilations) < 1:
        raise Refused("window", [window, strides, dilations], "nothing below 1")
    reach = [(n - 1) * d + 1 for n, d in zip(window, dilations, strict=True)]
    made = tuple((n - r) // s + 1 if n >= r else 0 for n, r, s in zip(shape, reach, strides, strict=True))
    output = result(graph, op, limits, made, types={source.type})
    within = [math.prod(shape[k + 1 :]) for k in range(rank)]
    constants = {
        "RANK": rank, "MADE": made, "WINDOW": tuple(window), "PLACES": math.prod(window),
        "STEPS": tuple(s * n for s, n in zip(strides, within, strict=True)),
        "WINDOW_STEPS": tuple(d * n for d, n in zip(dilations, within, strict=True)),
        "JOINED(a, b)": expression(op, source.type),
    }  # fmt: skip
    inputs = (Arg("source", source.index), Arg("initial", start.index))
    includes = (LIBRARIES.get(source.type, "integer"),)
    groups = groups_for(math.prod(made), 64, limits)
    return (Program("reduce_window", constants, inputs, output, groups, includes=includes),)


def expression(op: Op, type: str) -> str:
    """GLSL that joins two elements."""
    name = op.options.reduce_function
    if name not in EXPRESSIONS or (name in ("ALL", "ANY")) != (type == "BOOL"):
        raise Refused("function", f"{name} of {type}", "ALL or ANY of BOOL, or another of numbers")
    found = EXPRESSIONS[name][type == "INT64"]
    return WRAPPED[type].format(found) if type in WRAPPED and name in ("ADD", "MUL") else found
