"""LOCAL_RESPONSE_NORMALIZATION across the channels beside each.

Refuses other ranks than 4.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Arg, Limits, Lowered, Program, groups_for

OPS = ("LOCAL_RESPONSE_NORMALIZATION",)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch over NHWC."""
    source = values(graph, op)
    shape = graph.tensors[source].shape
    if len(shape) != 4:
        raise Refused("shape", list(shape), "NHWC")
    output = result(graph, op, limits, shape)
    o = op.options
    constants = {
        "CHANNELS": shape[3], "RADIUS": min(o.radius, shape[3]), "BIAS": float(o.bias), "ALPHA": float(o.alpha),
        "BETA": float(o.beta),
    }  # fmt: skip
    groups = groups_for(graph.tensors[output].size, 64, limits)
    inputs = (Arg("source", source),)
    return (Program("local_response_normalization", constants, inputs, output, groups, includes=("math",)),)
