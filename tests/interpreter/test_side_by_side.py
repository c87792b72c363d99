"""Partitions that do not depend on one another run at the same time; those that do, and shared bytes, in order."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from delegraph import CPUDelegate, DelegateError, Interpreter, SimulatedDelegate, StepFailed
from delegraph.delegates.base import Executable, Partition
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph
from delegraph.partitioner.overlap import lanes
from delegraph.partitioner.planner import make_plan

SHAPE = (1, 8, 8, 4)


def two_branches() -> bytes:
    """A stem, two branches that join: TANH and LOGISTIC."""
    b = GraphBuilder()
    x = b.input(SHAPE)
    stem = b.op("NEG", [x], SHAPE)
    left = b.op("TANH", [b.op("TANH", [stem], SHAPE)], SHAPE)
    right = b.op("LOGISTIC", [b.op("LOGISTIC", [stem], SHAPE)], SHAPE)
    b.output(b.op("ADD", [left, right], SHAPE))
    return b.build()


class Met(SimulatedDelegate):
    """A device whose partitions may wait inside `run` for somebody else's to be inside theirs."""

    def __init__(self, name: str, kinds: list[str], meeting: threading.Barrier | None) -> None:
        super().__init__(name, supports=kinds, latency=1e-6, bandwidth=1e12, run=0.01)
        self.meeting = meeting

    def compile(
        self, graph: Graph, partition: Partition, arena: Any, offsets: Mapping[int, int], keep: Any = frozenset()
    ) -> Any:
        return Waiting(super().compile(graph, partition, arena, offsets, keep), self)


class Waiting:
    def __init__(self, inner: Executable, owner: Met) -> None:
        self._inner, self._owner = inner, owner

    def run(self) -> None:
        if self._owner.meeting is not None:
            try:
                self._owner.meeting.wait(20)
            except threading.BrokenBarrierError:
                raise DelegateError("nobody else was running") from None
        self._inner.run()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def interpreter(meeting: threading.Barrier | None) -> Interpreter:
    delegates = [Met("left", ["TANH"], meeting), Met("right", ["LOGISTIC"], meeting), CPUDelegate()]
    return Interpreter(model_content=two_branches(), delegates=delegates)


def test_two_branches_are_in_their_devices_at_the_same_time() -> None:
    x = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    with interpreter(threading.Barrier(2)) as it, Interpreter(model_content=two_branches()) as plain:
        for each in (it, plain):
            each.allocate_tensors()
        for k in range(5):  # each branch waits for the other: alone, neither would ever go on
            for each in (it, plain):
                each.set_tensor(0, x + k)
                each.invoke()
            out = it.get_output_details()[0]["index"]
            np.testing.assert_allclose(it.get_tensor(out), plain.get_tensor(out), rtol=0, atol=1e-6)
    assert not [t for t in threading.enumerate() if t.name.startswith("delegraph-lane")]


def test_a_failure_in_one_lane_is_raised_and_the_others_end() -> None:
    with interpreter(None) as it:
        it.allocate_tensors()
        left, right = it._delegates[:2]  # the failure of one is met in the other's lane
        assert isinstance(left, Met) and isinstance(right, Met)
        left.meeting = threading.Barrier(2)
        left.meeting.abort()
        with pytest.raises(StepFailed, match="nobody else") as error:
            it.invoke()
        assert error.value.delegate == "left"
        left.meeting = None
        it.invoke()


def test_a_chain_has_no_lanes() -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    for kind in ("TANH", "LOGISTIC") * 3:
        x = b.op(kind, [x], SHAPE)
    b.output(x)
    with Interpreter(model_content=b.build(), delegates=[Met("left", ["TANH"], None), CPUDelegate()]) as it:
        assert lanes(it.plan, {"left": "left", "cpu": "host"}) is None


def test_steps_that_share_bytes_wait_for_each_other() -> None:
    with interpreter(None) as it:
        plan = make_plan(it.graph, it._delegates)
        spaces = {d.name: d.space for d in it._delegates}
    found = lanes(plan, spaces)
    assert found is not None
    owner = {k: lane for lane, steps in enumerate(found.steps) for k in steps}
    assert sorted(owner) == list(range(len(plan.steps)))
    last = len(plan.steps) - 1  # ADD, on the CPU, reads what both branches made
    assert {owner[j] for j in found.after[last]} == {owner[k] for k in owner if owner[k] != owner[last]}
