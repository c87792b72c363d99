"""Tiles that the threads of a group share, where sizes are no multiples of theirs, sums in parts, and the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from ops.harness import (
    Arrays,
    delegate,
    difference,
    es_delegate,
    graph_of,
    random_inputs,
    reference,
    run_gpu,
    whole,
)

import models
from delegraph.delegates.gpu import GPUDelegate
from delegraph.delegates.gpu.lowering import lower_op, ways
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph
from delegraph.shaders import tiling
from delegraph.shaders.program import ES_LIMITS, Const, Limits

from .graphs import SAME, noise

LARGE, SMALL = (shape.name for shape in tiling.SHARING)
IN_PARTS, IN_MORE = (f"{SMALL}, sum in {parts}" for parts in tiling.PARTS)
GPU = Limits()


def network() -> bytes:
    """A convolution with padding and strides over two images, then one of 1x1 with a residual and an activation."""
    b = GraphBuilder()
    x = b.input((2, 13, 11, 36))
    shape = (2, 7, 6, 132)
    weights = b.constant(noise(132, 3, 3, 36)), b.constant(noise(132))
    y = b.op("CONV_2D", [x, *weights], shape, stride_h=2, stride_w=2, padding="SAME", fused_activation_function="RELU6")
    z = b.op("CONV_2D", [y, b.constant(noise(132, 1, 1, 132) / 12), b.constant(noise(132))], shape, **SAME)
    b.output(b.op("LOGISTIC", [b.op("ADD", [z, y], shape)], shape))
    return b.build()


def products() -> bytes:
    """Products of three pairs of matrices, the second of which are turned around; then by a constant one."""
    b = GraphBuilder()
    left, right = b.input((3, 37, 40)), b.input((3, 132, 40))
    y = b.op("BATCH_MATMUL", [left, right], (3, 37, 132), adj_x=False, adj_y=True)
    b.output(b.op("FULLY_CONNECTED", [y, b.constant(noise(33, 132)), -1], (3, 37, 33), keep_num_dims=True))
    return b.build()


def computed(graph: Graph, inputs: Arrays, way: str, gpu: GPUDelegate) -> Arrays:
    """What comes of a graph whose first two ops are done in this way."""
    asked = graph.with_ways(dict.fromkeys((0, 1), way))
    assert gpu.lower(asked, tuple(op.index for op in asked.ops)).ways == dict.fromkeys((0, 1), way)
    return run_gpu(asked, inputs, gpu=gpu)


@pytest.mark.parametrize("way", [LARGE, SMALL])
@pytest.mark.parametrize(
    ("device", "made"),
    [
        pytest.param(delegate, network, id="gl-network"),
        pytest.param(delegate, products, id="gl-products"),
        pytest.param(es_delegate, network, id="gles-network"),
        pytest.param(es_delegate, products, id="gles-products", marks=pytest.mark.slow),
    ],
)
def test_parts_of_tiles(way: str, device: Callable[[], GPUDelegate], made: Callable[[], bytes]) -> None:
    content = made()
    graph = graph_of(content)
    inputs = random_inputs(graph)
    got, want = computed(graph, inputs, way, device())[0], reference(content, inputs)[0]
    assert difference(got, want) <= 1e-5


@pytest.mark.parametrize("device", [delegate, es_delegate], ids=["gl", "gles"])
def test_parts_of_a_sum_are_finished_together(device: Callable[[], GPUDelegate]) -> None:
    content = network()
    graph = graph_of(content).with_ways({0: "tiles of 2 by 8", 1: IN_PARTS})
    lowering = device().lower(graph, (0, 1, 2, 3))
    assert lowering.fused == {2: 1, 3: 1} and len(lowering.uses) == 3, (
        "the residual joins the launch that adds parts up"
    )
    inputs = random_inputs(graph)
    assert difference(run_gpu(graph, inputs, gpu=device())[0], reference(content, inputs)[0]) <= 1e-5


def test_in_half_they_make_what_others_make() -> None:
    graph, gpu = graph_of(network()), GPUDelegate(precision="fp16")
    inputs = random_inputs(graph)
    want, *others = (computed(graph, inputs, way, gpu)[0] for way in ("tiles of 2 by 8", LARGE, SMALL))
    assert not np.array_equal(want, run_gpu(graph, inputs)[0])
    for got in others:
        np.testing.assert_array_equal(got, want)
    parts = graph.with_ways({0: "tiles of 2 by 8", 1: IN_PARTS})
    np.testing.assert_allclose(run_gpu(parts, inputs, gpu=gpu)[0], want, rtol=2.0**-10)
    (_, first, _), _ = gpu._lower(parts, (0, 1, 2, 3), frozenset())
    assert [arg.source.packed for arg in first.program.inputs if isinstance(arg.source, Const)] == ["half"]
    gpu.close()


def pointwise(size: int, channels: int = 128, made: int | None = None) -> Graph:
    b = GraphBuilder()
    made = made or channels
    filters = b.constant(noise(made, 1, 1, channels))
    b.output(b.op("CONV_2D", [b.input((1, size, size, channels)), filters, -1], (1, size, size, made), **SAME))
    return graph_of(b.build())


def way_of(graph: Graph, limits: Limits) -> str:
    lowered = lower_op(graph, graph.ops[0], limits)
    assert isinstance(lowered, tuple)
    return lowered[0].way


def test_rules_choose_them_where_many_threads_run_and_shared_memory_is_fast() -> None:
    assert way_of(pointwise(64), GPU) == LARGE
    assert not way_of(pointwise(64), replace(GPU, texels=True)).startswith("shared")
    assert not way_of(pointwise(2), GPU).startswith("shared"), "for a few pixels most of a tile would be empty"


def test_on_software_a_shape_of_its_own_has_to_save_what_it_takes_to_compile() -> None:
    software = Limits(texels=True, lanes=8, threads=16)
    assert way_of(pointwise(24, 96, 4), software) == "tiles of 7 by 16", "a quarter is needed, but of a short time"
    assert way_of(pointwise(240, 96, 4), software) in ("tiles of 4 by 4", "tiles of 2 by 8")


def test_rules_cut_long_sums_of_few_pixels() -> None:
    assert way_of(pointwise(7, 1024), GPU) == IN_PARTS
    assert "sum in" not in way_of(pointwise(7, 64), GPU), "what it saves is less than another launch takes"
    assert "sum in" not in way_of(pointwise(64, 1024), GPU), "there are groups enough"
    deep = pointwise(7, 2048)
    large = ways(deep, deep.ops[0], replace(GPU, threads=1 << 18))
    assert next(iter(large)) == IN_MORE


def test_rules_give_a_long_sum_of_one_row_to_more_threads() -> None:
    b = GraphBuilder()
    b.output(b.op("FULLY_CONNECTED", [b.input((1, 1280)), b.constant(noise(100, 1280)), -1], (1, 100)))
    graph = graph_of(b.build())
    assert way_of(graph, GPU) == "threads along outputs, 16 to a sum"
    assert way_of(graph, ES_LIMITS) == "threads along outputs", "256 threads are more than any device has to allow"


@pytest.mark.slow
def test_a_real_model_in_the_ways_of_a_gpu() -> None:
    """As the rules would have it for a GPU with 65,536 threads, whose integers are to be the reference's."""
    content = models.shared("coral/mobilenet_v2_1.0_224_quant.tflite").read_bytes()
    graph, gpu = graph_of(content), GPUDelegate(limits=replace(GPU, threads=1 << 16))
    taken = set(gpu.lower(graph, whole(graph).ops).ways.values())
    assert {SMALL, IN_PARTS, IN_MORE, "threads along outputs, 16 to a sum"} <= taken
    inputs = random_inputs(graph)
    np.testing.assert_array_equal(run_gpu(graph, inputs, gpu=gpu)[0], reference(content, inputs)[0])
    gpu.close()


@pytest.mark.parametrize("less", [{"shared_bytes": 8192}, {"invocations": 64}])
def test_where_the_large_ones_are_not_allowed_the_small_ones_are(less: dict[str, int]) -> None:
    found = ways(pointwise(64), pointwise(64).ops[0], replace(GPU, **less))
    assert LARGE not in found and next(iter(found)) == SMALL
    least = ways(pointwise(64), pointwise(64).ops[0], ES_LIMITS)
    assert {LARGE, SMALL} <= set(least), "any device of OpenGL ES 3.1 has what they need"


def test_sums_of_two_words_and_inputs_one_by_one_are_not_shared() -> None:
    b = GraphBuilder()
    x = b.input((1, 40, 40, 3))
    b.output(b.op("CONV_2D", [x, b.constant(noise(8, 3, 3, 3)), -1], (1, 40, 40, 8), **SAME))
    graph = graph_of(b.build())
    assert not {LARGE, SMALL} & set(ways(graph, graph.ops[0], GPU))
