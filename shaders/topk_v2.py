"""TOPK_V2: the largest values of the last axis, and where they are.

Refuses a number of values that is computed or beyond the axis.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, integer, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .types import FLOAT, INDICES

OPS = ("TOPK_V2",)
TYPES = FLOAT | INDICES | {"INT8", "UINT8", "INT16"}
RESULTS = TYPES

# By the type of a value: how values are ordered, and whether one, by its order, comes before another.
ORDERS = {"FLOAT32": ("int", "ordered(x)", "a > b"), "INT64": ("ivec2", "x", "below(b, a)")}


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """Two launches, of values and of positions; each value is stored where as many others as come before it tell."""
    source = values(graph, op, types=TYPES)
    tensor = graph.tensors[source]
    k = integer(graph, op, 1)
    if not tensor.shape or not 0 < k <= tensor.shape[-1]:
        raise Refused("k", f"{k} of {list(tensor.shape)}", "1 to the size of the last axis")
    shape = (*tensor.shape[:-1], k)
    outputs = (
        result(graph, op, limits, shape, 0, {tensor.type}),
        result(graph, op, limits, shape, 1, {"INT32", "INT16"}),
    )
    key, order, before = ORDERS.get(tensor.type, ("int", "x", "a > b"))
    constants = {"COUNT": tensor.shape[-1], "WANTED": k, "KEY": key, "ORDER": order, "BEFORE": before}
    groups = groups_for(tensor.size, 64, limits)
    return tuple(
        Program("topk_v2", {**constants, "SIZE": tensor.size, "RESULT": what}, (Arg("source", source),), output, groups,
                includes=("int64",))
        for output, what in zip(outputs, ("source(i)", "int(i - row)"), strict=True)
    )  # fmt: skip
