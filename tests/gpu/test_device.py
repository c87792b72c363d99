"""Choosing a device, its absence, limits, threads, forks, closing."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ops.harness import delegate, graph_of, random_inputs, reference, run_gpu

from delegraph.delegates.base import Partition
from delegraph.delegates.gpu import GPUDelegate, context, device, limits
from delegraph.errors import DelegateError
from delegraph.shaders.program import ES_LIMITS, Limits

from .graphs import chain


@pytest.fixture
def gpu() -> Any:
    delegate()  # says what is missing where there is no GL
    made = GPUDelegate()
    yield made
    made.close()


def test_probe_names_the_device(gpu: GPUDelegate) -> None:
    probe = gpu.probe()
    assert probe.here and probe.detail.startswith(gpu.device.name)
    assert ("software" in probe.detail) == gpu.device.software


def test_software_is_taken_only_with_a_warning(gpu: GPUDelegate, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "delegraph.gpu"):
        software = gpu.device.software
    assert any("software" in record.message for record in caplog.records) == software


def test_a_device_by_index_and_by_part_of_its_name(gpu: GPUDelegate) -> None:
    name = gpu.device.name
    index = next(k for k in range(len(device.software_flags()) or 1) if _name(k) == name)
    for wanted in (index, name, name[:4].upper()):
        other = GPUDelegate(wanted)
        assert other.device.name == name
        other.close()


def _name(index: int) -> str:
    made = GPUDelegate(index)
    try:
        return made.device.name
    except DelegateError:
        return ""
    finally:
        made.close()


@pytest.mark.parametrize("wanted", [99, -1, "no such card"])
def test_an_unknown_device_lists_those_that_are_here(gpu: GPUDelegate, wanted: int | str) -> None:
    other = GPUDelegate(wanted)
    with pytest.raises(DelegateError, match="devices here") as error:
        other.allocate(64)
    assert gpu.device.name in str(error.value) and repr(wanted) in str(error.value)
    assert not other.probe().here


class Card(device.Device):
    """A device as far as choosing one goes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.open = True

    def close(self) -> None:
        self.open = False


LLVMPIPE, BROKEN = "llvmpipe (LLVM 15)", ""


