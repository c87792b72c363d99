"""SOFTMAX and LOG_SOFTMAX over the last axis.

Refuses a scalar.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .reduce import power_of_two, workgroup
from .types import FLOAT, FLOATS

OPS = ("SOFTMAX", "LOG_SOFTMAX")
TYPES = {"SOFTMAX": FLOATS, "LOG_SOFTMAX": FLOAT}


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch that reads each row three times."""
    source = values(graph, op, types=TYPES[op.kind])
    tensor = graph.tensors[source]
    output = result(graph, op, limits, tensor.shape, types={tensor.type})
    constants = {
        "PARTIAL": "float",
        "BETA": float(op.options.beta) if op.kind == "SOFTMAX" else 1.0,
        "LOWEST": float("-inf"),
        "RESULT": "exp(x) / whole" if op.kind == "SOFTMAX" else "x - log(whole)",
    }
    return (over_rows(graph, "softmax", constants, source, output, limits, joins=2),)


def over_rows(
    graph: Graph, body: str, constants: Mapping[str, Any], source: int, output: int, limits: Limits, joins: int,
    tables: tuple[Arg, ...] = (), includes: tuple[str, ...] = (), fours: bool = True,
) -> Program:  # fmt: skip
    """The launch in which up to 256 invocations share a row (a last axis), `joins` times joining what they have.

    `tables` are arguments beside the source, which is read by fours where that can be, unless not `fours`.
    """
    tensor = graph.tensors[source]
    if not tensor.shape:
        raise Refused("shape", [], "at least one axis")
    value, step = ("vec4", 4) if fours and tensor.shape[-1] % 4 == 0 else ("float", 1)
    units, rows = tensor.shape[-1] // step, tensor.size // tensor.shape[-1]
    lanes = 1 if limits.plenty(rows) else min(power_of_two(units // 4), 256, limits.invocations)
    trees = max(64 // lanes, 1)
    local, lane_step = workgroup(lanes, trees, limits)
    return Program(
        body,
        {**constants, "UNITS": units, "ROWS": rows, "LANES": lanes, "LANE_STEP": lane_step},
        (Arg("source", source, value), *tables),
        output,
        groups_for(rows, trees, limits),
        local,
        value,
        includes=("reduce", *includes),
        shared=joins * 4 * local[0] * local[1],
    )
