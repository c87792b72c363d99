"""`precision="fp16"`: which tensors lie in half, which ops are kept in float32, and what happens beyond its range."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from ops.harness import delegate, reference

from delegraph import CPUDelegate, GPUDelegate, Interpreter
from delegraph.delegates.base import Verdict, no
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph, Op
from delegraph.shaders.program import Limits

Array = NDArray[np.float32]
HALF = 2.0**-11  # by how much of itself a number changes at most that is rounded to half


@pytest.fixture(autouse=True)
def gl() -> None:
    delegate()  # skips or fails where there is no GL


def network(scale: float = 1.0, size: int = 8) -> bytes:
    """A convolution, an exponential of what it makes, and the part of each channel in that."""
    rng = np.random.default_rng(0)
    b = GraphBuilder()
    x = b.input((1, 5, 5, size), name="image")
    weights = b.constant((rng.standard_normal((size, 3, 3, size)) * scale / 10).astype(np.float32))
    bias = b.constant(rng.standard_normal(size).astype(np.float32))
    options = {"stride_w": 1, "stride_h": 1, "padding": "SAME"}
    made = b.op("CONV_2D", [x, weights, bias], (1, 5, 5, size), name="features", **options)
    grown = b.op("EXP", [made], (1, 5, 5, size), name="grown")
    b.output(b.op("SOFTMAX", [made], (1, 5, 5, size), name="parts", beta=1.0), grown)
    return b.build()


def image(scale: float = 1.0, size: int = 8) -> Array:
    return (np.random.default_rng(1).standard_normal((1, 5, 5, size)) * scale).astype(np.float32)


def run(it: Interpreter, value: Array) -> list[Array]:
    it.allocate_tensors()
    it.set_tensor(it.get_input_details()[0]["index"], value)
    it.invoke()
    return [it.get_tensor(d["index"]) for d in it.get_output_details()]


def bytes_of(it: Interpreter) -> Mapping[str, int]:
    """What each tensor takes on the GPU, by name."""
    return {it.graph.tensors[a.tensor].name: a.nbytes for a in it.plan.allocations if a.space == "gl"}


def notes(it: Interpreter) -> dict[str, str]:
    return {d.kind: d.note for d in it.plan.decisions}


@pytest.mark.parametrize(
    ("api", "limits"), [("gl", Limits(texels=True)), ("gl", Limits(texels=False)), ("gles", Limits(texels=True))]
)
@pytest.mark.parametrize("size", [8, 3])
def test_tensors_take_half_the_bytes_and_keep_half_the_bits(size: int, api: str, limits: Limits) -> None:
    """Whether what is read are texels, of which GL makes floats, or words of storage, of which the shader does."""
    content, value = network(size=size), image(size=size)
    with Interpreter(model_content=content, delegates=[GPUDelegate(api=api, limits=limits)]) as it:
        run(it, value)
        whole, arena = bytes_of(it), it.plan.arenas["gl"]
    with Interpreter(model_content=content, delegates=[GPUDelegate(api=api, limits=limits, precision="fp16")]) as it:
        got = run(it, value)
        assert set(notes(it).values()) == {"in fp16"} and it.plan.explain().count("in fp16") == 3
        halves = bytes_of(it)
        assert {name: -(-nbytes // 8) * 4 for name, nbytes in whole.items()} == halves
        assert it.plan.arenas["gl"] <= 0.5 * arena + 3 * 256
    for g, want in zip(got, reference(content, [value]), strict=True):
        assert g.dtype == np.float32 and np.array_equal(g, g.astype(np.float16))
        # The image and the weights are rounded as well, and what the exponent is off by grows with it.
        np.testing.assert_allclose(g, want, rtol=20 * HALF, atol=HALF)


def test_values_are_rounded_to_the_nearest_half() -> None:
    """By the shader and at the border alike: ties to even, and numbers too small to have all bits."""
    rng = np.random.default_rng(0)
    value = np.concatenate([
        rng.standard_normal(999), rng.standard_normal(500) * 1e-6, np.arange(500) * 2.0**-9 + 2, np.arange(500) + 65000
    ]).astype(np.float32)  # fmt: skip
    b = GraphBuilder()
    x = b.input(value.shape)
    b.output(b.op("MUL", [x, b.constant(np.float32([-0.75]))], value.shape))
    with Interpreter(model_content=b.build(), delegates=[GPUDelegate(precision="fp16")]) as it:
        (got,) = run(it, value)
    np.testing.assert_array_equal(got, (value.astype(np.float16).astype(np.float32) * -0.75).astype(np.float16))


def test_single_elements_that_share_words_are_written_apart() -> None:
    """Three parts of a tensor, of sizes that end inside words, and an odd one that starts there."""
    b = GraphBuilder()
    inputs = [b.input((1, n)) for n in (3, 5, 7)]
    b.output(b.op("CONCATENATION", inputs, (1, 15), axis=1))
    gpu = GPUDelegate(precision="fp16")
    with Interpreter(model_content=b.build(), delegates=[gpu]) as it:
        it.allocate_tensors()
        for k, n in enumerate((3, 5, 7)):
            it.set_tensor(inputs[k], np.full((1, n), k + 1, np.float32) + np.arange(n, dtype=np.float32) / 8)
        it.invoke()
        got = it.get_tensor(it.get_output_details()[0]["index"])
    want = np.concatenate([k + 1 + np.arange(n) / 8 for k, n in enumerate((3, 5, 7))])
    np.testing.assert_array_equal(got[0], want)


@pytest.mark.parametrize("key", ["SOFTMAX", "parts", 2])
def test_an_op_can_be_kept_by_type_name_or_index(key: str | int) -> None:
    gpu = GPUDelegate(precision={"default": "fp16", key: "fp32"})
    with Interpreter(model_content=network(), delegates=[gpu]) as it:
        parts, _ = run(it, image())
        assert notes(it) == {"CONV_2D": "in fp16", "EXP": "in fp16", "SOFTMAX": "kept in float32: asked for"}
        assert bytes_of(it)["parts"] == 2 * bytes_of(it)["grown"]
    assert not np.array_equal(parts, parts.astype(np.float16))


def test_one_op_alone_can_be_in_half() -> None:
    gpu = GPUDelegate(precision={"EXP": "fp16"})
    with Interpreter(model_content=network(), delegates=[gpu]) as it:
        parts, grown = run(it, image())
        assert notes(it)["EXP"] == "in fp16" and notes(it)["CONV_2D"] == "kept in float32: asked for"
    assert np.array_equal(grown, grown.astype(np.float16)) and not np.array_equal(parts, parts.astype(np.float16))


def test_the_more_exact_selection_holds() -> None:
    precision = {"default": "fp32", "CONV_2D": "fp16", "features": "fp32", 0: "fp16"}
    with Interpreter(model_content=network(), delegates=[GPUDelegate(precision=precision)]) as it:
        assert notes(it)["CONV_2D"] == "in fp16"
    del precision[0]
    with Interpreter(model_content=network(), delegates=[GPUDelegate(precision=precision)]) as it:
        assert notes(it)["CONV_2D"] == "kept in float32: asked for"


@pytest.mark.parametrize(
    "precision, error, message",
    [
        ("fp8", ValueError, "'fp32' or 'fp16', not 'fp8'"),
        ({"SOFTMAX": "half"}, ValueError, "not 'half'"),
        ({2.5: "fp16"}, TypeError, "not by 2.5"),
        ({True: "fp16"}, TypeError, "not by True"),
    ],
)
def test_what_is_no_precision_is_refused(precision: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        GPUDelegate(precision=precision)  # type: ignore[arg-type]


@pytest.mark.parametrize("constant, why", [(1e6, "reaches 1e+06, beyond"), (1e-7, "at most 1e-07, below")])
def test_a_constant_beyond_the_range_keeps_its_op(constant: float, why: str) -> None:
    b = GraphBuilder()
    x = b.input((1, 7))
    shifted = b.op("ADD", [x, b.constant(np.float32([constant]), name="far")], (1, 7))
    b.output(b.op("RSQRT", [shifted], (1, 7)))
    value = np.zeros((1, 7), np.float32)
    with Interpreter(model_content=b.build(), delegates=[GPUDelegate(precision="fp16")]) as it:
        (got,) = run(it, value)
        assert notes(it)["RSQRT"] == "in fp16" and notes(it)["ADD"].startswith("kept in float32: its constant 'far'")
        assert why in notes(it)["ADD"]
    np.testing.assert_allclose(got, constant**-0.5, rtol=HALF)


@pytest.mark.parametrize("kind, shape", [("CONV_2D", (8, 1, 1, 1)), ("DEPTHWISE_CONV_2D", (1, 1, 1, 8)),
                                         ("FULLY_CONNECTED", (8, 1))])  # fmt: skip
def test_a_bias_is_not_rounded(kind: str, shape: tuple[int, ...]) -> None:
    """Half holds 2050, but neither 2049 nor a hundred-millionth."""
    b = GraphBuilder()
    ones = (1,) * len(shape)
    x, weights = b.input(ones), b.constant(np.ones(shape, np.float32))
    sliding = {"stride_w": 1, "stride_h": 1, "padding": "VALID"} if len(shape) == 4 else {}
    biases = (b.constant(np.full(8, bias, np.float32)) for bias in (2049, 1e-8))
    b.output(*(b.op(kind, [x, weights, bias], (*ones[1:], 8), **sliding) for bias in biases))
    with Interpreter(model_content=b.build(), delegates=[GPUDelegate(precision="fp16")]) as it:
        large, small = run(it, np.ones(ones, np.float32))
        assert set(notes(it).values()) == {"in fp16"}
    assert (large == 2050).all() and (small == 1).all()


def test_values_beyond_the_range_are_met_once_and_kept_in_float32_from_then_on() -> None:
    content, gpu = network(4), GPUDelegate(precision="fp16")
    value = image(2)
    with Interpreter(model_content=content, delegates=[gpu]) as it:
        run(it, value / 16)
        assert notes(it)["EXP"] == "in fp16" and not it.events
        got = run(it, value)
        want = reference(content, [value])
        assert np.abs(want[1]).max() > 65504 and np.isfinite(got[1]).all()
        assert [(e.kind, e.delegate) for e in it.events] == [("learned", "gpu")] and "'grown'" in it.events[0].message
        assert notes(it) == {
            "CONV_2D": "in fp16", "SOFTMAX": "in fp16", "EXP": "kept in float32: 'grown' went beyond half's 65504",
        }  # fmt: skip
        np.testing.assert_allclose(got[0], want[0], atol=0.05)
        np.testing.assert_allclose(np.log(got[1]), np.log(want[1]), atol=40 * HALF)
        run(it, value)
        assert len(it.events) == 1
    with Interpreter(model_content=content, delegates=[gpu]) as it:  # what a delegate knows of a model, it keeps
        assert notes(it)["EXP"].startswith("kept")


def test_values_are_measured_before_they_are_met() -> None:
    """Also those too close to 0, which no run notices: half would make nothing of them."""
    b = GraphBuilder()
    x = b.input((1, 4), name="image")
    tiny = b.op("MUL", [x, b.constant(np.float32([1e-4]))], (1, 4), name="tiny")
    tinier = b.op("MUL", [tiny, tiny], (1, 4), name="tinier")
    b.output(b.op("SQRT", [tinier], (1, 4), name="root"), b.op("EXP", [x], (1, 4), name="grown"))
    value = np.float32([[1, 0.9, 0.8, 12]])
    with Interpreter(model_content=b.build(), delegates=[GPUDelegate(precision="fp16")]) as it:
        with pytest.raises(RuntimeError, match="not ready"):
            it.calibrate()
        it.allocate_tensors()
        it.set_tensor(0, value)
        it.calibrate()
        root, grown = run(it, value)
        told = {d.op: d.note for d in it.plan.decisions}
        assert told[0] == told[2] == "in fp16" and not it.events
        assert told[1] == "kept in float32: 'tinier' is at most 1.44e-06, below half's 6.1e-05"
        assert told[3] == "kept in float32: 'grown' reaches 1.63e+05, beyond half's 65504"
    np.testing.assert_allclose(root, value * 1e-4, rtol=4 * HALF)
    np.testing.assert_allclose(grown, np.exp(value), rtol=20 * HALF)


def test_an_input_beyond_the_range_is_kept_in_float32() -> None:
    b = GraphBuilder()
    x = b.input((1, 5), name="far")
    b.output(b.op("MUL", [x, b.constant(np.float32([0.25]))], (1, 5)))
    with Interpreter(model_content=b.build(), delegates=[GPUDelegate(precision="fp16")]) as it:
        (got,) = run(it, np.float32([[70000, np.inf, 1, -2, 0]]))
        np.testing.assert_array_equal(got, np.float32([[17500, np.inf, 0.25, -0.5, 0]]).astype(np.float16))
        assert "'far'" in it.events[0].message and bytes_of(it)["far"] == 20
        (again,) = run(it, np.float32([[np.inf, 1, 1, 1, 1]]))  # what is infinite may stay so
        assert again[0, 0] == np.inf and len(it.events) == 1


def test_what_ops_remember_is_as_before_a_run_that_is_started_over() -> None:
    """A unit that adds up its input: the second run makes what half does not hold, and counts once."""
    b = GraphBuilder()
    x = b.input((1, 1))
    one, state = b.constant(np.float32([[1]])), b.variable((1, 1))
    options = {"fused_activation_function": "NONE"}
    b.output(b.op("RNN", [x, one, one, b.constant(np.float32([0])), state], (1, 1), **options))
    with Interpreter(model_content=b.build(), delegates=[GPUDelegate(precision="fp16")]) as it:
        assert [float(run(it, np.float32([[v]]))[0][0, 0]) for v in (60000, 50000, 10)] == [60000, 110000, 110010]
        assert [e.kind for e in it.events] == ["learned"]


class Without(GPUDelegate):
    """Half precision, but for a kind of op that is left to the CPU."""

    def __init__(self, kind: str) -> None:
        super().__init__(precision="fp16")
        self._left = kind

    def supports(self, graph: Graph, op: Op) -> Verdict:
        return no("left", op.label) if op.kind == self._left else super().supports(graph, op)


def test_tensors_are_converted_where_they_cross_to_another_device() -> None:
    content, value = network(), image()
    with Interpreter(model_content=content, delegates=[Without("EXP"), CPUDelegate()]) as it:
        parts, grown = run(it, value)
        assert {d.kind: d.delegate for d in it.plan.decisions}["EXP"] == "cpu"
        assert bytes_of(it)["features"] == 5 * 5 * 8 * 2
    want = reference(content, [value])
    np.testing.assert_allclose(parts, want[0], atol=20 * HALF)
    np.testing.assert_allclose(grown, want[1], rtol=20 * HALF)
    assert not np.array_equal(grown, grown.astype(np.float16))


def test_dequantised_ops_may_lie_in_half_too() -> None:
    """256 steps fit into half's 2048 between two powers of 2: what is stored is within a small part of a step."""
    rng = np.random.default_rng(0)
    b = GraphBuilder()
    x = b.input((1, 32), "INT8", quantization=(0.1, 3))
    total = b.op("ADD", [x, x], (1, 32), quantization=(0.2, -7), op_version=2)
    b.output(b.op("RELU", [total], (1, 32), quantization=(0.1, -128)))
    content, value = b.build(), rng.integers(-128, 128, (1, 32)).astype(np.int8)
    gpu = GPUDelegate(precision="fp16", quantized="float")
    with Interpreter(model_content=content, delegates=[gpu]) as it:
        it.allocate_tensors()
        it.set_tensor(0, value)
        it.invoke()
        got = it.get_tensor(it.get_output_details()[0]["index"])
        assert notes(it)["ADD"] == "dequantised, in float, in fp16"
        assert next(a.nbytes for a in it.plan.allocations if a.space == "gl") == 64
    assert np.abs(got.astype(int) - reference(content, [value])[0]).max() <= 1


def test_only_what_may_leave_the_range_is_watched() -> None:
    """Where ops bound what they make, as RELU6 and SOFTMAX do, no run has to look."""
    b = GraphBuilder()
    x = b.input((1, 4, 4, 4))
    weights = b.constant(np.random.default_rng(0).standard_normal((4, 1, 1, 4)).astype(np.float32))
    options = {"stride_w": 1, "stride_h": 1, "padding": "SAME"}
    clipped = b.op("CONV_2D", [x, weights, -1], (1, 4, 4, 4), fused_activation_function="RELU6", **options)
    mixed = b.op("CONV_2D", [clipped, weights, -1], (1, 4, 4, 4), name="mixed", **options)
    b.output(b.op("SOFTMAX", [mixed], (1, 4, 4, 4), beta=1.0), b.op("EXP", [mixed], (1, 4, 4, 4)))
    gpu = GPUDelegate(precision="fp16")
    with Interpreter(model_content=b.build(), delegates=[gpu]) as it:
        launches, _ = gpu._lower(it.graph, it.plan.partitions[0].ops, frozenset())
        assert [launch.program.watched for launch in launches] == [False, False, False, True]
