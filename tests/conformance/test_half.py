"""Ops of floats in fp16, against the oracle of the same case with inputs and weights that half holds exactly.

Then all that is rounded are the results, once where they are stored: by at most 2 ** -11 of themselves. Half of that
more is for what a body hands on to itself through its output, as recurrent ops do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from ops.harness import Loaded, delegate, difference, es_delegate, graph_of

import cases
from case import FLOAT, Array, Case, Typed
from conformance.oracle import prepare
from delegraph.delegates.gpu import GPUDelegate
from delegraph.errors import Learned
from delegraph.graph.model import Graph

HALF = 1.5 * 2.0**-11
SMALLEST = 2.0**-24  # what half's numbers next to 0 are apart
FEW = 1  # cases of each kind in the quick tier


@cache
def halving(api: str) -> GPUDelegate:
    """The delegate of an API that all tests here share."""
    {"gl": delegate, "gles": es_delegate}[api]()  # skips or fails where it is not here
    made = GPUDelegate(api=api, precision="fp16")
    made.check_each = True
    return made


def rounded(value: Array) -> Array:
    """What half holds of floats; the largest that it does for what is beyond."""
    if value.dtype != np.float32:
        return value
    with np.errstate(over="ignore"):
        found = value.astype(np.float16)
    found = np.where(np.isinf(found) & np.isfinite(value), np.copysign(np.float16(65504), value), found)
    return found.astype(np.float32)


def in_half(case: Case) -> Case:
    """The case with inputs and constants that half holds."""

    def held(value: Typed | None) -> Typed | None:
        if value is None or value.role == "variable" or value.type != FLOAT:
            return value
        return replace(value, values=lambda rng, shape, dtype: rounded(value.draw(rng, case.values)))

    return replace(case, inputs=tuple(map(held, case.inputs)))


def of_floats() -> Iterator[object]:
    """Cases that make floats: of each kind FEW in the quick tier; in the slow one the others, and those by OpenGL ES.

    Not RANGE, whose shape depends on what would be rounded, nor those whose weights have scales that half has not, nor
    infinities, of which the reference makes the largest float32.
    """
    seen: dict[str, int] = {}
    for name, case in cases.listed():
        scaled = any(value is not None and value.type.quantization is not None for value in case.inputs)
        drawn = (value.values for value in case.inputs if value is not None)
        infinite = any(isinstance(values, np.ndarray) and np.isinf(values).any() for values in drawn)
        if FLOAT not in case.makes or case.name == "RANGE" or scaled or infinite:
            continue
        seen[case.name] = seen.get(case.name, 0) + 1
        few, label = seen[case.name] <= FEW, f"{name} {case.label}"
        yield pytest.param(case, "gl", id=f"gl-{label}", marks=[] if few else pytest.mark.slow)
        if few:
            yield pytest.param(case, "gles", id=f"gles-{label}", marks=pytest.mark.slow)


def outputs(graph: Graph, case: Case, runs: list[list[Array]], gpu: GPUDelegate) -> list[list[Array]]:
    """What the GPU makes in each run; from the start again where an op has to be kept in float32."""
    while True:
        try:
            with ExitStack() as stack:
                loaded, found = Loaded(stack, gpu, graph, True), []
                for k, inputs in enumerate(runs):
                    if k and k == case.runs - 1:
                        loaded.executable.reset_variables()
                    found.append(loaded.run(inputs))
                return found
        except Learned:
            continue


@pytest.mark.parametrize("case, api", list(of_floats()))
def test_results_are_rounded_once(case: Case, api: str) -> None:
    gpu = halving(api)
    prepared = prepare(in_half(case))
    graph = graph_of(prepared.content)
    verdict = gpu.supports(graph, graph.ops[0])
    assert verdict.ok, verdict
    assert verdict.note.startswith(("in fp16", "kept in float32: its constant"))
    for got, want in zip(outputs(graph, case, prepared.inputs, gpu), prepared.wanted, strict=True):
        for g, w in zip(got, want, strict=True):
            floats = w.dtype == np.float32
            near = floats and np.allclose(g, w, 0, SMALLEST, equal_nan=True)
            assert near or difference(g, w) <= case.tolerance + (HALF if floats else 0)
