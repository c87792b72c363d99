"""The binding against the reference library: result codes, handles, devices, bursts, caches, sizes told by the run."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from delegraph.delegates.engine import Port
from delegraph.delegates.nnapi import memory
from delegraph.delegates.nnapi.abi import FUNCTIONS, RESULTS, Operation, Type
from delegraph.delegates.nnapi.engine import NNAPIEngine
from delegraph.delegates.nnapi.library import NNAPIError, TooOld
from delegraph.delegates.nnapi.loaded import LoadedProgram
from delegraph.delegates.nnapi.node import assemble, lowered
from delegraph.delegates.nnapi.program import CONSTANT, Operand, Program, Step
from delegraph.delegates.nnapi.samples import sample
from delegraph.errors import DelegateError, Reason
from nnapi.conftest import Phone

LEVELS = pytest.mark.parametrize("phone", [27, 28, 29, 30, 31, 1000007], indirect=True)
F = np.dtype("f4")


def product(rows: int = 2, columns: int = 64, units: int = 3) -> Program:
    """A FULLY_CONNECTED whose weights are too long to be copied by the API."""
    weights = np.arange(units * columns, dtype="<f4") / 64
    blob = weights.tobytes() + np.zeros(units, "<f4").tobytes() + bytes(-4 * units % 16) + np.int32(0).tobytes()
    at = weights.nbytes
    operands = (
        Operand(Type.TENSOR_FLOAT32, (rows, columns)),
        Operand(Type.TENSOR_FLOAT32, (units, columns), origin=CONSTANT, length=weights.nbytes),
        Operand(Type.TENSOR_FLOAT32, (units,), origin=CONSTANT, offset=at, length=4 * units),
        Operand(Type.INT32, origin=CONSTANT, offset=len(blob) - 4, length=4),
        Operand(Type.TENSOR_FLOAT32, (rows, units)),
    )
    return Program(operands, (Step(Operation.FULLY_CONNECTED, (0, 1, 2, 3), (4,), 27),), (0,), (4,), blob)


def loaded(engine: NNAPIEngine, program: Program | None = None) -> LoadedProgram:
    program = program or product()
    inputs, outputs = (
        [Port(str(k), program.operands[k].dims, F) for k in side] for side in (program.inputs, program.outputs)
    )
    found = engine.load(program.write(), inputs, outputs)
    assert isinstance(found, LoadedProgram)
    return found


def check(ready: LoadedProgram, seed: int = 0) -> None:
    x, y = np.random.default_rng(seed).random((2, 64), np.float32), np.empty((2, 3), np.float32)
    ready.run([x], [y])
    np.testing.assert_allclose(y, x @ (np.arange(192, dtype=np.float32).reshape(3, 64) / 64).T, rtol=1e-5)


@LEVELS
def test_a_program_runs_again_and_again(phone: Phone) -> None:
    engine = NNAPIEngine(phone.path)
    ready = loaded(engine)
    for seed in range(3):
        check(ready, seed)
    x, y = np.ones((2, 64), np.float32), np.empty((2, 3), np.float32)
    for _ in range(3):  # the same memory: an execution may be used again
        x += 1
        ready.run([x], [y])
        np.testing.assert_allclose(y[:, 0], (x * np.arange(64) / 64).sum(1), rtol=1e-5)
    ready.close()
    ready.close()
    with pytest.raises(DelegateError, match="closed"):
        ready.run([x], [y])
    assert f"feature level {phone.asked and engine.library.level}" in engine.here()


@pytest.mark.parametrize("share", [True, False])
def test_weights_are_shared_or_kept(phone: Phone, share: bool) -> None:
    ready = loaded(NNAPIEngine(phone.path, share_weights=share))
    check(ready)
    ready.close()


def test_weights_that_a_device_cannot_map_are_handed_over_otherwise(phone: Phone) -> None:
    phone.asked.fail("Model_setOperandValueFromMemory", 7)
    ready = loaded(NNAPIEngine(phone.path))
    check(ready)
    ready.close()


def test_without_shared_memory_weights_are_kept(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(memory.os, "memfd_create")
    ready = loaded(NNAPIEngine(phone.path))
    check(ready)
    ready.close()


@LEVELS
def test_whatever_fails_is_named_and_leaves_nothing_behind(phone: Phone) -> None:
    engine = NNAPIEngine(phone.path)
    level, missed = engine.library.level, []
    skipped = ("free", "_getDevice", "Device_", "setReusable")
    for function in (f for f, (needed, _) in FUNCTIONS.items() if needed <= level and not any(s in f for s in skipped)):
        for code in (1, 4, 14):
            phone.asked.fail(function, code)
            ready = None
            try:
                ready = loaded(engine, replace(product(), relaxed=level >= 28))
                check(ready)
                missed.append(function)
            except NNAPIError as error:
                assert (error.function, error.code) == (function, RESULTS[code])
                assert function in str(error) and RESULTS[code] in str(error)
            finally:
                if ready is not None:
                    ready.close()
            assert phone.asked.alive == 0, f"{function} left handles"
    phone.asked.fail("", 0)
    unused = {"Execution_compute", "Model_setOperandSymmPerChannelQuantParams", "Compilation_createForDevices"}
    unused |= {"Compilation_setCaching", "Model_getSupportedOperationsForDevices"}
    if level >= 29:
        unused |= {"Execution_startCompute", "Event_wait"}
    assert set(missed) <= unused


def test_a_run_that_failed_does_not_spoil_the_next(phone: Phone) -> None:
    ready = loaded(NNAPIEngine(phone.path))
    check(ready)
    phone.asked.fail("Execution_burstCompute", 5)
    with pytest.raises(NNAPIError, match="OP_FAILED"):
        check(ready)
    check(ready)
    ready.close()


@pytest.mark.parametrize(
    ("device", "name"),
    [("cpu", "reference-cpu"), ("accelerator", "reference-accelerator"), ("reference-cpu", "cpu"), ("OLD-GPU", "gpu")],
)
def test_devices_by_type_and_by_name(phone: Phone, device: str, name: str) -> None:
    engine = NNAPIEngine(phone.path)
    assert [name in str(d) for d in engine.chosen(device)] == [True]
    ready = loaded(engine, replace(product(), device=device))
    check(ready)
    ready.close()


def test_a_device_that_is_not_there_is_told_with_those_that_are(phone: Phone) -> None:
    with pytest.raises(
        DelegateError, match=r"no device 'npu'.*reference-cpu \(cpu, driver 1.0, feature level 1000007\)"
    ):
        NNAPIEngine(phone.path).chosen("npu")


@pytest.mark.parametrize("phone", [27, 28], indirect=True)
def test_before_level_29_no_device_can_be_chosen(phone: Phone) -> None:
    with pytest.raises(TooOld, match="choosing device 'gpu' needs feature level 29"):
        NNAPIEngine(phone.path).chosen("gpu")


def test_a_device_of_a_lower_level_takes_less(phone: Phone) -> None:
    graph = sample("HARD_SWISH", "INT8")
    nodes = lowered(graph, graph.ops[0], 30)
    assert not isinstance(nodes, Reason)
    program = replace(assemble(graph, nodes, *graph.boundary([0])), device="old-gpu")
    ports = [Port("x", (1, 4, 4, 2), np.dtype("i1"))]
    with pytest.raises(TooOld, match=r"needs feature level 30 \(Android 11\), and here is 29") as caught:
        NNAPIEngine(phone.path).load(program.write(), ports, ports)
    assert (caught.value.needed, caught.value.here) == (30, 29)


@pytest.mark.parametrize("phone", [27], indirect=True)
def test_a_phone_that_is_too_old_says_what_helps(phone: Phone) -> None:
    graph = sample("EXP", "FLOAT32")
    nodes = lowered(graph, graph.ops[0], 29)
    assert not isinstance(nodes, Reason)
    ports = [Port("x", (1, 4, 4, 2), F)]
    with pytest.raises(TooOld, match=r"feature_level=27"):
        NNAPIEngine(phone.path).load(assemble(graph, nodes, *graph.boundary([0])).write(), ports, ports)


def test_what_was_compiled_is_kept_in_a_folder_for_this_user(phone: Phone, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "nnapi"
    ready = loaded(NNAPIEngine(phone.path, str(folder)))
    check(ready)
    ready.close()
    assert folder.is_dir() and folder.stat().st_mode & 0o77 == 0
    (tmp_path / "file").write_text("")
    with pytest.raises(DelegateError, match="cache_dir"):
        loaded(NNAPIEngine(phone.path, str(tmp_path / "file" / "below")))
    assert phone.asked.alive == 0


def test_ports_have_to_be_the_programs(phone: Phone) -> None:
    engine, content = NNAPIEngine(phone.path), product().write()
    good, out = Port("x", (2, 64), F), Port("y", (2, 3), F)
    for inputs, outputs, message in (
        ([], [out], "1 inputs, not 0"), ([good], [], "1 outputs, not 0"),
        ([Port("x", (2, 65), F)], [out], "'x' is float32"),
        ([Port("x", (2, 64), np.dtype("i4"))], [out], "'x' is int32"),
    ):  # fmt: skip
        with pytest.raises(DelegateError, match=message):
            engine.load(content, inputs, outputs)


def unsized() -> Program:
    """A TILE whose multiples are given when it runs."""
    operands = (
        Operand(Type.TENSOR_FLOAT32, (1, 3)), Operand(Type.TENSOR_INT32, (2,)), Operand(Type.TENSOR_FLOAT32, (0, 0)),
    )  # fmt: skip
    return Program(operands, (Step(Operation.TILE, (0, 1), (2,), 29),), (0, 1), (2,))


def test_sizes_that_only_the_run_tells(phone: Phone) -> None:
    program = unsized()
    ports = [Port("x", (1, 3), F), Port("times", (2,), np.dtype("i4"))]
    ready = NNAPIEngine(phone.path).load(program.write(), ports, [Port("y", (0,), F)])
    assert isinstance(ready, LoadedProgram)
    x = np.arange(3, dtype=np.float32)[None]
    for times in ((1, 1), (2, 3), (70, 90)):  # the last one is more than the first buffer holds
        (y,) = ready.run_unsized([x, np.array(times, np.int32)], [1 << 20])
        np.testing.assert_array_equal(y, np.tile(x, times))
    with pytest.raises(DelegateError, match="where 1000 are allowed"):
        ready.run_unsized([x, np.array((70, 90), np.int32)], [1000])
    ready.close()


def test_threads_take_turns(phone: Phone) -> None:
    ready, wrong = loaded(NNAPIEngine(phone.path)), []

    def work(seed: int) -> None:
        try:
            for k in range(20):
                check(ready, 100 * seed + k)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ready.close()
    assert not wrong


def test_what_is_no_library_says_so(tmp_path: Path) -> None:
    with pytest.raises(DelegateError, match="no Neural Networks API here"):
        NNAPIEngine(str(tmp_path / "none.so")).here()
    with pytest.raises(DelegateError, match="is not the Neural Networks API"):
        NNAPIEngine("libc.so.6").here()
