"""Stages that change the type of a value, and tables indexed by it; what of that is fused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ops.harness import check, delegate, graph_of, refusals, whole

from delegraph.delegates.gpu import lowering
from delegraph.delegates.gpu.kernels import supported
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph, Op
from delegraph.shaders.program import Arg, Elementwise, Limits, Program, Stage
from delegraph.shaders.types import ANY, INDICES

from .graphs import conv
from .launch import launched

CASTS = {"FLOAT32": "MADE(x)", "INT32": "MADE(x)", "INT64": "MADE(x, x >> 31)"}


def cast(graph: Graph, op: Op, limits: Limits) -> Elementwise:
    """CAST as a stage, for the types of these tests; INT64 is made of INT32."""
    return Elementwise(op.inputs[0], op.outputs[0], Stage(CASTS[graph.tensors[op.outputs[0]].type]))


@pytest.fixture(autouse=True)
def casts(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests have a CAST of their own, whatever kernels there are."""
    shipped, own = lowering.kernels_for, (SimpleNamespace(lower=cast, TYPES=ANY),)
    monkeypatch.setattr(lowering, "kernels_for", lambda op: own if op.kind == "CAST" else shipped(op))


def dispatches(content: bytes) -> int:
    graph = graph_of(content)
    assert not refusals(graph)
    return len(delegate().lower(graph, whole(graph).ops).uses)


@pytest.mark.parametrize("channels", [3, 4])
def test_there_and_back_in_one_launch(channels: int) -> None:
    """A convolution, to integers, back to floats, and what they differ by from before: a value kept across types."""
    shape = (1, 5, 4, channels)
    b = GraphBuilder()
    made = b.op("MUL", [conv(b, b.input(shape), shape), b.constant(np.array(9, np.float32))], shape)
    whole_part = b.op("CAST", [b.op("CAST", [made], shape, dtype="INT32")], shape, dtype="FLOAT32")
    b.output(b.op("SUB", [made, whole_part], shape))
    content = b.build()
    check(content, launches=1, tolerance=1e-4)


def test_an_operand_of_another_type_than_the_body_stores() -> None:
    shape = (2, 6)
    b = GraphBuilder()
    x, scale = b.input(shape, "INT32"), b.input((6,))
    small = b.op("CAST", [b.op("RELU", [b.op("CAST", [x], shape, dtype="FLOAT32")], shape)], shape, dtype="INT32")
    b.output(b.op("MUL", [b.op("CAST", [small], shape, dtype="FLOAT32"), scale], shape))
    inputs = [np.arange(-6, 6, dtype=np.int32).reshape(shape), np.linspace(0, 1, 6, dtype=np.float32)]
    check(b.build(), launches=1, inputs=inputs)


@pytest.mark.parametrize(("channels", "launches"), [(3, 1), (4, 2)])
def test_two_words_do_not_join_what_comes_in_fours(channels: int, launches: int) -> None:
    shape = (1, 5, 4, channels)
    b = GraphBuilder()
    made = b.op("CAST", [conv(b, b.input(shape), shape)], shape, dtype="INT32")
    b.output(b.op("CAST", [made], shape, dtype="INT64"))
    content = b.build()
    check(content, launches=launches)


def test_inputs_of_two_types_meet() -> None:
    b = GraphBuilder()
    x, y = b.input((2, 4), "INT32"), b.input((2, 4))
    b.output(b.op("ADD", [b.op("CAST", [x], (2, 4), dtype="FLOAT32"), y], (2, 4)))
    check(b.build(), launches=1, inputs=[np.arange(8, dtype=np.int32).reshape(2, 4), np.ones((2, 4), np.float32)])


TABLE = (np.arange(256) * 37 % 256 - 128).astype(np.int32)


def looked_up(stages: tuple[Stage, ...], value: str, x: np.ndarray[Any, Any], out: Any) -> np.ndarray[Any, Any]:
    """What stages make of int values `x`, where those with an operand read TABLE."""
    program = Program(
        "elementwise", {}, (Arg("source", 0, value),), 1, (x.size // 64 + 1, 1, 1), value=value, stages=stages
    )
    tables = [TABLE for stage in stages if stage.operand is not None]
    made = np.zeros(x.size, out)
    return launched(program, x.size // (4 if value == "ivec4" else 1), [x, made, *tables])


@pytest.mark.parametrize("value", ["int", "ivec4"])
def test_a_value_is_looked_up(value: str) -> None:
    x = np.arange(-128, 128, dtype=np.int32)
    once = Stage("y", operand=2, lookup=-128, operand_type="int")
    np.testing.assert_array_equal(looked_up((once,), value, x, np.int32), TABLE[x + 128])
    twice = looked_up((once, once), value, x, np.int32)
    np.testing.assert_array_equal(twice, TABLE[TABLE[x + 128] + 128])


@pytest.mark.parametrize("value", ["int", "ivec4"])
def test_a_table_may_change_the_type(value: str) -> None:
    x = np.arange(-128, 128, dtype=np.int32)
    stages = (Stage("MADE(y) * 0.5", 2, lookup=-128, operand_type="int", makes="float"), Stage("relu(x)"))
    np.testing.assert_array_equal(looked_up(stages, value, x, np.float32), np.maximum(TABLE * np.float32(0.5), 0))


def test_kernels_for_other_types_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind with a module for floats and one for INT8: each answers for its own."""
    asked = []

    def kernel(name: str, types: frozenset[str]) -> Any:
        def lower(graph: Graph, op: Op, limits: Limits) -> Any:
            asked.append(name)
            return cast(graph, op, limits)

        return SimpleNamespace(lower=lower, TYPES={"CAST": types}, RESULTS=frozenset({"INT32"}))

    modules = (kernel("floats", frozenset({"FLOAT32"})), kernel("quantized", frozenset({"INT8"})))
    monkeypatch.setattr(lowering, "kernels_for", lambda op: modules)
    for name, made, who, code in (
        ("INT8", "INT32", ["quantized"], set()),
        ("FLOAT32", "INT32", ["floats"], set()),
        ("BOOL", "INT32", [], {"type"}),
        ("INT8", "INT64", [], {"type"}),
    ):
        asked.clear()
        b = GraphBuilder()
        b.output(b.op("CAST", [b.input((2, 3), name)], (2, 3), dtype=made))
        graph = graph_of(b.build())
        verdict = delegate().supports(graph, graph.ops[0])
        assert asked == who and {r.code for r in verdict.reasons} == code


def test_the_types_of_each_kernel_are_data() -> None:
    found = supported()
    assert (ANY, ANY) in found["TRANSPOSE"] and (ANY, INDICES) in found["SHAPE"]
    assert any("FLOAT32" in reads and "FLOAT32" in writes for reads, writes in found["CONV_2D"])
