"""What crosses the border of a CPU partition lies in the runtime's own tensors: nothing is copied that need not be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from interpreter.faulty import Faulty
from interpreter.side_by_side import Both
from numpy.typing import NDArray
from ops.harness import delegate

from delegraph import CPUDelegate, DelegateError, Interpreter, SimulatedDelegate
from delegraph.delegates.base import Delegate, Lowering
from delegraph.delegates.gpu.arena import GLArena
from delegraph.delegates.simulated import SimulatedArena
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph

SHAPE = (1, 6, 5, 3)
FAST: dict[str, Any] = {"flops": 1e15, "memory": 1e15, "bandwidth": 1e15, "latency": 1e-9, "run": 1e-9}
DEVICES: dict[str, Callable[[], Delegate]] = {"far": lambda: SimulatedDelegate("far", **FAST), "gpu": delegate}
ARENAS: dict[str, Any] = {"far": SimulatedArena, "gpu": GLArena}


class Watched(CPUDelegate):
    """The CPU, with its runtimes at hand and what is copied into and out of them counted."""

    def __init__(self, name: str = "cpu") -> None:
        super().__init__()
        self.name = name
        self.opened: list[Runtime] = []

    def open(self, content: bytes, resolver: str | None = None) -> Any:
        self.opened.append(Runtime(super().open(content, resolver)))
        return self.opened[-1]

    @property
    def copies(self) -> int:
        return sum(runtime.copies for runtime in self.opened)

    def memory(self) -> set[int]:
        """Where the inputs and outputs of its runtimes lie."""
        details = [
            (runtime, detail["index"])
            for runtime in self.opened
            if runtime.invoked
            for detail in runtime.get_input_details() + runtime.get_output_details()
        ]
        return {address(runtime.tensor(index)()) for runtime, index in details}


class Runtime:
    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.copies = 0
        self.invoked = False

    def set_tensor(self, index: int, value: NDArray[Any]) -> None:
        self.copies += 1
        self._inner.set_tensor(index, value)

    def get_tensor(self, index: int) -> Any:
        self.copies += 1
        return self._inner.get_tensor(index)

    def invoke(self) -> None:
        self.invoked = True
        self._inner.invoke()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


def chain(*kinds: str) -> bytes:
    b = GraphBuilder()
    x = b.input(SHAPE)
    for kind in kinds:
        x = b.op(kind, [x], SHAPE)
    b.output(x)
    return b.build()


def noise(seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)


def run(it: Interpreter, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
    for detail, value in zip(it.get_input_details(), inputs, strict=True):
        it.set_tensor(detail["index"], value)
    it.invoke()
    return [it.get_tensor(detail["index"]) for detail in it.get_output_details()]


def alone(content: bytes, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
    with Interpreter(model_content=content) as it:
        it.allocate_tensors()
        return run(it, *inputs)


@pytest.mark.parametrize("device", DEVICES)
def test_a_device_reads_and_writes_the_runtimes_own_tensors(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """User, CPU, device, CPU, user: but for what the user sets and gets, only the device's link carries bytes."""
    content = chain("ABS", "NEG", "TANH")
    carried: list[int] = []
    for method in ("write", "read"):
        plain = getattr(ARENAS[device], method)

        def seen(arena: Any, offset: int, data: NDArray[Any], plain: Any = plain) -> None:
            carried.append(address(data))
            plain(arena, offset, data)

        monkeypatch.setattr(ARENAS[device], method, seen)
    cpu = Watched()
    with Interpreter(model_content=content, delegates=[DEVICES[device](), cpu], pin={"cpu": ["ABS", "TANH"]}) as it:
        it.allocate_tensors()
        assert [p.delegate for p in it.plan.partitions] == ["cpu", device, "cpu"]
        assert it.plan.arenas.get("host", 0) == 0  # so there is no memory but the runtimes'
        cpu.opened = cpu.opened[-2:]
        before = cpu.copies
        for seed in range(3):
            carried.clear()
            (got,) = run(it, noise(seed))
            np.testing.assert_allclose(got, alone(content, noise(seed))[0], rtol=0, atol=1e-5)
            assert len(carried) == 2 and set(carried) <= cpu.memory()
        assert cpu.copies == before
        for detail in it.get_input_details() + it.get_output_details():
            assert address(it.tensor(detail["index"])()) in cpu.memory()


def test_between_two_runtimes_a_tensor_is_copied_once() -> None:
    content = chain("ABS", "NEG", "TANH", "FLOOR")
    one, other = Watched(), Watched("other")
    with Interpreter(model_content=content, delegates=[other, one], pin={"cpu": ["NEG", "FLOOR"]}) as it:
        it.allocate_tensors()
        assert len(it.plan.partitions) == 4 and it.plan.arenas.get("host", 0) == 0
        for seed in range(3):
            before = one.copies + other.copies
            np.testing.assert_array_equal(run(it, noise(seed)), alone(content, noise(seed)))
            assert one.copies + other.copies - before == 3


def test_scalars_have_places_of_their_own() -> None:
    """Of a scalar the runtime's `tensor()` gives a copy, in which nothing could be handed on."""
    b = GraphBuilder()
    x = b.input(())
    b.output(b.op("TANH", [b.op("NEG", [b.op("ABS", [x], ())], ())], ()))
    far = SimulatedDelegate("far", **FAST)
    with Interpreter(model_content=b.build(), delegates=[far, CPUDelegate()], pin={"cpu": ["ABS", "TANH"]}) as it:
        it.allocate_tensors()
        assert [p.delegate for p in it.plan.partitions] == ["cpu", "far", "cpu"]
        for value in (np.float32(-0.5), np.float32(2)):
            np.testing.assert_allclose(run(it, np.asarray(value)), np.tanh(-abs(value)), rtol=1e-6)


