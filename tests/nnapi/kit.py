"""A graph run by the delegate alone, and which results the reference library can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import chain
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from ops.harness import Arrays, Loaded, difference

from case import Case
from conformance.oracle import Prepared
from delegraph.delegates.gpu import GPUDelegate
from delegraph.delegates.nnapi.delegate import NNAPIDelegate
from delegraph.graph.model import Graph

# The reference kernels compare rescaled integers, in which neighbours may be equal; NNAPI tells of real numbers
# (test_ways.py).
COMPARISONS = {"EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL"}
# What the library computes in floats, where TFLite's reference kernels use fixed point: a step apart at most.
BY_FLOATS = {
    "HARD_SWISH", "L2_NORMALIZATION", "LOGISTIC", "MEAN", "RESIZE_BILINEAR", "RSQRT", "SOFTMAX", "TANH",
}  # fmt: skip


def kind_of(case: Case) -> str:
    """By what the mapping of a case is found."""
    return f"CUSTOM {case.options['custom_code']}" if case.kind == "CUSTOM" else case.kind


def told(graph: Graph) -> bool:
    """Whether the reference library computes the one op of a graph."""
    op = graph.ops[0]
    tensors = [graph.tensors[t] for t in op.inputs if t >= 0]
    if not any(t.type in ("INT8", "UINT8") for t in tensors):
        return True
    if op.kind == "FULLY_CONNECTED" and any(t.quantization and t.quantization.scales.size > 1 for t in tensors):
        return False  # a convolution there, which rounds otherwise: test_ways.py
    return not (op.kind in COMPARISONS and any(t.quantization is not None for t in tensors))


def bounded(graph: Graph, prepared: Prepared) -> bool:
    """Whether the API says what comes out: no number of a case is beyond its type, and nothing overflows."""
    constants = filter(lambda x: x is not None, map(graph.constant, graph.ops[0].inputs))
    found = chain(constants, *prepared.inputs, *prepared.wanted)
    return all((np.abs(x) < np.finfo(x.dtype).max).all() for x in found if x.dtype.kind == "f")


def run(delegate: NNAPIDelegate, graph: Graph, inputs: Arrays) -> list[NDArray[Any]]:
    """The graph's outputs, computed by the delegate alone on memory that is poisoned at first."""
    return runs(delegate, graph, [inputs])[0]


def runs(delegate: NNAPIDelegate, graph: Graph, each: Sequence[Arrays]) -> list[list[NDArray[Any]]]:
    """The same, run after run; before the last of several, variables are reset."""
    found = []
    with ExitStack() as stack:
        loaded = Loaded(stack, cast(GPUDelegate, delegate), graph, False)
        for k, inputs in enumerate(each):
            if k and k == len(each) - 1:
                loaded.executable.reset_variables()
            found.append(loaded.run(inputs))
    return found


def agrees(graph: Graph, got: NDArray[Any], want: NDArray[Any], tolerance: float) -> None:
    """Assert that a result of a graph's one op is near enough; bytes are the same, or as `BY_FLOATS` says."""
    op = graph.ops[0]
    requantized = op.kind == "QUANTIZE" and graph.tensors[op.inputs[0]].dtype.kind in "iu"
    if got.dtype.kind in "iu" and (op.kind in BY_FLOATS or requantized):
        assert np.abs(got.astype(int) - want.astype(int)).max() <= 1
        return
    assert difference(got, want) <= tolerance
