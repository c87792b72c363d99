"""What the runtime's C structures tell of an op is what its file says, for every conformance case."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import cases
from case import Case
from conformance.oracle import prepare
from delegraph.graph.model import Graph, Op
from delegraph.graph.read import read
from delegraph.plugin import abi
from delegraph.plugin.native import GraphContext, Kernel, NativeDelegate
from delegraph.plugin.nodes import NodeSource
from delegraph.plugin.probe import check_runtimes
from delegraph.plugin.sources import Found
from plugin.kit import theirs


class Reader(NativeDelegate):
    """Takes nothing, and keeps the graph that the structures give."""

    def __init__(self) -> None:
        super().__init__("reader")
        self.found: list[Found] = []

    def take(self, context: GraphContext) -> Sequence[int]:
        self.found.append(NodeSource().graph(context, context.plan()))
        return ()

    def kernel(self, context: GraphContext, part: abi.DelegateParams) -> Kernel:
        raise AssertionError("nothing was taken")

    def failed(self, callback: str, error: BaseException, trace: str) -> None:
        self.problem = trace


def graph_of(content: bytes) -> tuple[Graph, Found]:
    """A model's graph by its bytes, and by what a runtime shows of it."""
    check_runtimes()
    reader = Reader()
    reader.flags = abi.ALLOW_DYNAMIC
    theirs(content, [reader])
    return read(content).graphs[0], reader.found[0]  # those of subgraphs that ops call follow


def same_options(op: Op, found: Op) -> None:
    for name, value in op.options.items():
        if name == "custom_options":
            assert bytes(found.options[name] or b"") == bytes(value or b"")
            continue
        if name in ("quantized_bias_type", "fixed_point_scaling"):  # not in all versions of the structures, or unused
            continue
        got = found.options[name]
        if isinstance(value, float):
            np.testing.assert_equal(np.float32(got), np.float32(value), name)  # NaN is as good as itself
        elif value is None or isinstance(value, np.ndarray):
            assert np.array_equal(got if got is not None else (), value if value is not None else ()), name
        else:
            assert got == value, name


def agree(case: Case) -> bool:
    """Whether the op was read; asserts that all that was read is right."""
    graph, found = graph_of(prepare(case).content)
    for op in graph.ops:
        other = found.graph.ops[found.ops[op.index]]
        assert (other.inputs, other.outputs) == (op.inputs, op.outputs)
        if op.index not in found.unread:
            assert (other.kind, other.custom_code, other.version) == (op.kind, op.custom_code, op.version)
            same_options(op, other)
        for t in (*op.inputs, *op.outputs):
            if t >= 0:
                wanted, got = graph.tensors[t], found.graph.tensors[t]
                assert (got.type, got.shape, got.is_variable, got.is_sparse) == (
                    wanted.type, wanted.shape, wanted.is_variable, wanted.is_sparse
                )  # fmt: skip
                if op.index not in found.unread:
                    assert (got.data is None) == (wanted.data is None)
                    assert wanted.data is None or bytes(got.data or b"") == bytes(wanted.data)
                if wanted.quantization is not None and got.quantization is not None:
                    assert np.array_equal(wanted.quantization.scales, got.quantization.scales)
                    assert np.array_equal(wanted.quantization.zero_points, got.quantization.zero_points)
                    assert wanted.quantization.axis == got.quantization.axis
                assert (got.quantization is None) == (wanted.quantization is None)
    return not found.unread


KINDS: dict[str, list[Case]] = {}
for _, listed in cases.listed():
    KINDS.setdefault(listed.kind, []).append(listed)

# Kinds of which nothing is said without the model: those that remember, look up or call, or have options not read here.
UNREAD = {
    "BUCKETIZE", "BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN", "CUSTOM", "EMBEDDING_LOOKUP_SPARSE",
    "LSH_PROJECTION", "LSTM", "REDUCE_WINDOW", "RNN", "STABLEHLO_GATHER", "STABLEHLO_PAD", "STABLEHLO_REDUCE_WINDOW",
    "STABLEHLO_RNG_BIT_GENERATOR", "STABLEHLO_SCATTER", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_structures_tell_what_the_file_says(kind: str) -> None:
    some = KINDS[kind][:: max(len(KINDS[kind]) // 6, 1)]
    told = [agree(case) for case in some]
    assert any(told) == (kind not in UNREAD)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_structures_of_every_case(kind: str) -> None:
    for case in KINDS[kind]:
        agree(case)
