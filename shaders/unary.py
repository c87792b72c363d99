"""Ops of one operand, element by element.

Refuses ABS of INT16 with scales (quantized_lookup takes it).
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Elementwise, Limits, Lowered, Stage, valued
from .types import FLOAT, FLOATS

EXPRESSIONS = {
    "ABS": "abs(x)",
    "CEIL": "ceil(x)",
    "COS": "cos(x)",
    "EXP": "exp(x)",
    "FLOOR": "floor(x)",
    "HARD_SWISH": "x * (clip(x + 3.0, 0.0, 6.0) / 6.0)",
    "LOG": "log(x)",
    "NEG": "-x",
    "RELU": "relu(x)",
    "RELU6": "relu6(x)",
    "RELU_0_TO_1": "clip(x, 0.0, 1.0)",
    "RELU_N1_TO_1": "relu1(x)",
    "ROUND": "roundEven(x)",
    "SIN": "sin(x)",
    "SQUARE": "x * x",
}
# What a library has to help with: lib/math.glsl, or for what is rounded to the nearest float lib/exact.glsl.
FUNCTIONS = {
    "ELU": "elu(x)",
    "GELU": "gelu(x)",
    "LEAKY_RELU": "prelu(x, {alpha})",
    "LOGISTIC": "logistic(x)",
    "RSQRT": "divided(VALUE(1.0), square_root(x))",
    "SIGN": "signum(x)",
    "SQRT": "square_root(x)",
    "TANH": "hyperbolic_tangent(x)",
}
# Of integers, by type.
INTEGERS = {
    "ABS": {"INT32": "abs(x)", "INT16": "wrapped(abs(x), 16)"},
    "LOGICAL_NOT": {"BOOL": "1 - x"},
    "NEG": {"INT32": "-x", "INT64": "negated(x)", "INT8": "wrapped(-x, 24)", "INT16": "wrapped(-x, 16)"},
    "SIGN": {"INT32": "sign(x)", "FLOAT64": "signum(x)"},
}
LIBRARIES = {"FLOAT64": ("int64", "float64"), "INT64": ("int64",), "INT8": ("integer",), "INT16": ("integer",)}
OPS = (*EXPRESSIONS, *FUNCTIONS, "LOGICAL_NOT")
# Those of which the reference has FLOAT16 as well.
HALVES = dict.fromkeys(("COS", "FLOOR", "GELU", "LOGISTIC", "NEG", "SIN", "TANH"), FLOATS)
TYPES = {
    kind: frozenset(INTEGERS.get(kind, ())) | (HALVES.get(kind, FLOAT) if kind != "LOGICAL_NOT" else set())
    for kind in OPS
}


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One stage; the output has the input's shape."""
    source = values(graph, op, types=TYPES[op.kind])
    tensor = graph.tensors[source]
    output = result(graph, op, limits, tensor.shape, types={tensor.type})
    if op.kind == "ABS" and tensor.type == "INT16" and tensor.quantization is not None:
        raise Refused("quantization", f"{tensor.name!r} has scales", "none")
    if tensor.type in INTEGERS.get(op.kind, ()):
        return Elementwise(
            source, output, Stage(INTEGERS[op.kind][tensor.type], includes=LIBRARIES.get(tensor.type, ()))
        )
    return Elementwise(source, output, stage(op, tensor.type))


def stage(op: Op, type: str) -> Stage:
    """The op's function of a float `x`, an element of a tensor of FLOAT32 or FLOAT16."""
    if op.kind == "GELU" and type == "FLOAT16":
        found = "half_gelu_tanh(x)" if op.options.approximate else "half_gelu(x)"
        return Stage(found, includes=("math", "half", "half_gelu"))
    if op.kind in EXPRESSIONS:
        return Stage(EXPRESSIONS[op.kind])
    expression = FUNCTIONS[op.kind]
    if op.kind == "LEAKY_RELU":
        expression = expression.format(alpha=valued(op.options.alpha))
    elif op.kind == "GELU" and op.options.approximate:
        expression = "gelu_tanh(x)"
    return Stage(expression, includes=("exact" if op.kind in ("RSQRT", "SQRT") else "math",))
