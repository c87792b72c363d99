"""Ops that readers of what they make do while they read: PAD before convolutions, MUL by a gate before 1x1 ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial

from ...graph.model import Graph, Op
from ...shaders.convolution import gate_of, gated, padded
from ...shaders.pad import zeros
from .reals import in_reals

Change = Callable[[Op], Op | None]  # a reader as it is then, if it can


def absorbed(
    graph: Graph, ops: Iterable[int], keep: Collection[int], taken: Callable[[Op], bool]
) -> dict[int, tuple[Op, ...]]:
    """Those among `ops` that all ops which read them can do -> these as they then are.

    `keep` are tensors that have to be made; `taken` says whether there is a kernel for an op.
    """
    here = set(ops)
    found = {}
    for index in here:
        op = graph.ops[index]
        if (change := change_of(graph, op)) is None or {*op.outputs} & {*keep, *graph.outputs}:
            continue
        if any(graph.tensors[t].is_variable for t in op.inputs):  # another value by the time the readers run
            continue
        readers = graph.readers(op.outputs[0])
        changed = [change(graph.ops[k]) for k in readers if k in here]
        able = tuple(reader for reader in changed if reader is not None and taken(reader))
        if able and len(able) == len(readers):
            found[index] = able
    return found


def change_of(graph: Graph, op: Op) -> Change | None:
    """What becomes of a reader that does an op, too; None for ops that no reader does."""
    if (around := zeros(graph, op)) is not None:
        return partial(padded, pad=op, zeros=around)
    if not in_reals(graph, op) and (sides := gate_of(graph, op)) is not None:
        image, gate = sides
        # Where nothing else reads the image, MUL is a stage of what makes it.
        return partial(gated, mul=op, image=image, gate=gate) if len(graph.readers(image)) > 1 else None
    return None
