"""BITCAST among types of one size: other values of the same bits."""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Elementwise, Limits, Lowered, Stage

OPS = ("BITCAST",)

# By the types that are read and made, GLSL for one value or four; elements of fewer bits lie in words of 32.
CASTS = {
    ("FLOAT32", "INT32"): "floatBitsToInt(x)", ("FLOAT32", "UINT32"): "floatBitsToUint(x)",
    ("INT32", "FLOAT32"): "intBitsToFloat(x)", ("UINT32", "FLOAT32"): "uintBitsToFloat(x)",
    ("INT32", "UINT32"): "MADE(x)", ("UINT32", "INT32"): "MADE(x)",
    ("INT16", "UINT16"): "(x & 65535)", ("UINT16", "INT16"): "(x << 16 >> 16)",
    ("INT8", "UINT8"): "(x & 255)", ("UINT8", "INT8"): "(x << 24 >> 24)",
    ("BOOL", "INT8"): "x", ("BOOL", "UINT8"): "x",
    ("INT64", "UINT64"): "MADE(x)", ("UINT64", "INT64"): "MADE(x)",
    ("INT64", "FLOAT64"): "MADE(x)", ("FLOAT64", "INT64"): "MADE(x)",
}  # fmt: skip
TYPES = frozenset(kind for kind, _ in CASTS)
RESULTS = frozenset(made for _, made in CASTS)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """A stage."""
    source = values(graph, op, types=TYPES)
    kinds = graph.tensors[source].type, graph.tensors[op.outputs[0]].type
    output = result(graph, op, limits, graph.tensors[source].shape, types=RESULTS)
    if kinds not in CASTS:
        raise Refused("type", f"{kinds[0]} as {kinds[1]}", "types of one size")
    return Elementwise(source, output, Stage(CASTS[kinds]))
