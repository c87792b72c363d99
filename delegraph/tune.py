"""Tuning: times ways to do ops, pieces of a model, then whole plans side by side, and notes what they take."""

from __future__ import annotations

import logging
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from .delegates.base import Delegate
from .errors import DelegateError
from .graph.model import Graph
from .partitioner.capability import capability
from .partitioner.cost import Costs, split
from .partitioner.piece import piece
from .partitioner.plan import Plan, Run
from .partitioner.planner import Planner
from .placing import Placing
from .race import SAME, race
from .timing import Trial, in_turn
from .ways import time_ways

log = logging.getLogger("delegraph")

WAYS, PIECES = 0.4, 0.4  # of the time that is left go to ways to do ops, then to pieces; the rest to plans
ROUNDS = 5  # of each level of pieces
RACERS = 6  # plans side by side
RACES = 5

Progress = Callable[[float, str], None]  # called with the part that is done, 0 to 1, and with what is done now


@dataclass(frozen=True)
class Raced:
    """A plan that was timed: median seconds of one inference and of each step, and whether another clearly won."""

    plan: Plan
    seconds: float
    steps: tuple[float, ...]
    runs: int
    lost: bool


def tune(
    graph: Graph,
    delegates: Sequence[Delegate],
    placing: Placing,
    keep: frozenset[int] = frozenset(),
    seconds: float = 10.0,
    progress: Progress = lambda done, what: None,
) -> list[Raced]:
    """Time what could be chosen for about `seconds`, and note it in the book of `placing`; the fastest plan first.

    Rates of devices are measured before, once on each machine.

    A device that fails is passed over with a warning.
    """
    progress(0.0, "rates")
    placing.rate(delegates, measure=True)
    start = time.perf_counter()

    def report(what: str) -> None:
        progress(min((time.perf_counter() - start) / seconds, 1.0), what)

    def by(part: float) -> float:
        now = time.perf_counter()
        return now + part * (start + seconds - now)

    time_ways(graph, delegates, placing.book, by(WAYS), report)
    graph = placing.tuned(graph, delegates)
    _time_pieces(graph, delegates, placing, by(PIECES), report)
    raced: list[Raced] = []
    for _ in range(RACES):
        planner = placing.planner(graph, delegates, keep)
        plans = _racers(planner, [r.plan for r in raced])
        if not plans:
            break
        results = _race(graph, plans, delegates, keep, start + seconds, partial(report, f"{len(plans)} plans"))
        raced = _merged(raced, results)
        _note(planner, raced, results, placing)
    return raced


def _time_pieces(
    graph: Graph, delegates: Sequence[Delegate], placing: Placing, end: float, report: Callable[[str], None]
) -> None:
    """Time all that each delegate can run, then its halves, their halves, until the time is over."""
    table = capability(graph, delegates)
    costs = Costs(graph, delegates, table)
    contested = {op.index for op in graph.ops if sum(v.ok for v in table[op.index].values()) > 1}
    level = [(d, ops) for d in delegates for ops in costs.regions(d.name) if contested.intersection(ops)]
    while level and time.perf_counter() < end:
        report(f"{len(level)} pieces")
        for delegate, ops, seconds in _time_level(graph, level, end):
            placing.book.add_partition(delegate, costs.key(ops), seconds)
        level = [(d, half) for d, ops in level for half in split(ops)]
    placing.book.save()


def _time_level(
    graph: Graph, level: Sequence[tuple[Delegate, tuple[int, ...]]], end: float
) -> Iterator[tuple[Delegate, tuple[int, ...], float]]:
    """The seconds of pieces, timed in turn; of as many as there is time for."""
    with ExitStack() as stack:
        trials: list[tuple[Delegate, tuple[int, ...], Trial]] = []
        failed: set[str] = set()
        for delegate, ops in level:
            inputs = graph.boundary(ops)[0]
            if time.perf_counter() > end or delegate.name in failed or graph.dynamic.intersection(inputs):
                continue
            try:
                trial = Trial(graph, piece(graph, delegate, ops), [delegate], inputs=inputs)
                stack.callback(trial.close)
                trial.run_steps()
            except DelegateError as error:
                log.warning("%s is not timed: %s", delegate.name, error)
                failed.add(delegate.name)
                continue
            trials.append((delegate, ops, trial))
        rng = random.Random(0)
        for number in range(ROUNDS):
            if time.perf_counter() > end and number:
                break
            if number == 0:
                for _, _, trial in trials:
                    trial.forget()  # what was slow only once
            in_turn([trial.run_steps for _, _, trial in trials], rng)
        for delegate, ops, trial in trials:
            yield delegate, ops, trial.steps()[-1]


