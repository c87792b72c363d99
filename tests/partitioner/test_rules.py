"""What users demand of a placement is kept, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interpreter.first import First
from partitioner.graphs import mixed_graph, random_delegates, random_graph

from delegraph import CPUDelegate, Interpreter, InvalidPlan, NullDelegate, PlacementError, UnsupportedOp
from delegraph.data import digits
from delegraph.graph.model import Graph, Op
from delegraph.partitioner.plan import Plan
from delegraph.partitioner.planner import Planner, make_plan
from delegraph.partitioner.rules import Rules, Selection

TWO = [NullDelegate(name="a", seconds_per_op=1.0), NullDelegate(name="b", space="host", seconds_per_op=1.1)]


def placed(graph: Graph, placement: str = "fastest", **rules: Any) -> list[str]:
    return [d.delegate for d in make_plan(graph, TWO, placement, rules=Rules(**rules)).decisions]


def is_last(graph: Graph, op: Op) -> bool:
    return op.index == len(graph.ops) - 1


@pytest.mark.parametrize("placement", ["priority", "fastest"])
@pytest.mark.parametrize(
    "selection, wanted",
    [
        (3, lambda graph: {3}),
        ([0, 2], lambda graph: {0, 2}),
        ("ADD", lambda graph: {op.index for op in graph.ops if op.kind == "ADD"}),
        (["ADD", 1], lambda graph: {1, *(op.index for op in graph.ops if op.kind == "ADD")}),
        (is_last, lambda graph: {len(graph.ops) - 1}),
        ({is_last, 0}, lambda graph: {0, len(graph.ops) - 1}),
    ],
)
def test_ops_are_pinned_and_excluded(placement: str, selection: Selection, wanted: Callable[[Graph], set[int]]) -> None:
    graph = random_graph(5, 9)
    ops = wanted(graph)
    free = placed(graph, placement)
    assert set(free) == {"a"}
    pinned = placed(graph, placement, pin={"b": selection})
    assert {op for op, name in enumerate(pinned) if name == "b"} >= ops
    excluded = placed(graph, placement, exclude={"a": selection})
    assert all(excluded[op] == "b" for op in ops)
    if placement == "priority":
        assert {op for op, name in enumerate(pinned) if name == "b"} == ops


def test_ops_are_found_by_the_name_of_what_they_write() -> None:
    graph = random_graph(5, 9)
    name = graph.tensors[graph.ops[4].outputs[0]].name
    plan = make_plan(graph, TWO, rules=Rules(pin={"b": name}))
    assert [d.op for d in plan.decisions if d.delegate == "b"] == [4]
    assert plan.decisions[4].reasons["a"][0].code == "pinned"


@pytest.mark.parametrize(
    "rules, message",
    [
        ({"pin": {"c": 1}}, "no delegate 'c'.*a, b"),
        ({"exclude": {"a": 99}}, "no op 99.*ops 0 to 8"),
        ({"exclude": {"a": True}}, "not by True"),
        ({"pin": {"a": "NOPE"}}, "'NOPE': types are "),
        ({"pin": {"a": "maximm_5"}}, "tensors of nearly that name are 'maximum_5'"),
        ({"pin": {"a": 1, "b": [0, 1]}}, r"op 1 \(\w+\) is pinned to both a and b"),
        ({"max_partitions": 0}, "max_partitions is a number of at least 1, not 0"),
        ({"min_partition_ops": 1.5}, "min_partition_ops"),
        ({"require": frozenset({"gpu"})}, "no delegate 'gpu'"),
    ],
)
def test_what_is_not_there_is_named(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_plan(random_graph(2, 9), TWO, rules=Rules(**rules))


def test_what_cannot_be_is_said() -> None:
    graph = random_graph(5, 9)
    adds = NullDelegate({"ADD"}, name="adds")
    other = next(op for op in graph.ops if op.kind != "ADD")
    with pytest.raises(PlacementError, match=rf"op {other.index} .* is pinned to adds, which refuses it: kind"):
        make_plan(graph, [adds, *TWO], rules=Rules(pin={"adds": other.index}))
    with pytest.raises(UnsupportedOp, match="a: excluded; b: excluded"):
        make_plan(graph, TWO, rules=Rules(exclude={"a": 2, "b": 2}))


def test_a_required_delegate_that_gets_nothing_fails_with_the_reasons() -> None:
    graph = random_graph(5, 9)
    nothing = NullDelegate(set(), name="nothing")
    with pytest.raises(
        PlacementError, match=r"'nothing' is required but got nothing: op 0 \(\w+\): kind: .* and 6 more"
    ):
        make_plan(graph, [nothing, *TWO], rules=Rules(require=frozenset({"nothing"})))
    with pytest.raises(
        PlacementError, match=r"'b' is required but got nothing: op 0 \(\w+\) would add 1e-05|would add"
    ):
        make_plan(graph, TWO, "fastest", rules=Rules(require=frozenset({"b"})))
    assert make_plan(graph, TWO, rules=Rules(require=frozenset({"a"}))).partitions


@pytest.mark.parametrize("placement", ["priority", "fastest"])
@pytest.mark.parametrize("seed", range(30))
def test_there_are_no_more_partitions_than_allowed(seed: int, placement: str) -> None:
    graph, delegates = mixed_graph(seed, 12), random_delegates(seed, 3, run=0.1)
    free = make_plan(graph, delegates, placement)
    for most in {1, 2, 3, len(free.partitions)}:
        plan = make_plan(graph, delegates, placement, rules=Rules(max_partitions=most))
        assert len(plan.partitions) <= most
        if most >= len(free.partitions):
            assert plan == free
    alone = Planner(graph, delegates).given(dict.fromkeys(range(len(graph.ops)), "d2"), placement)
    if placement == "fastest":
        limited = make_plan(graph, delegates, placement, rules=Rules(max_partitions=2))
        assert limited.expected.seconds <= alone.expected.seconds * (1 + 1e-9)


def test_a_limit_that_cannot_be_kept_is_refused() -> None:
    b = [NullDelegate({"ADD", "MAXIMUM"}, name="x"), NullDelegate({"MUL", "SUB"}, name="y")]
    for placement in ("priority", "fastest"):
        with pytest.raises(PlacementError, match="max_partitions is 1, but the fewest that were found are"):
            make_plan(random_graph(1, 12), b, placement, rules=Rules(max_partitions=1))


@pytest.mark.parametrize("placement", ["priority", "fastest"])
@pytest.mark.parametrize("seed", range(30))
def test_small_partitions_go_elsewhere(seed: int, placement: str) -> None:
    graph, delegates = mixed_graph(seed, 12), random_delegates(seed, 3)
    plan = make_plan(graph, delegates, placement, rules=Rules(min_partition_ops=3))
    for p in plan.partitions:
        forced = [op for op in p.ops if len(plan.decisions[op].reasons) == len(delegates) - 1]
        assert p.delegate == "d2" or len(p.ops) >= 3 or len(forced) == len(p.ops)


def saved_plan() -> tuple[dict[str, Any], bytes]:
    content = digits("f32")
    with Interpreter(model_content=content, delegates=[First(3), CPUDelegate()]) as it:
        return json.loads(json.dumps(it.plan.to_json())), content


def test_a_saved_plan_runs_again(tmp_path: Path) -> None:
    data, content = saved_plan()
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(data))
    x = np.random.default_rng(0).random((1, 8, 8, 1), np.float32)
    outputs = []
    for plan in (None, data, path, str(path), Plan.from_json(data)):
        # Left to itself, this delegate would take all it can.
        delegates = [First(3) if plan is None else First(5), CPUDelegate()]
        with Interpreter(model_content=content, delegates=delegates, plan=plan) as it:
            assert [p.ops for p in it.plan.partitions] == [tuple(p["ops"]) for p in data["partitions"]]
            it.allocate_tensors()
            it.set_tensor(it.get_input_details()[0]["index"], x.reshape(it.get_input_details()[0]["shape"]))
            it.invoke()
            outputs.append(it.get_tensor(it.get_output_details()[0]["index"]))
    assert all(np.array_equal(outputs[0], other) for other in outputs)


def test_a_plan_that_does_not_fit_is_refused_by_the_field(tmp_path: Path) -> None:
    data, content = saved_plan()

    def refused(match: str, change: dict[str, Any], delegates: list[Any] | None = None, model: bytes = content) -> None:
        with pytest.raises(InvalidPlan, match=match):
            Interpreter(model_content=model, delegates=delegates or [First(3), CPUDelegate()], plan={**data, **change})

    refused("its model is", {}, model=digits("int8"))
    refused("its delegates is", {}, delegates=[NullDelegate(), First(3), CPUDelegate()])
    refused("its subgraph is 1", {"subgraph": 1})
    refused("its decisions is", {"decisions": data["decisions"][:-1]})
    other = [{**d, "delegate": "gpu"} for d in data["decisions"]]
    refused(r"decisions\[\d+\].delegate is 'gpu': there is no such", {"decisions": other})
    refused(r"decisions\[2\].delegate is 'first': cut", {}, delegates=[First(2), CPUDelegate()])
    shuffled = [{**p, "ops": p["ops"][::-1]} for p in data["partitions"]]
    refused("its partitions differ", {"partitions": shuffled})
    refused("its steps differ", {"steps": data["steps"][:1]})
    refused("malformed", {"expected": 5})
    path = tmp_path / "plan.json"
    for text in ("[]", "{", "[" * 100_000, "{}"):
        path.write_text(text)
        with pytest.raises(InvalidPlan):
            Interpreter(model_content=content, delegates=[First(3), CPUDelegate()], plan=path)
    with pytest.raises(FileNotFoundError):
        Interpreter(model_content=content, delegates=[First(3), CPUDelegate()], plan=tmp_path / "none.json")


def test_nothing_but_the_assignment_is_taken_from_a_file() -> None:
    """A file that lies about memory changes nothing: it is worked out anew."""
    data, content = saved_plan()
    honest = data["arenas"]
    data["arenas"] = {"host": 1 << 40}
    data["allocations"] = [{**a, "offset": 1 << 40} for a in data["allocations"]]
    with Interpreter(model_content=content, delegates=[First(3), CPUDelegate()], plan=data) as it:
        assert it.plan.arenas == honest
        it.allocate_tensors()
        it.invoke()


def test_demands_on_the_interpreter_are_met_when_it_is_made() -> None:
    content = digits("f32")
    with Interpreter(
        model_content=content, delegates=[First(99), CPUDelegate()], exclude={"first": [0, "SOFTMAX"]}
    ) as it:
        assert {d.kind for d in it.plan.decisions if d.delegate == "cpu"} >= {"SOFTMAX"}
        assert it.plan.decisions[0].delegate == "cpu"
    with pytest.raises(PlacementError, match="'first' is required"):
        Interpreter(model_content=content, delegates=[First(0), CPUDelegate()], require={"first"})
    with pytest.raises(ValueError, match="no delegate 'gpu'"):
        Interpreter(model_content=content, pin={"gpu": 1})
    with pytest.raises(ValueError, match="unknown placement 'best'"):
        Interpreter(model_content=content, placement="best")
    with pytest.raises(ValueError, match="or 'auto', not 'gpu'"):
        Interpreter(model_content=content, delegates="gpu")  # type: ignore[arg-type]


def test_other_subgraphs_have_rules_of_their_own() -> None:
    from interpreter.test_session import two_entries

    with Interpreter(model_content=two_entries(), delegates=[First(99), CPUDelegate()], pin={"first": "y"}) as it:
        assert [d.delegate for d in it.plan.decisions] == ["first"]
        u = np.ones((1, 3), np.float32)
        np.testing.assert_array_equal(it.get_signature_runner("shift")(u=u)["v"], (u + 1) * u)
