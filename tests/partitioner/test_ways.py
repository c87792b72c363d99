"""Tuning finds the fastest way to do each op and keeps it for this device; later plans ask for it, if there is such."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from ops.harness import delegate

from delegraph import CPUDelegate, DelegateError, Interpreter
from delegraph.costbook import CostBook
from delegraph.delegates.base import LaunchTime, Lowering, Verdict, no
from delegraph.delegates.cpu_executable import CPUExecutable
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph, Op
from delegraph.graph.read import read
from delegraph.partitioner.content import content_key
from delegraph.ways import time_ways

OWN, OTHER, FAR = "own", "other", "far"


def model(sizes: tuple[int, ...] = (4, 4, 6), activated: bool = True) -> bytes:
    """A convolution for each size, by turns with its activation unless that is left out."""
    b = GraphBuilder()
    x, depth = b.input((1, 6, 6, 4)), 4
    for k, size in enumerate(sizes):
        weights = b.constant(np.full((size, 1, 1, depth), 0.25 + k, np.float32)), b.constant(np.ones(size, np.float32))
        x = b.op("CONV_2D", [x, *weights], (1, 6, 6, size), stride_w=1, stride_h=1, padding="SAME")
        x, depth = b.op("RELU", [x], (1, 6, 6, size)) if activated else x, size
    b.output(x)
    return b.build()


class Told(CPUExecutable):
    """What took as long as it is told."""

    seconds = 0.0

    def timed(self) -> list[LaunchTime]:
        self.run()
        return [LaunchTime(0, self.seconds, "device")]


class Several(CPUDelegate):
    """Takes CONV_2D alone, in three ways; `seconds` are what they take, by the channels they make.

    Where one of several ops is done in the OTHER way, these take `together` more.
    """

    name = "several"

    def __init__(self, seconds: Mapping[int, Mapping[str, float]], together: float = 0.0) -> None:
        super().__init__()
        self.seconds, self.together = seconds, together
        self.compiled: list[tuple[int, str]] = []
        self.failing = ""

    def supports(self, graph: Graph, op: Op) -> Verdict:
        return super().supports(graph, op) if op.kind == "CONV_2D" else no("kind", op.kind, "CONV_2D")

    def ways(self, graph: Graph, op: Op) -> Mapping[str, float]:
        return {OWN: 1.0, OTHER: 1.5, FAR: 9.0}

    def lower(self, graph: Graph, ops: tuple[int, ...], keep: frozenset[int] = frozenset()) -> Lowering:
        ways = {op: way if (way := graph.ops[op].way) in (OWN, OTHER, FAR) else OWN for op in ops}
        return Lowering(**{**super().lower(graph, ops, keep).__dict__, "ways": ways})

    def compile(self, graph: Graph, partition: Any, arena: Any, offsets: Any, keep: Any = frozenset()) -> Told:
        made = Told(self.open, graph, partition, arena, offsets, keep)
        ways = self.lower(graph, partition.ops).ways
        for op, way in ways.items():
            if way == self.failing:
                raise DelegateError("it cannot")
            self.compiled.append((op, way))
            made.seconds += self.seconds.get(graph.tensors[graph.ops[op].outputs[0]].shape[-1], {}).get(way, 1.0)
        made.seconds += self.together if len(ways) > 1 and OTHER in ways.values() else 0.0
        return made


def decided(it: Interpreter) -> list[tuple[str, bool]]:
    return [(d.way, d.tuned) for d in it.plan.decisions if d.kind == "CONV_2D"]


def test_what_was_fastest_is_asked_for_from_then_on() -> None:
    several = Several({4: {OWN: 2.0, OTHER: 1.0}, 6: {OWN: 1.0, OTHER: 1.1}})
    said: list[str] = []
    with Interpreter(model_content=model(), delegates=[several, CPUDelegate()]) as it:
        assert decided(it) == [(OWN, False)] * 3
    time_ways(read(model()).graphs[0], [CPUDelegate(), several], CostBook(), time.perf_counter() + 60, said.append)
    alone = several.compiled[:4]
    assert sorted(alone) == [(0, OTHER), (0, OWN), (4, OTHER), (4, OWN)], "neither what is alike nor what is far"
    assert said == ["ways to do 2 kinds of ops", "ways to do 1 kind of ops", *["1 op in other ways"] * 2]
    several.compiled.clear()
    with Interpreter(model_content=model(), delegates=[several, CPUDelegate()]) as it:
        assert decided(it) == [(OTHER, True), (OTHER, True), (OWN, True)], "another interpreter knows"
        it.allocate_tensors()
        assert several.compiled == [(0, OTHER), (2, OTHER), (4, OWN)]
        assert "other, measured" in it.plan.explain() and "  other, measured" in it.plan.explain(0)
    with Interpreter(model_content=model((7, 5)), delegates=[several, CPUDelegate()]) as it:
        assert decided(it) == [(OWN, False), (OWN, False)], "other shapes are other ops"
    with Interpreter(model_content=model(), delegates=[Several({}), CPUDelegate(num_threads=1)]) as it:
        assert decided(it)[0] == (OTHER, True)


def test_what_is_faster_alone_has_to_be_so_among_others() -> None:
    content = model((4, 4), activated=False)
    for together, wanted in ((0.5, OTHER), (3.0, OWN)):
        several = Several({4: {OWN: 2.0, OTHER: 1.0}}, together)
        time_ways(
            read(content).graphs[0], [several, CPUDelegate()], CostBook(), time.perf_counter() + 60, lambda _: None
        )
        with Interpreter(model_content=content, delegates=[several, CPUDelegate()]) as it:
            assert decided(it) == [(wanted, True)] * 2


def test_a_way_that_fails_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    several = Several({4: {OWN: 2.0, OTHER: 1.0}, 6: {OWN: 1.0, OTHER: 1.1}})
    several.failing = OTHER
    with Interpreter(model_content=model(), delegates=[several, CPUDelegate()]) as it:
        it.tune(0.1)
        assert decided(it)[0] == (OWN, True) and "in the way of other: " in caplog.text


def test_a_file_can_ask_for_no_other_way_than_there_is(tmp_path: Any) -> None:
    graph = read(model()).graphs[0]
    several = Several({})
    book = CostBook()
    for way in ("unheard of", "", "\x1b[31m"):
        book.add_way(several, content_key(graph, [0]), way)
        book.save()
        with Interpreter(model_content=model(), delegates=[several, CPUDelegate()]) as it:
            assert decided(it)[0] == (OWN, False)
    with Interpreter(model_content=model(), delegates=[several, CPUDelegate()]) as it:
        data = json.loads(json.dumps(it.plan.to_json()))
    for way, tuned in (("unheard of", True), ([1], True), (None, "yes"), (FAR, False)):
        data["decisions"][0] |= {"way": way, "tuned": tuned}
        with Interpreter(model_content=model(), delegates=[several, CPUDelegate()], plan=data) as it:
            assert decided(it)[0] == (OWN, False)


def test_a_saved_plan_keeps_its_ways() -> None:
    several = Several({})
    with Interpreter(model_content=model(), delegates=[several, CPUDelegate()]) as it:
        data = it.plan.to_json()
    data["decisions"][0] |= {"way": FAR, "tuned": True}
    with Interpreter(model_content=model(), delegates=[several, CPUDelegate()], plan=data) as it:
        assert decided(it) == [(FAR, True), (OWN, False), (OWN, False)]
    del data["decisions"][0]["way"], data["decisions"][0]["tuned"]
    with Interpreter(model_content=model(), delegates=[several, CPUDelegate()], plan=data) as it:
        assert decided(it)[0] == (OWN, False), "as plans were saved before there were ways"


def test_the_gpu_is_tuned_and_gives_the_same() -> None:
    x = np.random.default_rng(0).random((1, 6, 6, 4), np.float32)

    def run(it: Interpreter) -> Any:
        it.allocate_tensors()
        it.set_tensor(it.get_input_details()[0]["index"], x)
        it.invoke()
        return it.get_tensor(it.get_output_details()[0]["index"])

    with Interpreter(model_content=model((4,)), delegates=[delegate()]) as it:
        (before,) = decided(it)
        assert before[0].startswith("tiles of") and not before[1]
        want = run(it)
    book, graph = CostBook(), read(model((4,))).graphs[0]
    time_ways(graph, [delegate()], book, time.perf_counter(), lambda what: None)
    (way,) = book.ways(delegate()).values()
    assert way in delegate().ways(graph, graph.ops[0])
    other = next(name for name in delegate().ways(graph, graph.ops[0]) if name != before[0])
    for name in (way, other):
        book.add_way(delegate(), content_key(graph, [0]), name)
        book.save()
        with Interpreter(model_content=model((4,)), delegates=[delegate()]) as it:
            assert decided(it) == [(name, True)]
            np.testing.assert_allclose(run(it), want, rtol=1e-6)
