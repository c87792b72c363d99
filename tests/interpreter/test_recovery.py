"""Delegates that fail: results as without them, nothing lost, and another try later."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from interpreter.faulty import Faulty
from interpreter.test_control_flow import counter, started, words
from numpy.typing import NDArray

from delegraph import CPUDelegate, DelegateError, GPUDelegate, Interpreter, SimulatedDelegate, recovery
from delegraph.data import digits, held_out
from delegraph.delegates.base import Delegate
from delegraph.graph.builder import GraphBuilder

KINDS: dict[str, Callable[[], Delegate]] = {
    "cpu": lambda: CPUDelegate(),
    "simulated": lambda: SimulatedDelegate("far", flops=1e15, memory=1e15, bandwidth=1e15, latency=1e-9, run=1e-9),
    "gpu": lambda: GPUDelegate(),
}


def towers() -> bytes:
    """Two branches of ops that join; ADD and MUL alternate."""
    b = GraphBuilder()
    x = b.input((1, 4, 4, 2), name="x")
    left = right = x
    for k in range(3):
        left = b.op("ADD" if k % 2 else "MUL", [left, b.constant(np.float32(1.5))], (1, 4, 4, 2))
        right = b.op("TANH" if k % 2 else "ADD", [right] if k % 2 else [right, left], (1, 4, 4, 2))
    b.output(b.op("CONCATENATION", [left, right], (1, 4, 4, 4), axis=3))
    return b.build()


MODELS: dict[str, Callable[[], bytes]] = {
    "digits f32": lambda: digits("f32"), "digits int8": lambda: digits("int8"), "towers": towers
}  # fmt: skip


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again at once, so that one test sees many failures."""
    monkeypatch.setattr(recovery, "FIRST", 0.0)
    monkeypatch.setattr(recovery, "LONGEST", 0.0)


def mixed(faulty: Faulty, content: bytes) -> Interpreter:
    """Every other op on the faulty delegate, so that a plan has steps of every kind."""
    kinds = ["CONV_2D", "MUL", "ADD", "FULLY_CONNECTED"]
    return Interpreter(
        model_content=content,
        delegates=[faulty, CPUDelegate()],
        pin=None,
        exclude={faulty.name: lambda graph, op: op.kind not in kinds},
        on_failure="replan",
    )


def values(content: bytes, seed: int) -> NDArray[Any]:
    with Interpreter(model_content=content) as it:
        detail = it.get_input_details()[0]
    rng = np.random.default_rng(seed)
    if detail["dtype"] == np.int8:
        return rng.integers(-128, 128, detail["shape"]).astype(np.int8)
    return rng.random(detail["shape"]).astype(np.float32)


def run(it: Any, x: NDArray[Any]) -> NDArray[Any]:
    it.set_tensor(it.get_input_details()[0]["index"], x)
    it.invoke()
    return np.asarray(it.get_tensor(it.get_output_details()[0]["index"]))


def wanted(content: bytes, x: NDArray[Any]) -> NDArray[Any]:
    with Interpreter(model_content=content) as it:
        it.allocate_tensors()
        return run(it, x)


def close_to(got: NDArray[Any], want: NDArray[Any]) -> None:
    np.testing.assert_allclose(got.astype(np.float64), want, rtol=0, atol=1e-5 if got.dtype.kind == "f" else 1)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_at_every_call_costs_nothing_but_time(kind: str, model: str) -> None:
    content = MODELS[model]()
    x = values(content, 1)
    want = wanted(content, x)
    inner = KINDS[kind]()
    faulty = Faulty(inner, "faulty")
    with mixed(faulty, content) as it:
        it.allocate_tensors()
        close_to(run(it, x), want)
        calls = faulty.calls
        assert not it.events
    for number in range(1, calls + 1):
        faulty = Faulty(inner, "faulty")
        faulty.failing = {number}
        with mixed(faulty, content) as it:
            it.allocate_tensors()
            close_to(run(it, x), want)
            assert [e.kind for e in it.events[:2]] == ["failed", "replanned"]
            assert it.events[0].delegate == "faulty" and f"at call {number}" in it.events[0].message
            close_to(run(it, x), want)
            assert "retried" in [e.kind for e in it.events]
            assert {d.delegate for d in it.plan.decisions} == {"faulty", "cpu"}  # back again
        assert faulty.open == 0
    inner.close()


STUCK = 120  # seconds in which no thread ends a round, of which each takes less than one


