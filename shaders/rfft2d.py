"""RFFT2D: the spectrum of real rows and columns, cut or filled up with zeros to the lengths that are wanted.

Refuses lengths that are computed or no powers of 2, vectors.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .arguments import Refused, answering, integers, result, values
from .program import Arg, Const, Limits, Lowered, Program, groups_for
from .reduce import power_of_two

OPS = ("RFFT2D",)
TYPES = frozenset({"FLOAT32"})
RESULTS = frozenset({"COMPLEX64"})


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: a group takes a column of a spectrum. The lengths are constant, and powers of 2."""
    source = graph.tensors[values(graph, op)]
    height, width = integers(graph, op, 1, (2,))
    if len(source.shape) < 2 or min(height, width) < 1 or (height & (height - 1)) or (width & (width - 1)):
        raise Refused("shape", f"{list(source.shape)} to {[height, width]}", "matrices, to powers of 2")
    *slices, rows, columns = source.shape
    made = (*slices, height, width // 2 + 1)
    output = result(graph, op, limits, made, types=RESULTS)
    present = min(rows, height)
    constants = {
        "ROWS": rows, "COLUMNS": columns, "PRESENT": present, "HEIGHT": height, "WIDTH": width,
        "SPECTRUM": width // 2 + 1, "SPECTRA": math.prod(slices) * (width // 2 + 1),
    }  # fmt: skip
    inputs = (
        Arg("source", source.index),
        Arg("along_rows", Const(lambda: turns(width), 8 * width), "float"),
        Arg("along_columns", Const(lambda: turns(height), 8 * height), "float"),
    )
    local = (min(power_of_two(2 * height - 1), 256, limits.invocations), 1, 1)
    groups = groups_for(math.prod(slices) * (width // 2 + 1), 1, limits)
    return (Program("rfft2d", constants, inputs, output, groups, local, shared=8 * present),)


def turns(n: int) -> NDArray[np.float32]:
    """(cos, -sin) of each n-th part of a turn, rounded from doubles."""
    angles = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angles), -np.sin(angles)], -1).astype(np.float32)
