"""Unary and binary ops: every function, every way to broadcast, special values, fusion and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from delegraph.graph.builder import GraphBuilder

from .harness import check, difference, graph_of, random_inputs, reference, refuses, run_gpu
from .single import Input, model, one

UNARY: dict[str, dict[str, Any]] = {
    kind: {}
    for kind in (
        "ABS", "COS", "EXP", "FLOOR", "GELU", "HARD_SWISH", "LOG", "LOGISTIC", "NEG", "RELU", "RELU6", "RELU_0_TO_1",
        "RELU_N1_TO_1", "RSQRT", "SIGN", "SIN", "SQRT", "SQUARE", "TANH", "ZEROS_LIKE",
    )
}  # fmt: skip
UNARY |= {"GELU approximate": {"approximate": True}, "LEAKY_RELU": {"alpha": 0.3}, "LEAKY_RELU steep": {"alpha": -1.5}}
NOT_IN_REFERENCE = ("CEIL", "ELU", "ROUND")  # LiteRT has only one kernel of these
POSITIVE = ("LOG", "RSQRT", "SQRT")
BINARY = (
    "ADD", "ATAN2", "DIV", "FLOOR_DIV", "FLOOR_MOD", "MAXIMUM", "MINIMUM", "MUL", "POW", "SQUARED_DIFFERENCE", "SUB",
)  # fmt: skip
SHAPES = [(), (1,), (1, 1, 1, 1), (1, 17, 13, 1), (2, 5, 7, 3), (1, 6, 5, 4), (3, 5), (1, 1, 2, 1, 3, 8)]
SPECIAL = np.array(
    [np.inf, -np.inf, np.nan, 0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 50, -50, 100, -100, 1e30, -1e30, 1e-20, 5, -5],
    np.float32,
)


def values(shape: tuple[int, ...], seed: int = 0, spread: float = 4) -> NDArray[np.float32]:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape) * spread, np.float32)


def operands(kind: str, *shapes: tuple[int, ...]) -> list[NDArray[np.float32]]:
    """Inputs that keep an op's results finite, and away from where a rounding error makes a whole step."""
    found = [values(shape, seed) for seed, shape in enumerate(shapes)]
    if kind in ("FLOOR_DIV", "FLOOR_MOD"):
        found = [
            np.where(v >= 0, np.ceil(v * 8), np.floor(v * 8)).astype(np.float32) + np.float32(v == 0) for v in found
        ]
    if kind in ("DIV", "POW"):
        found = [np.sign(v) * (np.abs(v) / 4 + np.float32(0.25)) for v in found]
    if kind == "POW":
        found[0] = np.abs(found[0])
    return found


def runtime(content: bytes, inputs: list[NDArray[Any]]) -> NDArray[Any]:
    """What LiteRT's default kernels give, for ops that its reference kernels lack."""
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs[0])
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str, shape: tuple[int, ...]) -> None:
    kind = name.split()[0]
    x = values(shape)
    if kind in POSITIVE:
        x = np.asarray(np.abs(x) + np.float32(0.01))
    check(one(kind, shape, **UNARY[name]), inputs=[x], tolerance=1e-6, launches=1)


@pytest.mark.parametrize("shape", [(2, 5, 7, 3), (1, 6, 5, 4)], ids=str)
@pytest.mark.parametrize("kind", NOT_IN_REFERENCE)
def test_unary_without_reference(kind: str, shape: tuple[int, ...]) -> None:
    content = model(kind, [shape], [shape])
    x = np.round(values(shape) * 4) / 4
    assert difference(run_gpu(graph_of(content), [x])[0], runtime(content, [x])) <= 1e-6


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


@pytest.mark.parametrize("kind", ["FLOOR_DIV", "FLOOR_MOD"])
def test_floor_division_of_tenths(kind: str) -> None:
    """Quotients that float32 rounds up to the integer which they lie below."""
    rng = np.random.default_rng(0)
    a = np.float32(rng.integers(-50, 50, 3000) / 10)
    b = np.float32(rng.integers(1, 20, 3000) * rng.choice([-1, 1], 3000) / 10)
    check(one(kind, a.shape, b.shape), inputs=[a, b], tolerance=0)


