"""Values that are worked out ahead are those that the runtime's kernels make, to the bit and of the same type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from delegraph.graph.arithmetic import IN_ALL, LARGEST, evaluate
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph
from delegraph.graph.read import read

interpreter = pytest.importorskip("ai_edge_litert.interpreter")

Made = tuple[Sequence[int], str]


def small(kind: str = "INT32", *values: Any) -> NDArray[Any]:
    return np.array(values, {"INT32": np.int32, "INT64": np.int64, "BOOL": bool, "FLOAT32": np.float32}[kind])


A, B = small("INT32", 7, -7, 5, 0, 9), small("INT32", 2, 2, -3, 4, -9)
F, G = small("FLOAT32", 1.5, -2.5, 1e30, 0.1), small("FLOAT32", 3, 0.7, 1e3, 0.3)
T = small("BOOL", True, False, True, True)
M = np.arange(12, dtype=np.int32).reshape(3, 4)
ONE = small("INT32", 1)

CASES: list[tuple[str, list[Any], list[Made], dict[str, Any]]] = [
    ("STRIDED_SLICE", [A, small("INT32", 1), small("INT32", 4), ONE], [((3,), "INT32")], {}),
    ("STRIDED_SLICE", [A, small("INT32", -2), small("INT32", 0), ONE], [((2,), "INT32")], {"end_mask": 1}),
    ("STRIDED_SLICE", [A, small("INT32", -1), small("INT32", 0), ONE], [((), "INT32")], {"shrink_axis_mask": 1}),
    ("STRIDED_SLICE", [A, small("INT32", 4), small("INT32", 0), small("INT32", -2)], [((2,), "INT32")], {}),
    ("STRIDED_SLICE", [M, small("INT32", 1, 0), small("INT32", 0, 0), small("INT32", 1, 1)], [((4,), "INT32")],
     {"shrink_axis_mask": 1, "begin_mask": 2, "end_mask": 2}),
    ("STRIDED_SLICE", [M, small("INT32", 0, 1), small("INT32", 0, 3), small("INT32", 1, 1)], [((3, 2), "INT32")],
     {"ellipsis_mask": 1}),
    ("STRIDED_SLICE", [A, small("INT32", 0, 1), small("INT32", 0, 9), small("INT32", 1, 1)], [((1, 4), "INT32")],
     {"new_axis_mask": 1}),
    ("SLICE", [M, small("INT32", 1, 1), small("INT32", -1, 2)], [((2, 2), "INT32")], {}),
    ("GATHER", [A, small("INT32", 4, 0, 0)], [((3,), "INT32")], {}),
    ("GATHER", [M, small("INT64", 3, 1)], [((3, 2), "INT32")], {"axis": -1}),
    ("SQUEEZE", [M.reshape(1, 3, 1, 4)], [((3, 1, 4), "INT32")], {"squeeze_dims": [0]}),
    ("SQUEEZE", [M.reshape(1, 3, 1, 4)], [((3, 4), "INT32")], {}),
    ("RESHAPE", [M, small("INT32", 2, -1)], [((2, 6), "INT32")], {}),
    ("RESHAPE", [M], [((12,), "INT32")], {"new_shape": [12]}),
    ("CAST", [F[[0, 1, 3]]], [((3,), "INT32")], {}),
    ("CAST", [A], [((5,), "FLOAT32")], {}),
    ("CAST", [A], [((5,), "INT64")], {}),
    ("CAST", [A], [((5,), "BOOL")], {}),
    ("PACK", [A, B], [((2, 5), "INT32")], {"values_count": 2}),
    ("PACK", [A, B], [((5, 2), "INT32")], {"values_count": 2, "axis": -1}),
    ("UNPACK", [M], [((4,), "INT32")] * 3, {"num": 3}),
    ("UNPACK", [A], [((), "INT32")] * 5, {"num": 5}),
    ("CONCATENATION", [M, M[:1]], [((4, 4), "INT32")], {"axis": 0}),
    ("EXPAND_DIMS", [A, small("INT32", -1)], [((5, 1), "INT32")], {}),
    ("TILE", [M, small("INT32", 2, 1)], [((6, 4), "INT32")], {}),
    ("BROADCAST_TO", [A, small("INT32", 2, 5)], [((2, 5), "INT32")], {}),
    ("BROADCAST_ARGS", [small("INT32", 3, 1), small("INT32", 2, 1, 4)], [((3,), "INT32")], {}),
    ("RANGE", [small("INT32", 2)[0], small("INT32", 9)[0], small("INT32", 3)[0]], [((3,), "INT32")], {}),
    ("RANGE", [np.int64(9), np.int64(1), np.int64(-3)], [((3,), "INT64")], {}),
    ("FILL", [small("INT32", 2, 3), np.float32(0.1)], [((2, 3), "FLOAT32")], {}),
    ("WHERE", [T], [((3, 1), "INT64")], {}),
    ("WHERE", [M % 3 == 0], [((4, 2), "INT64")], {}),
    *[(kind, [A, B], [((5,), "INT32")], {}) for kind in ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM")],
    *[(kind, [A, B], [((5,), "INT32")], {}) for kind in ("DIV", "FLOOR_DIV", "FLOOR_MOD")],
    *[(kind, [F, G], [((4,), "FLOAT32")], {}) for kind in ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM")],
    ("ADD", [M, ONE], [((3, 4), "INT32")], {}),
    ("ADD", [np.int32([2**31 - 1]), ONE], [((1,), "INT32")], {}),
    ("MUL", [np.int32([65537]), np.int32([65537])], [((1,), "INT32")], {}),
    ("NEG", [A], [((5,), "INT32")], {}),
    *[(kind, [A, B], [((5,), "BOOL")], {}) for kind in ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER")],
    ("GREATER_EQUAL", [A, ONE], [((5,), "BOOL")], {}),
    *[(kind, [T, ~T], [((4,), "BOOL")], {}) for kind in ("LOGICAL_AND", "LOGICAL_OR")],
    ("LOGICAL_NOT", [T], [((4,), "BOOL")], {}),
    ("SELECT_V2", [T, A[:4], ONE], [((4,), "INT32")], {}),
    *[(kind, [M, small("INT32", 1)], [((3,), "INT32")], {}) for kind in ("REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN")],
    ("SUM", [M, small("INT32", 0, -1)], [((1, 1), "INT32")], {"keep_dims": True}),
]  # fmt: skip


def chain(kind: str, inputs: Sequence[Any], made: Sequence[Made], options: dict[str, Any]) -> tuple[Graph, list[int]]:
    """The op over constants, and what it makes handed to ops that take it for a computed value."""
    b = GraphBuilder()
    results = [b.tensor(shape, dtype) for shape, dtype in made]
    version = {"BROADCAST_TO": 2, "EQUAL": 2, "NOT_EQUAL": 2}.get(kind, 1)
    b.op(kind, [b.constant(value) for value in inputs], outputs=results, op_version=version, **options)
    for t, (shape, dtype) in zip(results, made, strict=True):
        b.output(b.op("CONCATENATION", [t, b.input(shape, dtype)], (2 * shape[0], *shape[1:]), axis=0) if shape else
                 b.op("RESHAPE", [t], (1,), new_shape=[1]))  # fmt: skip
    return read(b.build()).graphs[0], results


@pytest.mark.parametrize(("kind", "inputs", "made", "options"), CASES)
def test_values(kind: str, inputs: list[Any], made: list[Made], options: dict[str, Any]) -> None:
    graph, results = chain(kind, inputs, made, options)
    runtime = interpreter.Interpreter(
        model_content=graph.model.content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=interpreter.OpResolverType.BUILTIN_REF,
    )
    runtime.allocate_tensors()
    runtime.invoke()
    assert graph.folded_ops >= {0} and not graph.dynamic
    for t in results:
        got, want = graph.folded[t].array, runtime.get_tensor(t)
        assert got.dtype == want.dtype and got.shape == want.shape and got.tobytes() == want.tobytes()


@pytest.mark.parametrize(
    ("kind", "inputs", "made", "options"),
    [
        ("DIV", [A, np.int32([0])], [((5,), "INT32")], {}),
        ("GATHER", [A, small("INT32", 5)], [((1,), "INT32")], {}),
        ("SLICE", [M, small("INT32", 1, 1), small("INT32", 2, 9)], [((2, 9), "INT32")], {}),
        ("CAST", [small("FLOAT32", 3e9)], [((1,), "INT32")], {}),
        ("ADD", [A, B], [((5,), "INT32")], {"fused_activation_function": "RELU"}),
        ("ADD", [A, B], [((4,), "INT32")], {}),
        ("FILL", [small("INT32", LARGEST + 1), np.int32(1)], [((LARGEST + 1,), "INT32")], {}),
        ("TANH", [F], [((4,), "FLOAT32")], {}),
        ("TILE", [A, small("INT32", 1 << 26)], [((5,), "INT32")], {}),
        ("GATHER", [M.reshape(1, 12), np.zeros(4000, np.int32)], [((4000, 12), "INT32")], {}),
        ("ADD", [np.zeros((4000, 1), np.int32), np.zeros(4000, np.int32)], [((4000,), "INT32")], {}),
        ("MUL", [F, 1e20 * G], [((4,), "FLOAT32")], {}),
    ],
)
def test_what_is_left_to_run(kind: str, inputs: list[Any], made: list[Made], options: dict[str, Any]) -> None:
    b = GraphBuilder()
    results = [b.tensor(shape, dtype) for shape, dtype in made]
    try:
        b.op(kind, [b.constant(value) for value in inputs], outputs=results, **options)
        graph = read(b.build()).graphs[0]
    except ValueError:  # what the reader refuses gets no further
        return
    assert evaluate(graph, graph.ops[0], [np.asarray(value) for value in inputs]) is None


def test_a_graph_is_not_worked_out_without_end() -> None:
    b = GraphBuilder()
    t = b.constant(np.zeros(LARGEST, np.int32))
    for _ in range(IN_ALL // LARGEST + 20):
        t = b.op("NEG", [t], (LARGEST,))
    b.output(b.op("ADD", [t, b.input((LARGEST,), "INT32")], (LARGEST,)))
    graph = read(b.build()).graphs[0]
    assert IN_ALL // LARGEST <= len(graph.folded_ops) < len(graph.ops) - 10


def test_what_folds_is_written_into_a_part_as_a_constant() -> None:
    b = GraphBuilder()
    x = b.input((2, 6))
    y = b.op("NEG", [x], (2, 6))
    shape = b.op("SHAPE", [y], (2,), dtype="INT32", out_type="INT32")
    turned = b.op("GATHER", [shape, b.constant(np.int32([1, 0]))], (2,), dtype="INT32", axis=0)
    b.output(b.op("RESHAPE", [x, turned], (6, 2)))
    graph = read(b.build()).graphs[0]
    assert graph.folded_ops == {1, 2} and graph.readers(y) == () and graph.boundary([3]) == ((x,), (graph.outputs[0],))
    cut = read(graph.submodel([1, 2, 3])).graphs[0]
    assert [op.kind for op in cut.ops] == ["RESHAPE"] and len(cut.inputs) == 1
    assert cut.constant(cut.ops[0].inputs[1]).tolist() == [6, 2]  # type: ignore[union-attr]
