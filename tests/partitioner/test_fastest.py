"""Placement by cost: exact against brute force for two delegates, never worse than the obvious for more."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest
from partitioner.graphs import mixed_graph, random_delegates

from delegraph import NullDelegate
from delegraph.delegates.base import Cost, Delegate, Link, Lowering, Rates
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph, Op
from delegraph.graph.read import read
from delegraph.partitioner.capability import capability
from delegraph.partitioner.cost import Costs
from delegraph.partitioner.fastest import place
from delegraph.partitioner.planner import make_plan

QUICK = 100
seeds = pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=pytest.mark.soak if seed >= QUICK else ()) for seed in range(1000)]
)


def brute_force(graph: Graph, delegates: Sequence[Delegate]) -> dict[tuple[str, ...], float]:
    """Every allowed assignment, and what its plan takes: each is linearised and its transfers are worked out."""
    table = capability(graph, delegates)
    names = [d.name for d in delegates]
    costs = Costs(graph, delegates, table)
    rows = [[name for name in names if table[op.index][name].ok] for op in graph.ops]
    return {
        chosen: place(graph, dict(enumerate(chosen)), names, costs).expected.seconds
        for chosen in itertools.product(*rows)
    }


def singles(graph: Graph, delegates: Sequence[Delegate], every: dict[tuple[str, ...], float]) -> list[float]:
    """What it takes on each delegate that can hold all."""
    return [every[whole] for d in delegates if (whole := (d.name,) * len(graph.ops)) in every]


@seeds
def test_two_delegates_are_placed_as_well_as_can_be(seed: int) -> None:
    graph, delegates = mixed_graph(seed, 1 + seed % 8), random_delegates(seed, 2)
    plan = make_plan(graph, delegates, "fastest")
    least = min(brute_force(graph, delegates).values())
    assert plan.expected.seconds == pytest.approx(least, rel=1e-9)
    assert plan.bound == pytest.approx(least, rel=1e-9)


@seeds
def test_more_delegates_are_placed_no_worse_than_on_any_one_or_by_priority(seed: int) -> None:
    graph, delegates = mixed_graph(seed, 1 + seed % 6), random_delegates(seed, 3, run=0.5 * (seed % 2))
    plan = make_plan(graph, delegates, "fastest")
    every = brute_force(graph, delegates)
    simple = [make_plan(graph, delegates, "priority").expected.seconds, *singles(graph, delegates, every)]
    assert plan.expected.seconds <= min(simple) * (1 + 1e-9)
    assert plan.bound is not None and plan.bound <= min(every.values()) * (1 + 1e-9)
    assert plan.expected.seconds >= min(every.values()) * (1 - 1e-9)


class Fusing(NullDelegate):
    """Runs each RELU within the launch of what makes its input, at no cost, if it has both."""

    def lower(self, graph: Graph, ops: tuple[int, ...], keep: frozenset[int] = frozenset()) -> Lowering:
        fused: dict[int, int] = {}
        for i in sorted(ops):
            maker = graph.producer.get(graph.ops[i].inputs[0], -1)
            if graph.ops[i].kind == "RELU" and maker in ops:
                fused[i] = fused.get(maker, maker)
        plain = super().lower(graph, ops, keep)
        launched = [i for i in sorted(ops) if i not in graph.folded_ops]
        uses = tuple(use for i, use in zip(launched, plain.uses, strict=True) if i not in fused)
        return replace(plain, uses=uses, fused=fused)

    def estimate(self, graph: Graph, ops: Iterable[int]) -> Cost:
        fused = self.lower(graph, tuple(ops)).fused
        return super().estimate(graph, [i for i in ops if i not in fused])


@pytest.mark.parametrize("seed", range(60))
def test_what_fusing_saves_is_weighed(seed: int) -> None:
    graph = mixed_graph(seed, 1 + seed % 8)
    slow = NullDelegate(name="plain", space="host", seconds_per_op=1.0, rates=Rates(1, 1, source="modelled"))
    links = Rates(1, 1, upload=Link(latency=0.3), download=Link(latency=0.3), source="modelled")
    plan = make_plan(graph, [Fusing(name="fusing", seconds_per_op=1.2, rates=links), slow], "fastest")
    every = brute_force(graph, [Fusing(name="fusing", seconds_per_op=1.2, rates=links), slow])
    assert plan.expected.seconds == pytest.approx(min(every.values()))


def test_starting_partitions_is_weighed() -> None:
    """Ops that are cheaper elsewhere by turns stay together where starting a partition costs more than that saves."""
    b = GraphBuilder()
    x = b.input((1, 4))
    for k in range(12):
        x = b.op("ADD" if k % 2 else "MUL", [x, x], (1, 4))
    b.output(x)
    graph = read(b.build()).graphs[0]

    def delegates(run: float) -> list[NullDelegate]:
        rates = Rates(1, 1, run=run, source="modelled")
        return [
            NullDelegate(name=name, space="host", seconds_per_op=cost_by_kind(name), rates=rates)
            for name in ("ADD", "MUL")
        ]

    assert len(make_plan(graph, delegates(0.5), "fastest").partitions) == 12
    assert len(make_plan(graph, delegates(2.0), "fastest").partitions) == 1


def cost_by_kind(cheap: str) -> Callable[[Graph, Op], float]:
    return lambda graph, op: 1.0 if op.kind == cheap else 2.0


def test_flips_say_what_moving_one_op_would_do() -> None:
    for seed in range(40):
        graph, delegates = mixed_graph(seed, 5), random_delegates(seed, 2)
        plan = make_plan(graph, delegates, "fastest")
        every = brute_force(graph, delegates)
        chosen = tuple(d.delegate for d in plan.decisions)
        for op, decision in enumerate(plan.decisions):
            for name, added in decision.flips.items():
                flipped = (*chosen[:op], name, *chosen[op + 1 :])
                assert added == pytest.approx(every[flipped] - every[chosen], abs=1e-9)
                assert added >= -1e-9


def test_priority_plans_say_what_would_save() -> None:
    graph = mixed_graph(3, 6)
    free = Rates(1, 1, source="modelled")
    dear = NullDelegate(name="dear", space="host", seconds_per_op=2.0, rates=free)
    cheap = NullDelegate(name="cheap", space="host", seconds_per_op=0.5, rates=free)
    plan = make_plan(graph, [dear, cheap])
    assert all(d.flips == {"cheap": pytest.approx(-1.5)} for d in plan.decisions)
    assert "cheap can run it: 500 ms (modelled); moving it there alone would save 1.5 s" in plan.explain(0)
