"""DILATE: values so many places apart along each axis, and one value between them."""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, integers, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .types import ANY

OPS = ("DILATE",)
TYPES = ANY


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; the value between may be computed."""
    source = values(graph, op, types=ANY)
    shape, kind = graph.tensors[source].shape, graph.tensors[source].type
    apart, between = integers(graph, op, 1, (len(shape),)), values(graph, op, 2, (kind,))
    if any(step < 1 for step in apart) or graph.tensors[between].size != 1 or not shape:
        raise Refused("dilations", apart, "one above 0 for each axis, and one value")
    made = tuple((n - 1) * step + 1 for n, step in zip(shape, apart, strict=True))
    output = result(graph, op, limits, made, types={kind})
    constants = {"RANK": len(shape), "MADE_SIZES": made, "SIZES": shape, "APART": tuple(apart)}
    args = (Arg("source", source), Arg("between", between))
    groups = groups_for(graph.tensors[output].size, 64, limits)
    return (Program("dilate", constants, args, output, groups),)
