"""LSTM of integers, and its basic kernel: what converters write, which the cases of all tests do not hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ops.harness import graph_of, whole

from conformance.oracle import run_runtime
from delegraph.delegates.nnapi.abi import Operation
from delegraph.delegates.nnapi.delegate import NNAPIDelegate
from delegraph.delegates.nnapi.program import Program
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph
from nnapi.conftest import Phone
from nnapi.kit import runs

BATCHES, INPUTS, UNITS = 2, 7, 6
ABSENT = -1


def keras(zero: int, steps: int = 0, bias: int = 20000, input_gate: bool = True) -> GraphBuilder:
    """A layer without projection, as Keras has it: results around `zero`, their own scale in between."""
    rng, b = np.random.default_rng(0), GraphBuilder()
    made = (1 / 139, zero)  # 1 is beyond a signed byte of it

    def some(shape: tuple[int, ...], type: str, most: int, scale: float) -> int:
        return b.constant(rng.integers(-most, most + 1, shape), type, quantization=(scale, 0))

    def gates(shape: tuple[int, ...], type: str, most: int, scale: float) -> list[int]:
        return [some(shape, type, most, scale) if k or input_gate else ABSENT for k in range(4)]

    rows = (BATCHES, steps) if steps else (BATCHES,)
    x = b.input((*rows, INPUTS), "INT8", quantization=(0.02, -9))
    inputs = [
        x, *gates((UNITS, INPUTS), "INT8", 127, 0.01), *gates((UNITS, UNITS), "INT8", 127, 0.015), *[ABSENT] * 3,
        *gates((UNITS,), "INT32", bias, 0.0002), ABSENT, ABSENT,
        b.variable((BATCHES, UNITS), "INT8", quantization=made),
        b.variable((BATCHES, UNITS), "INT16", quantization=(2.0**-11, 0)), *[ABSENT] * 4,
    ]  # fmt: skip
    stages = [b.tensor((1,), "INT8", quantization=(0.01, 0)) for _ in range(4)] + [
        b.tensor((1,), "INT8", quantization=made)
    ]
    kind = "UNIDIRECTIONAL_SEQUENCE_LSTM" if steps else "LSTM"
    y = b.op(
        kind, inputs, (*rows, UNITS), dtype="INT8", quantization=made, intermediates=stages,
        fused_activation_function="TANH",
    )  # fmt: skip
    b.output(y)
    return b


def compared(b: GraphBuilder, phone: Phone, count: int = 4) -> tuple[int, list[Operation]]:
    """(by how much results differ from the reference's, run after run, what the model becomes)."""
    graph = graph_of(b.build())
    delegate = NNAPIDelegate(library=phone.path)
    verdict = delegate.supports(graph, graph.ops[0])
    assert verdict.ok, verdict
    frames = [drawn(graph, seed) for seed in range(count)]  # before the last variables are reset
    off = max(
        float(np.abs(got.astype(np.float64) - want).max())
        for made, given in zip(runs(delegate, graph, frames), run_runtime(graph.model.content, frames), strict=True)
        for got, want in zip(made, given, strict=True)
    )
    program = Program.read(delegate.program(graph, whole(graph)).content)
    return off, [step.code for step in program.steps]


def drawn(graph: Graph, seed: int) -> list[np.ndarray]:
    rng, found = np.random.default_rng(seed), []
    for t in (graph.tensors[k] for k in graph.inputs):
        if t.type == "FLOAT32":
            found.append(rng.standard_normal(t.shape).astype(np.float32))
        else:
            found.append(rng.integers(np.iinfo(t.dtype).min, np.iinfo(t.dtype).max, t.shape, t.dtype, endpoint=True))
    return found


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("bias", [0, 20000, 999999])
def test_biases_are_columns_of_weights(steps: int, bias: int, phone: Phone) -> None:
    off, operations = compared(keras(0, steps, bias, input_gate=bias != 20000), phone)
    assert off == 0
    assert operations.count(Operation.QUANTIZED_LSTM) == max(steps, 1)
    assert operations.count(Operation.CONCATENATION) == bool(bias) + (steps > 1)


@pytest.mark.parametrize("zero", [5, -40])
def test_results_around_another_value_are_projected(zero: int, phone: Phone) -> None:
    assert compared(keras(zero, 3), phone)[0] <= 2  # rounded twice, and fed back


def test_a_bias_that_takes_too_many_columns(phone: Phone) -> None:
    graph = graph_of(keras(0, bias=2**24).build())
    assert [r.code for r in NNAPIDelegate(library=phone.path).supports(graph, graph.ops[0]).reasons] == ["bias"]


@pytest.mark.parametrize("phone", [29], indirect=True)
def test_integers_take_level_30(phone: Phone) -> None:
    graph = graph_of(keras(0).build())
    (reason,) = NNAPIDelegate(library=phone.path, feature_level=29).supports(graph, graph.ops[0]).reasons
    assert (reason.code, reason.met) == ("feature_level", "LSTM of integers needs 30")


def basic(type: str, kept: bool, joined: bool) -> GraphBuilder:
    """The basic kernel; `joined`: what it multiplies is a result, too."""
    rng, b = np.random.default_rng(0), GraphBuilder()
    depth, whole = INPUTS + UNITS, type == "UINT8"
    q, kind = ((1 / 128, 128), "INT16") if whole else (None, "FLOAT32")
    cell: Any = (2.0**-11, 0) if whole else None
    add = b.variable if kept else b.input
    if whole:
        weights = b.constant(rng.integers(0, 256, (4 * UNITS, depth)), type, quantization=(0.005, 120))
        bias = b.constant(rng.integers(-9000, 9000, 4 * UNITS), "INT32", quantization=(0.005 / 128, 0))
    else:
        weights = b.constant(rng.standard_normal((4 * UNITS, depth)).astype(np.float32) / 3)
        bias = b.constant(rng.standard_normal(4 * UNITS).astype(np.float32))
    x = b.input((BATCHES, INPUTS), type, quantization=q)
    before, state = add((BATCHES, UNITS), type, quantization=q), add((BATCHES, UNITS), kind, quantization=cell)
    made = [
        b.tensor((BATCHES, UNITS), type, quantization=q), b.tensor((BATCHES, UNITS), kind, quantization=cell),
        b.tensor((BATCHES, depth), type, quantization=q),
        b.tensor((BATCHES, 4 * UNITS), kind, quantization=(2.0**-12, 0) if whole else None),
    ]  # fmt: skip
    b.op(
        "LSTM", [x, before, weights, bias, state], outputs=made, kernel_type="BASIC", op_version=2,
        fused_activation_function="TANH",
    )  # fmt: skip
    b.output(made[0], *([] if kept else [made[1]]), *([made[2]] if joined else []))
    return b


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("type", ["UINT8", "FLOAT32"])
def test_the_basic_kernel(type: str, kept: bool, joined: bool, phone: Phone) -> None:
    off, (code, *_) = compared(basic(type, kept, joined), phone)
    assert off <= (1e-5 if type == "FLOAT32" else 0)
    assert code is (Operation.LSTM if type == "FLOAT32" else Operation.QUANTIZED_16BIT_LSTM)
