"""Frames through a plan, several at once: in order, each right, errors in their own turn, nothing left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest
from interpreter.faulty import Faulty
from interpreter.first import First
from numpy.typing import NDArray

from delegraph import CPUDelegate, DelegateError, GPUDelegate, Interpreter, SimulatedDelegate
from delegraph.data import digits, held_out
from delegraph.delegates.base import Delegate
from delegraph.graph.builder import GraphBuilder

IMAGES = held_out()[0][:24]


def frames() -> Iterator[NDArray[Any]]:
    return (image[None] for image in IMAGES)


def one_by_one(it: Interpreter) -> list[NDArray[Any]]:
    made = []
    for frame in frames():
        it.set_tensor(it.get_input_details()[0]["index"], frame)
        it.invoke()
        made.append(it.get_tensor(it.get_output_details()[0]["index"]))
    return made


SETS: dict[str, list[Delegate] | None] = {
    "runtime": None,
    "two on the cpu": [First(5), CPUDelegate()],
    "simulated": [SimulatedDelegate("far", supports=["CONV_2D"], latency=1e-4), CPUDelegate()],
    "gpu": [GPUDelegate()],
}


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("name", SETS)
def test_outputs_are_those_of_invoke_in_order(name: str, depth: int) -> None:
    with Interpreter(model_content=digits("f32"), delegates=SETS[name]) as it:
        it.allocate_tensors()
        wanted = one_by_one(it)
        got = list(it.stream(frames(), depth=depth))
        assert len(got) == len(wanted)
        for g, w in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(g, w)
        np.testing.assert_array_equal(one_by_one(it)[3], wanted[3])  # invoke goes on working


def test_no_more_frames_are_taken_than_are_under_way() -> None:
    taken = 0

    def counted() -> Iterator[NDArray[Any]]:
        nonlocal taken
        for frame in frames():
            taken += 1
            yield frame

    with Interpreter(model_content=digits("f32"), delegates=[First(5), CPUDelegate()]) as it:
        for number, _ in enumerate(it.stream(counted(), depth=3)):
            assert taken <= number + 3


def test_a_frame_that_fails_raises_in_its_turn_and_the_rest_go_on() -> None:
    bad = {3: np.zeros((1, 5), np.float32), 7: np.zeros((1, 8, 8, 1), np.int8)}
    with Interpreter(model_content=digits("f32"), delegates=[First(5), CPUDelegate()]) as it:
        it.allocate_tensors()
        wanted = one_by_one(it)
        stream = it.stream([bad.get(k, frame) for k, frame in enumerate(frames())], depth=3)
        for number, want in enumerate(wanted):
            if number in bad:
                with pytest.raises(ValueError, match="Cannot set tensor"):
                    next(stream)
            else:
                np.testing.assert_array_equal(next(stream), want)
        with pytest.raises(StopIteration):
            next(stream)


def test_a_step_that_fails_is_that_frames_own() -> None:
    faulty = Faulty(First(5), "first")
    with Interpreter(model_content=digits("f32"), delegates=[faulty, CPUDelegate()]) as it:
        it.allocate_tensors()
        wanted = one_by_one(it)
        stream = it.stream(frames(), depth=1)
        faulty.failing = {faulty.calls + 3}
        for number, want in enumerate(wanted):
            if number == 2:
                with pytest.raises(DelegateError, match="run failed"):
                    next(stream)
            else:
                np.testing.assert_array_equal(next(stream), want)
    assert faulty.open == 0


def test_frames_that_break_off_raise_after_those_before_them() -> None:
    def broken() -> Iterator[NDArray[Any]]:
        yield from list(frames())[:4]
        raise OSError("the camera is gone")

    with Interpreter(model_content=digits("f32"), delegates=[First(5), CPUDelegate()]) as it:
        stream = it.stream(broken(), depth=3)
        for _ in range(4):
            next(stream)
        with pytest.raises(OSError, match="the camera is gone"):
            next(stream)
        assert list(stream) == []


def test_asynchronous_loops_over_either_kind_of_frames() -> None:
    async def coming() -> AsyncIterator[NDArray[Any]]:
        for frame in frames():
            await asyncio.sleep(0)
            yield frame

    async def collect(it: Interpreter, source: Any) -> list[NDArray[Any]]:
        return [out async for out in it.stream(source, depth=3)]

    with Interpreter(model_content=digits("f32"), delegates=[First(5), CPUDelegate()]) as it:
        it.allocate_tensors()
        wanted = one_by_one(it)
        for source in (frames(), coming()):
            for g, w in zip(asyncio.run(collect(it, source)), wanted, strict=True):
                np.testing.assert_array_equal(g, w)
        with pytest.raises(TypeError, match="async for"):
            next(it.stream(coming()))


def test_an_asynchronous_loop_meets_a_frame_that_fails_in_its_turn() -> None:
    async def errors(it: Interpreter) -> list[str]:
        stream = it.stream([IMAGES[:1], np.zeros(3, np.float32), IMAGES[1:2]], depth=2)
        found = []
        while True:
            try:
                await anext(stream)
                found.append("")
            except ValueError as error:
                found.append(str(error)[:17])
            except StopAsyncIteration:
                return found

    with Interpreter(model_content=digits("f32"), delegates=[First(5), CPUDelegate()]) as it:
        assert asyncio.run(errors(it)) == ["", "Cannot set tensor", ""]


def test_several_inputs_and_outputs_by_order_or_by_name() -> None:
    b = GraphBuilder()
    x, y = b.input((2,), name="x"), b.input((2,), name="y")
    b.output(b.op("ADD", [x, y], (2,)))
    b.output(b.op("SUB", [x, y], (2,)))
    one, two = np.array([1, 2], np.float32), np.array([5, 7], np.float32)
    with Interpreter(model_content=b.build()) as it:
        for added, less in it.stream([(one, two), {"y": two, "x": one}]):
            np.testing.assert_array_equal(added, one + two)
            np.testing.assert_array_equal(less, one - two)
        stream = it.stream([(one,), {"x": one, "z": two}])
        with pytest.raises(ValueError, match="has 1 arrays, the model has 2 inputs"):
            next(stream)
        with pytest.raises(ValueError, match=r"a frame has \['x', 'z'\], the model's inputs are \['x', 'y'\]"):
            next(stream)


def test_what_remembers_goes_one_by_one() -> None:
    rng = np.random.default_rng(0)
    b = GraphBuilder()
    x = b.input((1, 3))
    weights = [b.constant(rng.standard_normal(s).astype(np.float32)) for s in ((4, 3), (4, 4), (4,))]
    b.output(b.op("RNN", [x, *weights, b.variable((1, 4))], (1, 4), fused_activation_function="TANH"))
    with Interpreter(model_content=b.build()) as it:
        with pytest.raises(ValueError, match=r"op 0 \(RNN\) remembers .* depth=1"):
            it.stream([], depth=2)
        with pytest.raises(ValueError, match="depth is a number of at least 1, not 0"):
            it.stream([], depth=0)
        assert len(list(it.stream([np.ones((1, 3), np.float32)] * 3, depth=1))) == 3


def test_a_stream_that_is_left_gives_back_its_threads_and_memory() -> None:
    faulty = Faulty(CPUDelegate(), "counted")
    before = set(threading.enumerate())
    with Interpreter(model_content=digits("f32"), delegates=[faulty, CPUDelegate()]) as it:
        with it.stream(frames(), depth=4) as stream:
            next(stream)
        assert set(threading.enumerate()) <= before
    assert faulty.open == 0
