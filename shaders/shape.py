"""SHAPE, RANK and, of constants, RANGE and WHERE: known before anything runs.

Refuses of RANGE and WHERE, inputs that are computed, for then the shape depends on data; steps of 0.
"""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import NUMPY_TYPES, Graph, Op
from .arguments import Refused, answering, result
from .program import Arg, Limits, Lowered, Program, groups_for
from .types import ANY, FLOAT, INDICES, glsl, like

OPS = ("RANGE", "RANK", "SHAPE", "WHERE")
TYPES = ANY
EMPTY = (False, True)
RESULTS = {"RANGE": FLOAT | INDICES, "RANK": INDICES, "SHAPE": INDICES, "WHERE": frozenset({"INT64"})}


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch that copies a constant."""
    if op.kind == "WHERE":
        condition = graph.constant(op.inputs[0])
        if condition is None:
            raise Refused("not_constant", "the condition is computed", "a constant")
        places = np.argwhere(condition).astype(np.int64)
        output = result(graph, op, limits, places.shape, types=RESULTS["WHERE"])
        made = partial(np.asarray, places)
    elif op.kind == "RANGE":
        start, count, step = progression(graph, op)
        output = result(graph, op, limits, (count,), types=RESULTS["RANGE"])
        made = partial(stepped, start, count, step)
    else:
        shape = graph.tensors[op.inputs[0]].shape
        wanted: tuple[int, ...] = (len(shape),) if op.kind == "SHAPE" else ()
        output = result(graph, op, limits, wanted, types=INDICES)
        value = shape if op.kind == "SHAPE" else len(shape)
        made = partial(np.array, value, NUMPY_TYPES[graph.tensors[output].type])
    tensor = graph.tensors[output]
    source = Arg("source", like(tensor, made), glsl(tensor.type))
    return (Program("elementwise", {}, (source,), output, groups_for(tensor.size, 64, limits)),)


def progression(graph: Graph, op: Op) -> tuple[np.generic, int, np.generic]:
    """(first, how many, step) of a RANGE, whose inputs are constant numbers of the output's type."""
    found = [graph.constant(t) for t in op.inputs]
    dtype = NUMPY_TYPES[graph.tensors[op.outputs[0]].type]
    numbers = [
        value.reshape(-1)[0] for value in found if value is not None and value.size == 1 and value.dtype == dtype
    ]
    if len(numbers) != 3:
        raise Refused("operand", "RANGE of others", "three constants of the output's type")
    start, limit, step = numbers
    if not step or not all(np.isfinite(number) for number in numbers):
        raise Refused("operand", f"steps of {step} from {start} to {limit}", "finite, and not 0")
    span = float(limit - start) / float(step) if dtype.kind == "f" else -((int(start) - int(limit)) // int(step))
    return start, max(ceil(span), 0), step


def stepped(start: np.generic, count: int, step: np.generic) -> NDArray[Any]:
    """`count` numbers, each the one before and `step`, rounded to their type."""
    return np.add.accumulate(np.array([start, *[step] * (count - 1)], start.dtype), dtype=start.dtype)
