"""BITCAST: other values of the same bits, as many as they make up in the other type.

Refuses a wider type where the last axis is not as long as it has parts.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Arg, Elementwise, Limits, Lowered, Program, Stage, groups_for
from .types import ANY, STORED

OPS = ("BITCAST",)

TRUTH = "min(abs(x), 1)"  # any bits of a BOOL but none are true
# By the types that are read and made, GLSL for one value or four; elements of fewer bits lie in words of 32.
CASTS = {
    ("FLOAT32", "INT32"): "floatBitsToInt(x)", ("FLOAT32", "UINT32"): "floatBitsToUint(x)",
    ("INT32", "FLOAT32"): "intBitsToFloat(x)", ("UINT32", "FLOAT32"): "uintBitsToFloat(x)",
    ("INT32", "UINT32"): "MADE(x)", ("UINT32", "INT32"): "MADE(x)",
    ("INT16", "UINT16"): "(x & 65535)", ("UINT16", "INT16"): "(x << 16 >> 16)",
    ("FLOAT16", "INT16"): "(half_bits(x) << 16 >> 16)", ("FLOAT16", "UINT16"): "half_bits(x)",
    ("INT16", "FLOAT16"): "of_half_bits(x)", ("UINT16", "FLOAT16"): "of_half_bits(x)",
    ("INT8", "UINT8"): "(x & 255)", ("UINT8", "INT8"): "(x << 24 >> 24)",
    ("BOOL", "INT8"): "x", ("BOOL", "UINT8"): "x", ("INT8", "BOOL"): TRUTH, ("UINT8", "BOOL"): TRUTH,
    ("INT64", "UINT64"): "MADE(x)", ("UINT64", "INT64"): "MADE(x)",
    ("INT64", "FLOAT64"): "MADE(x)", ("FLOAT64", "INT64"): "MADE(x)",
    ("INT64", "COMPLEX64"): "MADE(x)", ("COMPLEX64", "INT64"): "MADE(x)",
    ("UINT64", "COMPLEX64"): "x", ("COMPLEX64", "UINT64"): "x",
    ("FLOAT64", "COMPLEX64"): "x", ("COMPLEX64", "FLOAT64"): "x",
    ("UINT64", "FLOAT64"): "x", ("FLOAT64", "UINT64"): "x",
}  # fmt: skip
# Where sizes differ: an element as two words of 32 bits, low word first, and back, by its type or GLSL's type of it.
WORDS = {
    "FLOAT16": "uvec2(uint(half_bits(x)), 0u)", "float": "uvec2(floatBitsToUint(x), 0u)",
    "int": "uvec2(uint(x), 0u)", "uint": "uvec2(x, 0u)", "ivec2": "uvec2(x)", "uvec2": "(x)",
}  # fmt: skip
VALUES = {
    "FLOAT16": "of_half_bits(int(w.x))", "BOOL": "int(w.x != 0u)", "float": "uintBitsToFloat(w.x)",
    "int": "int(w.x)", "uint": "w.x", "ivec2": "ivec2(w)", "uvec2": "w",
}  # fmt: skip
TYPES = ANY


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """A stage among types of one size, else one launch.

    A larger element becomes several along a new last axis, or is made of all of the last axis.
    """
    source, output = graph.tensors[values(graph, op, types=TYPES)], graph.tensors[op.outputs[0]]
    libraries = ("half_bits",) if "FLOAT16" in (source.type, output.type) else ()
    before, after, shape = source.dtype.itemsize, output.dtype.itemsize, source.shape
    if before == after:
        made = result(graph, op, limits, shape, types=TYPES)
        cast = "x" if source.type == output.type else CASTS[source.type, output.type]
        return Elementwise(source.index, made, Stage(cast, includes=libraries))
    if before < after and (not shape or shape[-1] != after // before):
        raise Refused("shape", list(shape), f"a last axis of {after // before}")
    shape = (*shape, before // after) if before > after else shape[:-1]
    made = result(graph, op, limits, shape, types=TYPES)
    constants = {
        "BEFORE": before, "AFTER": after, "SIGNED": output.type.startswith("I"),
        "TO_WORDS(x)": by_type(WORDS, source.type), "FROM_WORDS(w)": by_type(VALUES, output.type),
    }  # fmt: skip
    groups = groups_for(output.size, 64, limits)
    return (Program("bitcast", constants, (Arg("source", source.index),), made, groups, includes=libraries),)


def by_type(table: Mapping[str, str], type: str) -> str:
    """What a table has for one of TFLite's types, or else for GLSL's type of it."""
    return table.get(type, table[STORED[type].one])
