"""Which of several ways to do an op is the fastest here: those that may be are timed side by side."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from .costbook import CostBook
from .delegates.base import Delegate, Versatile
from .errors import DelegateError
from .graph.model import Graph
from .partitioner.capability import capability
from .partitioner.content import content_key
from .partitioner.cost import Costs
from .partitioner.explain import count
from .partitioner.piece import piece
from .race import race
from .timing import Trial, in_turn

log = logging.getLogger("delegraph")

ALONE = 0.75  # of the time goes to ops by themselves, the rest to all of a device together
NEAR = 2.0  # times as long as the delegate's own way should take: what is beyond is not timed

Report = Callable[[str], None]


@dataclass(frozen=True)
class Contest:
    """Ways to do ops of a graph that differ in no more than the values of their weights; the first stands for all.

    `weight` is about how many seconds they take together.
    """

    delegate: Delegate
    key: str
    ops: tuple[int, ...]
    ways: tuple[str, ...]  # the one that the delegate takes by itself first
    weight: float
    known: bool


def known_ways(graph: Graph, delegates: Iterable[Delegate], book: CostBook) -> dict[int, str]:
    """Op -> the way to do it that was measured to be the fastest on these devices, as far as they are here."""
    found: dict[int, str] = {}
    for delegate in delegates:
        if isinstance(delegate, Versatile) and delegate.probe().here and (known := book.ways(delegate)):
            keys = ((op.index, content_key(graph, [op.index])) for op in graph.ops)
            found |= {op: known[key] for op, key in keys if key in known}
    return found


def time_ways(graph: Graph, delegates: Sequence[Delegate], book: CostBook, end: float, report: Report) -> None:
    """Time the ways to do each op that has several until about `end`, and note the fastest.

    A delegate's own way stays unless another is faster: clearly for the op by itself, and then for the device's part of
    the graph with all that was found.
    """
    waiting = sorted(contests(graph, delegates, book), key=lambda contest: (contest.known, -contest.weight))
    if not waiting:
        return
    now = time.perf_counter()
    hold(graph, waiting, book, now + ALONE * (end - now), report)
    costs = Costs(graph, delegates, capability(graph, delegates))
    for delegate in delegates:
        held = {op: contest for contest in waiting if contest.delegate is delegate for op in contest.ops}
        found = known_ways(graph, [delegate], book)
        for ops in costs.regions(delegate.name) if held else ():
            changed = {op: found[op] for op in ops if op in held and op in found and found[op] != held[op].ways[0]}
            if not changed:
                continue
            report(f"{count(len(changed), 'op')} in other ways")
            if not pays(graph, delegate, ops, changed, end):
                for op in changed:
                    book.add_way(delegate, held[op].key, held[op].ways[0])
    book.save()


def hold(graph: Graph, waiting: Sequence[Contest], book: CostBook, end: float, report: Report) -> None:
    """Hold contests until it is `end`, each as long as it matters, and note who won."""
    with ExitStack() as compiled:  # until all are done, as ops share shaders
        for number, contest in enumerate(waiting):
            now = time.perf_counter()
            if number and now > end:
                break
            report(f"ways to do {count(len(waiting) - number, 'kind')} of ops")
            share = contest.weight / sum(other.weight for other in waiting[number:])
            if (way := fastest(graph, contest, now + share * (end - now), compiled)) is not None:
                book.add_way(contest.delegate, contest.key, way)


def contests(graph: Graph, delegates: Sequence[Delegate], book: CostBook) -> Iterator[Contest]:
    """One for each device and all ops of a graph that are alike, where there are several ways worth timing."""
    for delegate in delegates:
        if not isinstance(delegate, Versatile) or not delegate.probe().here:
            continue
        alike: dict[str, list[int]] = {}
        for op in graph.ops:
            if op.index not in graph.folded_ops and delegate.supports(graph, op).ok:
                alike.setdefault(content_key(graph, [op.index]), []).append(op.index)
        known = book.ways(delegate)
        for key, ops in alike.items():
            times = delegate.ways(graph, graph.ops[ops[0]])
            own = next(iter(times.values()), 0.0)
            near = tuple(way for way, seconds in times.items() if seconds <= NEAR * own)
            if len(near) > 1:
                weight = delegate.estimate(graph, ops[:1]).seconds * len(ops)
                yield Contest(delegate, key, tuple(ops), near, weight, key in known)


def fastest(graph: Graph, contest: Contest, end: float, compiled: ExitStack) -> str | None:
    """The way that won; None where there was no contest. What was compiled is kept until `compiled` is closed."""
    trials: dict[str, Trial] = {}
    op = contest.ops[0]
    for way in contest.ways:
        asked = graph.with_ways({op: way})
        try:
            plan = piece(asked, contest.delegate, (op,))
            trial = Trial(asked, plan, [contest.delegate], inputs=plan.partitions[0].inputs)
            compiled.callback(trial.close)
            trial.run_launches()
        except DelegateError as error:
            log.warning("%s is not timed in the way of %s: %s", graph.ops[op].label, way, error)
            continue
        trial.forget()  # what was slow only once
        trials[way] = trial
    own = contest.ways[0]
    if own not in trials:
        return None
    lost = race_launches(list(trials.values()), end)
    for trial in trials.values():
        trial.suspend()
    if trials[own] not in lost:
        return own
    return min((way for way in trials if trials[way] not in lost), key=lambda way: trials[way].median)


def pays(graph: Graph, delegate: Delegate, ops: tuple[int, ...], changed: Mapping[int, str], end: float) -> bool:
    """Whether ops that run together are faster with some of them done in other ways."""
    with ExitStack() as stack:
        trials = []
        for ways in (dict.fromkeys(changed, ""), changed):
            asked = graph.with_ways(ways)
            plan = piece(asked, delegate, ops)
            try:
                trials.append(stack.enter_context(Trial(asked, plan, [delegate], inputs=plan.partitions[0].inputs)))
                trials[-1].run_launches()
            except DelegateError as error:
                log.warning("ways that were measured are not timed together: %s", error)
                return False
            trials[-1].forget()
        race_launches(trials, end)
        return trials[1].median < trials[0].median


def race_launches(trials: Sequence[Trial], end: float) -> list[Trial]:
    """A race by what launches take; those that lost."""
    rng = random.Random(0)
    return race(trials, lambda racing: in_turn([trial.run_launches for trial in racing], rng), end)
