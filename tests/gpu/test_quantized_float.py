"""`quantized="float"`: 8-bit ops in floats, within a step of the integers that the reference kernels give."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from ops.harness import delegate, graph_of, run_gpu

from case import INT8, INT16, INT32, UINT8, Case, Type, Typed, by_channel, case
from conformance.oracle import prepare
from delegraph import CPUDelegate, GPUDelegate, Interpreter
from delegraph.graph.builder import GraphBuilder

X = INT8.quantized(0.05, 3)
ONE_BY_ONE = {"stride_w": 1, "stride_h": 1, "padding": "SAME"}


@cache
def floating() -> GPUDelegate:
    """The delegate that all tests here share."""
    delegate()  # skips or fails where there is no GL
    made = GPUDelegate(quantized="float")
    made.check_each = True
    return made


def bias(weights: Type, x: Type, count: int) -> Typed:
    """A bias, in steps that are the product of those of the input and of the weights."""
    scale, _ = x.quantization if isinstance(x.quantization, tuple) else (0.0, 0)
    q = weights.quantization
    scales = q[0] if isinstance(q, tuple) else q.scales if q is not None else 0.0
    each = np.broadcast_to(np.float32(scales) * np.float32(scale), count)
    return Type("INT32", by_channel(each))(np.arange(count) * 50 - 100)


def convolution(kind: str, x: Type, weights: Type, shape: tuple[int, ...], makes: Type, **options: object) -> Case:
    channels = shape[3] if kind == "DEPTHWISE_CONV_2D" else shape[0]
    image = x((1, 7, 6, shape[3]))
    return case(kind, image, weights.constant(shape), bias(weights, x, channels), makes=makes, op_version=3, **options)


PER_CHANNEL = Type("INT8", by_channel(np.geomspace(0.002, 0.02, 8)))
DEEP = Type("INT8", by_channel(np.geomspace(0.01, 0.1, 8), 3))
OPS = [
    case("ADD", X((2, 3, 8)), INT8.quantized(0.2, -7)((3, 8)), makes=INT8.quantized(0.1, 20), op_version=2),
    case("SUB", UINT8.quantized(0.1, 99)((3, 5)), UINT8.quantized(0.2, 7)((3, 1)), makes=UINT8.quantized(0.2, 128)),
    case("MUL", X((3, 8)), X.constant((8,)), makes=INT8.quantized(0.3, 2), fused_activation_function="RELU6"),
    case("MAXIMUM", X((3, 8)), X((8,))),
    case("SQUARED_DIFFERENCE", X((3, 8)), X((8,)), makes=INT8.quantized(0.3, -128)),
    convolution("CONV_2D", X, PER_CHANNEL, (8, 3, 3, 4), INT8.quantized(0.4, -11), **ONE_BY_ONE),
    convolution("CONV_2D", UINT8.quantized(0.02, 120), UINT8.quantized(0.01, 140), (6, 1, 1, 5),
                UINT8.quantized(0.2, 30), fused_activation_function="RELU6", **ONE_BY_ONE),
    convolution("DEPTHWISE_CONV_2D", X, DEEP, (1, 3, 3, 8), INT8.quantized(0.5, 4), depth_multiplier=1, **ONE_BY_ONE),
    case("FULLY_CONNECTED", X((5, 16)), INT8.quantized(0.01, 0).constant((7, 16)), None, makes=INT8.quantized(0.2, 1)),
    case("AVERAGE_POOL_2D", X((1, 6, 6, 3)), filter_width=3, filter_height=2, stride_w=2, stride_h=2, padding="SAME"),
    case("MEAN", X((2, 5, 7, 3)), [1, 2], makes=INT8.quantized(0.02, -3), keep_dims=True),
    case("SOFTMAX", X((4, 11)), makes=INT8.quantized(1 / 256, -128), beta=1.0),
    case("LOGISTIC", X((4, 11)), makes=INT8.quantized(1 / 256, -128)),
    case("TANH", X((4, 11)), makes=INT8.quantized(1 / 128, 0)),
    case("HARD_SWISH", X((4, 11)), makes=INT8.quantized(0.05, -100)),
    case("LEAKY_RELU", X((4, 11)), makes=INT8.quantized(0.04, 9), alpha=0.3),
    case("RELU6", X((4, 11)), makes=INT8.quantized(6 / 255, -128)),
    case("CONCATENATION", X((2, 3)), X((2, 5)), axis=1),
    case("PAD", X((2, 3)), [[1, 0], [2, 1]]),
    case("TRANSPOSE", X((2, 3, 4)), [2, 0, 1]),
    case("RESHAPE", X((2, 6)), [3, 4], new_shape=[3, 4]),
    case("RESIZE_BILINEAR", X((1, 4, 5, 3)), [7, 9], half_pixel_centers=True),
    case("QUANTIZE", X((5, 9)), makes=UINT8.quantized(0.08, 100)),
    case("ARG_MAX", X((4, 9)), np.int32(1), makes=INT32, output_type="INT32"),
    case("GREATER", X((4, 9)), INT8.quantized(0.2, 5)((9,)), makes=Type("BOOL")),
]  # fmt: skip


def steps(got: np.ndarray, want: np.ndarray) -> int:
    """By how many steps quantised values differ at most."""
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    return int(np.abs(got.astype(np.int64) - want.astype(np.int64)).max())


@pytest.mark.parametrize("found", OPS, ids=lambda found: found.label)
def test_one_op_is_within_a_step(found: Case) -> None:
    """Sums in float32 are nearer than half a step to what is rounded in either way; positions and truths are exact."""
    prepared = prepare(found)
    graph = graph_of(prepared.content)
    verdict = floating().supports(graph, graph.ops[0])
    assert verdict.ok and verdict.note == "dequantised, in float", verdict
    (got,), (want,) = run_gpu(graph, prepared.inputs[0], gpu=floating()), prepared.wanted[0]
    assert np.ptp(want.astype(np.int64)) > (0 if want.dtype == bool else 2), "the case says nothing"
    assert steps(got, want) <= (1 if want.dtype.itemsize == 1 and want.dtype != bool else 0)


def chain() -> bytes:
    """A convolution, its sum with its input, a CAST of the integers that come of it, and what they stand for."""
    b = GraphBuilder()
    x = b.input((1, 4, 4, 4), "INT8", quantization=(0.1, 3))
    w = b.constant(np.random.default_rng(0).integers(-127, 128, (4, 3, 3, 4)).astype(np.int8), quantization=(0.01, 0))
    zeros = b.constant(np.zeros(4, np.int32), quantization=(0.001, 0))
    made = b.op("CONV_2D", [x, w, zeros], (1, 4, 4, 4), quantization=(0.2, -9), op_version=3, **ONE_BY_ONE)
    total = b.op("ADD", [made, x], (1, 4, 4, 4), quantization=(0.3, 1), op_version=2)
    whole = b.op("CAST", [total], (1, 4, 4, 4), dtype="INT32", in_data_type="INT8", out_data_type="INT32")
    b.output(b.op("DEQUANTIZE", [total], (1, 4, 4, 4), dtype="FLOAT32"), whole)
    return b.build()


def test_a_plan_says_what_runs_in_float_and_leaves_integers_as_such_to_others() -> None:
    content = chain()
    value = np.random.default_rng(1).integers(-128, 128, (1, 4, 4, 4)).astype(np.int8)
    with Interpreter(model_content=content, delegates=[floating(), CPUDelegate()]) as it:
        it.allocate_tensors()
        it.set_tensor(0, value)
        it.invoke()
        reals, whole = (it.get_tensor(d["index"]) for d in it.get_output_details())
        plan = it.plan
    decided = {d.kind: d for d in plan.decisions}
    assert [decided[kind].delegate for kind in ("CONV_2D", "ADD", "CAST", "DEQUANTIZE")] == ["gpu", "gpu", "cpu", "gpu"]
    assert decided["ADD"].fused == decided["CONV_2D"].op
    assert [d.note for d in plan.decisions if d.delegate == "gpu"] == ["dequantised, in float"] * 3
    assert decided["CAST"].note == "" and decided["CAST"].reasons["gpu"][0].wanted == 'quantized="exact"'
    assert plan.explain().count("dequantised, in float") == 3 and "dequantised, in float" in plan.explain(0)
    assert type(plan).from_json(plan.to_json()) == plan
    np.testing.assert_allclose(reals, (whole - 1) * np.float32(0.3), rtol=1e-6)
    want = run_gpu(graph_of(content), [value])[1]
    assert steps(whole.astype(np.int16), want.astype(np.int16)) <= 1


def test_values_saturate_at_the_ends_of_the_range() -> None:
    """Without that, the sum would be 20, and what is left of it 10."""
    b = GraphBuilder()
    x = b.input((1, 4), "INT8", quantization=(0.1, 0))
    double = b.op("ADD", [x, x], (1, 4), quantization=(0.1, 0), op_version=2)
    b.output(b.op("SUB", [double, x], (1, 4), quantization=(0.1, 0), op_version=2))
    (got,) = run_gpu(graph_of(b.build()), [np.array([[100, -100, 50, 7]], np.int8)], gpu=floating())
    assert got.tolist() == [[27, -28, 50, 7]]


def test_weights_alone_may_be_quantised() -> None:
    """An op of floats with 8-bit weights: these are dequantised, and the input is not rounded to 8 bits first."""
    rng = np.random.default_rng(0)
    weights, value = rng.integers(-127, 128, (5, 8)).astype(np.int8), rng.standard_normal((3, 8)).astype(np.float32)
    b = GraphBuilder()
    b.output(b.op("FULLY_CONNECTED", [b.input((3, 8)), b.constant(weights, quantization=(0.02, 0)), -1], (3, 5)))
    (got,) = run_gpu(graph_of(b.build()), [value], gpu=floating())
    np.testing.assert_allclose(got, value @ (weights.T * np.float32(0.02)), rtol=1e-5, atol=1e-5)


def test_16_bit_values_between_8_bit_ones() -> None:
    content = prepare(case("QUANTIZE", INT16.quantized(0.001)((4, 9)), makes=INT8.quantized(0.5, 9))).content
    value = np.random.default_rng(0).integers(-32768, 32768, (4, 9)).astype(np.int16)
    (got,) = run_gpu(graph_of(content), [value], gpu=floating())
    assert steps(got, np.clip(np.rint(value * 0.001 / 0.5) + 9, -128, 127).astype(np.int8)) <= 1


def test_other_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="'exact' or 'float', not 'fast'"):
        GPUDelegate(quantized="fast")  # type: ignore[arg-type]
    assert floating().fingerprint() != delegate().fingerprint()


def test_what_moves_integers_from_one_scale_to_another_is_refused() -> None:
    """The reference takes no notice of the scales, so that the reals would change on the way."""
    options = {"filter_width": 2, "filter_height": 2, "stride_w": 1, "stride_h": 1, "padding": "VALID"}
    content = prepare(case("MAX_POOL_2D", X((1, 4, 4, 3)), makes=INT8.quantized(0.1, 3), **options)).content
    graph = graph_of(content)
    verdict = floating().supports(graph, graph.ops[0])
    assert [reason.code for reason in verdict.reasons] == ["float"] and "scale" in str(verdict.reasons[0])
