"""CUMSUM along an axis that is computed.

Refuses a scalar.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .cumsum import TYPES as SUMMED
from .program import Arg, Limits, Lowered, Program, groups_for

OPS = ("CUMSUM",)
TYPES = SUMMED
PRIORITY = -1  # after what knows its axis


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch, with an invocation for each line that there may be; its run fails where there is no such axis."""
    source, axis = values(graph, op, types=TYPES), values(graph, op, 1, {"INT32"})
    kind, shape = graph.tensors[source].type, graph.tensors[source].shape
    if graph.is_constant(axis) or graph.tensors[axis].size != 1 or not shape:
        met = f"an axis of shape {list(graph.tensors[axis].shape)} among {len(shape)}"
        raise Refused("axis", met, "one that is computed")
    output = result(graph, op, limits, shape, types={kind})
    size = graph.tensors[source].size
    constants = {
        "RANK": len(shape), "DIMS": shape, "EXCLUSIVE": bool(op.options.exclusive),
        "REVERSE": bool(op.options.reverse), "WIDE": kind == "INT64",
    }  # fmt: skip
    return (
        Program(
            "cumsum_computed", constants, (Arg("source", source), Arg("axis", axis)), output,
            groups_for(size // min(shape), 64, limits), includes=("int64",), fails=f"its axis is none of {len(shape)}",
        ),
    )  # fmt: skip
