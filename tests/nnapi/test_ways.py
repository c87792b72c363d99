"""Second ways: what NNAPI's own operation does not take, made of others. Bytes are within a step of the reference's."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pytest
from ops.harness import graph_of, random_inputs, reference, whole

import cases
from conformance.oracle import prepare
from delegraph.delegates.nnapi.abi import Operation
from delegraph.delegates.nnapi.delegate import NNAPIDelegate
from delegraph.delegates.nnapi.program import Program
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Quantization
from nnapi.conftest import Phone
from nnapi.kit import run, runs


def check(b: GraphBuilder, phone: Phone, operations: str, steps: int = 1) -> None:
    """Assert that a model becomes these operations, and gives the reference's bytes within some steps."""
    content = b.build()
    graph = graph_of(content)
    delegate = NNAPIDelegate(library=phone.path)
    program = Program.read(delegate.program(graph, whole(graph)).content)
    assert [step.code for step in program.steps] == [Operation[name] for name in operations.split()]
    inputs = random_inputs(graph)
    (got,), (want,) = run(delegate, graph, inputs), reference(content, inputs)
    assert got.dtype == want.dtype and got.shape == want.shape
    assert np.abs(got.astype(int) - want.astype(int)).max() <= steps


@pytest.mark.parametrize("shape", [(3, 8), (1, 2, 2, 8)])
def test_dense_weights_by_channel(shape: tuple[int, ...], phone: Phone) -> None:
    rng, b = np.random.default_rng(0), GraphBuilder()
    scales = Quantization(np.linspace(0.01, 0.05, 5, dtype=np.float32), np.zeros(5, np.int64), 0)
    x = b.input(shape, "INT8", quantization=(0.1, 4))
    w = b.constant(rng.integers(-127, 128, (5, 8)), "INT8", quantization=scales)
    bias = b.constant(rng.integers(-999, 999, 5).astype(np.int32))
    made = (shape[0] if len(shape) == 2 else 4, 5)
    b.output(b.op("FULLY_CONNECTED", [x, w, bias], made, quantization=(0.5, -3), op_version=4))
    check(b, phone, "RESHAPE CONV_2D RESHAPE")


@pytest.mark.parametrize(
    "kind", ["BIDIRECTIONAL_SEQUENCE_RNN", "RNN", "SVDF", "UNIDIRECTIONAL_SEQUENCE_RNN"]
)  # fmt: skip
def test_a_tangent_is_an_operation_of_its_own(kind: str, phone: Phone) -> None:
    delegate = NNAPIDelegate(library=phone.path)
    for _, case in chain(cases.listed(), cases.more()):
        if case.kind != kind or case.options["fused_activation_function"] != "TANH":
            continue
        prepared = prepare(case)
        graph = graph_of(prepared.content)
        if not delegate.supports(graph, graph.ops[0]).ok:
            continue
        program = Program.read(delegate.program(graph, whole(graph)).content)
        assert Operation.TANH in [step.code for step in program.steps]
        for made, wanted in zip(runs(delegate, graph, prepared.inputs), prepared.wanted, strict=True):
            for got, want in zip(made, wanted, strict=True):
                np.testing.assert_allclose(got, want, atol=1e-5)
        return
    pytest.fail("no case of it was taken")


def test_integers_are_joined_by_parts(phone: Phone) -> None:
    b = GraphBuilder()
    tensors = [b.input((5, n), "INT32") for n in (6, 2, 4)]
    b.output(b.op("CONCATENATION", tensors, (5, 12), axis=1))
    check(b, phone, "SPLIT SPLIT PACK RESHAPE", steps=0)


@pytest.mark.parametrize("approximate", [False, True])
def test_gelu(approximate: bool, phone: Phone) -> None:
    b = GraphBuilder()
    b.output(b.op("GELU", [b.input((2, 500))], (2, 500), approximate=approximate))
    graph, x = graph_of(b.build()), np.linspace(-12, 12, 1000, dtype=np.float32).reshape(2, 500)
    (got,), (want,) = run(NNAPIDelegate(library=phone.path), graph, [x]), reference(graph.model.content, [x])
    np.testing.assert_allclose(got, want, atol=2e-6)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("type", ["INT8", "UINT8"])
def test_a_mean_to_another_scale(type: str, keep: bool, phone: Phone) -> None:
    b = GraphBuilder()
    x = b.input((2, 5, 4, 3), type, quantization=(0.1, 4))
    axes: Any = b.constant(np.array([1, 2], np.int32))
    made = (2, 1, 1, 3) if keep else (2, 3)
    b.output(b.op("MEAN", [x, axes], made, quantization=(0.04, 9), keep_dims=keep, op_version=2))
    check(b, phone, "DEQUANTIZE MEAN QUANTIZE")


@pytest.mark.parametrize(("source", "made"), [("UINT8", "INT8"), ("INT8", "UINT8")])
def test_bytes_of_the_same_scale(source: str, made: str, phone: Phone) -> None:
    b = GraphBuilder()
    zero = {"UINT8": 128, "INT8": 0}
    x = b.input((1, 500), source, quantization=(0.037, zero[source]))
    b.output(b.op("QUANTIZE", [x], (1, 500), dtype=made, quantization=(0.037, zero[made]), op_version=2))
    check(b, phone, "DEQUANTIZE QUANTIZE", steps=0)


@pytest.mark.parametrize("type", ["INT8", "UINT8"])
@pytest.mark.parametrize(
    ("kind", "holds"),
    [("EQUAL", np.equal), ("GREATER", np.greater), ("GREATER_EQUAL", np.greater_equal), ("LESS", np.less),
     ("LESS_EQUAL", np.less_equal), ("NOT_EQUAL", np.not_equal)],
)  # fmt: skip
def test_bytes_of_two_scales_are_compared_as_the_numbers_that_they_are(
    kind: str, holds: Any, type: str, phone: Phone
) -> None:
    """So the documentation has it; TFLite's reference kernels compare rescaled integers, of which some are equal."""
    rng, b = np.random.default_rng(0), GraphBuilder()
    zeros = (4, -9) if type == "INT8" else (100, 90)
    tensors = [
        b.input((2, 300), type, quantization=(0.5, zeros[0])),
        b.input((1, 300), type, quantization=(0.125, zeros[1])),
    ]
    b.output(b.op(kind, tensors, (2, 300), dtype="BOOL"))
    graph = graph_of(b.build())
    steps = rng.integers(-9, 9, (2, 300)), rng.integers(-36, 36, (1, 300))
    inputs = [(s + zero).astype(graph.tensors[t].dtype) for s, zero, t in zip(steps, zeros, graph.inputs, strict=True)]
    (got,) = run(NNAPIDelegate(library=phone.path), graph, inputs)
    np.testing.assert_array_equal(got, holds(4 * steps[0], steps[1]))
    assert got.any() and not got.all()
