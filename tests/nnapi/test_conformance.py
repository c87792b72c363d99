"""Every kind of op that is mapped, through the reference library, against LiteRT's reference kernels."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pytest
from ops.harness import Arrays, graph_of

import cases
from case import STEP, Case
from conformance.oracle import Prepared, prepare, run_runtime
from delegraph.delegates.nnapi.delegate import NNAPIDelegate
from delegraph.delegates.nnapi.node import mappings
from delegraph.delegates.nnapi.samples import TYPES, sample
from delegraph.errors import InvalidModel
from delegraph.graph.model import Graph
from nnapi.conftest import Phone
from nnapi.kit import agrees, bounded, kind_of, run, runs, told

KINDS = sorted(mappings())
FEW = 1  # cases of a kind in the quick tier
# Of equal values NNAPI wants another place than TFLite: places are compared only where no values are equal.
TIES = "TOPK_V2"
NEIGHBOURS = (
    "LOCAL_RESPONSE_NORMALIZATION"  # of which the reference kernel leaves out one; the runtime's other does not
)
WITHOUT_REFERENCE = (NEIGHBOURS, "CEIL", "ELU")
BUILTIN = [kind for kind in KINDS if not kind.startswith("CUSTOM ")]  # cases of custom ops have oracles of their own


def taken(kind: str, delegate: NNAPIDelegate, most: int | None) -> int:
    """How many cases of a kind were taken and agreed."""
    count = 0
    for _, case in chain(cases.listed(), () if most else cases.more()):
        if kind_of(case) != kind:
            continue
        try:
            prepared = prepare(case)
            graph = graph_of(prepared.content)
        except (InvalidModel, RuntimeError, ValueError):
            continue
        if told(graph) and bounded(graph, prepared) and delegate.supports(graph, graph.ops[0]).ok:
            compare(case, delegate, graph, prepared)
            count += 1
        if count == most:
            break
    return count


def compare(case: Case, delegate: NNAPIDelegate, graph: Graph, prepared: Prepared) -> None:
    wanted = prepared.wanted
    if case.kind == NEIGHBOURS:
        wanted = run_runtime(prepared.content, prepared.inputs, reference=False)
    found = runs(delegate, graph, prepared.inputs)
    for inputs, made, want in zip(prepared.inputs, found, wanted, strict=True):
        for got, w in zip(made, want, strict=True):
            if case.kind == TIES and got.dtype == np.int32 and len(np.unique(inputs[0])) < inputs[0].size:
                continue
            agrees(graph, got, w, max(case.tolerance, 1e-5))


@pytest.mark.parametrize("kind", KINDS)
def test_cases(kind: str, phone: Phone) -> None:
    taken(kind, NNAPIDelegate(library=phone.path), FEW)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_all_cases(kind: str, phone: Phone) -> None:
    taken(kind, NNAPIDelegate(library=phone.path), None)


@pytest.mark.parametrize("kind", BUILTIN)
def test_samples(kind: str, phone: Phone) -> None:
    delegate, compared = NNAPIDelegate(library=phone.path), 0
    for type in TYPES:
        try:
            graph = sample(kind, type)
        except InvalidModel:
            continue
        if not delegate.supports(graph, graph.ops[0]).ok or not told(graph):
            continue
        inputs = drawn(graph)
        wanted = told_by_the_runtime(kind, type, graph, inputs)
        for got, want in zip(run(delegate, graph, inputs), wanted, strict=bool(wanted)):
            agrees(graph, got, want.astype(got.dtype), 1e-5 if got.dtype != np.float16 else STEP)
        compared += bool(wanted)
    assert compared, "no type of it was compared"


def told_by_the_runtime(kind: str, type: str, graph: Graph, inputs: Arrays) -> list[Any]:
    """What the runtime gives, in floats where it has no halves; nothing where it does not take the type."""
    reference = kind not in WITHOUT_REFERENCE
    try:
        return run_runtime(graph.model.content, [inputs], reference)[0]
    except (RuntimeError, ValueError):
        if type != "FLOAT16":
            return []
    floats = [x.astype(np.float32) if x.dtype == np.float16 else x for x in inputs]
    return run_runtime(sample(kind, "FLOAT32").model.content, [floats], reference)[0]


def drawn(graph: Graph) -> list[np.ndarray]:
    """Distinct positive values, and places within a table of two rows."""
    rng = np.random.default_rng(0)
    found = []
    for t in graph.inputs:
        tensor = graph.tensors[t]
        values = rng.permutation(tensor.size) + 1
        if tensor.type == "INT32" and graph.ops[0].kind in (
            "GATHER",
            "GATHER_ND",
            "EMBEDDING_LOOKUP",
            "HASHTABLE_LOOKUP",
        ):
            values = np.arange(2) if tensor.shape == (2,) else values % 2 if tensor.shape in ((3,), (3, 1)) else values
        scale = 0.25 if tensor.dtype.kind == "f" else 1
        found.append((values * scale).astype(tensor.dtype).reshape(tensor.shape))
    return found