@pytest.mark.parametrize("shape", [(), (1, 17, 13, 1), (2, 5, 7, 3), (1, 6, 5, 4), (3, 5)], ids=str)
@pytest.mark.parametrize("kind", BINARY)
def test_binary_of_one_shape(kind: str, shape: tuple[int, ...]) -> None:
    tolerance = 1e-5 if kind == "ATAN2" else 1e-6  # Mesa's atan is 1.5e-6 off
    check(one(kind, shape, shape), inputs=operands(kind, shape, shape), tolerance=tolerance, launches=1)


@pytest.mark.parametrize("kind", sorted({*BINARY} - {"ATAN2"}))
@pytest.mark.parametrize("small", [(), (1,), (3,), (7, 3), (1, 5, 1, 1), (5, 1, 3), (2, 1, 1, 1)], ids=str)
@pytest.mark.parametrize("constant", ["left", "right", "neither"])
def test_binary_with_a_constant(kind: str, small: tuple[int, ...], constant: str) -> None:
    """A constant of any shape on either side, or a computed one."""
    shapes = ((2, 5, 7, 3), small) if constant == "right" else (small, (2, 5, 7, 3))
    found = operands(kind, *shapes)
    inputs: list[Input] = list(shapes)
    if constant != "neither":
        inputs[shapes.index(small)] = found.pop(shapes.index(small))
    check(one(kind, *inputs), inputs=found, tolerance=1e-6, launches=1)


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 2.5])
def test_constant_powers(exponent: float) -> None:
    check(
        one("POW", (1, 5, 3, 4), np.array([exponent], np.float32)), inputs=operands("POW", (1, 5, 3, 4)), tolerance=1e-6
    )


@pytest.mark.parametrize("activation", ["RELU", "RELU6", "RELU_N1_TO_1"])
@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL", "DIV"])
@pytest.mark.parametrize("small", [(2, 5, 7, 3), (3,), (5, 1, 1)], ids=str)
def test_fused_activation_of_a_binary(kind: str, activation: str, small: tuple[int, ...]) -> None:
    content = one(kind, (2, 5, 7, 3), small, fused_activation_function=activation)
    check(content, inputs=operands(kind, (2, 5, 7, 3), small), tolerance=1e-6, launches=1)


@st.composite
def broadcasts(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes that broadcast: ranks to 6, any dimensions absent or 1 on either side."""
    whole = draw(st.lists(st.sampled_from([1, 2, 3, 4, 8]), max_size=6))
    found = []
    for _ in range(2):
        shape = [n if draw(st.booleans()) else 1 for n in whole]
        found.append(tuple(shape[draw(st.integers(0, len(shape))) :]))
    return found[0], found[1]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    shapes=broadcasts(), kind=st.sampled_from(["ADD", "SUB", "DIV", "MAXIMUM"]), constant=st.sampled_from([None, 0, 1])
)
def test_any_broadcast(shapes: tuple[tuple[int, ...], ...], kind: str, constant: int | None) -> None:
    found = operands(kind, *shapes)
    inputs: list[Input] = list(shapes)
    if constant is not None:
        inputs[constant] = found.pop(constant)
    check(one(kind, *inputs), inputs=found, tolerance=1e-6, launches=1)


@pytest.mark.parametrize(
    "shape, alpha",
    [
        ((2, 5, 7, 3), (3,)),
        ((2, 5, 7, 3), (1, 1, 3)),
        ((1, 4, 3, 8), (4, 1, 8)),
        ((1, 4, 3, 5), (4, 3, 1)),
        ((6,), (1,)),
    ],
    ids=str,
)
@pytest.mark.parametrize("constant", [True, False])
def test_prelu(shape: tuple[int, ...], alpha: tuple[int, ...], constant: bool) -> None:
    slopes = values(alpha, 1)
    content = one("PRELU", shape, slopes if constant else alpha)
    check(content, inputs=[values(shape)] if constant else [values(shape), slopes], tolerance=1e-6, launches=1)


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
