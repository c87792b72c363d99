"""REVERSE_SEQUENCE: turns around the first so many positions of an axis, as many as its batch says.

Refuses the same axis for sequences and batches, constant lengths beyond the axis.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from ..graph.model import Graph, Op
from .arguments import Refused, answering, integers, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .strided_copy import Linear, View, moved
from .types import ANY, INDICES

OPS = ("REVERSE_SEQUENCE",)
TYPES = ANY


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One copy through a table of positions by batch and place; one launch where the lengths are computed."""
    view = View.of(graph, values(graph, op, types=ANY))
    rank = len(view.shape)
    along, batch = op.options.seq_dim, op.options.batch_dim
    if along == batch or not (0 <= along < rank and 0 <= batch < rank):
        raise Refused("axis", f"sequences along {along}, batches along {batch}", f"two of 0 to {rank - 1}")
    n = view.shape[along]
    output = result(graph, op, limits, view.shape, types=ANY)
    if graph.constant(op.inputs[1]) is None:
        return (computed(graph, op, limits, along, batch),)
    lengths = integers(graph, op, 1, (view.shape[batch],))
    if any(length > n for length in lengths):
        raise Refused("lengths", lengths[:8], f"at most {n}")
    steps = view.index.steps
    table = [length - 1 - k if k < length else k for length in lengths for k in range(n)]
    turned = replace(
        view,
        index=Linear(0, (*steps[:along], 0, *steps[along + 1 :])),
        lookups=(Linear(0, tuple({along: 1, batch: n}.get(axis, 0) for axis in range(rank))),),
        table=tuple(steps[along] * p for p in table),
    )
    return moved(graph, limits, turned, output)


def computed(graph: Graph, op: Op, limits: Limits, along: int, batch: int) -> Program:
    """The program for computed lengths; like the reference's, its run fails where one is too long."""
    source, lengths = op.inputs[0], values(graph, op, 1, INDICES)
    shape, many = (graph.tensors[t].shape for t in (source, lengths))
    if many != (shape[batch],):
        raise Refused("shape", f"{list(many)} lengths", [shape[batch]])
    constants = {
        "UNITS": shape[along],
        "INNER": prod(shape[along + 1 :]),
        "BATCHES": shape[batch],
        "IN_BATCH": prod(shape[batch + 1 :]),
    }
    args = (Arg("source", source), Arg("lengths", lengths))
    groups = groups_for(graph.tensors[source].size, 64, limits)
    fails = f"a sequence is longer than {shape[along]}"
    return Program("reverse_computed", constants, args, op.outputs[0], groups, includes=("int64",), fails=fails)
