"""A device that goes away in mid-run: the plan goes on elsewhere, and with the device when it is back."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
from interpreter.faulty import later
from numpy.typing import NDArray

from bridge.kit import Process, Wire, infer
from delegraph import CPUDelegate, DelegateError, Interpreter, NNAPIDelegate
from delegraph.delegates.base import Delegate
from delegraph.delegates.bridge.address import parse_address
from delegraph.delegates.nnapi.samples import sample
from delegraph.graph.builder import GraphBuilder
from nnapi.conftest import Phone

SHAPE = (1, 300)


def model() -> bytes:
    """Two partitions of the accelerator, which takes no POW, with one of the CPU between them."""
    b = GraphBuilder()
    x = b.input(SHAPE)
    y = b.op("POW", [b.op("ADD", [x, x], SHAPE), b.constant(np.full(SHAPE, 2, np.float32))], SHAPE)
    b.output(b.op("MUL", [y, x], SHAPE))
    return b.build()


def frame(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random(SHAPE, np.float32)


def right(it: Interpreter, seed: int) -> None:
    x = frame(seed)
    np.testing.assert_allclose(infer(it, x), (x + x) ** 2 * x, rtol=1e-6)


def homes(it: Interpreter) -> list[str]:
    return [str(decision.delegate) for decision in it.plan.decisions]


def opened(delegate: Delegate, on_failure: str = "replan") -> Interpreter:
    it = Interpreter(
        model_content=model(),
        delegates=[delegate, CPUDelegate()],
        on_failure=on_failure,  # type: ignore[arg-type]
    )
    it.allocate_tensors()
    return it


@pytest.mark.parametrize("phone", [27, 29, 1000007], indirect=True)
def test_a_driver_that_died_and_is_back_costs_one_run_of_each_partition(phone: Phone) -> None:
    with opened(NNAPIDelegate(library=phone.path), "raise") as it:
        right(it, 0)
        phone.asked.die()
        there = [p for p in it.plan.partitions if p.delegate == "nnapi"]
        for _ in there:
            with pytest.raises(DelegateError, match="DEAD_OBJECT"):
                right(it, 1)
        right(it, 2)
        assert [event.kind for event in it.events] == ["failed"] * len(there)


def test_what_a_driver_remembered_is_not_lost_with_it(phone: Phone) -> None:
    content = sample("UNIDIRECTIONAL_SEQUENCE_LSTM", "FLOAT32").model.content
    frames = np.random.default_rng(0).standard_normal((4, 2, 5, 3)).astype(np.float32)
    answers = []
    for delegates in ([NNAPIDelegate(library=phone.path)], [CPUDelegate(op_resolver="BUILTIN_REF")]):
        with Interpreter(model_content=content, delegates=delegates) as it:
            it.allocate_tensors()
            for k, each in enumerate(frames):
                if k == 2:
                    phone.asked.die()
                    if len(answers) < 4:
                        with pytest.raises(DelegateError, match="DEAD_OBJECT"):
                            infer(it, each)
                answers.append(infer(it, each))
    np.testing.assert_allclose(answers[:4], answers[4:], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("phone", [29, 1000007], indirect=True)
def test_a_device_that_is_away_is_planned_around_until_it_is_back(
    phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(NNAPIDelegate(library=phone.path, device="accelerator")) as it:
        right(it, 0)
        assert homes(it) == ["nnapi", "cpu", "nnapi"]
        phone.asked.die(away=True)
        for seed in range(1, 4):  # first one partition fails, and then the other
            right(it, seed)
        assert homes(it) == ["cpu"] * 3
        assert "DEAD_OBJECT" in str(it.plan.decisions[0].reasons["nnapi"][0])
        later(monkeypatch, 3.0)
        right(it, 4)
        assert homes(it) == ["cpu"] * 3  # it was tried, and is still away
        phone.asked.live()
        later(monkeypatch, 100.0)
        right(it, 5)
        assert homes(it) == ["nnapi", "cpu", "nnapi"]
        assert it.events[-1].kind == "retried"


def test_a_phone_that_is_pulled_and_plugged_in_again(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELEGRAPH_NNAPI_LIBRARY", phone.path)
    with ExitStack() as stack:
        first = stack.enter_context(Process("--lend", "nnapi", alone=True))
        wire = Wire(parse_address(first.uri))
        stack.callback(wire.close)
        it = stack.enter_context(opened(NNAPIDelegate(bridge=wire.uri, device="accelerator")))
        right(it, 0)
        assert homes(it) == ["nnapi", "cpu", "nnapi"]
        wire.reset(down=900)  # in the middle of what comes back
        right(it, 1)
        assert not wire.cuts and "of a tensor" in it.events[0].message
        first.end()
        for seed in range(2, 4):
            right(it, seed)
        assert homes(it) == ["cpu"] * 3
        second = stack.enter_context(Process("--lend", "nnapi", alone=True, listen=first.uri))
        assert second.uri == first.uri
        later(monkeypatch, 100.0)
        right(it, 4)
        assert homes(it) == ["nnapi", "cpu", "nnapi"]
        kinds = [event.kind for event in it.events]
        assert kinds[:2] == ["failed", "replanned"] and "retried" in kinds


@pytest.mark.slow
def test_a_cut_anywhere_costs_no_result(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELEGRAPH_NNAPI_LIBRARY", phone.path)
    with Process("--lend", "nnapi", alone=True) as process:
        wire = Wire(parse_address(process.uri))
        try:
            with opened(NNAPIDelegate(bridge=wire.uri, device="accelerator")) as it:
                wire.reset()
                right(it, 0)
                sizes = dict(wire.count)
                for way, size in sizes.items():
                    for at in range(1, size, max(size // 12, 1)):
                        wire.reset(**{way: at})
                        right(it, at)
                        right(it, at + 1)
                        later(monkeypatch, 1000.0)
                        right(it, at + 2)
                        assert homes(it) == ["nnapi", "cpu", "nnapi"]
        finally:
            wire.close()
