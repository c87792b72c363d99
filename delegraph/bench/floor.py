"""The least that ops could take on a device, by its measured rates: what their times are held against."""

from __future__ import annotations

from collections.abc import Sequence

from ..delegates.base import Bounded, Ceiling, Delegate
from ..delegates.work import arithmetic
from ..errors import DelegateError
from ..graph.model import Graph
from ..partitioner.plan import Plan


def ceilings_of(delegates: Sequence[Delegate]) -> dict[str, Ceiling]:
    """Delegate -> what its device could do at most, of those that can tell."""
    found = {}
    for delegate in delegates:
        if isinstance(delegate, Bounded) and delegate.probe().here:
            try:
                found[delegate.name] = delegate.ceiling()
            except DelegateError:  # it is measured for what it does, not for what it could do
                continue
    return found


def floors(graph: Graph, plan: Plan, delegates: Sequence[Delegate], ceilings: dict[str, Ceiling]) -> dict[int, float]:
    """Op -> least seconds, of those that are launched where ceilings are known.

    An op counts with those that are fused into it: their arithmetic, and the bytes that go in and come out of all.
    """
    named = {delegate.name: delegate for delegate in delegates}
    groups: dict[int, list[int]] = {}
    for d in plan.decisions:
        if not d.folded and d.partition is not None and d.delegate in ceilings:
            groups.setdefault(d.op if d.fused is None else d.fused, []).append(d.op)
    found = {}
    for first, group in groups.items():
        name = plan.decisions[first].delegate
        ops = [graph.ops[i] for i in group]
        made = {t for op in ops for t in op.outputs}
        read = {t for op in ops for t in op.inputs if t >= 0} - made
        left = {t for t in made if t in graph.outputs or any(i not in group for i in graph.readers(t))}
        constants = {t for t in read if graph.is_constant(t)}  # which have to be read, but may lie as in the file
        nbytes = sum(named[name].form(graph, t).nbytes for t in (read | left) - constants)
        nbytes += sum(graph.tensors[t].nbytes for t in constants)
        found[first] = ceilings[name].seconds(sum(arithmetic(graph, op) for op in ops), nbytes)
    return found
