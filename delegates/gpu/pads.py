"""PAD before convolutions, which lay the zeros around their input themselves: then it is not launched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from ...graph.model import Graph, Op
from ...shaders.convolution import padding
from ...shaders.pad import zeros


def absorbed(
    graph: Graph, ops: Iterable[int], keep: Collection[int], taken: Callable[[Op], bool]
) -> dict[int, tuple[Op, ...]]:
    """PADs among `ops` whose place each op that reads them can take -> these ops as they then are.

    `keep` are tensors that have to be made; `taken` says whether there is a kernel for an op.
    """
    here = set(ops)
    found = {}
    for index in here:
        pad = graph.ops[index]
        if (around := zeros(graph, pad)) is None or {*pad.outputs} & {*keep, *graph.outputs}:
            continue
        if graph.tensors[pad.inputs[0]].is_variable:  # which may be another value by the time the readers run
            continue
        readers = graph.readers(pad.outputs[0])
        wider = [padding(graph.ops[k], pad, around) for k in readers if k in here]
        able = tuple(op for op in wider if op is not None and taken(op))
        if able and len(able) == len(readers):
            found[index] = able
    return found
