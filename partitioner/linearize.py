"""Linearisation: an order of execution in which each delegate's ops stand in as few runs as the graph allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..delegates.base import Partition
from ..graph.model import Graph


def linearize(
    graph: Graph, chosen: Mapping[int, str], names: Sequence[str], keep: frozenset[int] = frozenset()
) -> tuple[Partition, ...]:
    """Partitions in execution order; each is convex, as all it needs has run before it. `keep` are outputs as well.

    List scheduling: stay on a delegate while any of its ops is ready. Every delegate is tried as the first one, and the
    order with the fewest partitions is taken. Ops that are tied go as one, by the number of the first of them.
    """
    used = set(chosen.values())
    members: dict[int, list[int]] = {}
    for op in chosen:
        members.setdefault(_unit(graph, op), []).append(op)
    needs = {unit: _needs(graph, unit, ops, chosen) for unit, ops in members.items()}
    orders = [_schedule(chosen, needs, first) for first in dict.fromkeys(n for n in names if n in used)]
    runs = [(name, [op for unit in run for op in members[unit]]) for name, run in min(orders, key=len, default=[])]
    return tuple(
        _partition(graph, index, name, ops, keep) for index, (name, ops) in enumerate(_with_folded(graph, runs))
    )


def _schedule(chosen: Mapping[int, str], needs: Mapping[int, set[int]], first: str) -> list[tuple[str, list[int]]]:
    waiting = {op: len(found) for op, found in needs.items()}
    dependents: dict[int, list[int]] = {}
    for op, found in needs.items():
        for need in found:
            dependents.setdefault(need, []).append(op)
    ready: dict[str, list[int]] = {}
    for op, count in waiting.items():
        if not count:
            ready.setdefault(chosen[op], []).append(op)
    runs: list[tuple[str, list[int]]] = []
    current = first
    while any(ready.values()):
        if not ready.get(current):
            current = min((n for n in ready if ready[n]), key=lambda n: ready[n][0])
        run: list[int] = []
        while ready.get(current):
            op = ready[current].pop(0)
            run.append(op)
            for dependent in dependents.get(op, ()):
                waiting[dependent] -= 1
                if not waiting[dependent]:
                    ready.setdefault(chosen[dependent], []).append(dependent)
        runs.append((current, run))
    return runs


def _unit(graph: Graph, op: int) -> int:
    """The op that stands for this one and those tied to it."""
    tie = graph.ties.get(op)
    return op if tie is None else tie.ops[0]


def _needs(graph: Graph, unit: int, ops: Sequence[int], chosen: Mapping[int, str]) -> set[int]:
    producers = (graph.producer.get(t, -1) for op in ops for t in graph.ops[op].inputs if t >= 0)
    return {_unit(graph, p) for p in producers if p in chosen} - {unit}


def _with_folded(graph: Graph, runs: list[tuple[str, list[int]]]) -> list[tuple[str, list[int]]]:
    """Each folded op joins the first run that reads what it makes; another run that needs it too makes its own copy."""
    home = {op: index for index, (_, ops) in enumerate(runs) for op in ops}
    for op in sorted(graph.folded_ops, reverse=True):
        readers = [home[c] for t in graph.ops[op].outputs for c in graph.consumers.get(t, ()) if c in home]
        if readers:
            home[op] = min(readers)
    found: list[list[int]] = [[] for _ in runs]
    for op, index in home.items():
        found[index].append(op)
    return [(name, sorted(ops)) for (name, _), ops in zip(runs, found, strict=True)]


def _partition(graph: Graph, index: int, name: str, ops: list[int], keep: frozenset[int]) -> Partition:
    inputs, outputs = graph.boundary(ops, keep)
    return Partition(index, name, tuple(ops), inputs, outputs)
