"""STABLEHLO_REDUCE_WINDOW: REDUCE_WINDOW of elements put apart, with the initial value around and between them.

Refuses windows, strides, dilations and gaps below 1, computations of more than one op or of an op that the reference
does not know.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .dilate import apart
from .program import Limits, Lowered, Scratch
from .reduce_window import TYPES, Windows, reduced
from .stablehlo_gather import whole
from .stablehlo_scatter import subgraph

OPS = ("STABLEHLO_REDUCE_WINDOW",)
__all__ = ["OPS", "TYPES", "lower"]

MOST = 1 << 16

# What the one op of the subgraph makes of two values.
FUNCTIONS = {
    "ADD": "ADD", "STABLEHLO_ADD": "ADD", "MUL": "MUL", "STABLEHLO_MULTIPLY": "MUL", "MAXIMUM": "MAXIMUM",
    "STABLEHLO_MAXIMUM": "MAXIMUM", "MINIMUM": "MINIMUM", "STABLEHLO_MINIMUM": "MINIMUM", "LOGICAL_AND": "ALL",
    "STABLEHLO_AND": "ALL", "LOGICAL_OR": "ANY", "STABLEHLO_OR": "ANY",
}  # fmt: skip


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """Two launches, or one where nothing is put around or between elements."""
    source = graph.tensors[values(graph, op, types=TYPES)]
    start = graph.tensors[values(graph, op, 1, {source.type})]
    rank, o = len(source.shape), op.options
    absent = [1] * rank
    named = (o.window_dimensions, o.window_strides, o.window_dilations, o.base_dilations)
    window, strides, dilations, gaps = (whole(found) or absent for found in named)
    padding = whole(o.padding) or [0] * (2 * rank)
    if {len(window), len(strides), len(dilations), len(gaps), len(padding) // 2} != {rank} or len(padding) % 2:
        raise Refused("window", [window, strides, dilations, gaps, padding], f"numbers for each of {rank} axes")
    numbers = [*window, *strides, *dilations, *gaps]
    if not rank or start.size != 1 or min(numbers) < 1 or max(numbers) > MOST:
        raise Refused("window", [window, strides, dilations, gaps], f"numbers from 1 to {MOST}, one initial value")
    ops = subgraph(graph, o.body_subgraph_index)
    if len(ops) != 1 or ops[0].kind not in FUNCTIONS:
        raise Refused("computation", " ".join(found.kind for found in ops), f"one of {', '.join(FUNCTIONS)}")
    low, high = padding[::2], padding[1::2]
    sizes = zip(source.shape, gaps, low, high, strict=True)
    shape = tuple(max((n - 1) * gap + 1 + a + b, 0) for n, gap, a, b in sizes)
    windows = Windows(shape, tuple(window), tuple(strides), tuple(dilations))
    output = result(graph, op, limits, windows.made, types={source.type})
    if shape == source.shape and not any(padding):
        return (reduced(source.index, windows, start.index, output, FUNCTIONS[ops[0].kind], source.type, limits),)
    wide = Scratch(source.type, windows.size)
    placed = apart(limits, source, start, wide, shape, gaps, low)
    return placed, reduced(wide, windows, start.index, output, FUNCTIONS[ops[0].kind], source.type, limits)
