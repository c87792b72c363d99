"""What the mapping refuses and why, and what it says of operands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from ops.harness import graph_of

from delegraph.delegates.nnapi.abi import LEVELS, Operation, Type
from delegraph.delegates.nnapi.node import Const, Node, assemble, lowered
from delegraph.errors import Reason
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Quantization

Build = Callable[[GraphBuilder], None]
SLIDE: dict[str, Any] = {"stride_h": 1, "stride_w": 1, "padding": "SAME"}


@dataclass
class Weights:
    """Constant bytes with a scale."""

    values: np.ndarray


def nodes_of(build: Build, level: int = LEVELS[-1]) -> tuple[Node, ...] | Reason:
    b = GraphBuilder()
    build(b)
    graph = graph_of(b.build())
    return lowered(graph, graph.ops[0], level)


def one(kind: str, *inputs: Any, made: tuple[int, ...], type: str = "FLOAT32", q: Any = None, **options: Any) -> Build:
    """An op of inputs (a shape, an array, or (shape, type, quantisation)) and one result."""

    def build(b: GraphBuilder) -> None:
        tensors = []
        for value in inputs:
            if isinstance(value, Weights):
                tensors.append(b.constant(value.values, quantization=(0.1, 0)))
            elif isinstance(value, np.ndarray):
                tensors.append(b.constant(value))
            elif value and not isinstance(value[0], int):
                tensors.append(b.input(value[0], value[1], quantization=value[2]))
            else:
                tensors.append(b.input(value))
        b.output(b.op(kind, tensors, made, dtype=type, quantization=q, **options))

    return build


S = (0.5, 3)
REFUSED: list[tuple[str, Build]] = [
    ("kind", one("COS", (3,), made=(3,))),
    ("type", one("FLOOR", ((3,), "FLOAT64", None), made=(3,), type="FLOAT64")),
    ("rank", one("ADD", (1, 2, 1, 2, 3), (3,), made=(1, 2, 1, 2, 3))),
    ("empty", one("ABS", (0, 3), made=(0, 3))),
    ("activation", one("ADD", (3,), (3,), made=(3,), fused_activation_function="TANH")),
    ("activation", one("CONCATENATION", (2, 3), (2, 3), made=(4, 3), axis=0, fused_activation_function="RELU")),
    ("quantization", one("MUL", ((3,), "UINT8", S), ((3,), "UINT8", S), made=(3,), type="UINT8", q=(0.25, 0))),
    ("quantization", one("LOGISTIC", ((3,), "INT8", S), made=(3,), type="INT8", q=(1 / 128, 0))),
    ("quantization", one("RELU", ((3,), "INT8", S), made=(3,), type="INT8", q=(0.25, 3))),
    ("quantization", one("RESHAPE", ((3,), "UINT8", S), np.array([3], np.int32), made=(3,), type="UINT8", q=(0.5, 4))),
    ("hybrid", one("FULLY_CONNECTED", (2, 4), Weights(np.ones((3, 4), np.int8)), made=(2, 3))),
    ("not_constant", one("CONV_2D", (1, 4, 4, 2), (3, 1, 1, 2), made=(1, 4, 4, 3), **SLIDE)),
    ("shape", one("CONV_2D", (1, 4, 4, 2), np.ones((3, 1, 1, 2), np.float32), made=(1, 4, 4, 4), **SLIDE)),
    ("shape", one("ADD", (2, 3), (3,), made=(3, 3))),
    ("shape", one("BROADCAST_TO", (), np.array([2, 4], np.int32), made=(), op_version=2)),
    ("axis", one("REVERSE_V2", (2, 3), np.array([0, 1], np.int32), made=(2, 3))),
    ("slice", one("STRIDED_SLICE", (4, 3), *(np.array([v], np.int32) for v in (0, 2, 1)), made=(2, 3))),
    ("batch_dims", one("GATHER", (2, 3), np.zeros((2, 1), np.int32), made=(2, 1), axis=1, batch_dims=1)),
    ("places", one("GATHER", (2, 3), np.array([2], np.int32), made=(1, 3), axis=0)),
    ("align_corners", one("RESIZE_NEAREST_NEIGHBOR", (1, 2, 2, 1), np.array([4, 4], np.int32), made=(1, 4, 4, 1),
                          align_corners=True, half_pixel_centers=True)),
    ("beta", one("SOFTMAX", (2, 3), made=(2, 3), beta=-1.0)),
    ("type", one("CAST", ((3,), "INT32", None), made=(3,), type="UINT8", in_data_type="INT32", out_data_type="UINT8")),
]  # fmt: skip


@pytest.mark.parametrize(("code", "build"), REFUSED)
def test_what_is_refused_has_a_reason(code: str, build: Build) -> None:
    found = nodes_of(build)
    assert isinstance(found, Reason)
    assert found.code == code


def quantized_conv(per_channel: bool, out: float = 2.0) -> Build:
    def build(b: GraphBuilder) -> None:
        x = b.input((1, 4, 4, 2), "INT8" if per_channel else "UINT8", quantization=(0.5, 1))
        scales: Any = Quantization(np.array([0.1, 0.2, 0.3], np.float32), np.zeros(3, np.int64), 0)
        kind = np.int8 if per_channel else np.uint8
        w = b.constant(np.ones((3, 1, 1, 2), kind), quantization=scales if per_channel else (0.1, 7))
        bias = b.constant(np.arange(3, dtype=np.int32), quantization=(0.123, 0))
        made = "INT8" if per_channel else "UINT8"
        b.output(b.op("CONV_2D", [x, w, bias], (1, 4, 4, 3), dtype=made, quantization=(out, 0), **SLIDE))

    return build


def test_a_bias_has_the_scale_that_nnapi_wants() -> None:
    (node,) = nodes_of(quantized_conv(False))  # type: ignore[misc]
    bias = node.inputs[2]
    assert isinstance(bias, Const) and bias.operand.type is Type.TENSOR_INT32
    assert bias.operand.scale == float(np.float32(0.5) * np.float32(0.1))
    (node,) = nodes_of(quantized_conv(True))  # type: ignore[misc]
    bias, weights = node.inputs[2], node.inputs[1]
    assert isinstance(bias, Const) and bias.operand.scale == 0.0
    assert isinstance(weights, Const) and weights.operand.channel == 0
    np.testing.assert_allclose(weights.operand.scales, (0.1, 0.2, 0.3), rtol=1e-6)


def test_before_29_a_results_scale_is_above_the_product() -> None:
    assert not isinstance(nodes_of(quantized_conv(False, out=0.06), 27), Reason)
    found = nodes_of(quantized_conv(False, out=0.04), 27)
    assert isinstance(found, Reason) and found.met == "CONV_2D needs 29"


def test_a_late_operation_has_another_way() -> None:
    swish = one("HARD_SWISH", (3,), made=(3,))
    late, early = nodes_of(swish, 30), nodes_of(swish, 27)
    assert not isinstance(late, Reason) and not isinstance(early, Reason)
    assert [node.code for node in late] == [Operation.HARD_SWISH]
    assert [node.code for node in early] == [Operation.ADD, Operation.MUL, Operation.MUL]


def test_what_is_remembered_twice_is_refused() -> None:
    """It would have two next values."""

    def build(b: GraphBuilder) -> None:
        weights = [b.constant(np.ones(shape, np.float32)) for shape in ((4, 3), (4, 4), (4,))]
        cell = [*weights, b.variable((2, 4))]
        made = [b.tensor((2, 5, 4)), b.tensor((2, 5, 4))]
        b.op(
            "BIDIRECTIONAL_SEQUENCE_RNN", [b.input((2, 5, 3)), *cell, *cell, -1, -1, -1], outputs=made,
            time_major=False, merge_outputs=False,
        )  # fmt: skip
        b.output(*made)

    found = nodes_of(build)
    assert isinstance(found, Reason) and found.code == "variable"


def test_what_several_ops_share_is_one_operand() -> None:
    b = GraphBuilder()
    x, w = b.input((2, 4)), b.constant(np.ones((4, 4), np.float32))
    y = b.op("FULLY_CONNECTED", [x, w], (2, 4))
    b.output(b.op("FULLY_CONNECTED", [y, w], (2, 4)))
    graph = graph_of(b.build())
    nodes = []
    for op in graph.ops:
        found = lowered(graph, op, 27)
        assert not isinstance(found, Reason)
        nodes += found
    program = assemble(graph, nodes, graph.inputs, graph.outputs)
    assert sum(operand.dims == (4, 4) for operand in program.operands) == 1
    assert sum(operand.type is Type.INT32 for operand in program.operands) == 1
