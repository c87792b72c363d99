"""CAST: a number as one of another type, converted as TFLite's reference kernels do."""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import answering, result, values
from .operators import BITS
from .program import Elementwise, Limits, Lowered, Stage, literal
from .types import STORED

OPS = ("CAST",)
TYPES = frozenset({"FLOAT32", "FLOAT16", "BOOL", "INT8", "UINT8", "INT16", "UINT16", "INT32", "UINT32", "INT64"})
LIMITS = {"INT8": (-128, 127), "UINT8": (0, 255), "INT16": (-(2**15), 2**15 - 1), "UINT16": (0, 2**16 - 1)}


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One stage; the output has the input's shape."""
    source = values(graph, op, types=TYPES)
    tensor = graph.tensors[source]
    output = result(graph, op, limits, tensor.shape, types=TYPES)
    return Elementwise(source, output, Stage(converted(tensor.type, graph.tensors[output].type), includes=LIBRARIES))


LIBRARIES = ("cast", "integer", "int64")


def converted(source: str, target: str) -> str:
    """GLSL for x, of one of TFLite's types, as one of another."""
    before, after = STORED[source].one, STORED[target].one
    if source == target:
        return "x"
    if target == "BOOL":
        return "nonzero(x)"
    if after == "float":
        return "narrow(x)" if before == "ivec2" else "MADE(x)"
    if after == "ivec2":
        return {"uint": "ivec2(x, 0)"}.get(before, "widen(x)")
    if before == "float":
        low, high = LIMITS.get(target, (-(2**31), 2**31 - 1))
        return "saturated(x)" if after == "uint" else f"saturated(x, {literal(low)}, {literal(high)})"
    word = "x.x" if before == "ivec2" else "x"
    if after == "uint" or target == "INT32":
        return f"MADE({word})"
    if target.startswith("U"):
        return f"MADE({word}) & {(1 << BITS[target]) - 1}"
    return f"wrapped(MADE({word}), {32 - BITS[target]})"
