"""Going on when a delegate fails: a new plan without it, the inference from its start, and later another try.

Or with it, where it raised Learned: what it knows now needs no more than a new plan.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .buffers import Outside
from .delegates.base import Delegate
from .errors import Learned, PlacementError, Reason, StepFailed, UnsupportedOp
from .events import Event, Note
from .executor import Executor
from .graph.model import Graph
from .partitioner.capability import Failed
from .partitioner.plan import Plan

FIRST = 1.0  # seconds until a delegate that failed is tried again
LONGEST = 64.0  # what that doubles up to while it goes on failing

MakePlan = Callable[[Failed], Plan]


@dataclass
class Trouble:
    """A delegate that failed: the ops that it may not have meanwhile, why, and when it is tried again."""

    ops: frozenset[int]
    message: str
    until: float
    delay: float


@dataclass
class Failures:
    """What failed of one session's delegates."""

    ops: frozenset[int]  # all of the graph's
    troubles: dict[str, Trouble] = field(default_factory=dict)

    def note(self, error: StepFailed) -> None:
        """Take up a failure: of the ops of a partition, or where that or a copy had failed before, of all of them."""
        before = self.troubles.get(error.delegate)
        ops = frozenset(error.ops or self.ops) if before is None or not before.ops else self.ops
        delay = FIRST if before is None else before.delay if before.ops else min(2 * before.delay, LONGEST)
        self.troubles[error.delegate] = Trouble(ops, str(error), time.monotonic() + delay, delay)

    def cells(self) -> Failed:
        """The cells of the capability table that failed, and why."""
        return {
            (op, name): Reason("failed", f"{trouble.message}; tried again after {trouble.delay:g} s")
            for name, trouble in self.troubles.items()
            for op in trouble.ops
        }

    def forgive(self, here: Callable[[str], bool]) -> list[str]:
        """The delegates whose time is over: they may be tried again, and wait longer if they fail again.

        One that is not `here` waits longer at once.
        """
        due = [name for name, t in self.troubles.items() if t.ops and t.until <= time.monotonic()]
        back = [name for name in due if here(name)]
        for name in due:
            trouble = self.troubles[name]
            if name in back:
                trouble.ops = frozenset()
            else:
                trouble.delay = min(2 * trouble.delay, LONGEST)
                trouble.until = time.monotonic() + trouble.delay
        return back

    def succeeded(self) -> None:
        """An inference went through: what was tried again and did not fail is as good as new."""
        self.troubles = {name: trouble for name, trouble in self.troubles.items() if trouble.ops}


class Recovering:
    """Runs `executor`, and puts another in its place when a delegate fails."""

    def __init__(
        self,
        graph: Graph,
        plan: Plan,
        make_plan: MakePlan,
        delegates: Sequence[Delegate],
        keep: frozenset[int],
        note: Note,
        outside: Callable[[], Mapping[int, Outside]],
        recover: bool = True,
    ) -> None:
        """Start with `plan`; `make_plan` makes one without the cells that failed. Raises StepFailed if none is left.

        Without `recover` it is raised for all but what a delegate learned.
        """
        self._recover = recover
        self._named = {delegate.name: delegate for delegate in delegates}
        self._graph, self._make_plan, self._delegates, self._keep, self._note = graph, make_plan, delegates, keep, note
        self._outside = outside
        self._failures = Failures(frozenset(range(len(graph.ops))))
        self._stateful = any(t.is_variable for t in graph.tensors)
        self.executor = self._open(plan)

    def _open(self, plan: Plan) -> Executor:
        """An executor of the plan, or of one without what fails when that is compiled."""
        while True:
            try:
                return Executor(self._graph, plan, self._delegates, self._keep, self._outside())
            except StepFailed as error:
                plan = self._after(error)

    def _after(self, error: StepFailed) -> Plan:
        """The plan to go on with. Raises the error itself where there is none."""
        if isinstance(error.__cause__, Learned):
            self._note(Event("learned", error.delegate, str(error)))
            return self._make_plan(self._failures.cells())
        if not self._recover:
            raise error
        return self._without(error)

    def _without(self, error: StepFailed) -> Plan:
        """A plan without what failed. Raises the error itself where there is none; it then counts for nothing later."""
        before = dict(self._failures.troubles)
        self._note(Event("failed", error.delegate, str(error)))
        self._failures.note(error)
        try:
            plan = self._make_plan(self._failures.cells())
        except (UnsupportedOp, PlacementError):
            self._failures.troubles = before
            raise error from None
        used = ", ".join(dict.fromkeys(p.delegate for p in plan.partitions))
        self._note(Event("replanned", error.delegate, f"{len(plan.partitions)} partitions on {used}"))
        return plan

    def run(self) -> None:
        """One inference, started over from its inputs as often as a delegate fails.

        Raises StepFailed where no other delegate can run what failed, or where what ops remember cannot be had back.
        A plan that cannot go on with the variables of this one is not tried again meanwhile.
        """
        state = self.executor.state() if self._stateful else {}
        due = self._failures.forgive(lambda name: self._named[name].probe().here)
        if due:
            for name in due:
                self._note(Event("retried", name, self._failures.troubles[name].message))
            self._change(self._make_plan(self._failures.cells()), state)
        while True:
            try:
                self.executor.run()
            except StepFailed as error:
                if self.executor.changed() or not self._change(self._after(error), state):
                    raise
            else:
                self._failures.succeeded()
                return

    def _change(self, plan: Plan, state: Mapping[int, NDArray[Any]]) -> bool:
        """Go on with another plan: the inputs and what ops remember are taken over. False where that cannot be."""
        old, fresh = self.executor, self._open(plan)
        loose = {t: old.host.loose[t] for t in self._graph.inputs if t in old.host.loose}
        inputs = {
            t: np.array(old.view(t)) for t in self._graph.inputs if t not in loose and not self._graph.is_constant(t)
        }
        if not fresh.take_over(old) and self._graph.assigns:
            fresh.close()
            return False
        self.executor = fresh
        fresh.host.loose.update(loose)
        for t, value in inputs.items():
            np.copyto(fresh.view(t), value)
        old.close()
        self.executor.restore(state)
        return True

    def close(self) -> None:
        """Give back what the executor holds. May be called twice."""
        self.executor.close()
