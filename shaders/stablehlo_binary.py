"""STABLEHLO_ADD, _MULTIPLY, _MAXIMUM and _MINIMUM: two operands of one shape; integers wrap around.

Refuses operands of different shapes.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Elementwise, Limits, Lowered, Stage
from .types import DOUBLES, FLOATS

_OVER = "(x.y > y.y || (x.y == y.y && x.x > y.x))"
# Of x and y, which may change places: of numbers that GLSL adds up, and of those that it does not.
EXPRESSIONS = {
    "STABLEHLO_ADD": "x + y",
    "STABLEHLO_MULTIPLY": "x * y",
    "STABLEHLO_MAXIMUM": "larger(x, y)",
    "STABLEHLO_MINIMUM": "smaller(x, y)",
}
OTHERS = {
    "STABLEHLO_ADD": {
        "INT64": "plus(x, y)", "UINT64": "uvec2(plus(ivec2(x), ivec2(y)))", "FLOAT64": "plus(x, y)", "BOOL": "x | y",
    },
    "STABLEHLO_MULTIPLY": {
        "INT64": "times(x, y)", "UINT64": "uvec2(times(ivec2(x), ivec2(y)))", "FLOAT64": "times(x, y)", "BOOL": "x & y",
    },
    "STABLEHLO_MAXIMUM": {"UINT32": "max(x, y)", "UINT64": f"{_OVER} ? x : y"},
    "STABLEHLO_MINIMUM": {"UINT32": "min(x, y)", "UINT64": f"{_OVER} ? y : x"},
}  # fmt: skip
# How a sum or product of small integers wraps around.
WRAPPED = {"INT8": "wrapped({}, 24)", "INT16": "wrapped({}, 16)", "UINT8": "({}) & 255", "UINT16": "({}) & 65535"}
LIBRARIES = {
    "FLOAT32": ("math",), "FLOAT16": ("math",), "FLOAT64": DOUBLES, "INT64": ("int64",),
    "UINT64": ("int64",),
}  # fmt: skip
OPS = tuple(EXPRESSIONS)
TYPES = frozenset({*FLOATS, "FLOAT64", "INT32", "INT64", "UINT32", "UINT64", "BOOL", *WRAPPED})


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One stage."""
    type = graph.tensors[op.inputs[0]].type
    a, b = (graph.tensors[values(graph, op, k, TYPES & {type})] for k in (0, 1))
    if a.shape != b.shape:
        raise Refused("shape", f"{list(a.shape)} and {list(b.shape)}", "one shape")
    output = result(graph, op, limits, a.shape, types={type})
    joined, includes = expression(op.kind, type), libraries(type)
    if graph.is_constant(a.index):
        a, b = b, a
    mirrored = None if graph.is_constant(b.index) else Stage(joined, a.index, includes=includes)
    return Elementwise(a.index, output, Stage(joined, b.index, includes=includes), mirrored)


def expression(kind: str, type: str) -> str:
    """GLSL of what an op makes of elements x and y of a type."""
    found = OTHERS[kind].get(type, EXPRESSIONS[kind])
    return WRAPPED[type].format(found) if type in WRAPPED and kind in ("STABLEHLO_ADD", "STABLEHLO_MULTIPLY") else found


def libraries(type: str) -> tuple[str, ...]:
    """The libraries that have what that calls."""
    return LIBRARIES.get(type, ("integer",))
