"""Which shapes depend on data."""

from __future__ import annotations

import numpy as np
import pytest

from delegraph.graph.builder import GraphBuilder
from delegraph.graph.read import read

from .kit import Recipe, single
from .recipes import recipes
from .wholes import control_flow

# Recipes whose shape-giving inputs are graph inputs, by kind and how many outputs then have no known shape.
COMPUTED = {"FILL", "RANGE", "UNIQUE", "WHERE"}


@pytest.mark.parametrize("recipe", recipes(), ids=lambda r: r.kind)
def test_recipes(recipe: Recipe) -> None:
    """Every op whose shapes are given by constants has static outputs; of the others it is the listed kinds."""
    graph = read(single(recipe)).graphs[0]
    op = graph.ops[0]
    computed = op.kind in COMPUTED and any(
        t in graph.inputs and graph.tensors[t].type in ("INT32", "BOOL") for t in op.inputs
    )
    assert bool(graph.dynamic) == (computed or op.kind == "UNIQUE"), (op.kind, graph.dynamic)


@pytest.mark.parametrize(
    ("kind", "constant", "computed"),
    [
        ("RESHAPE", np.int32([3, 2]), 1),
        ("TILE", np.int32([1, 2]), 1),
        ("BROADCAST_TO", np.int32([2, 3]), 1),
        ("PAD", np.int32([[0, 1], [0, 0]]), 1),
        ("SUM", np.int32([0]), 1),
        ("EXPAND_DIMS", np.int32([0]), 1),
        ("TRANSPOSE", np.int32([1, 0]), 1),
    ],
)
def test_a_computed_shape_is_dynamic(kind: str, constant: np.ndarray, computed: int) -> None:
    for given in (True, False):
        b = GraphBuilder()
        x = b.input((2, 3))
        shape = b.constant(constant) if given else b.input(constant.shape, "INT32")
        y = b.op(kind, [x, shape], (2, 3), op_version=2 if kind == "BROADCAST_TO" else 1)
        z = b.op("RELU", [y], (2, 3))
        s = b.op("SHAPE", [z], (2,), dtype="INT32", out_type="INT32")
        b.output(z, b.op("CAST", [s], (2,), dtype="FLOAT32", in_data_type="INT32", out_data_type="FLOAT32"))
        assert read(b.build()).graphs[0].dynamic == (frozenset() if given else {y, z})


def test_a_shape_made_of_folded_constants_is_static() -> None:
    b = GraphBuilder()
    x = b.input((2, 3))
    y = b.op("RESHAPE", [x], (3, 2), new_shape=[3, 2])
    b.output(y)
    assert not read(b.build()).graphs[0].dynamic


def test_control_flow_is_as_static_as_what_it_calls() -> None:
    graph = read(control_flow()).graphs[0]
    handles = {t for op in graph.ops for t in op.outputs if op.kind in ("HASHTABLE", "VAR_HANDLE")}
    assert graph.dynamic == handles


@pytest.mark.parametrize(
    ("shape", "signature", "dynamic"), [((1, 4), None, False), ((1, 4), (-1, 4), True), ((), None, True)]
)
def test_custom_ops(shape: tuple[int, ...], signature: tuple[int, ...] | None, dynamic: bool) -> None:
    b = GraphBuilder()
    y = b.op(
        "CUSTOM", [b.input((1, 4))], shape, custom_code="Mine", custom_options=b"opaque", shape_signature=signature
    )
    b.output(b.op("RELU", [y], shape))
    graph = read(b.build()).graphs[0]
    assert graph.ops[0].label == "Mine" and bytes(graph.ops[0].options.custom_options) == b"opaque"
    assert bool(graph.dynamic) == dynamic


def test_strings_have_no_size() -> None:
    b = GraphBuilder()
    words = b.input((2,), "STRING")
    b.output(b.op("RESHAPE", [words], (2, 1), new_shape=[2, 1]))
    assert read(b.build()).graphs[0].dynamic == {0, 1}
