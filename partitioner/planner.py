"""From a graph and delegates to a Plan: capability, rules, assignment, linearisation, transfers, memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..delegates.base import Delegate, Lowering, Verdict
from ..graph.model import Graph, Op
from .assign import by_priority, check_possible
from .capability import Failed, Table, capability
from .cost import Costs, Measured
from .fastest import Placed, Search, place
from .limits import limited
from .memory import allocate, arena_sizes
from .plan import Decision, Plan
from .rules import Rules, check_required
from .saved import check_same, taken_over
from .transfers import HOST

__all__ = ["HOST", "PLACEMENTS", "make_plan"]

PLACEMENTS = ("priority", "fastest")


def make_plan(
    graph: Graph,
    delegates: Sequence[Delegate],
    placement: str = "priority",
    keep: frozenset[int] = frozenset(),
    assume_here: bool = False,
    rules: Rules | None = None,
    measured: Measured | None = None,
) -> Plan:
    """Decide what runs where; the arguments and errors are those of Planner and its `plan`."""
    return Planner(graph, delegates, keep, assume_here, rules, measured).plan(placement)


class Planner:
    """Makes plans of one graph for some delegates."""

    def __init__(
        self,
        graph: Graph,
        delegates: Sequence[Delegate],
        keep: frozenset[int] = frozenset(),
        assume_here: bool = False,
        rules: Rules | None = None,
        measured: Measured | None = None,
        failed: Failed | None = None,
    ) -> None:
        """Ask every delegate about every op.

        `delegates` stand in order of preference; `keep` lists tensors that must stay readable after an inference;
        `assume_here` plans for devices that this machine lacks; `measured` is what was timed before, `failed` what
        went wrong there. Raises
        UnsupportedOp where no delegate takes an op, PlacementError where a pinned op is refused, and ValueError for
        rules that name what is not there.
        """
        self.graph, self.keep, self.rules = graph, keep, rules or Rules()
        self.names = tuple(d.name for d in delegates)
        self._last = [d.name for d in delegates if d.space == delegates[-1].space]
        self.rules.check(self.names)
        self._able = capability(graph, delegates, assume_here, failed)
        self.allowed = self.rules.apply(graph, self._able)
        check_possible(graph, self.allowed)
        self.costs = Costs(graph, delegates, self._able, measured)
        self.search = Search(graph, self.allowed, self.names, self.costs, keep)

    def plan(self, placement: str) -> Plan:
        """The plan by "priority" or "fastest". Raises ValueError for another, PlacementError where rules fail."""
        if placement not in PLACEMENTS:
            raise ValueError(f"unknown placement {placement!r}: one of {', '.join(PLACEMENTS)}")

        def assign(table: Table) -> Placed:
            if placement == "priority":
                return self._placed(by_priority(self.graph, table, self.names))
            same = table is self.allowed
            search = self.search if same else Search(self.graph, table, self.names, self.costs, self.keep)
            return search.best(self.rules.max_partitions)

        placed, table = limited(assign, self.allowed, self._last, self.rules)
        plan = self._plan(placed, table, placement)
        check_required(plan, self.rules)
        return plan

    def given(self, chosen: Mapping[int, str], placement: str) -> Plan:
        """The plan of an assignment, op -> delegate, that is allowed; folded ops are left out."""
        return self._plan(self._placed(chosen), self.allowed, placement)

    def saved(self, saved: Plan) -> Plan:
        """The plan that was saved, worked out anew. Raises InvalidPlan, naming the field, where it does not fit."""
        plan = self._plan(
            self._placed(taken_over(self.graph, saved, self._able, self.names)), self._able, saved.placement
        )
        check_same(saved, plan)
        check_required(plan, self.rules)
        return plan

    def _placed(self, chosen: Mapping[int, str]) -> Placed:
        return place(self.graph, chosen, self.names, self.costs, self.keep)

    def _plan(self, placed: Placed, table: Table, placement: str) -> Plan:
        graph, partitions = self.graph, placed.partitions
        lowerings = [self.costs.delegates[p.delegate].lower(graph, p.ops, self.keep) for p in partitions]
        allocations = allocate(graph, placed.steps, partitions, lowerings, self.costs.delegates, self.keep)
        bound = self.search.bound(placed.expected.seconds) if placement == "fastest" else None
        return Plan(
            graph.model.fingerprint, graph.index, placement, self.names, placed.steps, partitions, allocations,
            arena_sizes(allocations), {p.index: len(low.uses) for p, low in zip(partitions, lowerings, strict=True)},
            _decisions(self.search, table, placed, lowerings, placement), placed.expected, placed.costs, bound,
        )  # fmt: skip


def _decisions(
    search: Search, table: Table, placed: Placed, lowerings: Sequence[Lowering], placement: str
) -> tuple[Decision, ...]:
    home = {op: p for p in placed.partitions for op in p.ops}
    flips = search.flips(placed.chosen)

    def decide(op: Op) -> Decision:
        verdicts = table[op.index]
        reasons = {name: v.reasons for name, v in verdicts.items() if not v.ok}
        costs = {name: search.costs.op(name, op.index) for name, v in verdicts.items() if v.ok}
        partition = home.get(op.index)
        if partition is None:
            return Decision(op.index, op.label, "", None, True, None, "nothing reads it", reasons, costs)
        low = lowerings[partition.index]
        rule = "constant, computed once" if op.index in low.folded else _rule(partition.delegate, verdicts, placement)
        way = low.ways.get(op.index, "")
        return Decision(
            op.index, op.label, partition.delegate, partition.index, op.index in low.folded, low.fused.get(op.index),
            rule, reasons, costs, flips.get(op.index, {}), verdicts[partition.delegate].note, way,
            bool(way) and way == op.way,
        )  # fmt: skip

    return tuple(decide(op) for op in search.graph.ops)


def _rule(name: str, verdicts: Mapping[str, Verdict], placement: str) -> str:
    order = list(verdicts)
    if placement == "fastest":
        able = sum(v.ok for v in verdicts.values())
        return "fastest: the least time in all" if able > 1 else "fastest: no other can"
    if name == order[0]:
        return f"{placement}: first of {len(order)}"
    return f"{placement}: {', '.join(order[: order.index(name)])} refused"
