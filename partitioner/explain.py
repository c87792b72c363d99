"""A plan in words: a summary, then what happens in one inference; or all that is known of one op."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from ..delegates.base import NOT_CUSTOM
from ..errors import Reason
from ..graph.model import Graph
from .plan import Decision, Plan, Transfer

Reasons = Mapping[str, tuple[Reason, ...]]


def explain(plan: Plan, op: int | None = None, graph: Graph | None = None) -> str:
    """The plan as plain text: all of it, or everything about one op. `graph` adds names, shapes and options.

    Raises ValueError for an op that the plan does not have.
    """
    if op is None:
        return "\n".join([*summary(plan), "", *_story(plan, graph)])
    if not 0 <= op < len(plan.decisions):
        raise ValueError(f"op {op} is not in the plan, which has ops 0 to {len(plan.decisions) - 1}")
    return "\n".join(_one_op(plan, plan.decisions[op], graph))


@dataclass(frozen=True)
class Tally:
    """What one delegate got: ops that it runs, how many of them inside another op's launch, partitions, launches."""

    delegate: str
    ops: int
    fused: int
    partitions: int
    launches: int

    def __str__(self) -> str:
        """In words."""
        if not self.ops:
            return "no ops"
        fused = f", {self.fused} of the ops fused into others" if self.fused else ""
        where = f"in {count(self.partitions, 'partition')}, {count(self.launches, 'launch', 'launches')}"
        return f"{count(self.ops, 'op')} {where}{fused}"


def tallies(plan: Plan) -> tuple[Tally, ...]:
    """One for each delegate, in order of preference; folded ops count for none."""
    found = []
    for name in plan.delegates:
        mine = [d for d in plan.decisions if d.delegate == name and not d.folded]
        partitions = [p.index for p in plan.partitions if p.delegate == name]
        launches = sum(plan.launches.get(p, 0) for p in partitions)
        found.append(Tally(name, len(mine), sum(d.fused is not None for d in mine), len(partitions), launches))
    return tuple(found)


def summary(plan: Plan) -> list[str]:
    """How many ops run where, what is copied, what memory it takes, and what a delegate said of every op."""
    folded = sum(d.folded for d in plan.decisions)
    rows = [(t.delegate, str(t)) for t in tallies(plan)]
    if folded:
        rows.append(("folded", f"{count(folded, 'op')} that run nowhere: constant, or never read"))
    rows.append(("copies", copies(plan)))
    rows.append(("memory", ", ".join(f"{size(n)} in {space}" for space, n in plan.arenas.items()) or "none"))
    rows.append(("expected", expectation(plan)))
    width = max(len(name) for name, _ in rows)
    lines = [f"{count(len(plan.decisions), 'op')}, placed by {plan.placement} over {', '.join(plan.delegates)}"]
    lines += [f"  {name:<{width}}  {text}" for name, text in rows]
    lines += [f"  {text}" for text in refusals(common_reasons(plan), said="refused every op")]
    return [plain(line) for line in lines]


def expectation(plan: Plan) -> str:
    """What one inference should take, in words, and how far that can be from the best."""
    said = f"{duration(plan.expected.seconds)} ({plan.expected.source})"
    if plan.bound is None or not plan.bound:
        return said
    gap = plan.expected.seconds / plan.bound - 1
    return f"{said}, " + (f"at most {gap:.1%} above the least possible" if gap > 5e-4 else "the least possible")


def copies(plan: Plan) -> str:
    """The transfers of one inference in words, totalled by direction."""
    totals: dict[tuple[str, str], list[int]] = {}
    for step in plan.steps:
        if isinstance(step, Transfer):
            totals.setdefault((step.src, step.dst), []).append(step.nbytes)
    parts = [f"{count(len(n), 'tensor')} {src} -> {dst} ({size(sum(n))})" for (src, dst), n in totals.items()]
    return ", ".join(parts) or "none"


def common_reasons(plan: Plan) -> Reasons:
    """Reasons that a delegate gave for every op alike (it is absent, say), so that they need telling only once."""
    if not plan.decisions:
        return {}
    first = plan.decisions[0].reasons
    return {name: why for name, why in first.items() if all(d.reasons.get(name) == why for d in plan.decisions)}


def refusals(reasons: Reasons, but: Collection[str] = (), said: str = "refused") -> list[str]:
    """Each delegate's refusal in words, but for those named in `but`, and that an op is not a custom one."""
    told = {name: why for name, why in reasons.items() if name not in but and why != NOT_CUSTOM.reasons}
    return [plain(f"{name} {said}: {'; '.join(map(str, why))}") for name, why in told.items()]


def fate(decision: Decision) -> str:
    """What becomes of an op that is not launched by itself; empty for one that is."""
    if decision.folded or decision.partition is None:
        return "folded"
    return f"fused into op {decision.fused}" if decision.fused is not None else ""


def manner(decision: Decision) -> str:
    """Which of several ways an op is done in, and what chose it; empty where there is one way."""
    return plain(decision.way) and f"{plain(decision.way)}, {'measured' if decision.tuned else 'by rule'}"


