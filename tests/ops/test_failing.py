"""Computed positions and divisors: what the reference refuses when it meets it makes a run fail here too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from delegraph import DelegateError, Interpreter
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import NUMPY_TYPES

from .harness import check, delegate, graph_of, reference, refuses, run_gpu
from .single import Type, model, one

INT32 = Type("INT32")


def places(name: str, size: int, shape: tuple[int, ...]) -> NDArray[Any]:
    return np.random.default_rng(1).integers(0, size, shape).astype(NUMPY_TYPES[name])


def values(name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, 100, shape).astype(NUMPY_TYPES[name])


@pytest.mark.parametrize("index", ["INT16", "INT32", "INT64"])
@pytest.mark.parametrize("type", ["FLOAT32", "BOOL", "INT8", "INT64"])
@pytest.mark.parametrize(
    "shape, axis, many, batch",
    [((5,), 0, (), 0), ((5, 3), 0, (4,), 0), ((2, 5, 3), 1, (2, 2), 0), ((2, 5, 4), -1, (7,), 0),
     ((2, 5), 1, (2, 3), 1), ((2, 3, 5, 4), 2, (2, 3), 1), ((2, 3, 5), 2, (2, 3, 2), 2), ((3, 4, 2), 1, (3,), -1)],
    ids=str,
)  # fmt: skip
def test_gather(shape: tuple[int, ...], axis: int, many: tuple[int, ...], batch: int, type: str, index: str) -> None:
    content = one("GATHER", Type(type)(shape), Type(index)(many), axis=axis, batch_dims=batch, makes=Type(type))
    at = places(index, shape[axis], many)
    check(content, inputs=[values(type, shape), at], tolerance=0, launches=1)
    content = one("GATHER", Type(type)(shape), at, axis=axis, batch_dims=batch, makes=Type(type))
    check(content, inputs=[values(type, shape)], tolerance=0)


@pytest.mark.parametrize("index", ["INT16", "INT32", "INT64"])
@pytest.mark.parametrize(
    "shape, many", [((5,), (3, 1)), ((3, 4), (2,)), ((3, 4, 2), (2, 3, 2)), ((3, 4), (5, 1))], ids=str
)
def test_gather_nd(shape: tuple[int, ...], many: tuple[int, ...], index: str) -> None:
    content = one("GATHER_ND", shape, Type(index)(many), makes=Type())
    check(content, inputs=[values("FLOAT32", shape), places(index, min(shape), many)], tolerance=0, launches=1)


def test_embedding_lookup() -> None:
    content = one("EMBEDDING_LOOKUP", INT32((3,)), values("FLOAT32", (5, 4)), makes=Type())
    check(content, inputs=[np.array([4, 0, 4], np.int32)], tolerance=0, launches=1)


@pytest.mark.parametrize(
    "kind, types", [("DIV", ["INT32"]), ("FLOOR_DIV", ["INT32", "INT16"]), ("FLOOR_MOD", ["INT32", "INT64"])]
)
@pytest.mark.parametrize("shapes", [((), ()), ((2, 3), (2, 3)), ((2, 3, 4), (4,)), ((1, 3), (2, 1))], ids=str)
def test_computed_divisors(kind: str, types: list[str], shapes: tuple[tuple[int, ...], ...]) -> None:
    for type in types:
        x, y = (values(type, shape) for shape in shapes)
        x, y = np.asarray(x - 50, x.dtype), np.asarray(np.where(y % 2, y, -y - 1), x.dtype)
        content = one(kind, Type(type)(shapes[0]), Type(type)(shapes[1]))
        check(content, inputs=[x, y], launches=1)
        y[(0,) * y.ndim] = 0
        fails(content, [x, y])


def test_computed_powers() -> None:
    content = one("POW", INT32((4,)), INT32((4,)))
    base = np.array([2, -3, 0, 7], np.int32)
    check(content, inputs=[base, np.array([3, 3, 0, 1], np.int32)])
    fails(content, [base, np.array([3, -3, 0, 1], np.int32)])


def fails(content: bytes, inputs: list[NDArray[Any]]) -> None:
    """Both the reference's run and ours raise."""
    with pytest.raises(RuntimeError):
        reference(content, inputs)
    with pytest.raises(DelegateError, match=r"op 0 \("):
        run_gpu(graph_of(content), inputs)


