"""Plans are sound on random graphs: convex partitions, valid transfers, no two live tensors in the same bytes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from partitioner.graphs import random_graph

from delegraph import CPUDelegate, InvalidPlan, NullDelegate, UnsupportedOp
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph
from delegraph.graph.read import read
from delegraph.partitioner.memory import Span, pack
from delegraph.partitioner.plan import Plan, Run
from delegraph.partitioner.planner import make_plan

SPLIT = [
    NullDelegate({"ADD", "MAXIMUM"}, name="a"),
    NullDelegate({"MUL"}, name="b"),
    NullDelegate(name="c", space="host"),
]

graphs = st.builds(random_graph, st.integers(0, 10**6), st.integers(1, 25))
relaxed = settings(max_examples=60, derandomize=True, deadline=None)


@relaxed
@given(graphs)
def test_every_op_runs_once_on_the_first_delegate_that_supports_it(graph: Graph) -> None:
    plan = make_plan(graph, SPLIT)
    assert sorted(op for p in plan.partitions for op in p.ops) == [op.index for op in graph.ops]
    wanted = {"ADD": "a", "MAXIMUM": "a", "MUL": "b", "SUB": "c"}
    assert [d.delegate for d in plan.decisions] == [wanted[op.kind] for op in graph.ops]
    assert [s.partition for s in plan.steps if isinstance(s, Run)] == list(range(len(plan.partitions)))


@relaxed
@given(graphs)
def test_each_partition_needs_only_what_ran_before_it(graph: Graph) -> None:
    done: set[int] = set()
    for partition in make_plan(graph, SPLIT).partitions:
        for op in partition.ops:
            needs = {graph.producer[t] for t in graph.ops[op].inputs if t in graph.producer}
            assert needs <= done | set(partition.ops)
        done |= set(partition.ops)


@relaxed
@given(graphs)
def test_transfers_bring_what_is_needed_and_nothing_twice(graph: Graph) -> None:
    plan = make_plan(graph, SPLIT)
    spaces = {d.name: d.space for d in SPLIT}
    valid = {(t, "host") for t in graph.inputs}
    moved = set()
    for step in plan.steps:
        if isinstance(step, Run):
            partition = plan.partitions[step.partition]
            space = spaces[partition.delegate]
            assert all((t, space) in valid for t in partition.inputs)
            valid |= {(t, space) for t in partition.outputs}
        else:
            assert (step.tensor, step.src) in valid and (step.tensor, step.dst) not in valid
            assert (step.tensor, step.dst) not in moved
            assert step.nbytes == graph.tensors[step.tensor].nbytes
            moved.add((step.tensor, step.dst))
            valid.add((step.tensor, step.dst))
    assert all((t, "host") in valid for t in graph.outputs)


@relaxed
@given(graphs)
def test_tensors_alive_together_do_not_share_bytes(graph: Graph) -> None:
    plan = make_plan(graph, SPLIT)
    for a in plan.allocations:
        assert a.offset + a.nbytes <= plan.arenas[a.space]
        for b in plan.allocations:
            if a is not b and a.space == b.space and a.first <= b.last and b.first <= a.last:
                assert a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset


@relaxed
@given(graphs)
def test_a_plan_survives_json(graph: Graph) -> None:
    plan = make_plan(graph, SPLIT)
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


@relaxed
@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 30), st.integers(0, 8)), min_size=1, max_size=40))
def test_pack_keeps_live_spans_apart(rows: list[tuple[int, int, int]]) -> None:
    spans = [Span(nbytes, first, first + length) for nbytes, first, length in rows]
    offsets = pack(spans, 16)
    for i, a in enumerate(spans):
        assert offsets[i] % 16 == 0
        for j in range(i):
            b = spans[j]
            if a.first <= b.last and b.first <= a.last:
                assert offsets[i] + a.nbytes <= offsets[j] or offsets[j] + b.nbytes <= offsets[i]


def test_pack_reuses_bytes_of_what_is_no_longer_needed() -> None:
    assert pack([Span(100, 0, 1), Span(100, 1, 2), Span(100, 2, 3)], 1) in ([0, 100, 0], [100, 0, 100])


def test_fewest_partitions_are_found_where_interleaving_would_make_more() -> None:
    b = GraphBuilder()
    x, y = b.input((1, 4)), b.input((1, 4))
    for _ in range(5):
        x = b.op("ADD", [x, x], (1, 4))
        y = b.op("MUL", [y, y], (1, 4))
    b.output(x)
    b.output(y)
    plan = make_plan(read(b.build()).graphs[0], SPLIT)
    assert [p.delegate for p in plan.partitions] == ["a", "b"] and [len(p.ops) for p in plan.partitions] == [5, 5]


def test_an_op_nobody_takes_is_named_with_what_each_delegate_said() -> None:
    graph = random_graph(1, 6)
    missing = next(op for op in graph.ops if op.kind != "ADD")
    with pytest.raises(UnsupportedOp, match=rf"op {missing.index} \({missing.kind}\).*a: kind.*wanted ADD"):
        make_plan(graph, [NullDelegate({"ADD"}, name="a")])


def test_an_unknown_placement_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown placement 'best'"):
        make_plan(random_graph(1, 3), SPLIT, "best")


@pytest.mark.parametrize(
    "broken", [{}, {"format": 9}, {"format": 1, "steps": 3}, {"format": 1, "model": "x", "subgraph": "y"}]
)
def test_a_malformed_plan_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(InvalidPlan):
        Plan.from_json(broken)


def test_ops_that_share_state_stay_together_and_what_stands_between_them() -> None:
    b = GraphBuilder()
    x = b.input((1, 4))
    before = b.op("RELU", [x], (1, 4))
    handle = b.op("VAR_HANDLE", [], (1,), dtype="RESOURCE", shared_name="v")
    old = b.op("READ_VARIABLE", [handle], (1, 4), dtype=np.float32)
    new = b.op("ADD", [old, before], (1, 4))
    aside = b.op("ABS", [old], (1, 4))
    b.op("ASSIGN_VARIABLE", [handle, new], outputs=[])
    b.output(b.op("NEG", [new], (1, 4)), aside)
    plan = make_plan(read(b.build()).graphs[0], [NullDelegate(name="a"), CPUDelegate()])
    assert [d.delegate for d in plan.decisions] == ["a", "cpu", "cpu", "cpu", "a", "cpu", "a"]
    assert [(p.delegate, p.ops) for p in plan.partitions] == [("a", (0,)), ("cpu", (1, 2, 3, 5)), ("a", (4, 6))]
    (reason,) = plan.decisions[3].reasons["a"]
    assert reason.code == "state" and "variable 'v'" in reason.met
