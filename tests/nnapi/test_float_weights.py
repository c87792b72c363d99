"""Layers of floats with quantised weights, which are handed over as floats: against the model that has such weights."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ops.harness import difference, graph_of

import cases
from case import FLOAT, Case, Typed
from conformance.oracle import drawn, model, prepare, run_runtime
from delegraph.delegates.nnapi.delegate import WIDENED, NNAPIDelegate
from delegraph.delegates.nnapi.float_weights import KINDS, TYPES
from delegraph.graph.builder import GraphBuilder
from nnapi.conftest import Phone
from nnapi.kit import runs


def in_floats(case: Case) -> tuple[Case, list[Any]]:
    """The case with floats for quantised constants, and what its tensors hold."""
    held, inputs = drawn(case, np.random.default_rng(case.seed)), list(case.inputs)
    for k, (value, array) in enumerate(zip(case.inputs, held, strict=True)):
        if value is None or value.role != "constant" or value.type.name not in TYPES or not value.type.quantization:
            continue
        assert array is not None
        held[k] = numbers(value, array)
        inputs[k] = Typed(FLOAT, value.shape, "constant", held[k])
    return replace(case, inputs=tuple(inputs)), held


def numbers(value: Typed, array: Any) -> Any:
    """What quantised values stand for."""
    q = value.type.quantization
    if isinstance(q, tuple):
        return ((array.astype(np.float64) - q[1]) * q[0]).astype(np.float32)
    assert q is not None
    along = [1] * array.ndim
    along[q.axis] = -1
    scales, zeros = (x.reshape(along) if x.size > 1 else x for x in (q.scales, q.zero_points))
    return (array.astype(np.float32) - zeros.astype(np.float32)) * scales


def taken(most: int | None, found: Any, phone: Phone) -> Counter[str]:
    """How many cases of each kind agreed, of so many at most."""
    plain, delegate = (NNAPIDelegate(library=phone.path, float_weights=on) for on in (False, True))
    count: Counter[str] = Counter()
    for name, case in found:
        if "hybrid" not in name or case.kind not in KINDS or (most and count[case.kind] == most):
            continue
        if "LSTM" in case.kind and case.options["fused_activation_function"] == "RELU":
            continue  # a cell without bounds makes more of what rounding leaves, step after step
        prepared = prepare(case)
        graph = graph_of(prepared.content)
        verdict = delegate.supports(graph, graph.ops[0])
        if not verdict.ok:
            continue
        assert verdict.note == WIDENED and not plain.supports(graph, graph.ops[0]).ok
        floats, held = in_floats(case)
        content = model(floats, held, [graph.tensors[t].shape for t in graph.outputs])
        wanted = run_runtime(content, prepared.inputs)
        for got, want in zip(runs(delegate, graph, prepared.inputs), wanted, strict=True):
            for g, w in zip(got, want, strict=True):
                assert difference(g, w) <= max(case.tolerance, 1e-5), case.label
        count[case.kind] += 1
    return count


def test_cases(phone: Phone) -> None:
    assert len(taken(1, cases.listed(), phone)) >= 7


@pytest.mark.slow
def test_all_cases(phone: Phone) -> None:
    assert taken(None, cases.more(), phone).total() > 60


def test_weights_that_integers_need_too_stay_as_they_are(phone: Phone) -> None:
    """They would be two tensors, and no converter makes such a model."""
    b = GraphBuilder()
    w = b.constant(np.ones((2, 3), np.int8), quantization=(0.5, 0))
    x = b.input((1, 3))
    b.output(b.op("FULLY_CONNECTED", [x, w, -1], (1, 2)))
    turned = b.op("TRANSPOSE", [w, b.constant(np.array([1, 0], np.int32))], (3, 2), dtype="INT8", quantization=(0.5, 0))
    b.output(turned)
    graph = graph_of(b.build())
    delegate = NNAPIDelegate(library=phone.path, float_weights=True)
    assert [r.code for r in delegate.supports(graph, graph.ops[0]).reasons] == ["hybrid"]