def test_an_input_is_as_it_was_for_whoever_reads_it_late() -> None:
    """One tensor is read by three runtimes, by a device between them and by the user; each finds the same."""
    b = GraphBuilder()
    x, y = b.input(SHAPE), b.input(SHAPE)
    total = y
    for _ in range(3):
        total = b.op("MUL", [b.op("NEG", [b.op("ADD", [total, x], SHAPE)], SHAPE), x], SHAPE)
    b.output(x, total)
    content = b.build()
    cpu, far = CPUDelegate(), SimulatedDelegate("far", **FAST)
    with Interpreter(model_content=content, delegates=[far, cpu], pin={"cpu": ["ADD"]}) as it:
        it.allocate_tensors()
        assert len(it.plan.partitions) == 6
        for seed in range(3):
            inputs = noise(seed), noise(seed + 7)
            np.testing.assert_array_equal(run(it, *inputs), alone(content, *inputs))
            for detail, value in zip(it.get_input_details(), inputs, strict=True):
                np.testing.assert_array_equal(it.get_tensor(detail["index"]), value)


def test_an_error_that_is_kept_does_not_hold_the_runtime_up() -> None:
    """Its traceback holds the arrays that were being carried when it was raised."""
    content = chain("ABS", "NEG")
    faulty = Faulty(SimulatedDelegate("far", **FAST))
    with Interpreter(model_content=content, delegates=[faulty, CPUDelegate()], pin={"cpu": ["ABS"]}) as it:
        it.allocate_tensors()
        faulty.failing = {faulty.calls + 1}
        with pytest.raises(DelegateError, match="write failed") as kept:
            run(it, noise())
        np.testing.assert_array_equal(run(it, noise()), alone(content, noise()))
        assert kept.value.__traceback__ is not None


def test_a_view_of_the_runtimes_memory_is_held_at_ones_own_cost() -> None:
    content = chain("ABS", "NEG")
    pin = {"cpu": ["ABS"]}
    with Interpreter(model_content=content, delegates=[SimulatedDelegate("far", **FAST), CPUDelegate()], pin=pin) as it:
        it.allocate_tensors()
        index = it.get_input_details()[0]["index"]
        view = it.tensor(index)()
        view[:] = noise()
        with pytest.raises(RuntimeError, match="reference to internal data"):
            it.invoke()
        del view
        it.invoke()
        np.testing.assert_array_equal(it.get_tensor(it.get_output_details()[0]["index"]), alone(content, noise())[0])
        view = it.tensor(index)()
    view[:] = 1  # its memory outlives the interpreter
    assert view.sum() == view.size


def test_an_input_that_a_run_might_move_lies_apart() -> None:
    """A device may be reading it while the runtime gives something a size."""
    b = GraphBuilder()
    x, n = b.input(SHAPE), b.input((1,), "INT32")
    flat = b.op("RESHAPE", [x, n], (90,), shape_signature=(90,))
    b.output(b.op("NEG", [flat], (90,)), b.op("ABS", [x], SHAPE))
    content = b.build()
    far = SimulatedDelegate("far", **FAST)
    with Interpreter(model_content=content, delegates=[far, CPUDelegate()], pin={"cpu": ["RESHAPE"]}) as it:
        it.allocate_tensors()
        (apart,) = [p for p in it.plan.partitions if p.delegate == "cpu"]
        assert {a.tensor for a in it.plan.allocations if a.space == "host"} >= set(apart.inputs)
        inputs = noise(), np.int32([90])
        for got, want in zip(run(it, *inputs), alone(content, *inputs), strict=True):
            np.testing.assert_array_equal(got, want)


class Placed(CPUDelegate):
    """A delegate on the host that works where the plan tells it to."""

    name = "placed"

    def lower(self, graph: Graph, ops: tuple[int, ...], keep: frozenset[int] = frozenset()) -> Lowering:
        return replace(super().lower(graph, ops, keep), held=frozenset())


def test_who_needs_a_place_gets_one() -> None:
    content = chain("ABS", "NEG", "TANH", "FLOOR")
    with Interpreter(model_content=content, delegates=[Placed(), CPUDelegate()], pin={"cpu": ["ABS", "FLOOR"]}) as it:
        it.allocate_tensors()
        (middle,) = [p for p in it.plan.partitions if p.delegate == "placed"]
        assert {a.tensor for a in it.plan.allocations} == {*middle.inputs, *middle.outputs}
        for seed in range(3):
            np.testing.assert_array_equal(run(it, noise(seed)), alone(content, noise(seed)))


def test_what_is_packed_crosses_from_the_cpu_to_the_gpu_and_back() -> None:
    """Weights of INT4 that are an input, and pass through an op of the CPU."""
    b = GraphBuilder()
    x, scale = b.input((3, 7)), (0.1, 0)
    w = b.input((6, 7), "INT4", quantization=scale)
    turned = b.op("RESHAPE", [w, b.constant(np.int32([7, 6]))], (7, 6), dtype="INT4", quantization=scale)
    back = b.op("RESHAPE", [turned, b.constant(np.int32([6, 7]))], (6, 7), dtype="INT4", quantization=scale)
    y = b.op("FULLY_CONNECTED", [b.op("NEG", [x], (3, 7)), back, -1], (3, 6), dtype="FLOAT32")
    b.output(y, turned)
    with Both(b.build(), "BUILTIN_REF") as both:
        assert both.homes() == ["cpu", "cpu", "gpu", "gpu"]
        weights = np.random.default_rng(0).integers(-8, 8, (6, 7), np.int8)
        both.run(np.random.default_rng(1).standard_normal((3, 7), np.float32), weights)
