"""CAST: a number as one of another type, converted as TFLite's reference kernels do.

Refuses nothing else.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import answering, result, values
from .operators import BITS
from .program import Elementwise, Limits, Lowered, Stage, literal
from .types import ANY, STORED

OPS = ("CAST",)
TYPES = ANY - {"UINT64"}
LIMITS = {"INT8": (-128, 127), "UINT8": (0, 255), "INT16": (-(2**15), 2**15 - 1), "UINT16": (0, 2**16 - 1)}


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One stage; the output has the input's shape."""
    source = values(graph, op, types=TYPES)
    tensor = graph.tensors[source]
    output = result(graph, op, limits, tensor.shape, types=TYPES)
    made = graph.tensors[output].type
    libraries = DOUBLE if "FLOAT64" in (tensor.type, made) else LIBRARIES
    return Elementwise(source, output, Stage(converted(tensor.type, made), includes=libraries))


LIBRARIES = ("cast", "integer", "int64")
DOUBLE = (*LIBRARIES, "cast_double")


def converted(source: str, target: str, x: str = "x") -> str:
    """GLSL for `x`, of one of TFLite's types, as one of another."""
    before, after = STORED[source].one, STORED[target].one
    if source == target:
        return x
    if source == "COMPLEX64":
        return converted("FLOAT32", target, f"uintBitsToFloat({x}.x)")
    if target == "COMPLEX64":
        real = converted(source, "FLOAT32", x).replace("MADE", "float")
        return f"uvec2(floatBitsToUint({real}), 0u)"
    if target == "FLOAT64":
        return f"doubled({x if before == 'float' else converted(source, 'INT64', x)})"
    if target == "BOOL":
        return f"nonzero({x})"
    if after == "float":
        function = {"ivec2": "narrow", "uvec2": "narrowed"}.get(before, "MADE")
        return f"{function}({x})"
    if source == "FLOAT64":
        return f"truncated({x})" if target == "INT64" else limited(f"truncated({x})", target)
    if after == "ivec2":
        return f"ivec2({x}, 0)" if before == "uint" else f"widen({x})"
    if before == "float":
        return limited(x, target)
    word = f"{x}.x" if before == "ivec2" else x
    if after == "uint" or target == "INT32":
        return f"MADE({word})"
    if target.startswith("U"):
        return f"MADE({word}) & {(1 << BITS[target]) - 1}"
    return f"wrapped(MADE({word}), {32 - BITS[target]})"


def limited(x: str, target: str) -> str:
    """GLSL for a number as an integer of up to 32 bits, or the limit of these that it is beyond."""
    low, high = LIMITS.get(target, (-(2**31), 2**31 - 1))
    return f"saturated({x})" if target == "UINT32" else f"saturated({x}, {literal(low)}, {literal(high)})"
