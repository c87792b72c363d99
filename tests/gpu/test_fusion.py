"""What is fused into what, and that it computes the same; launches are counted."""

from __future__ import annotations

import numpy as np
import pytest
from ops.harness import check, delegate, difference, graph_of, random_inputs, reference, run_gpu, whole

from delegraph.delegates.gpu.launches import SMALL, lower
from delegraph.graph.builder import GraphBuilder
from delegraph.shaders.program import Limits

from .graphs import SAME, conv, noise

SHAPE = (1, 5, 4, 8)


def test_an_activation_joins_the_convolution_before_it() -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    b.output(b.op("LOGISTIC", [b.op("RELU", [conv(b, x, SHAPE)], SHAPE)], SHAPE))
    content = b.build()
    check(content, launches=1)
    assert delegate().lower(graph_of(content), (0, 1, 2)).fused == {1: 0, 2: 0}


@pytest.mark.parametrize("channels", [3, 4, 8])
def test_prelu_joins_with_a_slope_for_each_channel(channels: int) -> None:
    shape = (2, 5, 4, channels)
    b = GraphBuilder()
    made = conv(b, b.input(shape), shape)
    b.output(b.op("PRELU", [made, b.constant(noise(1, 1, channels))], shape))
    check(b.build(), launches=1)


@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_residual_joins_whichever_side_is_computed_last(kind: str, order: tuple[int, int]) -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    sides = [conv(b, x, SHAPE, seed=1), conv(b, x, SHAPE, seed=5)]
    b.output(b.op(kind, [sides[k] for k in order], SHAPE))
    content = b.build()
    check(content, launches=2, tolerance=1e-4 if kind == "DIV" else 1e-5)
    assert delegate().lower(graph_of(content), (0, 1, 2)).fused == {2: 1}


def test_a_chain_of_residuals() -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    for k in range(3):
        y = b.op("RELU", [conv(b, x, SHAPE, 3, seed=k)], SHAPE)
        x = b.op("ADD", [x, conv(b, y, SHAPE, seed=k + 9)], SHAPE, fused_activation_function="RELU6")
    b.output(x)
    check(b.build(), launches=6)


@pytest.mark.parametrize("channels", [3, 4])
def test_each_of_several_ops_in_half_rounds(channels: int) -> None:
    """A product in half, and what float32 would have made of it: what was rounded away, which is not 0."""
    shape = (50, channels)
    b = GraphBuilder()
    x, y = (b.op("CAST", [b.input(shape)], shape, dtype="FLOAT16") for _ in range(2))
    rounded = b.op("CAST", [b.op("MUL", [x, y], shape, dtype="FLOAT16")], shape, dtype="FLOAT32")
    x, y = (b.op("CAST", [t], shape, dtype="FLOAT32") for t in (x, y))
    b.output(b.op("SUB", [b.op("MUL", [x, y], shape), rounded], shape))
    (lost,) = check(b.build(), tolerance=0)
    assert lost.any()


def test_what_two_ops_read_stays() -> None:
    b = GraphBuilder()
    made = conv(b, b.input(SHAPE), SHAPE)
    b.output(b.op("RELU", [made], SHAPE), b.op("TANH", [made], SHAPE))
    check(b.build(), launches=3)


def test_an_output_of_the_model_stays() -> None:
    b = GraphBuilder()
    made = conv(b, b.input(SHAPE), SHAPE)
    b.output(made, b.op("RELU", [made], SHAPE))
    check(b.build(), launches=2)


def test_what_is_to_be_kept_stays() -> None:
    b = GraphBuilder()
    made = conv(b, b.input(SHAPE), SHAPE)
    b.output(b.op("RELU", [made], SHAPE))
    graph = graph_of(b.build())
    assert len(delegate().lower(graph, (0, 1)).uses) == 1
    assert len(delegate().lower(graph, (0, 1), frozenset({made})).uses) == 2


def test_nothing_is_fused_out_of_a_partition() -> None:
    b = GraphBuilder()
    made = conv(b, b.input(SHAPE), SHAPE)
    b.output(b.op("RELU", [made], SHAPE))
    graph = graph_of(b.build())
    first, second = delegate().lower(graph, (0,)), delegate().lower(graph, (1,))
    assert (len(first.uses), len(second.uses)) == (1, 1)
    assert second.uses[0].reads == (made,)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_swish_joins_whole(order: tuple[int, int]) -> None:
    """x * logistic(x): x is kept beside the value on its way to the store; then once more, on top."""
    b = GraphBuilder()
    x = b.op("RELU", [conv(b, b.input(SHAPE), SHAPE)], SHAPE)
    for _ in range(2):
        gate = b.op("LOGISTIC", [x], SHAPE)
        x = b.op("SUB", [(x, gate)[k] for k in order], SHAPE)
    b.output(x)
    content = b.build()
    check(content, launches=1)
    assert delegate().lower(graph_of(content), tuple(range(6))).fused == dict.fromkeys(range(1, 6), 0)


