"""REAL, IMAG and COMPLEX_ABS of COMPLEX64.

Refuses nothing else.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import answering, result, values
from .program import Elementwise, Limits, Lowered, Stage
from .types import FLOAT

# Of x, the words of two floats.
EXPRESSIONS = {
    "COMPLEX_ABS": "hypotenuse(uintBitsToFloat(x.x), uintBitsToFloat(x.y))",
    "IMAG": "uintBitsToFloat(x.y)",
    "REAL": "uintBitsToFloat(x.x)",
}
OPS = tuple(EXPRESSIONS)
TYPES = frozenset({"COMPLEX64"})
RESULTS = FLOAT


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One stage; the output has the input's shape."""
    source = values(graph, op, types=TYPES)
    output = result(graph, op, limits, graph.tensors[source].shape)
    return Elementwise(source, output, Stage(EXPRESSIONS[op.kind], includes=("math",)))
