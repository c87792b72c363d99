"""Tuning times what could be chosen, and what it noted decides afterwards; profiles set what was taken beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interpreter.first import First
from typer.testing import CliRunner

from delegraph import CPUDelegate, DelegateError, Interpreter, NullDelegate, SimulatedDelegate
from delegraph.calibrate import calibrate
from delegraph.cli import app
from delegraph.costbook import CostBook
from delegraph.data import digits
from delegraph.graph.builder import GraphBuilder
from delegraph.partitioner.plan import Run
from delegraph.race import gap
from delegraph.tune import Raced, _merged


def model() -> bytes:
    """Convolutions and additions by turns."""
    b = GraphBuilder()
    x = b.input((1, 8, 8, 4))
    ends = b.constant(np.full((4, 1, 1, 4), 0.25, np.float32)), b.constant(np.zeros(4, np.float32))
    for _ in range(4):
        x = b.op("CONV_2D", [x, *ends], (1, 8, 8, 4), stride_w=1, stride_h=1, padding="SAME")
        x = b.op("ADD", [x, x], (1, 8, 8, 4))
    b.output(x)
    return b.build()


def test_what_was_measured_decides_from_then_on(tmp_path: Path) -> None:
    seen: list[tuple[float, str]] = []
    with Interpreter(model_content=model(), delegates=[SimulatedDelegate("slow", run=0.01)], placement="fastest") as it:
        raced = it.tune(1.0, lambda done, what: seen.append((done, what)))
        assert {frozenset(p.delegate for p in r.plan.partitions) for r in raced} >= {
            frozenset({"slow"}),
            frozenset({"cpu"}),
        }
        assert [d.delegate for d in it.plan.decisions] == ["cpu"] * 8
        assert it.plan.expected.source == "measured" and it.plan.expected.seconds == raced[0].seconds
        assert all(0 <= done <= 1 for done, _ in seen) and [done for done, _ in seen] == sorted(d for d, _ in seen)
        slow = next(r for r in raced if r.plan.partitions[0].delegate == "slow")
        assert slow.lost and slow.seconds >= 0.01
        assert it.book == tmp_path / "cache" / "delegraph" / "costs.jsonl" and it.book.is_file()
        plan = it.plan
        it.allocate_tensors()
        it.invoke()
    with Interpreter(model_content=model(), delegates=[SimulatedDelegate("slow", run=0.01)], placement="fastest") as it:
        assert it.plan.expected == plan.expected, "another interpreter knows"
        assert {d.costs["slow"].source for d in it.plan.decisions} == {"modelled"}


def test_a_device_that_cannot_run_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(CPUDelegate):
        name = "broken"

        def compile(self, *arguments: Any, **more: Any) -> Any:
            raise DelegateError("broken: it cannot")

    with Interpreter(model_content=model(), delegates=[Broken(), CPUDelegate(), NullDelegate()]) as it:
        raced = it.tune(0.3)
        assert {p.delegate for r in raced for p in r.plan.partitions} == {"cpu"}
        assert "broken: it cannot" in caplog.text and "null delegate plans only" in caplog.text


def test_rates_are_measured_once() -> None:
    assert calibrate(NullDelegate()) == NullDelegate().rates
    cpu = CPUDelegate()
    with Interpreter(model_content=model(), delegates=[First(2), cpu], placement="fastest") as it:
        assert it.plan.partitions
    known = CostBook().rates(cpu)
    assert known is not None and known == cpu.rates and known.source == "measured"
    assert known.flops > 0 and known.upload.latency == 0.0
    other = CPUDelegate()
    with Interpreter(model_content=model(), delegates=[First(2), other], placement="priority") as it:
        assert it.plan.partitions and other.rates == known, "found in the file"
    assert CostBook().rates(CPUDelegate(num_threads=2)) is None, "another device as far as time goes"


@pytest.mark.parametrize("delegates", [[], [First(3), CPUDelegate()]])
def test_a_profile_has_each_step(delegates: list[Any]) -> None:
    with Interpreter(model_content=digits("f32"), delegates=delegates) as it:
        with pytest.raises(RuntimeError):
            it.profile()
        it.allocate_tensors()
        steps = it.profile(3)
        assert [s.step for s in steps] == list(it.plan.steps)
        assert [s.expected for s in steps] == list(it.plan.costs)
        assert all(s.seconds > 0 for s in steps if isinstance(s.step, Run))
        with pytest.raises(ValueError, match="at least 1, not 0"):
            it.profile(0)


def test_a_plan_that_was_given_stays() -> None:
    with Interpreter(model_content=model(), delegates=[First(3), CPUDelegate()]) as it:
        data = it.plan.to_json()
    with Interpreter(model_content=model(), delegates=[First(3), CPUDelegate()], plan=data) as it:
        it.tune(0.2)
        assert [p.delegate for p in it.plan.partitions] == ["first", "cpu"]


class Times:
    """What a race knows of a plan."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = list(seconds)
        self.median = sorted(seconds)[len(seconds) // 2]


def test_a_race_is_decided_where_it_is_clear() -> None:
    best = Times(1.0, 1.1, 1.0, 0.9, 1.0, 1.05, 0.95)
    slower = Times(*(s + 0.1 + 0.001 * k for k, s in enumerate(best.seconds)))
    alike = Times(*(s + (0.3, -0.3)[k % 2] for k, s in enumerate(best.seconds)))
    assert gap(slower, best)[0] > 0  # type: ignore[arg-type]
    low, high = gap(alike, best)  # type: ignore[arg-type]
    assert low < 0 < high
    assert gap(Times(1.5, 1.6), Times(1.0, 1.0))[0] > 0  # type: ignore[arg-type]
    assert gap(Times(1.1, 1.1), Times(1.0, 1.0))[0] < 0  # type: ignore[arg-type]


def test_earlier_times_follow_the_machines_drift() -> None:
    with Interpreter(model_content=model(), delegates=[First(3), CPUDelegate()]) as it:
        winner = it.plan
    with Interpreter(model_content=model(), delegates=[First(5), CPUDelegate()]) as it:
        loser = it.plan
    before = [Raced(winner, 1.0, (), 9, False), Raced(loser, 1.1, (), 9, True)]
    again = _merged(before, [Raced(winner, 2.0, (), 9, False)])
    assert [(r.plan is winner, r.seconds) for r in again] == [(True, 2.0), (False, pytest.approx(2.2))]


def test_the_command_shows_the_race_and_plans_by_it(tmp_path: Path) -> None:
    path, described = tmp_path / "model.tflite", tmp_path / "devices.json"
    path.write_bytes(model())
    described.write_text('{"slow": {"run": 0.005}}')
    arguments = ["--delegates", "cpu", "--simulate", str(described)]
    done = CliRunner().invoke(app, ["tune", str(path), *arguments, "--seconds", "0.5"])
    assert done.exit_code == 0, done.output
    assert "8 on cpu in 1 partition" in done.stdout and "8 on slow in 1 partition" in done.stdout
    assert "the plan now:" in done.stdout and "(measured)" in done.stdout and "costs.jsonl" in done.stderr
    done = CliRunner().invoke(app, ["plan", str(path), *arguments])
    assert done.exit_code == 0 and "placed by fastest over slow, cpu" in done.stdout
    assert "slow would add" in done.stdout and "(measured)" in done.stdout
    done = CliRunner().invoke(app, ["plan", str(path), *arguments, "--placement", "priority"])
    assert "placed by priority over slow, cpu" in done.stdout
    described.write_text('{"slow": {"pace": 1}}')
    done = CliRunner().invoke(app, ["plan", str(path), *arguments])
    assert done.exit_code == 1 and "device 'slow' has no 'pace'" in done.stderr


def test_auto_is_all_that_is_here_by_cost() -> None:
    with Interpreter(model_content=model(), delegates="auto") as it:
        assert it.plan.placement == "fastest" and it.plan.delegates[-1] == "cpu"
        it.allocate_tensors()
        it.invoke()
    with Interpreter(model_content=model(), delegates="auto", placement="priority") as it:
        assert it.plan.placement == "priority"
