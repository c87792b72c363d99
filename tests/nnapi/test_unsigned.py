"""Quantised INT8 on phones below feature level 30, as UINT8."""

from __future__ import annotations

import numpy as np
import pytest
from ops.harness import graph_of

import cases
from case import Case
from conformance.oracle import prepare, run_runtime
from delegraph import CPUDelegate, Interpreter, NNAPIDelegate
from delegraph.data import digits, held_out
from delegraph.delegates.nnapi.node import mappings
from delegraph.delegates.nnapi.samples import sample
from delegraph.errors import InvalidModel
from nnapi.conftest import Phone
from nnapi.kit import run, told
from nnapi.test_conformance import drawn

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


def near(got: np.ndarray, want: np.ndarray) -> None:
    assert got.dtype == want.dtype
    assert np.abs(got.astype(float) - want.astype(float)).max() <= 1


@pytest.mark.parametrize("phone", [29], indirect=True)
def test_samples_of_signed_bytes(phone: Phone) -> None:
    delegate, compared = NNAPIDelegate(library=phone.path, feature_level=29), []
    for kind in sorted(mappings()):
        try:
            graph = sample(kind, "INT8")
        except InvalidModel:
            continue
        if kind in ("FILL", "TOPK_V2") or not delegate.supports(graph, graph.ops[0]).ok or not told(graph):
            continue
        inputs = drawn(graph)
        kept = [value.copy() for value in inputs]
        try:
            (wanted,) = run_runtime(graph.model.content, [inputs])
        except (RuntimeError, ValueError):
            continue
        for got, want in zip(run(delegate, graph, inputs), wanted, strict=True):
            near(got, want)
        assert all(map(np.array_equal, kept, inputs))
        compared.append(kind)
    assert {"ADD", "CONCATENATION", "GATHER", "MAX_POOL_2D", "PAD", "RESHAPE", "SOFTMAX", "TRANSPOSE"} <= set(compared)


def weighted(kind: str) -> list[Case]:
    return [c for _, c in cases.listed() if c.kind == kind and c.inputs[0] and c.inputs[-1] and "INT8" in c.label]


@pytest.mark.parametrize("phone", [29], indirect=True)
@pytest.mark.parametrize("kind", WEIGHTED)
def test_weights_of_signed_bytes(kind: str, phone: Phone) -> None:
    delegate, compared = NNAPIDelegate(library=phone.path, feature_level=29), 0
    for case in weighted(kind):
        try:
            prepared = prepare(case)
            graph = graph_of(prepared.content)
        except (InvalidModel, RuntimeError, ValueError):
            continue
        if graph.tensors[graph.outputs[0]].type == "INT8" and delegate.supports(graph, graph.ops[0]).ok:
            for got, want in zip(run(delegate, graph, prepared.inputs[0]), prepared.wanted[0], strict=True):
                near(got, want)
            compared += 1
        if compared == 3:
            break
    assert compared


@pytest.mark.parametrize("phone", [29], indirect=True)
def test_digits_of_signed_bytes(phone: Phone) -> None:
    images, _ = held_out()
    cpu, answers = CPUDelegate(op_resolver="BUILTIN_REF"), []
    for delegates in ([NNAPIDelegate(library=phone.path), cpu], [cpu]):
        with Interpreter(model_content=digits("int8"), delegates=delegates) as it:
            it.allocate_tensors()
            if len(delegates) > 1:
                assert sum(decision.delegate == "nnapi" for decision in it.plan.decisions) > 2
            detail = it.get_input_details()[0]
            it.set_tensor(detail["index"], images[:1].reshape(detail["shape"]).astype(detail["dtype"]))
            it.invoke()
            answers.append(it.get_tensor(it.get_output_details()[0]["index"]))
    near(*answers)
