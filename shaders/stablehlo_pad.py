"""STABLEHLO_PAD: one value around a tensor's elements and between them; edges below 0 cut some off.

Where edges leave an axis nothing the result is empty along all of them, as LiteRT's kernel makes it (StableHLO keeps
the others). Refuses a scalar, gaps below 0, more than one value to pad with.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .dilate import apart
from .program import Limits, Lowered
from .stablehlo_gather import whole
from .strided_copy import View, moved
from .types import ANY

OPS = ("STABLEHLO_PAD",)
TYPES = ANY
EMPTY = (False, True)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; the value may be computed."""
    source = graph.tensors[values(graph, op, types=ANY, empty=True)]
    around = graph.tensors[values(graph, op, 1, (source.type,))]
    named = (op.options.edge_padding_low, op.options.edge_padding_high, op.options.interior_padding)
    low, high, between = map(whole, named)
    if not len(low) == len(high) == len(between) == len(source.shape) or min(between, default=0) < 0:
        raise Refused("padding", [low, high, between], "one of each for each axis, none below 0 between elements")
    if around.size != 1 or not source.shape:
        raise Refused("shape", f"{list(source.shape)} with {list(around.shape)}", "a rank above 0, and one value")
    sizes = zip(source.shape, low, high, between, strict=True)
    made = [n + max(n - 1, 0) * gap + a + b for n, a, b, gap in sizes]
    made = made if min(made) > 0 else [0] * len(made)
    output = result(graph, op, limits, made, types={source.type})
    if source.size == 0:
        return moved(graph, limits, View.filled(around.index, made), output)
    return (apart(limits, source, around, output, made, [gap + 1 for gap in between], low),)
