"""Barriers where bytes are shared, handles given back, memory that runs out."""

from __future__ import annotations

import ctypes
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ops.harness import check, delegate, graph_of, layout, random_inputs, reference, run_gpu, whole

from delegraph import Interpreter
from delegraph.data import digits, held_out
from delegraph.delegates.base import Lowering, Partition, Use
from delegraph.delegates.gpu import GPUDelegate
from delegraph.delegates.gpu.places import Hazards, Places
from delegraph.errors import DelegateError
from delegraph.graph.builder import GraphBuilder

from .graphs import chain, conv

SHAPE = (1, 17, 13, 4)


def test_memory_shared_by_lifetime_gives_the_same() -> None:
    """Ping-pong over two places: every launch overwrites what the one before last wrote."""
    content = chain(7, SHAPE)
    graph = graph_of(content)
    check(content)
    lowering = delegate().lower(graph, whole(graph).ops)
    offsets, nbytes = layout(graph, whole(graph), lowering, reuse=True)
    apart, more = layout(graph, whole(graph), lowering, reuse=False)
    assert len(set(offsets.values())) < len(set(apart.values())) and nbytes < more


def barriers(launches: list[tuple[int, list[int], int]], ranges: dict[int, tuple[int, int]]) -> list[bool]:
    """Whether a barrier comes before each launch (op, tensors read, tensor written)."""
    places = SimpleNamespace(range=ranges.__getitem__)
    hazards = Hazards()
    found = []
    for op, reads, write in launches:
        inputs = tuple(SimpleNamespace(source=t) for t in reads)
        program = SimpleNamespace(inputs=inputs, stages=(), output=write, states=())
        found.append(hazards.barrier_before(SimpleNamespace(op=op, program=program), places))
    return found


APART = {t: (256 * t, 256 * t + 100) for t in range(6)}


def test_no_barrier_between_launches_that_share_nothing() -> None:
    assert barriers([(0, [0], 1), (1, [0], 2), (2, [0], 3)], APART) == [False, False, False]


def test_a_barrier_before_reading_what_was_written() -> None:
    assert barriers([(0, [0], 1), (1, [1], 2), (2, [1], 3), (3, [3], 4)], APART) == [False, True, False, True]


def test_a_barrier_before_overwriting_what_was_read() -> None:
    shared = {**APART, 3: (50, 150)}  # the end of tensor 0
    assert barriers([(0, [0], 1), (1, [2], 3)], shared) == [False, True]


def test_a_barrier_before_overwriting_what_was_written() -> None:
    shared = {**APART, 3: APART[1]}
    assert barriers([(0, [0], 1), (1, [2], 3)], shared) == [False, True]


def test_no_barrier_between_the_parts_of_one_op() -> None:
    assert barriers([(0, [0], 3), (0, [1], 3), (1, [3], 4)], APART) == [False, False, True]
    assert barriers([(0, [0], 3), (1, [1], 3)], APART) == [False, True]


def test_offsets_that_are_not_aligned_are_an_error() -> None:
    graph = graph_of(chain(1))
    lowering = Lowering((Use((0,), (3,)),))
    arena = delegate().allocate(4096)
    try:
        with pytest.raises(DelegateError, match="not aligned"):
            Places(graph, lowering, arena, {0: 4}, 16).range(0)
    finally:
        arena.close()


def test_bytes_outside_an_arena_are_an_error() -> None:
    arena = delegate().allocate(64)
    try:
        with pytest.raises(DelegateError, match="outside"):
            arena.write(32, np.zeros(9, np.float32))
        with pytest.raises(DelegateError, match="outside"):
            arena.read(-4, np.zeros(1, np.float32))
    finally:
        arena.close()


def test_an_arena_keeps_bytes() -> None:
    arena = delegate().allocate(1024)
    data, out = np.arange(10, dtype=np.float32).reshape(2, 5), np.empty((2, 5), np.float32)
    arena.write(256, data)
    arena.read(256, out)
    np.testing.assert_array_equal(out, data)
    arena.close()
    arena.close()
    with pytest.raises(DelegateError, match="closed"):
        arena.read(256, out)


def test_memory_that_runs_out_names_the_bytes() -> None:
    with pytest.raises(DelegateError, match=str(1 << 46)):
        delegate().allocate(1 << 46)
    check(chain(1))  # and the context is still good


def test_a_run_leaves_no_objects_behind() -> None:
    """Buffers and shaders of closed executables are gone from the context."""
    gpu = GPUDelegate()  # its own: what other tests have not closed yet must not count
    graph = graph_of(chain(3))
    names = []
    for _ in range(20):
        partition = whole(graph)
        offsets, nbytes = layout(graph, partition, gpu.lower(graph, partition.ops), True)
        arena = gpu.allocate(nbytes)
        executable = gpu.compile(graph, partition, arena, offsets)
        executable.run()
        names.append(arena.buffer.glo)
        executable.close()
        executable.close()
        arena.close()
    gl = ctypes.CDLL("libGL.so.1")
    with gpu.device.current():
        assert not any(gl.glIsBuffer(name) for name in names)
    assert len(gpu._programs or ()) == 0
    gpu.close()


