"""What tflite-runtime 2.14 cannot do that ai-edge-litert can, where it does not say so but aborts."""

from __future__ import annotations

from collections.abc import Sequence

from .model import Op, Tensor

# Dimensions over which tflite-runtime 2.14 can broadcast; with more it aborts, where ai-edge-litert goes up to 8.
BROADCAST_RANKS = {
    kind: rank
    for kinds, rank in (
        ("ADD", 6),
        ("DIV MAXIMUM MINIMUM SELECT_V2 SUB", 5),
        ("BITWISE_XOR EQUAL FLOOR_DIV FLOOR_MOD GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR MUL", 4),
        ("NOT_EQUAL POW PRELU RIGHT_SHIFT SQUARED_DIFFERENCE", 4),
    )
    for kind in kinds.split()
}


def aborts_tflite_runtime(op: Op, tensors: Sequence[Tensor]) -> str:
    """Why tflite-runtime 2.14 would abort on an op that ai-edge-litert runs rightly; empty if it would not."""
    shapes = [tensors[t].shape for t in op.inputs if t >= 0]
    limit = BROADCAST_RANKS.get(op.kind)
    if limit is not None and len(set(shapes)) > 1 and max(map(len, shapes)) > limit:
        return f"{op.kind} broadcasts over more than {limit} dimensions"
    if op.kind == "REDUCE_PROD" and (not shapes[0] or 0 in shapes[1]):
        return "REDUCE_PROD over no dimension"
    return ""
