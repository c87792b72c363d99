"""Ops of one quantised operand: tables of what TFLite's reference kernels make of each value that it may have.

Refuses a tensor without a scale above 0; of INT16, zero points but 0, and of LOGISTIC and TANH results of another
scale than 2 ** -15.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .arguments import answering, result, values
from .program import Arg, Const, Elementwise, Limits, Lowered, Program, Stage, groups_for
from .quantized import RANGES, affine
from .tables import TABLES
from .types import in_fours

OPS = tuple(sorted({kind for tables in TABLES.values() for kind in tables}))
TYPES = {kind: frozenset(type for type, tables in TABLES.items() if kind in tables) for kind in OPS}
OF_NO_NEGATIVES = ("RSQRT", "SQRT")


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One stage; or one launch, where the reference's run would fail for values that there may be."""
    source = graph.tensors[values(graph, op, types=TYPES[op.kind])]
    output = graph.tensors[result(graph, op, limits, source.shape, types={source.type})]
    low, high = RANGES[source.type]
    table, x, y = TABLES[source.type][op.kind], affine(source), affine(output)
    table(op, np.array([low, high]), x, y)  # refuses what it refuses now

    def found() -> NDArray[np.int32]:
        return np.clip(table(op, np.arange(low, high + 1), x, y), low, high).astype(np.int32)

    stage = Stage("y", Const(found, 4 * (high + 1 - low)), lookup=low, operand_type="int")
    if op.kind not in OF_NO_NEGATIVES or x.zero == low:
        return Elementwise(source.index, output.index, stage)
    value, count = ("vec4", output.size // 4) if in_fours((source.type,), output.size) else ("float", output.size)
    constants, inputs = {"LEAST": x.zero}, (Arg("source", source.index, value),)
    groups, fails = groups_for(count, 64, limits), "its operand holds a negative number"
    return (Program("checked", constants, inputs, output.index, groups, value=value, stages=(stage,), fails=fails),)
