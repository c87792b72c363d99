"""BUCKETIZE: how many boundaries, which ascend, are not above a value.

Refuses boundaries that descend.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Arg, Const, Limits, Lowered, Program, groups_for
from .types import FLOAT

OPS = ("BUCKETIZE",)
TYPES = FLOAT | {"FLOAT64", "INT32", "INT64"}
RESULTS = frozenset({"INT32"})

# How values are compared: GLSL's type of what is, how it is made, and when a bound is above it.
KEYS = {
    "FLOAT64": ("ivec2", "ordered(source(i))", "below(x, bound)"),
    "INT64": ("float", "narrow(source(i))", "x < bound"),
}
OTHERS = ("float", "float(source(i))", "!is_nan(x) && x < bound")


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; integers are compared as the nearest floats, FLOAT64 as it is.

    All boundaries count as not above what is no number.
    """
    source = values(graph, op, types=TYPES)
    given = op.options.boundaries
    bounds = np.array([] if given is None else given, np.float32)
    if not (bounds[:-1] <= bounds[1:]).all():
        raise Refused("boundaries", bounds[:8].tolist(), "none below the one before")
    output = result(graph, op, limits, graph.tensors[source].shape, types=RESULTS)
    kind = graph.tensors[source].type
    key, real, above = KEYS.get(kind, OTHERS)
    constants = {"COUNT": len(bounds), "KEY": key, "REAL": real, "ABOVE": above}
    given = bounds if len(bounds) else np.zeros(1, np.float32)
    held: NDArray[Any] = ordered(given.astype(np.float64)) if kind == "FLOAT64" else given
    args = (Arg("source", source), Arg("bounds", Const(partial(np.asarray, held), held.nbytes), key))
    groups = groups_for(graph.tensors[output].size, 64, limits)
    return (Program("bucketize", constants, args, output, groups, includes=("int64",)),)


def ordered(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Integers that are in the order of these numbers: as the body makes them of FLOAT64."""
    bits = values.view(np.int64)
    return np.where(bits < 0, np.iinfo(np.int64).min - bits, bits)
