"""Ops of a plan run by themselves, on the delegates that the plan gave them, fed with values from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..delegates.base import Delegate
from ..errors import Learned, StepFailed
from ..executor import Executor
from ..graph.model import Graph
from ..partitioner.piece import piece
from ..partitioner.plan import Plan

Values = dict[int, NDArray[Any]]
Given = Sequence[Mapping[int, NDArray[Any]]]
TRIES = 4  # at a piece of a delegate that learns while it runs


class Pieces:
    """Opens pieces of one plan."""

    def __init__(self, graph: Graph, plan: Plan, delegates: Sequence[Delegate]) -> None:
        """`delegates` are those of the plan."""
        self.graph = graph
        self._plan = plan
        self._delegates = {d.name: d for d in delegates}
        self._at = {op: k for k, p in enumerate(plan.partitions) for op in p.ops if op not in graph.folded_ops}

    def delegate(self, op: int) -> str:
        """The delegate that has an op."""
        return self._plan.partitions[self._at[op]].delegate

    def parts(self, ops: Sequence[int]) -> Iterator[tuple[Delegate, tuple[int, ...]]]:
        """Ops by partition, in the order in which these run."""
        found: dict[int, list[int]] = {}
        for op in ops:
            found.setdefault(self._at[op], []).append(op)
        for k in sorted(found):
            yield self._delegates[self._plan.partitions[k].delegate], tuple(sorted(found[k]))

    def run(
        self, ops: Sequence[int], *given: Mapping[int, NDArray[Any]], keep: frozenset[int] = frozenset()
    ) -> list[Values]:
        """What leaves these ops for each of some `given` values of what enters them, begun with fresh variables.

        `keep` are outputs as well. Fused and packed as in the plan, as far as nothing in `keep` forbids it. Raises
        DelegateError where a delegate cannot do it.
        """
        known = [dict(values) for values in given]
        made: list[Values] = [{} for _ in given]
        for delegate, part in self.parts(ops):
            for k, values in enumerate(self._run(delegate, part, known, keep)):
                known[k] |= values
                made[k] |= values
        left = set(self.graph.boundary(ops, keep)[1])
        return [{t: value for t, value in values.items() if t in left} for values in made]

    def _run(
        self,
        delegate: Delegate,
        ops: tuple[int, ...],
        given: Sequence[Mapping[int, NDArray[Any]]],
        keep: frozenset[int],
    ) -> list[Values]:
        for left in reversed(range(TRIES)):
            try:
                return self._once(delegate, ops, given, keep)
            except StepFailed as failed:
                if not left or not isinstance(failed.__cause__, Learned):
                    raise
        raise AssertionError

    def _once(
        self,
        delegate: Delegate,
        ops: tuple[int, ...],
        given: Sequence[Mapping[int, NDArray[Any]]],
        keep: frozenset[int],
    ) -> list[Values]:
        plan = piece(self.graph, delegate, ops, keep, back=True)
        (partition,) = plan.partitions
        found: list[Values] = []
        with ExitStack() as stack:
            executor = Executor(self.graph, plan, [delegate], keep)
            stack.callback(executor.close)
            for k, values in enumerate(given):
                if k:
                    executor.reset_variables()
                for t in partition.inputs:
                    if t in self.graph.dynamic:
                        executor.host.loose[t] = np.array(values[t])
                    else:
                        np.copyto(executor.view(t), values[t])
                executor.run()
                found.append({t: executor.fetch(t) for t in partition.outputs})
        return found
