"""What a plan runs as one: ops that a delegate fused into one launch, or that have to share a runtime."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from ..graph.model import Graph
from ..partitioner.plan import Plan

Unit = tuple[int, ...]  # ops, ascending


def units(graph: Graph, plan: Plan) -> list[Unit]:
    """All ops that run, in an order in which they may run, partition by partition; each unit is convex."""
    groups: dict[int, set[int]] = {}  # by the op that stands for them
    for d in plan.decisions:
        if d.partition is not None and d.op not in graph.folded_ops:
            tie = graph.ties.get(d.op)
            stands = tie.ops[0] if tie is not None else d.fused if d.fused is not None else d.op
            groups.setdefault(stands, set()).add(d.op)
    between = {stands: closure(graph, ops) - ops for stands, ops in groups.items() if len(ops) > 1}
    taken = {op for ops in between.values() for op in ops}
    whole = {stands: tuple(sorted(ops | between.get(stands, set()))) for stands, ops in groups.items()}
    return _in_order(graph, plan, {k: ops for k, ops in whole.items() if not (len(ops) == 1 and ops[0] in taken)})


def closure(graph: Graph, ops: Iterable[int]) -> set[int]:
    """The ops and all that lie between two of them, so that nothing leaves the set and comes back."""
    wanted = set(ops)
    first, last = min(wanted), max(wanted)
    behind: set[int] = set()  # what reads, by whatever way, what the ops make
    for k in range(first, last + 1):
        makers = (graph.producer.get(t, -1) for t in graph.ops[k].inputs if t >= 0)
        if k in wanted or any(m in behind for m in makers):
            behind.add(k)
    before: set[int] = set()  # what is read by them
    for k in range(last, first - 1, -1):
        readers = (r for t in graph.ops[k].outputs for r in graph.readers(t))
        if k in wanted or any(r in before for r in readers):
            before.add(k)
    return (behind & before) - graph.folded_ops


def _in_order(graph: Graph, plan: Plan, groups: Mapping[int, Unit]) -> list[Unit]:
    """Groups so that each comes after what it reads; those of the partition that runs first come first."""
    home = {op: stands for stands, ops in groups.items() for op in ops}
    turn = {op: k for k, p in enumerate(plan.partitions) for op in p.ops}
    needs: dict[int, set[int]] = {}
    readers: dict[int, set[int]] = {}
    for stands, ops in groups.items():
        made = (graph.producer.get(t) for op in ops for t in graph.ops[op].inputs if t >= 0)
        needs[stands] = {home[m] for m in made if m is not None and m in home} - {stands}
        for need in needs[stands]:
            readers.setdefault(need, set()).add(stands)
    waiting = {stands: len(found) for stands, found in needs.items()}
    ready = [(turn[groups[s][0]], s) for s, count in waiting.items() if not count]
    heapq.heapify(ready)
    found: list[Unit] = []
    while ready:
        _, stands = heapq.heappop(ready)
        found.append(groups[stands])
        for reader in readers.get(stands, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, (turn[groups[reader][0]], reader))
    return found
