"""Unary and binary ops: special values, fusion and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from delegraph.graph.builder import GraphBuilder

from .harness import check, graph_of, random_inputs, reference, refuses, run_gpu
from .single import model, one

UNARY: dict[str, dict[str, Any]] = {
    kind: {}
    for kind in (
        "ABS", "COS", "EXP", "FLOOR", "GELU", "HARD_SWISH", "LOG", "LOGISTIC", "NEG", "RELU", "RELU6", "RELU_0_TO_1",
        "RELU_N1_TO_1", "RSQRT", "SIGN", "SIN", "SQRT", "SQUARE", "TANH", "ZEROS_LIKE",
    )
}  # fmt: skip
UNARY |= {"GELU approximate": {"approximate": True}, "LEAKY_RELU": {"alpha": 0.3}, "LEAKY_RELU steep": {"alpha": -1.5}}
SPECIAL = np.array(
    [np.inf, -np.inf, np.nan, 0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 50, -50, 100, -100, 1e30, -1e30, 1e-20, 5, -5],
    np.float32,
)


def values(shape: tuple[int, ...], seed: int = 0, spread: float = 4) -> NDArray[np.float32]:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape) * spread, np.float32)


@pytest.mark.parametrize("name", sorted(set(UNARY) - {"SIN", "COS"}))
def test_unary_special_values(name: str) -> None:
    content = one(name.split()[0], SPECIAL.shape, **UNARY[name])
    got = run_gpu(graph_of(content), [SPECIAL])[0]
    np.testing.assert_allclose(got, reference(content, [SPECIAL])[0], rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["FLOOR_MOD", "MAXIMUM", "MINIMUM", "POW", "SQUARED_DIFFERENCE"])
def test_binary_special_values(kind: str) -> None:
    some = SPECIAL[~((SPECIAL == 0) & np.signbit(SPECIAL)) & (np.abs(SPECIAL) != np.float32(1e30))]
    a, b = (v.ravel() for v in np.meshgrid(some, some))
    content = one(kind, a.shape, b.shape)
    got = run_gpu(graph_of(content), [a, b])[0]
    np.testing.assert_allclose(got, reference(content, [a, b])[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL"])
def test_both_operands_the_same(kind: str) -> None:
    b = GraphBuilder()
    x = b.input((1, 5, 3, 3))
    b.output(b.op(kind, [x, x], (1, 5, 3, 3)))
    check(b.build(), launches=1)


@pytest.mark.parametrize("channels", [3, 4, 5, 8])
def test_a_chain_becomes_one_launch(channels: int) -> None:
    shape = (1, 5, 3, channels)
    b = GraphBuilder()
    x, skip, gate = b.input(shape), b.input(shape), b.input((1, 1, 1, channels))
    y = b.op("MUL", [x, b.constant(values((channels,)))], shape)
    y = b.op("RELU", [y], shape)
    y = b.op("SUB", [skip, y], shape, fused_activation_function="RELU6")
    y = b.op("MUL", [y, gate], shape)
    y = b.op("PRELU", [y, b.constant(values((1, 1, channels), 1))], shape)
    y = b.op("LEAKY_RELU", [y], shape, alpha=0.1)
    b.output(b.op("DIV", [b.constant(np.float32(2)), b.op("EXP", [y], shape)], shape))
    check(b.build(), launches=1)


def test_what_two_fused_ops_read_is_kept_beside_the_value() -> None:
    b = GraphBuilder()
    x = b.input((1, 5, 3, 4))
    y = b.op("NEG", [x], (1, 5, 3, 4))
    b.output(b.op("ADD", [b.op("EXP", [y], (1, 5, 3, 4)), y], (1, 5, 3, 4)))
    check(b.build(), launches=1)


def test_a_broadcast_takes_the_op_after_it() -> None:
    b = GraphBuilder()
    x, y = b.input((1, 5, 1, 8)), b.input((1, 1, 3, 8))
    b.output(b.op("TANH", [b.op("ADD", [x, y], (1, 5, 3, 8))], (1, 5, 3, 8)))
    check(b.build(), launches=1)


def test_all_operands_constant() -> None:
    b = GraphBuilder()
    b.input((1,))
    y = b.op("ADD", [b.constant(values((2, 3))), b.constant(values((3,), 1))], (2, 3))
    b.output(b.op("RELU", [y], (2, 3)))
    graph = graph_of(b.build())
    got = run_gpu(graph, random_inputs(graph))[0]
    np.testing.assert_allclose(got, np.maximum(values((2, 3)) + values((3,), 1), 0), rtol=1e-6)


@pytest.mark.parametrize(
    "content, code",
    [
        (model("RELU", [(2, 3)], [(3, 2)]), "shape"),
        (model("ADD", [(2, 3), (3,)], [(2, 1)]), "shape"),
        (model("ADD", [(2, 3), (2,)], [(2, 3)]), "shape"),
        (model("PRELU", [(3,), (2, 3)], [(2, 3)]), "shape"),
        (model("ATAN2", [(2, 3), (1, 3)], [(2, 3)]), "shape"),
        (model("ADD", [(2, 3), [1, 2, 3]], [(2, 3)]), "type"),
        (model("MUL", [(2, 3), np.ones(3, np.float16)], [(2, 3)]), "type"),
    ],
)
def test_refusals(content: bytes, code: str) -> None:
    refuses(content, code)
