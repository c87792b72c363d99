"""What drivers are given that have arithmetic in half, or subgroups: by rule, and right where such a driver is here.

Mesa's llvmpipe has both from Mesa 26 on where MESA_EXTENSION_OVERRIDE names them, but tells of neither by itself.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from ops.harness import delegate, difference, graph_of, random_inputs, reference, run_gpu

from delegraph import GPUDelegate
from delegraph.delegates.gpu import blocks, compiler
from delegraph.delegates.gpu.halves import in_halves
from delegraph.delegates.gpu.limits import HALVES, IN_HALF, compiles
from delegraph.delegates.gpu.lowering import lower_op
from delegraph.errors import Learned
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph
from delegraph.shaders import tiling
from delegraph.shaders.program import Limits, Program

from .graphs import SAME, noise

WAYS = tuple(f"{shape.name}, sums in half" for shape in tiling.SHARING)
ABLE = Limits(halves=HALVES[0], subgroups=True)
HERE = "the driver has none here; llvmpipe of Mesa 26 with MESA_EXTENSION_OVERRIDE="


@pytest.fixture
def in_half() -> GPUDelegate:
    gpu = GPUDelegate(precision="fp16")
    if not delegate().limits.halves:
        pytest.skip(f"{HERE}+GL_AMD_gpu_shader_half_float")
    return gpu


def convolution(size: int, kernel: int, depth: int, channels: int, first: float = 0.0) -> bytes:
    """One without activation; the first two weights of each output channel are `first` more and less than noise."""
    b = GraphBuilder()
    weights = noise(channels, kernel, kernel, depth) / math.sqrt(kernel * kernel * depth)
    weights[:, 0, 0, :2] += first, -first
    x = b.input((1, size, size, depth), name="image")
    made = (1, size, size, channels)
    b.output(b.op("CONV_2D", [x, b.constant(weights), b.constant(noise(channels))], made, name="features", **SAME))
    return b.build()


def lowered(graph: Graph, limits: Limits) -> Program:
    found = lower_op(graph, graph.ops[0], limits)
    assert isinstance(found, tuple)
    return found[0]


def text_of(program: Program, limits: Limits, api: str = "gl") -> str:
    laid = [(block, [(0, 0)]) for block in blocks.alone(program)]
    return compiler.joined(compiler.source(program, 16, laid, api, limits))


def test_rules_add_up_in_half_where_the_driver_can_and_the_op_is_in_half() -> None:
    graph = graph_of(convolution(64, 1, 128, 128))
    half, _ = in_halves(graph, {"default": "fp16"}, {})
    assert lowered(half, ABLE).way == WAYS[0] and lowered(half, ABLE).tells
    text = text_of(lowered(half, ABLE), ABLE)
    assert text.startswith(f"#version 430\n#extension {HALVES[0]} : require\n") and "void beyond()" in text
    for view, limits in ((graph, ABLE), (half, replace(ABLE, halves=""))):
        assert lowered(view, limits).way == tiling.SHARING[0].name and not lowered(view, limits).half_sums
        assert HALVES[0] not in text_of(lowered(view, limits), limits)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(9, 1, 64, 40), (11, 3, 36, 20), (5, 1, 520, 12)], ids=str)
def test_sums_in_half_are_near(in_half: GPUDelegate, way: str, shape: tuple[int, int, int, int]) -> None:
    """Thirty-two products are added up in half: the error is that of so many roundings, and of what is stored."""
    content = convolution(*shape)
    graph = graph_of(content).with_ways({0: way})
    inputs = random_inputs(graph)
    assert in_half.lower(graph, (0,)).ways == {0: way}
    got = run_gpu(graph, inputs, gpu=in_half)[0]
    assert difference(got, reference(content, inputs)[0]) <= 32 * 2.0**-12
    other = run_gpu(graph.with_ways({0: way.removesuffix(", sums in half")}), inputs, gpu=in_half)[0]
    assert not np.array_equal(got, other), "it is another arithmetic"


def test_a_sum_beyond_half_is_made_in_float32_from_then_on(in_half: GPUDelegate) -> None:
    """Though all of it is within: the first product is more than half holds, and the second takes that off."""
    content = convolution(6, 1, 32, 16, first=50000.0)
    graph = graph_of(content).with_ways({0: WAYS[1]})
    value = np.full((1, 6, 6, 32), 2.0, np.float32)
    with pytest.raises(Learned, match="'features' went beyond half's 65504"):
        run_gpu(graph, [value], gpu=in_half)
    assert in_half.lower(graph, (0,)).ways != {0: WAYS[1]}
    got, want = run_gpu(graph, [value], gpu=in_half)[0], reference(content, [value])[0]
    assert np.abs(want).max() < 100 and difference(got, want) <= 1e-5 * 1e5 / np.abs(want).max()


@pytest.mark.parametrize("api", ["gl", "gles"])
def test_what_a_driver_names_but_does_not_compile_is_not_used(api: str) -> None:
    gpu = GPUDelegate(api=api)
    with gpu.device.current() as ctx:
        assert compiles(ctx, api, (), "void main() { values[gl_LocalInvocationIndex] *= 2.0; }")
        assert not compiles(ctx, api, (), IN_HALF), "there are no such types without an extension"
        assert not compiles(ctx, api, ("GL_made_up",), "void main() { values[0] = vec4(1.0); }")
        assert ctx.error == "GL_NO_ERROR"
    gpu.close()


def reduction(size: int) -> Graph:
    b = GraphBuilder()
    b.output(b.op("SUM", [b.input((1, size, 8)), b.constant(np.int32([1]))], (1, 8), keep_dims=False))
    return graph_of(b.build())


def test_the_lanes_of_a_group_join_by_subgroups_where_they_make_one_result() -> None:
    b = GraphBuilder()
    b.output(b.op("SOFTMAX", [b.input((3, 4000))], (3, 4000), beta=1.0))
    one, several = lowered(graph_of(b.build()), ABLE), lowered(reduction(40), ABLE)
    assert one.constants["LANES"] == math.prod(one.local) and several.constants["LANES"] < math.prod(several.local)
    for api in ("gl", "gles"):
        text = text_of(one, ABLE, api)
        assert "#extension GL_KHR_shader_subgroup_arithmetic : require" in text and "#define BY_SUBGROUPS" in text
        assert "BY_SUBGROUPS\n#extension" not in text
    assert "#define BY_SUBGROUPS" not in text_of(several, ABLE)
    assert "subgroup_arithmetic" not in text_of(one, Limits())