def _racers(planner: Planner, raced: Sequence[Plan]) -> list[Plan]:
    """What to time side by side: at first all that is promising, then what is now thought best against the fastest.

    Empty where nothing new is left.
    """
    best = planner.plan("fastest")
    if raced:
        return [] if any(_same(best, plan) for plan in raced) else [best, raced[0]]
    plans = [best]
    most = planner.rules.max_partitions
    for placed in planner.search.alternatives():
        plan = planner.given(placed.chosen, "fastest")
        if not any(_same(plan, other) for other in plans) and (most is None or len(plan.partitions) <= most):
            plans.append(plan)
    return plans[:RACERS]


def _same(a: Plan, b: Plan) -> bool:
    return a.partitions == b.partitions


def _race(
    graph: Graph,
    plans: Sequence[Plan],
    delegates: Sequence[Delegate],
    keep: frozenset[int],
    end: float,
    report: Callable[[], None],
) -> list[Raced]:
    """Run plans in turn until all but one have lost, or hardly differ, or the time is over; the fastest comes first."""
    rng = random.Random(0)
    with ExitStack() as stack:
        trials = []
        for plan in plans:
            try:
                trial = Trial(graph, plan, delegates, keep)
                stack.callback(trial.close)
                trial.run_steps()
            except DelegateError as error:
                log.warning("a plan is not timed: %s", error)
                continue
            trial.forget()
            trials.append(trial)

        def lap(racing: Sequence[Trial]) -> None:
            report()
            in_turn([trial.run for trial in racing], rng)
            in_turn([trial.run_steps for trial in racing if len(trial.seconds) % 3 < 2], rng)

        lost = race(trials, lap, end)
        results = [Raced(t.plan, t.median, tuple(t.steps()), len(t.seconds), t in lost) for t in trials]
    return sorted(results, key=lambda r: (r.lost, r.seconds))


def _merged(before: Sequence[Raced], now: Sequence[Raced]) -> list[Raced]:
    """All that was timed; earlier times follow the drift of a plan that was timed again."""
    again = [(old, new) for old in before for new in now if _same(old.plan, new.plan)]
    drift = statistics.median([new.seconds / old.seconds for old, new in again]) if again else 1.0
    repeated = [old for old, _ in again]
    kept = [replace(r, seconds=r.seconds * drift, lost=True) for r in before if r not in repeated]
    return sorted([*now, *kept], key=lambda r: (r.lost, r.seconds))


def _note(planner: Planner, raced: Sequence[Raced], now: Sequence[Raced], placing: Placing) -> None:
    """Write down what plans took, and what the partitions of those that were just timed did."""
    graph, delegates = planner.graph, planner.costs.delegates
    whole = planner.costs.key(range(len(graph.ops)))
    least = min((r.seconds for r in raced if not r.lost), default=0.0)
    for r in raced:
        chosen = ["" if d.op in graph.folded_ops else d.delegate for d in r.plan.decisions]
        # One that lost to another, run for run, is not the faster one because its median came out so.
        seconds = max(r.seconds, least * (1 + SAME)) if r.lost else r.seconds
        placing.book.add_plan(list(delegates.values()), whole, chosen, seconds)
    for r in now:
        for step, seconds in zip(r.plan.steps, r.steps, strict=True):
            if isinstance(step, Run):
                p = r.plan.partitions[step.partition]
                placing.book.add_partition(delegates[p.delegate], planner.costs.key(p.ops), seconds)
    placing.book.save()
