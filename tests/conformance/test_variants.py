"""Each way in which a kernel may do its work, asked for on cases of what it serves, whichever the rules choose."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from ops.harness import graph_of

import cases
from case import Case
from conformance.check import DELEGATES, conforms
from conformance.oracle import prepare
from delegraph import GPUDelegate
from delegraph.shaders import tiling

FAMILIES = (
    "conv_2d-conv_2d", "conv_2d-conv_2d_wide", "conv_2d-transpose_conv", "conv_2d-grouped", "conv_2d-of_8_bits",
    "conv_2d-computed_filters", "conv_2d-dense_of_8_bits", "conv_2d-depthwise_conv_2d", "conv_3d-conv_3d",
    "product-fully_connected", "product-batch_matmul", "hybrid-conv_2d", "hybrid-fully_connected",
    "hybrid-depthwise_conv_2d", "conv_2d-windows_side_by_side", "deep-conv_2d", "deep-fully_connected",
    "lstm_basic-lstm_basic",
)  # fmt: skip
FEW = 1  # cases of a family in the quick tier, and in ways that are largest
# Kinds of ways, and families whose first cases are in the quick tier in these: some compile slowly.
QUICK = {"": FAMILIES[:-3], "large": ("conv_2d-conv_2d",), "shared": ("conv_2d-conv_2d_wide", "deep-conv_2d")}
# All cases of these families.
SERVED = [pytest.param(case, id=case.label) for family, case in cases.listed() if family in FAMILIES]
LARGEST = tuple(shape.name for shape in tiling.LARGEST)


def kind_of(way: str) -> str:
    return "shared" if "shared tiles" in way else "large" if way.endswith(LARGEST) else ""


def chosen() -> list[Any]:
    of = {name: [case for family, case in cases.listed() if family == name] for name in cases.families()}
    return [
        pytest.param(case, kind, id=f"{case.label}{kind and ', '}{kind}", marks=[] if quick else [pytest.mark.slow])
        for name in FAMILIES
        for k, case in enumerate(of[name])
        for kind in QUICK
        if kind != "large" or k < FEW
        for quick in [k < FEW and name in QUICK[kind]]
    ]


@pytest.mark.parametrize(("case", "kind"), chosen())
def test_each_way_conforms(case: Case, kind: str) -> None:
    prepared = prepare(case)
    graph, gpu = graph_of(prepared.content), DELEGATES["gl"]()
    for way in [way for way in gpu.ways(graph, graph.ops[0]) if kind_of(way) == kind]:
        assert gpu.lower(graph.with_ways({0: way}), (0,)).ways == {0: way}
        try:
            conforms(case, gpu, prepared, way)
        except AssertionError as error:
            raise AssertionError(f"in the way of {way}") from error


def conforms_in_half(case: Case, gpu: GPUDelegate) -> None:
    """Assert that each way of adding up in half is near; to all that the sums are, not to what activations leave."""
    activation = {"fused_activation_function": "NONE"} if "fused_activation_function" in case.options else {}
    case = replace(case, tolerance=max(case.tolerance, 1e-2), options={**case.options, **activation})
    prepared = prepare(case)
    graph = graph_of(prepared.content)
    for way in [way for way in gpu.ways(graph, graph.ops[0]) if way.endswith("in half")]:
        conforms(case, gpu, prepared, way)


@pytest.mark.slow
@pytest.mark.parametrize("case", SERVED)
def test_each_way_of_adding_up_in_half_conforms(case: Case) -> None:
    gpu = GPUDelegate(precision="fp16")
    if not DELEGATES["gl"]().limits.halves:
        pytest.skip("the driver has no arithmetic in half here; see tests/gpu/test_extensions.py")
    conforms_in_half(case, gpu)
    gpu.close()


def test_cases_cover_every_kind_of_way() -> None:
    """What the rules would choose between, with its numbers left out."""
    found = set()
    for name in FAMILIES:
        case = next(case for family, case in cases.listed() if family == name)
        graph = graph_of(prepare(case).content)
        found |= set(DELEGATES["gl"]().ways(graph, graph.ops[0]))
    assert {re.sub(r" \d+( by \d+)?", "", way) for way in found} == {
        "tiles of", "Winograd, tiles of", "shared tiles of", "Winograd, shared tiles of", "shared tiles of, sum in",
        "threads along outputs", "threads along outputs, to a sum",
        "Winograd, threads along outputs", "rows of", "whole windows, tiles of",
        "im2col, tiles of", "im2col, shared tiles of", "im2col, shared tiles of, sum in",
    }  # fmt: skip
