"""A plan of some ops of a graph on one delegate and nothing else, so that they can be run by themselves."""

from __future__ import annotations

from ..delegates.base import Cost, Delegate, Partition
from ..graph.model import Graph
from .memory import allocate, arena_sizes
from .plan import Plan, Run, Step, Transfer
from .transfers import HOST


def piece(
    graph: Graph, delegate: Delegate, ops: tuple[int, ...], keep: frozenset[int] = frozenset(), back: bool = False
) -> Plan:
    """A plan that runs only these ops, its inputs staying as they are from run to run; `keep` are outputs as well.

    With `back` the outputs are brought to the host behind the run.
    """
    partition = Partition(0, delegate.name, ops, *graph.boundary(ops, keep))
    away = delegate.space != HOST
    brought = [Transfer(t, HOST, delegate.space, graph.tensors[t].nbytes) for t in partition.inputs if away]
    taken = [Transfer(t, delegate.space, HOST, graph.tensors[t].nbytes) for t in partition.outputs if away and back]
    steps: tuple[Step, ...] = (*brought, Run(0), *taken)
    lowering = delegate.lower(graph, ops, keep)
    kept = frozenset((*partition.inputs, *(partition.outputs if back else ())))
    allocations = allocate(graph, steps, [partition], [lowering], {delegate.name: delegate}, kept)
    return Plan(
        graph.model.fingerprint, graph.index, "piece", (delegate.name,), steps, (partition,), allocations,
        arena_sizes(allocations), {0: len(lowering.uses)}, (), Cost(0.0), (Cost(0.0),) * len(steps),
    )  # fmt: skip