def test_an_operand_computed_too_late_is_not_fused() -> None:
    """x * gate, where the gate takes a convolution of x: it joins that one, and x stays."""
    b = GraphBuilder()
    made = conv(b, b.input(SHAPE), SHAPE)
    gate = b.op("LOGISTIC", [conv(b, made, SHAPE, seed=4)], SHAPE)
    b.output(b.op("MUL", [made, gate], SHAPE))
    content = b.build()
    check(content, launches=2)
    assert delegate().lower(graph_of(content), tuple(range(4))).fused == {2: 1, 3: 1}


def test_a_broadcast_product_waits_for_its_scale() -> None:
    """x * scale, where the scale is made of x's mean: x is read by two, so the product runs alone."""
    b = GraphBuilder()
    made = conv(b, b.input(SHAPE), SHAPE)
    mean = b.op("MEAN", [made, b.constant(np.array([1, 2], np.int32))], (1, 1, 1, 8), keep_dims=True)
    scale = b.op("LOGISTIC", [conv(b, mean, (1, 1, 1, 8))], (1, 1, 1, 8))
    b.output(b.op("MUL", [made, scale], SHAPE))
    check(b.build(), launches=4)


def test_a_square_reads_its_input_twice() -> None:
    b = GraphBuilder()
    made = conv(b, b.input(SHAPE), SHAPE)
    b.output(b.op("MUL", [made, made], SHAPE))
    check(b.build(), launches=1)


def test_fusing_stops_at_the_number_of_buffers() -> None:
    b = GraphBuilder()
    count = delegate().limits.storage_blocks + 4
    others = [b.input(SHAPE) for _ in range(count)]
    x = conv(b, b.input(SHAPE), SHAPE)
    for other in others:
        x = b.op("ADD", [x, other], SHAPE)
    b.output(x)
    content = b.build()
    check(content)
    assert 1 < len(delegate().lower(graph_of(content), whole(graph_of(content)).ops).uses) < count


def test_a_reshape_between_is_looked_through() -> None:
    b = GraphBuilder()
    made = conv(b, b.input(SHAPE), SHAPE)
    flat = b.op("RESHAPE", [made, b.constant(np.array([1, 160], np.int32))], (1, 160))
    b.output(b.op("LOGISTIC", [flat], (1, 160)))
    check(b.build(), launches=1)


def test_reshapes_share_bytes_and_launch_nothing() -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    made = conv(b, x, SHAPE)
    y = b.op("RESHAPE", [made, b.constant(np.array([20, 8], np.int32))], (20, 8))
    z = b.op("RESHAPE", [y, b.constant(np.array([160], np.int32))], (160,))
    b.output(made, y, z)
    content = b.build()
    check(content, launches=1)
    lowering = delegate().lower(graph_of(content), (0, 1, 2))
    assert set(lowering.aliases.values()) == {(made, 0)}


def test_an_input_reshaped_to_an_output() -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    y = b.op("RESHAPE", [x, b.constant(np.array([160], np.int32))], (160,))
    b.output(y, b.op("RELU", [y], (160,)))
    content = b.build()
    graph = graph_of(content)
    inputs = random_inputs(graph)
    for got, want in zip(run_gpu(graph, inputs), reference(content, inputs), strict=True):
        assert difference(got, want) == 0


def test_a_fused_stage_is_seen_in_a_depthwise_and_a_dense_layer() -> None:
    b = GraphBuilder()
    x = b.input((1, 3, 3, 4))
    d = b.op("DEPTHWISE_CONV_2D", [x, b.constant(noise(1, 3, 3, 4)), b.constant(noise(4))], (1, 3, 3, 4),
             depth_multiplier=1, **SAME)  # fmt: skip
    d = b.op("HARD_SWISH", [d], (1, 3, 3, 4))
    flat = b.op("RESHAPE", [d, b.constant(np.array([1, 36], np.int32))], (1, 36))
    y = b.op("FULLY_CONNECTED", [flat, b.constant(noise(10, 36)), b.constant(noise(10))], (1, 10))
    b.output(b.op("LOGISTIC", [y], (1, 10)))
    check(b.build(), launches=2)


def test_on_software_nothing_joins_small_products_of_integers() -> None:
    """There another shader of the product would take longer than ever is saved."""

    def launched(pixels: int, limits: Limits) -> int:
        shape = (1, 1, pixels, 8)
        b = GraphBuilder()
        x = b.input(shape, "int8", quantization=(0.3, 20))
        w = b.constant(np.ones((8, 1, 1, 8), np.int8), quantization=(0.01, 0))
        made = b.op("CONV_2D", [x, w], shape, quantization=(0.2, -9), op_version=3, **SAME)
        b.output(b.op("ADD", [made, x], shape, quantization=(0.4, 3), op_version=2))
        return len(lower(graph_of(b.build()), (0, 1), frozenset(), limits)[0])

    software = Limits(texels=True)
    assert (launched(100, software), launched(SMALL // 8, software), launched(100, Limits())) == (2, 1, 1)
