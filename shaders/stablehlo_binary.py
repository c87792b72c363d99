"""STABLEHLO_ADD, _MULTIPLY, _MAXIMUM and _MINIMUM: two operands of one shape; integers wrap around."""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Elementwise, Limits, Lowered, Stage

# Of x and y, which may change places: of numbers that GLSL adds up, and of those of 64 bits.
EXPRESSIONS = {
    "STABLEHLO_ADD": ("x + y", "plus(x, y)"),
    "STABLEHLO_MULTIPLY": ("x * y", "times(x, y)"),
    "STABLEHLO_MAXIMUM": ("larger(x, y)", "larger(x, y)"),
    "STABLEHLO_MINIMUM": ("smaller(x, y)", "smaller(x, y)"),
}
# How a sum or product of small integers wraps around.
WRAPPED = {"INT8": "wrapped({}, 24)", "INT16": "wrapped({}, 16)", "UINT8": "({}) & 255", "UINT16": "({}) & 65535"}
LIBRARIES = {"FLOAT32": "math", "INT64": "int64"}
OPS = tuple(EXPRESSIONS)
TYPES = frozenset({"FLOAT32", "INT32", "INT64", *WRAPPED})


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One stage."""
    type = graph.tensors[op.inputs[0]].type
    a, b = (graph.tensors[values(graph, op, k, TYPES & {type})] for k in (0, 1))
    if a.shape != b.shape:
        raise Refused("shape", f"{list(a.shape)} and {list(b.shape)}", "one shape")
    output = result(graph, op, limits, a.shape, types={type})
    expression = EXPRESSIONS[op.kind][type == "INT64"]
    if type in WRAPPED and op.kind in ("STABLEHLO_ADD", "STABLEHLO_MULTIPLY"):
        expression = WRAPPED[type].format(expression)
    includes = (LIBRARIES.get(type, "integer"),)
    if graph.is_constant(a.index):
        a, b = b, a
    mirrored = None if graph.is_constant(b.index) else Stage(expression, a.index, includes=includes)
    return Elementwise(a.index, output, Stage(expression, b.index, includes=includes), mirrored)