@pytest.fixture
def inners() -> Iterator[dict[str, Delegate]]:
    """A delegate of each kind. Shaders stay compiled: an interpreter of each model that has them is open throughout."""
    with ExitStack() as stack:
        made = {kind: make() for kind, make in KINDS.items()}
        for delegate in made.values():
            stack.callback(delegate.close)
        for make in MODELS.values():
            stack.enter_context(mixed(Faulty(made["gpu"], "faulty"), make())).allocate_tensors()
        yield made


@pytest.mark.parametrize(
    ("workers", "rounds", "first"),
    [(1, 9, 0), pytest.param(8, 2, 5, marks=pytest.mark.slow),
     *(pytest.param(1, 50, 50 * k, marks=pytest.mark.soak) for k in range(10)),
     *(pytest.param(8, 16, 16 * k, marks=pytest.mark.soak) for k in range(4))],
)  # fmt: skip
def test_rounds_of_seeded_failures(workers: int, rounds: int, first: int, inners: dict[str, Delegate]) -> None:
    """Ten inferences a round, of which any calls fail, on any thread: results are right, all that was opened closed.

    Rounds go through each kind of delegate with each model; all threads share the delegates, but for their failures.
    """
    contents = [make() for make in MODELS.values()]
    inputs = [values(content, 2) for content in contents]
    wants = [wanted(content, x) for content, x in zip(contents, inputs, strict=True)]
    problems: list[BaseException] = []
    ended: list[int] = []

    def work(worker: int) -> None:
        try:
            for number in range(first, first + rounds):
                rng = random.Random(1000 * worker + number)
                k = number % len(contents)
                faulty = Faulty(inners[[*KINDS][number // len(contents) % len(KINDS)]], "faulty")
                faulty.failing = {n for n in range(1, 400) if rng.random() < 0.15}
                with mixed(faulty, contents[k]) as it:
                    it.allocate_tensors()
                    for _ in range(10):
                        close_to(run(it, inputs[k]), wants[k])
                assert faulty.open == 0
                ended.append(number)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            before = len(ended)
            thread.join(STUCK)
            assert not thread.is_alive() or len(ended) > before, "a deadlock"
    if problems:
        raise problems[0]
    assert len(ended) == workers * rounds


def test_a_delegate_that_stays_dead_is_tried_again_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "FIRST", 1.0)
    monkeypatch.setattr(recovery, "LONGEST", 4.0)
    now = [0.0]
    monkeypatch.setattr(recovery.time, "monotonic", lambda: now[0])
    content = digits("f32")
    x = held_out()[0][:1]
    faulty = Faulty(CPUDelegate(), "faulty")
    with mixed(faulty, content) as it:
        it.allocate_tensors()
        want = run(it, x)
        faulty.dead = True
        tries = []
        for second in range(24):
            now[0] = second + 0.5
            before = faulty.calls
            close_to(run(it, x), want)
            if faulty.calls > before:
                tries.append(second)
        assert tries[:4] == [0, 1, 3, 7] and max(b - a for a, b in pairwise(tries)) == 4
        reasons = [d.reasons["faulty"][0] for d in it.plan.decisions if "faulty" in d.reasons]
        assert any(r.code == "failed" and "failed at call" in r.met for r in reasons)
        faulty.dead = False
        now[0] += 10
        close_to(run(it, x), want)
        assert {d.delegate for d in it.plan.decisions} == {"faulty", "cpu"}


def test_without_replan_a_failure_is_raised_and_the_next_inference_may_succeed() -> None:
    content = digits("f32")
    x = held_out()[0][:1]
    faulty = Faulty(CPUDelegate(), "faulty")
    only = {"faulty": lambda graph, op: op.kind != "CONV_2D"}
    with Interpreter(model_content=content, delegates=[faulty, CPUDelegate()], exclude=only) as it:
        it.allocate_tensors()
        want = run(it, x)
        faulty.failing = {faulty.calls + 1}
        with pytest.raises(DelegateError, match="faulty: run failed"):
            run(it, x)
        assert [(e.kind, e.delegate) for e in it.events] == [("failed", "faulty")]
        close_to(run(it, x), want)


def test_where_nothing_else_can_run_it_the_failure_is_raised() -> None:
    """It is not held against the delegate, which may run the next inference."""
    faulty = Faulty(CPUDelegate(), "faulty")
    content, x = digits("f32"), held_out()[0][:1]
    nothing = {"cpu": lambda graph, op: True}
    delegates = [faulty, CPUDelegate()]
    with Interpreter(model_content=content, delegates=delegates, exclude=nothing, on_failure="replan") as it:
        it.allocate_tensors()
        want = run(it, x)
        faulty.failing = {faulty.calls + 1}
        with pytest.raises(DelegateError, match="faulty: run failed"):
            run(it, x)
        assert [e.kind for e in it.events] == ["failed"]
        close_to(run(it, x), want)


def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(ValueError, match="on_failure is 'raise' or 'replan', not 'retry'"):
        Interpreter(model_content=digits("f32"), on_failure="retry")  # type: ignore[arg-type]


def stateful() -> bytes:
    """An RNN step that remembers, after an op that may fail and before another."""
    rng = np.random.default_rng(0)
    b = GraphBuilder()
    x = b.input((1, 3), name="x")
    y = b.op("MUL", [x, b.constant(np.float32(0.5))], (1, 3))
    weights = [b.constant(rng.standard_normal(s).astype(np.float32) / 2) for s in ((4, 3), (4, 4), (4,))]
    y = b.op("RNN", [y, *weights, b.variable((1, 4))], (1, 4), fused_activation_function="TANH")
    b.output(b.op("MUL", [y, b.constant(np.float32(2))], (1, 4)))
    return b.build()


@pytest.mark.parametrize("on", ["cpu", "gpu"])
def test_what_ops_remember_is_taken_along(on: str) -> None:
    """A failure after the op that remembers: that inference starts over from the state before it."""
    content = stateful()
    xs = [np.random.default_rng(k).standard_normal((1, 3)).astype(np.float32) for k in range(8)]
    with Interpreter(model_content=content) as it:
        it.allocate_tensors()
        wants = [run(it, x) for x in xs]
    inner = KINDS[on]()
    for number in range(1, 30):
        faulty = Faulty(inner, "faulty")
        faulty.failing = {number, number + 7}
        with Interpreter(model_content=content, delegates=[faulty, CPUDelegate()], on_failure="replan") as it:
            it.allocate_tensors()
            for x, want in zip(xs, wants, strict=True):
                close_to(run(it, x), want)
            assert "failed" in [e.kind for e in it.events] or faulty.calls < number
    inner.close()


def test_a_variable_counts_once_whatever_fails() -> None:
    """What is counted inside a runtime cannot be taken back: an inference that failed behind it is not started over."""
    b = GraphBuilder()
    x = b.input((2,))
    started(b, ("total",), (2,))
    total = counter(b, "total", b.op("ABS", [x], (2,)), (2,))
    b.output(b.op("NEG", [total], (2,)))
    faulty = Faulty(CPUDelegate(), "far")
    faulty.holds_state = False  # type: ignore[attr-defined]
    kinds = {"far": lambda graph, op: op.kind not in ("ABS", "NEG")}
    with Interpreter(
        model_content=b.build(), delegates=[faulty, CPUDelegate()], exclude=kinds, on_failure="replan"
    ) as it:
        it.allocate_tensors()
        ones = np.ones(2, np.float32)
        assert run(it, ones).tolist() == [-2, -2]
        calls = faulty.calls
        assert run(it, ones).tolist() == [-3, -3]
        each = faulty.calls - calls
        faulty.failing = {faulty.calls + each}  # NEG, after the variable was set
        with pytest.raises(DelegateError):
            it.invoke()
        assert run(it, ones).tolist() == [-5, -5]
        faulty.failing = {faulty.calls + 1}  # ABS, before it
        with pytest.raises(DelegateError):
            it.invoke()
        assert run(it, ones).tolist() == [-6, -6]


def test_a_hash_table_is_there_in_another_plan() -> None:
    b = GraphBuilder()
    found = words(b, b.input((3,), "STRING"), (3,))
    b.output(b.op("NEG", [b.op("CAST", [found], (3,), dtype="FLOAT32")], (3,)))
    faulty = Faulty(CPUDelegate(), "far")
    faulty.holds_state = False  # type: ignore[attr-defined]
    kinds = {"far": lambda graph, op: op.kind != "CAST"}
    with Interpreter(
        model_content=b.build(), delegates=[faulty, CPUDelegate()], exclude=kinds, on_failure="replan"
    ) as it:
        it.allocate_tensors()
        for dead in (False, True, False):
            faulty.dead = dead
            assert run(it, np.array(["cat", "emu", "yak"])).tolist() == [-2, -1, 1]
