"""Storage blocks shared where a device has few: the same results, and nothing shared that need not be."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace

import numpy as np
import pytest
from ops.harness import Loaded, graph_of, whole

from delegraph.delegates.gpu import GPUDelegate, blocks, compiler, lowering
from delegraph.delegates.gpu.launches import lower
from delegraph.errors import DelegateError
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph, Op
from delegraph.shaders.program import ES_LIMITS, Arg, Const, Limits, Program, Stage
from delegraph.shaders.types import ANY

from .graphs import conv, noise

N = 24
GAIN = noise(N, seed=3)
STEPS = np.arange(3, dtype=np.int32)
WIDE = np.arange(5, dtype=np.int64) - (1 << 33)

BODY = """
void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= ELEMENTS) return;
    total[i] += uint(count(i));
    last[i / 4u][i % 4u] = real(i);
    if (real(i) > 90.0) fail();
    ivec2 wide_value = wide(i % 5u);
    float big = float(wide_value.y) + (wide_value.x == 0 ? 0.5 : 0.25);
    float turned = fours(i / 4u)[i % 4u] * gain(i / 4u)[i % 4u];
    store(i, turned + real(i) + float(steps(i % 3u)) + float(total[i]) + big);
}
"""


def everything(graph: Graph, op: Op, limits: Limits) -> tuple[Program, ...]:
    """A program that binds one of each: constants, activations of several types, states, a stage's operand, failing."""
    real, count, extra, total, last = op.inputs
    inputs = (
        Arg("steps", Const(lambda: STEPS, STEPS.nbytes), "int"),
        Arg("fours", real, "vec4"),
        Arg("gain", Const(lambda: GAIN, GAIN.nbytes), "vec4"),
        Arg("real", real),
        Arg("count", count),
        Arg("wide", Const(lambda: WIDE, WIDE.nbytes), "ivec2"),
    )
    states = (Arg("total", total), Arg("last", last, "vec4"))
    stages = (Stage("x * y", operand=extra), Stage("x - y", operand=Const(lambda: GAIN, GAIN.nbytes), period=N))
    output = op.outputs[0]
    return (Program("everything", {}, inputs, output, (1, 1, 1), stages=stages, states=states, fails="too large"),)


def model() -> bytes:
    b = GraphBuilder()
    real, extra, count = b.input((N,)), b.input((N,)), b.input((N,), "INT32")
    unread = b.op("RELU", [b.input((N,))], (N,))
    states = [b.variable((N,), "UINT32"), b.variable((N,))]
    b.output(b.op("CUSTOM", [real, count, extra, *states], (N,), custom_code="Everything"), unread)
    return b.build()


@pytest.fixture
def custom(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped, own = lowering.kernels_for, (SimpleNamespace(lower=everything, TYPES=ANY),)
    monkeypatch.setattr(lowering, "kernels_for", lambda op: own if op.kind == "CUSTOM" else shipped(op))
    real = compiler.body
    monkeypatch.setattr(compiler, "body", lambda name: (name, BODY) if name == "everything" else real(name))


@pytest.mark.parametrize("api", ["gl", "gles"])
@pytest.mark.parametrize(
    ("limits", "count"),
    [
        (Limits(storage_blocks=16), 12),
        (Limits(storage_blocks=11), 9),
        (Limits(storage_blocks=8), 7),
        (Limits(storage_blocks=4), 4),
        (Limits(storage_blocks=16, texels=True), 12),
        (Limits(storage_blocks=4, texels=True), 4),  # what is read needs none of them
        (Limits(storage_blocks=4, storage_bytes=1024), 4),  # activations further apart than a block reaches
    ],
)
@pytest.mark.parametrize("reuse", [False, True])
def test_all_kinds_of_buffers_in_few_blocks(custom: None, api: str, limits: Limits, count: int, reuse: bool) -> None:
    graph = graph_of(model())
    gpu = GPUDelegate(api=api, limits=limits)
    launches, _ = gpu._lower(graph, whole(graph).ops, frozenset())
    bound = [len(launch.blocks) for launch in launches if launch.program.body == "everything"]
    assert bound == [12 if gpu.limits.texels else min(count, gpu.device.limits.storage_blocks)]
    rng = np.random.default_rng(0)
    real, extra, other = rng.standard_normal((3, N)).astype(np.float32)
    counts = rng.integers(0, 9, N, np.int32)
    with ExitStack() as stack:
        loaded = Loaded(stack, gpu, graph, reuse)
        for run in (1, 2, 3):
            big = (WIDE >> 32)[np.arange(N) % 5] + np.where((WIDE & 0xFFFFFFFF)[np.arange(N) % 5] == 0, 0.5, 0.25)
            want = (real * GAIN + real + STEPS[np.arange(N) % 3] + counts * run + big) * extra - GAIN
            got, relu = loaded.run([real, extra, counts, other])
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
            np.testing.assert_array_equal(relu, np.maximum(other, 0))
        real[5] = 91
        with pytest.raises(DelegateError, match="too large"):
            loaded.run([real, extra, counts, other])
        loaded.executable.reset_variables()
        real[5] = 0
        loaded.run([real, extra, counts, other])
    gpu.close()


def merged(limit: int, program: Program, graph: Graph) -> list[list[str]]:
    return [[slot.name for slot in block] for block in blocks.blocks(graph, program, limit)]


def test_no_more_is_merged_than_has_to_be() -> None:
    graph = graph_of(model())
    (program,) = everything(graph, next(op for op in graph.ops if op.kind == "CUSTOM"), ES_LIMITS)
    steps, fours, gain, real, count, wide = (f"{arg.name}_values" for arg in program.inputs)
    operands, output, memory = ["operand_0_values", "operand_1_values"], "output_values", ["total", "last", "failed"]
    constants, activations = [steps, gain, wide, operands[1]], [fours, real, count, operands[0]]
    names = [steps, fours, gain, real, count, wide, output, *operands, *memory]
    assert merged(12, program, graph) == [[name] for name in names]
    assert merged(9, program, graph) == [constants, *([n] for n in names if n not in constants)]
    assert merged(7, program, graph) == [constants, [fours], [real], [count], [output], [operands[0]], memory]
    assert merged(4, program, graph) == [constants, activations, [output], memory]


def test_the_same_tensor_of_one_type_is_bound_once() -> None:
    b = GraphBuilder()
    x = b.input((1, 5, 4, 8))
    b.output(b.op("MUL", [conv(b, x, (1, 5, 4, 8)), x], (1, 5, 4, 8)))
    graph = graph_of(b.build())
    (launch,), _ = lower(graph, (0, 1), frozenset(), Limits())
    bound = [slot for block in launch.blocks for slot in block if slot.source == x]
    assert len(bound) == 1


def test_fusing_keeps_to_blocks_of_which_each_holds_one_activation() -> None:
    """Merged activations would tie a shader's text to the places that a plan gives them."""
    b = GraphBuilder()
    x = conv(b, b.input((1, 5, 4, 8)), (1, 5, 4, 8))
    for _ in range(3):
        x = b.op("ADD", [x, b.input((1, 5, 4, 8))], (1, 5, 4, 8))
    b.output(x)
    graph = graph_of(b.build())
    launches, _ = lower(graph, whole(graph).ops, frozenset(), ES_LIMITS)
    reads = [[s.source for s in block if blocks.read(s)] for launch in launches for block in launch.blocks]
    assert len(launches) == 2 and max(map(len, reads)) == 1
