"""L2_NORMALIZATION: rows divided by their length.

Refuses a fused activation.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Limits, Lowered
from .softmax import over_rows

OPS = ("L2_NORMALIZATION",)
# What divides shorter rows (`L2Normalization` in tensorflow/lite/kernels/internal/reference/l2normalization.h).
SHORTEST = 1e-6


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch that reads each row twice."""
    source = values(graph, op)
    if (name := op.options.fused_activation_function) != "NONE":
        raise Refused("activation", name, "NONE")
    output = result(graph, op, limits, graph.tensors[source].shape)
    constants = {"PARTIAL": "float", "SHORTEST": SHORTEST}
    return (over_rows(graph, "l2_normalization", constants, source, output, limits, joins=1),)
