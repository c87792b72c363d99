"""Runs a model on the GPU delegate, nothing else between, and compares it with the runtime's reference kernels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from delegraph import InvalidModel
from delegraph.delegates.base import Lowering, Partition
from delegraph.delegates.gpu import GPUDelegate
from delegraph.graph.model import Graph
from delegraph.graph.read import read
from delegraph.shaders.program import ES_LIMITS

Arrays = Sequence[NDArray[Any]]
ALIGN = 256
POISON = 0x7FC5A5A5  # a NaN; as an integer of any size neither 0 nor small


@cache
def delegate() -> GPUDelegate:
    """The GPU delegate that all tests of a process share; it asks GL for errors after each launch."""
    return opened(GPUDelegate())


@cache
def es_delegate() -> GPUDelegate:
    """Another of OpenGL ES 3.1, within the least that its specification allows, as small boards may have it."""
    return opened(GPUDelegate(api="gles", limits=ES_LIMITS))


def opened(gpu: GPUDelegate) -> GPUDelegate:
    """The delegate, if there is a device for it; else the test fails, or is skipped where that is allowed."""
    probe = gpu.probe()
    if not probe.here:
        message = f"no GL here: {probe.detail}. {probe.remedy}"
        if os.environ.get("DELEGRAPH_ALLOW_NO_GL"):
            pytest.skip(message)
        pytest.fail(f"{message}. To leave GPU tests out, set DELEGRAPH_ALLOW_NO_GL=1")
    gpu.check_each = True
    return gpu


def graph_of(content: bytes) -> Graph:
    """The model's first subgraph."""
    return read(content).graphs[0]


def random_inputs(graph: Graph, seed: int = 0) -> list[NDArray[Any]]:
    """Seeded inputs, of shapes and types as in the file."""
    rng = np.random.default_rng(seed)
    return [random_values(rng, graph.tensors[t].shape, graph.tensors[t].dtype) for t in graph.inputs]