@pytest.mark.parametrize(
    ("names", "wanted", "chosen"),
    [
        ([LLVMPIPE, "Mali-G610"], None, 1),
        (["Mali-G610", LLVMPIPE], None, 0),
        ([LLVMPIPE, "V3D 7.1", "Mali-G610"], None, 1),
        ([BROKEN, LLVMPIPE], None, 1),
        ([LLVMPIPE, BROKEN], None, 0),
        ([LLVMPIPE, "V3D 7.1", "Mali-G610"], "mali", 2),
        ([LLVMPIPE, "V3D 7.1"], "llvm", 0),
        (["V3D 7.1", LLVMPIPE], 1, 1),
        (["V3D 7.1", BROKEN], 1, None),
        (["V3D 7.1", LLVMPIPE], 2, None),
        (["V3D 7.1"], "mali", None),
    ],
)
def test_which_of_several_devices(
    names: list[str], wanted: int | str | None, chosen: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards: dict[int, Card] = {}

    def open_context(index: int, api: str) -> int:
        if not names[index]:
            raise context.NoGL(f"device {index} is broken", "mend it")
        return index

    def card(index: int) -> Card:
        return cards.setdefault(index, Card(names[index]))

    # Some software does not say that it is: only its name tells.
    monkeypatch.setattr(device, "software_flags", lambda: (False,) * len(names))
    monkeypatch.setattr(device, "open_context", open_context)
    monkeypatch.setattr(device, "Device", card)
    if chosen is None:
        with pytest.raises(DelegateError, match="devices here"):
            device.open_device(wanted)
    else:
        assert device.open_device(wanted) is cards[chosen]
    assert [k for k, made in cards.items() if made.open] == ([] if chosen is None else [chosen])


def test_where_no_device_works_there_is_no_gl(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(index: int, api: str) -> Any:
        raise context.NoGL(f"device {index} is broken", "mend it")

    monkeypatch.setattr(device, "software_flags", lambda: (False,))
    monkeypatch.setattr(device, "open_context", broken)
    probe = GPUDelegate().probe()
    assert not probe.here and "device 0 is broken" in probe.detail and "libegl1" in probe.remedy


def test_where_only_opengl_es_computes_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    real = device.open_context

    def only_es(index: int, api: str) -> Any:
        if api == "gl":
            raise context.NoGL("version 310", "")
        return real(index, api)

    monkeypatch.setattr(device, "open_context", only_es)
    made = GPUDelegate()
    probe = made.probe()
    assert made.device.api == "gles" and "OpenGL ES" in probe.detail
    made.close()
    made = GPUDelegate(api="gl")
    assert "version 310" in made.probe().detail and not made.probe().here


def test_opengl_es_where_egl_lists_no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    delegate()
    monkeypatch.setattr(context, "devices", lambda: ())
    made = GPUDelegate(api="gles")
    graph = graph_of(chain(1))
    inputs = random_inputs(graph)
    np.testing.assert_allclose(run_gpu(graph, inputs, gpu=made)[0], reference(chain(1), inputs)[0], rtol=1e-5)
    assert made.device.api == "gles"
    made.close()


def test_the_api_asked_for_is_the_one_taken() -> None:
    delegate()
    for api, version in (("gl", "4."), ("gles", "OpenGL ES 3.")):
        made = GPUDelegate(api=api)
        assert made.device.api == api and made.device.version.startswith(version)
        assert made.device.name in made.fingerprint() and version in made.fingerprint()
        made.close()


def test_two_apis_side_by_side() -> None:
    content = chain(2)
    graph, inputs = graph_of(content), random_inputs(graph_of(content))
    made = [GPUDelegate(api=api) for api in ("gl", "gles", "gl", "gles")]
    for _ in range(2):
        for gpu in made:
            np.testing.assert_allclose(run_gpu(graph, inputs, gpu=gpu)[0], reference(content, inputs)[0], rtol=1e-5)
    for gpu in made:
        gpu.close()


def test_an_unknown_api() -> None:
    with pytest.raises(ValueError, match="'gl' or 'gles'"):
        GPUDelegate(api="vulkan")


def test_limits_to_keep_to() -> None:
    asked = Limits(storage_bytes=1 << 60, storage_blocks=4, invocations=128, lanes=64, threads=1 << 20)
    made = GPUDelegate(limits=asked)
    own = made.device.limits
    assert made.limits.storage_bytes == own.storage_bytes
    assert (made.limits.storage_blocks, made.limits.invocations) == (4, 128)
    assert (made.limits.lanes, made.limits.threads) == (64, 1 << 20)  # no limits, but what launches are shaped by
    assert "storage_blocks=4" in made.fingerprint()  # for its times are others
    made.close()


def test_threads_are_as_many_as_the_driver_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {limits.GL_WARP_SIZE_NV: 32, limits.GL_WARPS_PER_SM_NV: 48, limits.GL_SM_COUNT_NV: 28}
    monkeypatch.setattr(limits, "integer", lambda name, index=None: told.get(name, 1 << 14))
    contexts: list[Any] = [SimpleNamespace(extensions=names) for names in (set(), {limits.THREAD_GROUP})]
    untold, found = (limits.read_limits(ctx, "gl") for ctx in contexts)
    assert (untold.lanes, untold.threads) == (Limits().lanes, Limits().threads)
    assert (found.lanes, found.threads) == (32, 28 * 48 * 32 // 4)
    assert found.shared_bytes == untold.shared_bytes == 1 << 14


@pytest.mark.parametrize("wanted", [1.5, True, ["llvmpipe"]])
def test_a_device_of_another_type(wanted: Any) -> None:
    with pytest.raises(TypeError, match="device"):
        GPUDelegate(wanted)


def test_unknown_options_raise() -> None:
    with pytest.raises(TypeError):
        GPUDelegate(fast=True)


@pytest.fixture
def no_gl(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A machine without libEGL."""
    monkeypatch.setattr(context, "LIBEGL", "libEGL-that-is-not-here.so.1")
    context.library.cache_clear()
    yield
    context.library.cache_clear()


def test_where_gl_is_missing_the_probe_names_the_packages(no_gl: None) -> None:
    made = GPUDelegate()
    probe = made.probe()
    assert not probe.here and "libEGL-that-is-not-here" in probe.detail
    assert "libegl1" in probe.remedy and "libgl1-mesa-dri" in probe.remedy
    with pytest.raises(DelegateError, match="libegl1"):
        made.allocate(64)
    made.close()


def test_where_gl_is_missing_planning_still_works(no_gl: None) -> None:
    graph = graph_of(chain(2))
    made = GPUDelegate()
    assert all(made.supports(graph, op).ok for op in graph.ops)
    assert len(made.lower(graph, (0, 1)).uses) == 2
    assert made.estimate(graph, (0, 1)).seconds > 0
    assert made.limits == Limits()
    assert GPUDelegate(api="gles").limits == ES_LIMITS


def test_an_old_gl_says_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    delegate()

    def too_old(**_: Any) -> Any:
        raise ValueError("Requested OpenGL version 430, got version 310")

    monkeypatch.setattr(context.moderngl, "create_context", too_old)
    made = GPUDelegate()
    probe = made.probe()
    assert not probe.here and "4.3" in probe.detail and "310" in probe.detail


def test_limits_are_the_drivers(gpu: GPUDelegate) -> None:
    with gpu.device.current() as ctx:
        assert gpu.limits.storage_bytes == ctx.info["GL_MAX_SHADER_STORAGE_BLOCK_SIZE"]
        assert gpu.limits.invocations == ctx.info["GL_MAX_COMPUTE_WORK_GROUP_INVOCATIONS"]
        assert gpu.limits.groups == min(ctx.info["GL_MAX_COMPUTE_WORK_GROUP_COUNT"])
    assert gpu.limits.storage_blocks >= Limits().storage_blocks
    assert gpu.limits.shared_bytes >= Limits().shared_bytes
    assert 256 % gpu.device.alignment == 0


@pytest.mark.parametrize("api", ["gl", "gles"])
def test_no_context_stays_current(api: str) -> None:
    gpu = GPUDelegate(api=api)
    run_gpu(graph_of(chain(1)), random_inputs(graph_of(chain(1))), gpu=gpu)
    assert not context.library().eglGetCurrentContext()
    gpu.close()


def test_threads_take_turns(gpu: GPUDelegate) -> None:
    content = chain(3)
    graph = graph_of(content)
    wrong: list[Any] = []

    def work(seed: int) -> None:
        inputs = random_inputs(graph, seed)
        want = reference(content, inputs)[0]
        for _ in range(5):
            try:
                np.testing.assert_allclose(run_gpu(graph, inputs, gpu=gpu)[0], want, rtol=1e-4, atol=1e-4)
            except BaseException as error:
                wrong.append(error)
                return

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[0]


def _in_child(gpu: GPUDelegate, arena: Any, pipe: Any) -> None:
    said = []
    for use in (lambda: gpu.allocate(64), lambda: arena.read(0, np.zeros(4, np.float32))):
        try:
            use()
            said.append("no error")
        except DelegateError as error:
            said.append(str(error))
    gpu.close()
    arena.close()
    pipe.send(said)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_use_after_a_fork_says_so(gpu: GPUDelegate) -> None:
    arena = gpu.allocate(64)
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    child = context.Process(target=_in_child, args=(gpu, arena, there))
    child.start()
    assert here.poll(30)
    assert all("fork" in said and "child" in said for said in here.recv())
    child.join(30)
    assert child.exitcode == 0
    arena.read(0, np.zeros(4, np.float32))  # and the parent goes on
    arena.close()


def test_closing_twice_and_use_after(gpu: GPUDelegate) -> None:
    graph = graph_of(chain(1))
    ops = (0,)
    arena = gpu.allocate(1024)
    tensors = [t for use in gpu.lower(graph, ops).uses for t in (*use.reads, *use.writes)]
    offsets = {t: 512 * k for k, t in enumerate(tensors)}
    executable = gpu.compile(graph, Partition(0, "gpu", ops, *graph.boundary(ops)), arena, offsets)
    executable.run()
    gpu.close()
    gpu.close()
    for use in (executable.run, lambda: gpu.allocate(64), lambda: arena.write(0, np.zeros(1, np.float32))):
        with pytest.raises(DelegateError, match="closed"):
            use()
    executable.close()
    executable.close()
    arena.close()
    with pytest.raises(DelegateError, match="closed"):
        executable.run()
    assert not gpu.probe().here


def test_an_arena_of_another_delegate_is_refused(gpu: GPUDelegate) -> None:
    graph = graph_of(chain(1))
    arena = delegate().allocate(1024)
    with pytest.raises(DelegateError, match="not this GPU delegate's"):
        gpu.compile(graph, Partition(0, "gpu", (0,), *graph.boundary((0,))), arena, {})
    arena.close()