def memory_kib() -> int:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files through /proc")
@pytest.mark.parametrize("closed", [True, False])
def test_contexts_leave_nothing_behind(closed: bool) -> None:
    """20 delegates made, run and closed, or just dropped: no file stays open, and memory does not grow."""
    delegate()
    graph = graph_of(chain(2, (1, 64, 64, 16)))
    inputs = random_inputs(graph)
    used = []
    for _ in range(20):
        gpu = GPUDelegate()
        run_gpu(graph, inputs, gpu=gpu)
        if closed:
            gpu.close()
        del gpu
        used.append((len(os.listdir("/proc/self/fd")), memory_kib()))
    assert used[-1][0] <= used[2][0]
    assert used[-1][1] - used[4][1] < 16 * 1024


def test_two_outputs_of_one_op_and_a_residual_in_shared_memory() -> None:
    b = GraphBuilder()
    x = b.input((1, 5, 4, 8))
    axis = b.constant(np.array(3, np.int32))
    left, right = b.tensor((1, 5, 4, 4)), b.tensor((1, 5, 4, 4))
    b.op("SPLIT", [axis, conv(b, x, (1, 5, 4, 8))], outputs=[left, right], num_splits=2)
    joined = b.op("CONCATENATION", [right, left], (1, 5, 4, 8), axis=3)
    b.output(b.op("ADD", [conv(b, joined, (1, 5, 4, 8)), x], (1, 5, 4, 8)))
    check(b.build())


def test_reference_is_not_the_gpu_itself() -> None:
    """The harness would see a wrong result: a model whose weights differ gives another output."""
    graph = graph_of(chain(2))
    inputs = random_inputs(graph)
    other = reference(chain(2, (1, 5, 4, 4)), [inputs[0] + 1])
    assert not np.allclose(run_gpu(graph, inputs)[0], other[0])


def test_a_partition_in_two_halves_meets_in_the_arena() -> None:
    content = chain(4)
    graph = graph_of(content)
    gpu = delegate()
    halves = [Partition(k, "gpu", ops, *graph.boundary(ops)) for k, ops in enumerate([(0, 1), (2, 3)])]
    tensors = sorted(
        {t for half in halves for use in gpu.lower(graph, half.ops).uses for t in (*use.reads, *use.writes)}
    )
    offsets = {t: 1024 * k for k, t in enumerate(tensors)}
    arena = gpu.allocate(1024 * len(tensors))
    made = [gpu.compile(graph, half, arena, offsets) for half in halves]
    inputs = random_inputs(graph)
    arena.write(offsets[graph.inputs[0]], inputs[0])
    for executable in made:
        executable.run()
    out = np.empty(graph.tensors[graph.outputs[0]].shape, np.float32)
    arena.read(offsets[graph.outputs[0]], out)
    np.testing.assert_allclose(out, reference(content, inputs)[0], rtol=1e-4, atol=1e-4)
    for item in (*made, arena):
        item.close()


def test_interpreters_of_one_model_share_its_weights() -> None:
    gpu = GPUDelegate()
    content = digits("f32")
    its = [Interpreter(model_content=content, delegates=[gpu]) for _ in range(3)]
    other = Interpreter(model_content=digits("int8"), delegates=[gpu])
    for it in (*its, other):
        it.allocate_tensors()
    assert gpu._programs is not None
    weights = gpu._programs.weights
    assert len(weights) == 2
    graph = graph_of(content)
    inputs = random_inputs(graph)
    for it in its:
        it.set_tensor(graph.inputs[0], inputs[0])
        it.invoke()
        np.testing.assert_allclose(it.get_tensor(graph.outputs[0]), reference(content, inputs)[0], rtol=1e-4, atol=1e-4)
        it.close()
        assert len(weights) == 2 - (it is its[-1])
    other.close()
    assert len(weights) == 0
    gpu.close()


@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files through /proc")
def test_two_hundred_interpreters_leave_nothing_behind() -> None:
    """Opened, run on GPU and CPU, streamed through and closed: no GL object, file, thread or memory is left."""
    gpu = GPUDelegate()
    content = digits("f32")
    gl = ctypes.CDLL("libGL.so.1")
    used = []
    frames = held_out()[0][:2, None]
    for _ in range(200):
        with Interpreter(model_content=content, delegates=[gpu], exclude={"gpu": "DEPTHWISE_CONV_2D"}) as it:
            it.allocate_tensors()
            it.set_tensor(it.get_input_details()[0]["index"], frames[0])
            it.invoke()
            assert len(list(it.stream(frames, depth=2))) == 2
        with gpu.device.current():
            objects = sum(bool(gl.glIsBuffer(name)) for name in range(1, 4096))
            programs = sum(bool(gl.glIsProgram(name)) for name in range(1, 4096))
        files = len(os.listdir("/proc/self/fd"))
        used.append((objects, programs, files, threading.active_count(), memory_kib()))
    assert used[-1][:4] == used[2][:4]
    assert used[-1][4] - used[40][4] < 16 * 1024
    gpu.close()