def random_values(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Floats of a normal distribution; integers over all that their type holds."""
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype.type, endpoint=True)
    return rng.integers(0, 2, shape).astype(bool) if dtype.kind == "b" else rng.standard_normal(shape).astype(dtype)


def whole(graph: Graph) -> Partition:
    """All ops of a graph as one partition."""
    ops = tuple(op.index for op in graph.ops if op.index not in graph.folded_ops)
    return Partition(0, "gpu", ops, *graph.boundary(ops))


def _lifetimes(partition: Partition, lowering: Lowering) -> dict[int, tuple[int, int]]:
    """Owning tensor -> first and last launch that needs its bytes; what crosses the border is needed throughout."""
    seen: dict[int, list[int]] = {}
    for k, use in enumerate(lowering.uses):
        for t in (*use.reads, *use.writes):
            seen.setdefault(t, []).append(k)
    for t in (*partition.inputs, *partition.outputs):
        root, _ = lowering.aliases.get(t, (t, 0))
        seen.setdefault(root, []).extend([-1] if t in partition.inputs else [len(lowering.uses)])
    return {t: (min(ks), max(ks)) for t, ks in seen.items()}


def layout(
    graph: Graph, partition: Partition, lowering: Lowering, reuse: bool, gpu: GPUDelegate | None = None
) -> tuple[dict[int, int], int]:
    """(byte offset by tensor, bytes in all): each tensor apart, or where none that lives at the same time lies."""
    lives = _lifetimes(partition, lowering)
    offsets: dict[int, int] = {}
    form = (gpu or delegate()).form
    sizes = {t: -(-form(graph, t).nbytes // ALIGN) * ALIGN for t in lives}
    for t in sorted(lives, key=lambda t: (-sizes[t], t)):
        taken = [
            (offsets[o], offsets[o] + sizes[o])
            for o in offsets
            if not reuse or (lives[o][0] <= lives[t][1] and lives[t][0] <= lives[o][1])
        ]
        start = 0
        for low, high in sorted(taken):
            if low >= start + sizes[t]:
                break
            start = max(start, high)
        offsets[t] = start
    return offsets, max(offsets[t] + sizes[t] for t in lives)


def run_gpu(
    graph: Graph,
    inputs: Arrays,
    reuse: bool = False,
    keep: frozenset[int] = frozenset(),
    gpu: GPUDelegate | None = None,
) -> list[NDArray[Any]]:
    """The graph's outputs, computed by the GPU delegate alone on memory that holds POISON at first."""
    with ExitStack() as stack:
        return Loaded(stack, gpu or delegate(), graph, reuse, keep).run(inputs)


class Loaded:
    """A graph on the GPU delegate, whole, on memory that holds POISON at first; closed with `stack`."""

    def __init__(
        self, stack: ExitStack, gpu: GPUDelegate, graph: Graph, reuse: bool, keep: frozenset[int] = frozenset()
    ) -> None:
        partition = whole(graph)
        self.graph, self.form = graph, partial(gpu.form, graph)
        self.lowering = gpu.lower(graph, partition.ops, keep)
        self.offsets, nbytes = layout(graph, partition, self.lowering, reuse, gpu)
        self.arena = gpu.allocate(nbytes)
        stack.callback(self.arena.close)
        self.executable = gpu.compile(graph, partition, self.arena, self.offsets, keep)
        stack.callback(self.executable.close)
        self.arena.write(0, np.full(nbytes // 4, POISON, np.uint32))

    def run(self, inputs: Arrays) -> list[NDArray[Any]]:
        """The graph's outputs for some inputs."""
        for t, value in zip(self.graph.inputs, inputs, strict=True):
            if self.lowering.aliases.get(t, (t, 0))[0] in self.offsets:  # an input that nothing reads has no place
                self.form(t).write(self.arena, self._start(t), value)
        self.executable.run()
        outputs = []
        for t in self.graph.outputs:
            out = np.empty(self.graph.tensors[t].shape, self.graph.tensors[t].dtype)
            self.form(t).read(self.arena, self._start(t), out)
            outputs.append(out)
        return outputs

    def _start(self, tensor: int) -> int:
        root, inside = self.lowering.aliases.get(tensor, (tensor, 0))
        return self.offsets[root] + inside


def in_reference(content: bytes) -> Any:
    """A model in LiteRT with its reference kernels; skips where another runtime is installed."""
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="the reference is ai-edge-litert's")
    resolver = litert.OpResolverType.BUILTIN_REF
    return litert.Interpreter(model_content=content, experimental_op_resolver_type=resolver)


def reference(content: bytes, inputs: Arrays) -> list[NDArray[Any]]:
    """The outputs of LiteRT's reference kernels."""
    interpreter = in_reference(content)
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def difference(got: NDArray[Any], want: NDArray[Any]) -> float:
    """Largest absolute difference over max(range, largest absolute value); inf where one has a NaN or inf alone.

    Integers differ by 0 or by inf.
    """
    assert got.shape == want.shape, f"shape {got.shape}, wanted {want.shape}"
    assert got.dtype == want.dtype, f"{got.dtype}, wanted {want.dtype}"
    if got.dtype.kind not in "fc":
        return 0.0 if np.array_equal(got, want) else float("inf")
    if got.dtype.kind == "c":
        got, want = (np.stack([value.real, value.imag]) for value in (got, want))
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    if same.all():
        return 0.0
    finite = np.isfinite(got) & np.isfinite(want)
    if not (finite | same).all():
        return float("inf")
    values = want[np.isfinite(want)].astype(np.float64)
    scale = max(float(np.ptp(values)), float(np.abs(values).max()))
    worst = float(np.abs(got[finite].astype(np.float64) - want[finite]).max())
    return worst / scale if scale else float("inf")


def differing(got: NDArray[Any], want: NDArray[Any]) -> str:
    """Which integers differ, the first few."""
    places = np.argwhere(got != want)
    shown = ", ".join(f"{tuple(map(int, p))}: {got[tuple(p)]} for {want[tuple(p)]}" for p in places[:4])
    return f": {len(places)} of {got.size} differ, at {shown}"


def refusals(graph: Graph) -> Mapping[str, list[str]]:
    """Op -> why the GPU delegate refuses it; empty where it takes all."""
    verdicts = {f"{op.index} {op.label}": delegate().supports(graph, op) for op in graph.ops}
    return {name: [str(r) for r in verdict.reasons] for name, verdict in verdicts.items() if not verdict.ok}


def check(
    content: bytes, seed: int = 0, tolerance: float = 1e-5, inputs: Arrays | None = None, launches: int | None = None
) -> list[NDArray[Any]]:
    """Assert that the GPU takes every op and gives what the reference kernels give; returns the outputs.

    `tolerance` is relative to max(range, largest absolute value) of each output of floats; integers must be the same.
    `launches` is how many dispatches the model must become. Both with memory of its own for each tensor and with memory
    shared by lifetime.
    """
    graph = graph_of(content)
    refused = refusals(graph)
    assert not refused, f"the GPU refuses {refused}"
    if launches is not None:
        assert len(delegate().lower(graph, whole(graph).ops).uses) == launches
    inputs = random_inputs(graph, seed) if inputs is None else inputs
    want = reference(content, inputs)
    with ExitStack() as stack:  # one for both, so that each shader is compiled once
        both = [Loaded(stack, delegate(), graph, reuse).run(inputs) for reuse in (False, True)]
    for reuse, got in enumerate(both):
        for t, g, w in zip(graph.outputs, got, want, strict=True):
            worst = difference(g, w)
            assert worst <= tolerance, (
                f"{graph.tensors[t].name!r} is {worst:.2e} of its scale off (memory shared: {bool(reuse)})"
                f"{differing(g, w) if g.dtype.kind in 'iub' else ''}"
            )
    return both[0]


def refuses(content: bytes, code: str) -> None:
    """Assert that the GPU delegate refuses an op of the model for a reason with this code.

    A model that the reader refuses gets no further, and then the runtime must refuse it too.
    """
    try:
        graph = graph_of(content)
    except InvalidModel:
        with pytest.raises((ValueError, RuntimeError)):
            in_reference(content).allocate_tensors()
        return
    codes = {r.code for op in graph.ops for r in delegate().supports(graph, op).reasons}
    assert code in codes, f"refused for {codes or 'nothing'}, wanted {code!r}"
