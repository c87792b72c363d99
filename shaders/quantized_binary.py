"""Ops of two quantised operands, bit by bit as TFLite's reference kernels have them, with numpy's broadcasting.

Refuses operands that do not broadcast, INT16 with zero points but 0, quotients by a constant 0.
"""

from __future__ import annotations

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .binary import as_stage, broadcast
from .operators import COMPARISONS
from .program import Limits, Lowered
from .quantized_operators import FORMULAS, TYPES, operation

OPS = tuple(FORMULAS)
RESULTS = {kind: frozenset({"BOOL"}) if kind in COMPARISONS else types for kind, types in TYPES.items()}
PRIORITY = 1  # before integers as they are: those of 16 bits may be quantised, or not
INCLUDES = {"DIV": ("quantized", "reciprocal"), **dict.fromkeys(COMPARISONS, ("quantized", "compare"))}


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """A stage where the broadcast allows it, else one launch; that fails where a divisor is 0."""
    type = graph.tensors[op.inputs[0]].type
    slope = op.kind == "PRELU" and type == "INT16"
    a = graph.tensors[values(graph, op, 0, TYPES[op.kind])]
    b = graph.tensors[values(graph, op, 1, {"INT8"} if slope else {type})]
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise Refused("shape", f"{list(a.shape)} and {list(b.shape)}", "shapes that broadcast") from None
    if op.kind == "PRELU" and shape != a.shape:
        raise Refused("shape", f"{list(a.shape)} and {list(b.shape)}", "an output of the first operand's shape")
    result(graph, op, limits, shape, types=RESULTS[op.kind] if op.kind in COMPARISONS else {type})
    found = operation(graph, op)
    refused = dividing(graph, op, found.b.q.zero) if op.kind == "DIV" else ""
    expression, includes = FORMULAS[op.kind](found), INCLUDES.get(op.kind, ("quantized",))
    return (None if refused else as_stage(graph, op, expression, includes)) or broadcast(
        graph, op, expression, limits, includes, refused
    )


def dividing(graph: Graph, op: Op, zero: int) -> str:
    """A test of `b` for a divisor of 0: empty where it is constant, and has none."""
    value = graph.constant(op.inputs[1])
    if value is None:
        return f"b == OPERAND({zero})"
    if (value == zero).any():
        raise Refused("operand", f"{graph.tensors[op.inputs[1]].name!r}", "none 0")
    return ""