def _story(plan: Plan, graph: Graph | None) -> Iterator[str]:
    """One inference, step by step; like ops that follow each other share a line."""
    told = common_reasons(plan)
    for number, step in enumerate(plan.steps, 1):
        if isinstance(step, Transfer):
            yield f"{number}. copy {tensor(step.tensor, graph)}, {size(step.nbytes)}, {step.src} -> {step.dst}"
            continue
        partition = plan.partitions[step.partition]
        launches = count(plan.launches.get(step.partition, 0), "launch", "launches")
        ops = [plan.decisions[i] for i in partition.ops]
        yield f"{number}. run partition {step.partition} on {partition.delegate}: {count(len(ops), 'op')}, {launches}"
        yield from _op_lines([d for d in ops if not d.folded], told)
        yield from _folded_lines([d for d in ops if d.folded])
    homeless = [d for d in plan.decisions if d.partition is None]
    if homeless:
        yield "in no partition:"
        yield from _folded_lines(homeless)


def _op_lines(decisions: Sequence[Decision], told: Reasons) -> Iterator[str]:
    """A line for each stretch of neighbouring ops that are alike."""

    def words(d: Decision) -> tuple[str, str]:
        told_now = filter(None, [fate(d), manner(d), plain(d.note)])
        return shorten(plain(d.kind)), "; ".join([*told_now, *refusals(d.reasons, but=told)])

    numbered = [(words(d), d.op - position, d.op) for position, d in enumerate(decisions)]
    for ((kind, notes), _), run in groupby(numbered, key=lambda item: item[:2]):
        ops = [op for _, _, op in run]
        span = f"{ops[0]}" if len(ops) == 1 else f"{ops[0]}-{ops[-1]}"
        what = kind if len(ops) == 1 else f"{kind} x{len(ops)}"
        yield f"   {span:>9}  {what:<26} {notes}".rstrip()


def _folded_lines(decisions: Sequence[Decision]) -> Iterator[str]:
    """A line for each kind of op that folds away, and why it does."""
    for (kind, rule), n in Counter((shorten(plain(d.kind)), plain(d.rule)) for d in decisions).items():
        yield f"   {'folded':>9}  {f'{kind} x{n}':<26} {rule}".rstrip()


def _one_op(plan: Plan, d: Decision, graph: Graph | None) -> Iterator[str]:
    yield plain(f"op {d.op}: {shorten(d.kind)}")
    if d.partition is None:
        yield f"  runs nowhere: {plain(d.rule)}"
    else:
        ops = plan.partitions[d.partition].ops
        span = f"op {ops[0]} alone" if len(ops) == 1 else f"{len(ops)} ops, {ops[0]} to {ops[-1]}"
        where = f"on {d.delegate}, in partition {d.partition} ({span})"
        merged = ", ".join(str(o.op) for o in plan.decisions if o.fused == d.op)
        yield f"  runs nowhere: {plain(d.rule)}; needed {where}" if d.folded else f"  runs {where}"
        if not d.folded:
            yield f"  decided by {plain(d.rule)}"
            more = (fate(d), merged and f"takes op {merged} along", manner(d), plain(d.note))
            yield from (f"  {text}" for text in more if text)
    for name in plan.delegates:
        if name in d.reasons:
            yield from (f"  {text}" for text in refusals({name: d.reasons[name]}))
        elif name in d.costs:
            yield f"  {name} can run it: {duration(d.costs[name].seconds)} ({d.costs[name].source}){_flip(d, name)}"
    if graph is not None:
        yield from _tensors_of(plan, d, graph)


def _flip(d: Decision, name: str) -> str:
    """What moving this op alone to another delegate would do to the plan."""
    if name not in d.flips:
        return ""
    change = "add" if d.flips[name] >= 0 else "save"
    return f"; moving it there alone would {change} {duration(abs(d.flips[name]))}"


def _tensors_of(plan: Plan, d: Decision, graph: Graph) -> Iterator[str]:
    op = graph.ops[d.op]
    if op.options:
        yield plain("  options: " + ", ".join(f"{name}={_option(value)}" for name, value in op.options.items()))
    moves: dict[int, list[str]] = {}
    for step in plan.steps:
        if isinstance(step, Transfer):
            moves.setdefault(step.tensor, []).append(f", copied {step.src} -> {step.dst}")
    for word, tensors in (("reads", op.inputs), ("writes", op.outputs)):
        for t in tensors:
            if t >= 0:
                more = ", constant" if graph.is_constant(t) else "".join(moves.get(t, ()))
                yield f"  {word} {tensor(t, graph)}, {type_and_shape(graph, t)}{more}"


def _option(value: object) -> str:
    return count(len(value), "byte") if isinstance(value, bytes | memoryview) else shorten(str(value))


def tensor(index: int, graph: Graph | None) -> str:
    """A tensor by number, and by name where there is a graph to look in."""
    return f"tensor {index}" + (f" {shorten(graph.tensors[index].name)!r}" if graph is not None else "")


def type_and_shape(graph: Graph, index: int) -> str:
    """A tensor's type and shape: `FLOAT32 [1, 8, 8, 1]`."""
    t = graph.tensors[index]
    return f"{t.type} {'[data-dependent]' if index in graph.dynamic else list(t.shape)}"


def count(n: int, one: str, many: str = "") -> str:
    """A number and its noun."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def size(nbytes: int) -> str:
    """Bytes as people read them, in powers of 1024."""
    if nbytes < 1024:
        return f"{nbytes} B"
    value = nbytes / 1024
    for unit in ("KiB", "MiB"):
        if value < 1024:
            return f"{value:.3g} {unit}" if value < 999.5 else f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.3g} GiB"


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def shorten(text: str, limit: int = 80) -> str:
    """The start of a text that is too long: names may have any length."""
    return text if len(text) <= limit else f"{text[:limit]}..."


def plain(text: str) -> str:
    """Text without control characters, which names in a model may hold and a terminal would obey."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