@pytest.mark.parametrize("wrong", [-1, 5, 2**31 - 1, -(2**31), 2**32 + 1, 2**63 - 1])
@pytest.mark.parametrize("type", ["INT32", "INT64"])
def test_positions_outside(type: str, wrong: int) -> None:
    if not -(2**31) <= wrong < 2**31 and type == "INT32":
        return
    content = one("GATHER", (5, 3), Type(type)((3,)), axis=0)
    at = np.array([0, wrong, 4], NUMPY_TYPES[type])
    with pytest.raises(DelegateError, match=r"op 0 \(GATHER\): a position lies outside \[5\]"):
        run_gpu(graph_of(content), [values("FLOAT32", (5, 3)), at])
    if abs(wrong) < 2**31:
        fails(content, [values("FLOAT32", (5, 3)), at])


def test_a_run_after_one_that_failed() -> None:
    b = GraphBuilder()
    x, at = b.input((5, 3)), b.input((2,), "INT32")
    y = b.op("GATHER", [x, at], (2, 3), axis=0)
    b.output(b.op("GATHER", [b.op("RELU", [y], (2, 3)), at], (2, 3), axis=0))
    session = Interpreter(model_content=b.build(), delegates=[delegate()])
    session.allocate_tensors()
    data = values("FLOAT32", (5, 3))
    first, second = (detail["index"] for detail in session.get_input_details())
    session.set_tensor(first, data)
    for positions, wrong in (([1, 0], None), ([7, 0], "op 0"), ([1, 4], "op 2"), ([0, 1], None)):
        session.set_tensor(second, np.array(positions, np.int32))
        if wrong is None:
            session.invoke()
            got = session.get_tensor(session.get_output_details()[0]["index"])
            np.testing.assert_array_equal(got, data[positions][positions])
        else:
            with pytest.raises(DelegateError, match=wrong):
                session.invoke()


def test_batches_unlike() -> None:
    refuses(model("GATHER", [(2, 5), INT32((3, 2))], [(2, 2)], axis=1, batch_dims=1), "batch_dims")


@pytest.mark.parametrize("wrong", [[-1, 0], [3, 0], [0, 9]])
@pytest.mark.parametrize("type", ["INT32", "INT64"])
def test_slices_outside(type: str, wrong: list[int]) -> None:
    content = model("SLICE", [(4, 5), Type(type)((2,)), np.array([2, 3], NUMPY_TYPES[type])], [(2, 3)])
    fails(content, [values("FLOAT32", (4, 5)), np.array(wrong, NUMPY_TYPES[type])])


def test_one_position_outside() -> None:
    """The reference reads beyond its memory here."""
    content = model("STRIDED_SLICE", [(4, 5), INT32((1,)), INT32((1,)), [1]], [(5,)], shrink_axis_mask=1)
    with pytest.raises(DelegateError, match=r"op 0 \(STRIDED_SLICE\): a slice begins outside \[4, 5\]"):
        run_gpu(graph_of(content), [values("FLOAT32", (4, 5)), np.int32([4]), np.int32([5])])


def test_sequences_too_long() -> None:
    """The reference looks at the first only, and reads beyond its memory for others."""
    content = model("REVERSE_SEQUENCE", [(3, 4), INT32((3,))], [(3, 4)], seq_dim=1, batch_dim=0)
    fails(content, [values("FLOAT32", (3, 4)), np.int32([5, 1, 0])])
    with pytest.raises(DelegateError, match="a sequence is longer than 4"):
        run_gpu(graph_of(content), [values("FLOAT32", (3, 4)), np.int32([4, 5, 0])])


@pytest.mark.parametrize("wrong", [-1, 3, 2**31 - 1])
def test_scattered_outside(wrong: int) -> None:
    content = model("SCATTER_ND", [INT32((2, 1)), (2, 4), [3, 4]], [(3, 4)], makes=Type())
    fails(content, [np.int32([[0], [wrong]]), values("FLOAT32", (2, 4))])
    content = model("SPARSE_TO_DENSE", [INT32((2,)), [3], (2,), ()], [(3,)], makes=Type())
    fails(content, [np.int32([0, wrong]), values("FLOAT32", (2,)), np.float32(9)])
    if wrong >= 0:
        content = model("UNSORTED_SEGMENT_MAX", [(2, 4), INT32((2,)), [3]], [(3, 4)])
        fails(content, [values("FLOAT32", (2, 4)), np.int32([0, wrong])])


def test_shapes_that_do_not_broadcast() -> None:
    """At which the reference ends the process."""
    content = model("BROADCAST_ARGS", [INT32((2,)), INT32((2,))], [(2,)])
    with pytest.raises(DelegateError, match="do not broadcast"):
        run_gpu(graph_of(content), [np.int32([2, 3]), np.int32([2, 4])])
