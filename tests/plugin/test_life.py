"""Interpreters and delegates that come and go, in any order, on any thread, failing at any point; nothing is left."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interpreter.faulty import Faulty

from delegraph import GPUDelegate, tflite_delegate
from delegraph.delegates.base import Delegate
from delegraph.graph.builder import GraphBuilder
from delegraph.plugin import abi, native
from delegraph.plugin.delegate import TFLiteDelegate
from plugin.kit import chain, device, noise, ours, outputs, same, theirs

KINDS = ("CONV_2D", "EXP")


def opened(content: bytes, delegate: Any) -> Any:
    it = theirs(content, [delegate], resolver="BUILTIN_WITHOUT_DEFAULT_DELEGATES")
    it.allocate_tensors()
    return it


def test_the_delegate_may_go_first() -> None:
    content = chain()
    held: list[Any] = [tflite_delegate(device(*KINDS), model=content)]
    it = theirs(content, held)
    it._delegates = None  # what the caller may do with a list of his own
    held.clear()
    gc.collect()
    it.allocate_tensors()
    inputs = noise(it)
    same(outputs(it, inputs), ours(content, device(), inputs))
    it.resize_tensor_input(0, (2, 4, 4, 3))
    it.allocate_tensors()  # which asks the delegate again
    inputs = noise(it)
    same(outputs(it, inputs), ours(content, device(), inputs))


def test_a_delegate_that_took_nothing_may_go_first() -> None:
    content = chain()
    it = theirs(content, [tflite_delegate(device("CUSTOM"), model=content)])
    it._delegates = None
    gc.collect()
    it.resize_tensor_input(0, (2, 4, 4, 3))
    it.allocate_tensors()
    inputs = noise(it)
    same(outputs(it, inputs), ours(content, device(), inputs))


def test_one_delegate_for_several_interpreters() -> None:
    content = chain()
    delegate = tflite_delegate(device(*KINDS), model=content)
    interpreters = [opened(content, delegate) for _ in range(3)]
    for seed, it in enumerate(interpreters):
        it.resize_tensor_input(0, (seed + 1, 4, 4, 3))
        it.allocate_tensors()
    inputs = [noise(it, seed) for seed, it in enumerate(interpreters)]
    del interpreters[1]
    for it, values in zip(interpreters, (inputs[0], inputs[2]), strict=True):
        same(outputs(it, values), ours(content, device(), values))


@pytest.mark.parametrize("shared", [True, False], ids=["one delegate", "a delegate each"])
def test_threads(shared: bool) -> None:
    content = chain()
    sim = device(*KINDS)
    one = tflite_delegate(sim, model=content)
    found: dict[int, list[Any]] = {}

    def work(seed: int) -> None:
        it = opened(content, one if shared else tflite_delegate(sim))
        inputs = noise(it, seed)
        for _ in range(20):
            found[seed] = [inputs, outputs(it, inputs)]

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(4):
        inputs, got = found[seed]
        same(got, ours(content, device(), inputs))


@pytest.mark.parametrize("end", ["", "del it", "del delegate", "import os; it.invoke()"])
def test_a_process_that_ends(end: str, tmp_path: Path) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from plugin.kit import chain, device, noise, outputs, theirs
from delegraph import GPUDelegate, tflite_delegate
from delegraph.delegates.base import Delegate
delegate = tflite_delegate(device("CONV_2D", "EXP"))
it = theirs(chain(), [delegate])
it.allocate_tensors()
outputs(it, noise(it))
{end}
print("done")
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert "Traceback" not in done.stderr and "ignored" not in done.stderr


FAULTS = ("probe", "supports", "lower", "form", "allocate", "compile", "write", "run", "read", "close")

ERRORS = (ValueError, MemoryError, KeyboardInterrupt, SystemExit, RecursionError)


class Wild:
    """A delegate in which one call after another raises anything at all."""

    def __init__(self, inner: Any, pick: random.Random, rate: float, raised: set[str]) -> None:
        self._inner, self._pick, self._rate, self.raised = inner, pick, rate, raised

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in FAULTS:
            return found

        def call(*args: Any) -> Any:
            if self._pick.random() < self._rate:
                self.raised.add(name)
                raise self._pick.choice((ValueError, MemoryError, KeyboardInterrupt, SystemExit, RecursionError))(
                    "100% odd"
                )
            args = tuple(a._inner if isinstance(a, Wild) else a for a in args)
            made = found(*args)
            return Wild(made, self._pick, self._rate, self.raised) if name in ("allocate", "compile", "form") else made

        return call


def rounds(seeds: range) -> set[str]:
    """Interpreters in which anything may fail; each says so, or works. What failed, in all."""
    content, raised = chain(), set[str]()
    for seed in seeds:
        pick = random.Random(seed)
        wild = Wild(device(*KINDS), pick, pick.choice((0.01, 0.02, 0.1)), raised)
        delegate = tflite_delegate(wild, model=content if seed % 2 else None)
        try:
            it = opened(content, delegate)
            inputs = noise(it, seed)
            same(outputs(it, inputs), ours(content, device(), inputs))
            it.resize_tensor_input(0, (2, 4, 4, 3))
            it.allocate_tensors()
            inputs = noise(it, seed)
            same(outputs(it, inputs), ours(content, device(), inputs))
        except RuntimeError as error:
            assert "delegraph sim: 100% odd" in str(error)
            assert any("Traceback" in event.message for event in delegate.events)
        it = None
    return raised


def test_faults() -> None:
    before = len(native._kernels)
    rounds(range(24))
    gc.collect()
    assert len(native._kernels) == before


@pytest.mark.soak
def test_two_hundred_rounds_of_faults() -> None:
    before = len(native._kernels)
    assert rounds(range(200)) == set(FAULTS)
    gc.collect()
    assert len(native._kernels) == before


@pytest.mark.parametrize("what", ["take", "kernel", "failed"])
def test_faults_of_our_own_callbacks(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def odd(self: TFLiteDelegate, *args: Any) -> Any:
        raise ValueError(f"{what} is odd")

    monkeypatch.setattr(TFLiteDelegate, what, odd)
    if what == "failed":
        monkeypatch.setattr(TFLiteDelegate, "take", odd)
    with pytest.raises(RuntimeError, match=f"{what} is odd"):
        opened(chain(), tflite_delegate(device()))


def test_a_failing_inference_can_be_tried_again() -> None:
    content = chain()
    faulty: Any = Faulty(device(*KINDS))
    delegate = tflite_delegate(faulty, model=content)
    it = opened(content, delegate)
    inputs = noise(it)
    faulty.dead = True
    with pytest.raises(RuntimeError, match="delegraph sim: sim: write failed at call"):
        outputs(it, inputs)
    assert delegate.events[-1].kind == "failed" and "in invoke: Traceback" in delegate.events[-1].message
    faulty.dead = False
    same(outputs(it, inputs), ours(content, device(), inputs))
    del it
    gc.collect()
    assert faulty.open == 0


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def rounds_leave_nothing(delegate: Delegate, count: int) -> None:
    """Interpreters that come, run and go; handles are counted, and memory, after enough of them to warm up."""
    content = chain()

    def once() -> None:
        it = opened(content, tflite_delegate(delegate, model=content))
        outputs(it, noise(it))

    def state() -> tuple[int, int, int]:
        gc.collect()
        return len(native._kernels), len(native._natives), len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(count // 5):
        once()
    before, memory = state(), resident()
    for _ in range(count):
        once()
    assert state() == before
    assert len(native._pool) <= native.SPARE + 8
    assert resident() - memory < 4 << 20


@pytest.mark.soak
def test_a_thousand_rounds_leave_nothing() -> None:
    rounds_leave_nothing(device(*KINDS), 1000)


@pytest.mark.soak
def test_a_thousand_rounds_leave_nothing_on_the_gpu() -> None:
    with closing(GPUDelegate()) as gpu:
        rounds_leave_nothing(gpu, 1000)


def test_min_partition_ops() -> None:
    content = chain()
    delegate = tflite_delegate(device("CONV_2D", "RELU6", "ADD"), min_partition_ops=2)
    it = theirs(content, [delegate])
    it.allocate_tensors()
    inputs = noise(it)
    same(outputs(it, inputs), ours(content, device(), inputs))
    assert "took 2 of 4 ops in 1 part\n  part 0: ops 0 to 1\n" in delegate.explain()
    assert "left: op 3 ADD: few: 1 ops in its part (wanted 2 ops or more)" in delegate.explain()


class Stub(native.NativeDelegate):
    """Takes custom ops of one name, as a library for an accelerator does, and adds one."""

    def __init__(self, code: bytes) -> None:
        super().__init__("stub")
        self.flags = abi.ALLOW_DYNAMIC  # the runtime has no such op, so it cannot work out shapes
        self.code, self.options = code, b""

    def take(self, context: native.GraphContext) -> list[int]:
        taken = [n for n in context.plan() if context.node(n)[1].custom_name == self.code]
        for node, _ in map(context.node, taken):
            self.options = abi.raw(node.custom_initial_data, node.custom_initial_data_size).tobytes()
        return taken

    def kernel(self, context: native.GraphContext, part: abi.DelegateParams) -> Any:
        return AddOne(abi.ints(part.inputs)[0], abi.ints(part.outputs)[0])

    def failed(self, callback: str, error: BaseException, trace: str) -> None:
        raise AssertionError(trace)


class AddOne:
    """The kernel of Stub, of one input and one output."""

    def __init__(self, x: int, y: int) -> None:
        self._x, self._y = x, y

    def prepare(self, context: native.GraphContext) -> None:
        pass

    def invoke(self, context: native.GraphContext) -> None:
        x, y = context.tensor(self._x), context.tensor(self._y)
        abi.raw(y.data, y.bytes).view(np.uint8)[:] = abi.raw(x.data, x.bytes) + 1

    def close(self) -> None:
        pass


def test_a_native_delegate_that_takes_a_custom_op() -> None:
    b = GraphBuilder()
    x = b.input((2, 3), "UINT8", quantization=(0.5, 1))
    b.output(
        b.op("CUSTOM", [x], (2, 3), quantization=(0.5, 1), custom_code="edgetpu-custom-op", custom_options=b"compiled")
    )
    stub = Stub(b"edgetpu-custom-op")
    it = theirs(b.build(), [stub])
    it.allocate_tensors()
    same(outputs(it, {0: np.full((2, 3), 7, np.uint8)}), [np.full((2, 3), 8, np.uint8)])
    assert stub.options == b"compiled"
