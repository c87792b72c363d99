"""Every conformance case that a phone takes, against the oracle: floats as near as half, bytes within a step.

NNAPI promises no more: how a driver rounds is its own. TOPK_V2's places are told apart where values are equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from ops.harness import difference, graph_of

import cases
from case import STEP, Case
from conformance.oracle import prepare
from delegraph import NNAPIDelegate
from delegraph.delegates.nnapi.node import mappings
from nnapi.kit import bounded, kind_of, runs


def every() -> Iterator[Any]:
    for name, case in cases.listed():
        if kind_of(case) in mappings():
            yield pytest.param(case, id=f"{name} {case.label}")


@pytest.mark.parametrize("case", [*every()])
def test_case(case: Case, nnapi: NNAPIDelegate) -> None:
    prepared = prepare(case)
    graph = graph_of(prepared.content)
    verdict = nnapi.supports(graph, graph.ops[0])
    if not verdict.ok:
        pytest.skip("; ".join(map(str, verdict.reasons)))
    if not bounded(graph, prepared):
        pytest.skip("the API does not say what comes of these numbers")
    for made, wanted in zip(runs(nnapi, graph, prepared.inputs), prepared.wanted, strict=True):
        for got, want in zip(made, wanted, strict=True):
            if case.kind == "TOPK_V2" and got.dtype == np.int32:
                continue
            if got.dtype.itemsize == 1 and got.dtype.kind in "iu":
                assert np.abs(got.astype(int) - want.astype(int)).max() <= 1
            else:
                assert difference(got, want) <= max(case.tolerance, STEP)
