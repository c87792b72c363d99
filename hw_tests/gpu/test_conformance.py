"""Every conformance case on a real GPU, against the oracle, and kernels in each way that they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ops.harness import graph_of

import cases
from case import Case
from conformance.check import conforms
from conformance.oracle import prepare
from conformance.test_variants import SERVED, conforms_in_half
from delegraph import GPUDelegate


def every() -> Iterator[Any]:
    for quick, found in ((True, cases.listed()), (False, cases.more())):
        for name, case in found:
            yield pytest.param(case, id=f"{name} {case.label}", marks=[] if quick else [pytest.mark.slow])


@pytest.mark.parametrize("case", [*every()])
def test_case(case: Case, gpu: GPUDelegate) -> None:
    conforms(case, gpu)


@pytest.mark.parametrize("case", SERVED)
def test_each_way(case: Case, gpu: GPUDelegate) -> None:
    prepared = prepare(case)
    graph = graph_of(prepared.content)
    for way in gpu.ways(graph, graph.ops[0]):
        conforms(case, gpu, prepared, way)


@pytest.mark.parametrize("case", SERVED)
def test_each_way_of_adding_up_in_half(case: Case, gpu_in_half: GPUDelegate) -> None:
    conforms_in_half(case, gpu_in_half)
