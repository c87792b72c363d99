"""STABLEHLO_RNG_BIT_GENERATOR: Philox4x32 and Threefry2x32 (Salmon et al., SC 2011), from a key and a counter on.

Refuses states of other than 2 numbers, or 3 for PHILOX.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .types import stored_bytes

OPS = ("STABLEHLO_RNG_BIT_GENERATOR",)
TYPES = frozenset({"UINT64"})
RESULTS = TYPES | {"INT32", "INT64", "UINT32"}
BLOCKS = {"DEFAULT": 4, "PHILOX": 4, "THREEFRY": 2}  # words that one count gives


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """Two launches: the state with its counter moved on, and the bits."""
    state = graph.tensors[values(graph, op, types=TYPES)]
    words = BLOCKS.get(op.options.algorithm)
    if words is None or len(state.shape) != 1 or not 2 <= state.size <= (3 if words == 4 else 2):
        raise Refused("state", f"{list(state.shape)} for {op.options.algorithm}", "2 numbers, or 3 for PHILOX")
    moved = result(graph, op, limits, state.shape, types=TYPES)
    made = graph.tensors[op.outputs[1]]
    output = result(graph, op, limits, made.shape, 1, RESULTS)
    counts = -(-stored_bytes(made) // (4 * words))
    constants = {"WORDS": words, "STATE": state.size}
    args = (Arg("state", state.index),)
    return (
        Program("counted", {"COUNTS": counts}, args, moved, (1, 1, 1), includes=("int64",)),
        Program("random_bits", constants, args, output, groups_for(made.size, 64, limits), includes=("int64",)),
    )
