"""BUCKETIZE: how many boundaries, which ascend, are not above a value."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Arg, Const, Limits, Lowered, Program, groups_for
from .types import FLOAT

OPS = ("BUCKETIZE",)
TYPES = FLOAT | {"INT32", "INT64"}
RESULTS = frozenset({"INT32"})


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; integers are compared as the nearest floats. All boundaries count as not above what is no number."""
    source = values(graph, op, types=TYPES)
    given = op.options.boundaries
    bounds = np.array([] if given is None else given, np.float32)
    if not (bounds[:-1] <= bounds[1:]).all():
        raise Refused("boundaries", bounds[:8].tolist(), "none below the one before")
    output = result(graph, op, limits, graph.tensors[source].shape, types=RESULTS)
    wide = graph.tensors[source].type == "INT64"
    constants = {"COUNT": len(bounds), "REAL": "narrow(source(i))" if wide else "float(source(i))"}
    held = bounds if len(bounds) else np.zeros(1, np.float32)
    args = (Arg("source", source), Arg("bounds", Const(partial(np.asarray, held), held.nbytes), "float"))
    groups = groups_for(graph.tensors[output].size, 64, limits)
    return (Program("bucketize", constants, args, output, groups, includes=("int64",)),)
