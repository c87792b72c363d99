"""Concatenation in place: what goes into it is made where it belongs, wherever that is exact and can be bound."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from ops.harness import check, delegate, graph_of, whole

from delegraph import CPUDelegate, GPUDelegate, Interpreter
from delegraph.delegates.base import Lowering
from delegraph.graph.builder import GraphBuilder
from delegraph.partitioner.planner import make_plan

ROWS = (1, 4, 4, 4)  # FLOAT32: 256 bytes, so that whatever follows can be bound


def flipped(b: GraphBuilder, x: int, axis: int, shape: tuple[int, ...] = ROWS) -> int:
    """An op that is no stage of another, and whose result has the bits of what it moves."""
    return b.op("REVERSE_V2", [x, b.constant(np.int32([axis]))], shape)


def concat(b: GraphBuilder, parts: list[int], shape: tuple[int, ...], axis: int = 1) -> int:
    return b.op("CONCATENATION", parts, shape, axis=axis)


def lowered(content: bytes, gpu: GPUDelegate | None = None) -> Lowering:
    graph = graph_of(content)
    return (gpu or delegate()).lower(graph, whole(graph).ops)


@pytest.mark.parametrize(
    ("axis", "shapes", "copied"),
    [
        (1, [ROWS, ROWS, ROWS], 0),
        (1, [ROWS, (1, 3, 4, 4), ROWS], 1),  # the last begins at byte 448
        (0, [(2, 4, 4, 4), ROWS], 0),
        (3, [ROWS, ROWS], 2),  # not in a row
        (3, [(1, 1, 1, 64), (1, 1, 1, 3)], 0),
        (1, [(1, 64), (1, 64), (1, 1)], 0),
    ],
)
@pytest.mark.parametrize("dtype", ["FLOAT32", "INT16", "BOOL"])
def test_parts_in_a_row_are_not_copied(axis: int, shapes: list[tuple[int, ...]], copied: int, dtype: str) -> None:
    check_parts(axis, shapes, copied, dtype)


@pytest.mark.parametrize(
    ("shapes", "copied"),
    [
        ([(1, 4, 16, 4), (1, 8, 16, 4), (1, 4, 16, 4)], 0),
        ([(1, 4, 16, 4), (1, 3, 16, 4), (1, 4, 16, 4)], 1),  # the last begins at byte 448
        ([(1, 4, 16, 2), (1, 8, 16, 2)], 0),  # a word each
    ],
)
def test_nor_are_those_of_bytes(shapes: list[tuple[int, ...]], copied: int) -> None:
    check_parts(1, shapes, copied, "INT8")


def check_parts(axis: int, shapes: list[tuple[int, ...]], copied: int, dtype: str) -> None:
    b = GraphBuilder()
    parts = [flipped(b, b.input(shape, dtype), len(shape) - 1, shape) for shape in shapes]
    whole = (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])
    b.output(concat(b, parts, whole, axis))
    check(b.build(), launches=len(shapes) + copied)


def test_what_is_read_elsewhere_too_stays_as_it_is() -> None:
    """By an op after the concatenation, by one fused with others, and by the user; the whole is read by an op."""
    b = GraphBuilder()
    first, second = (flipped(b, b.input(ROWS), 1) for _ in "ab")
    joined = concat(b, [first, second], (1, 8, 4, 4))
    after = b.op("NEG", [flipped(b, first, 2)], ROWS)
    b.output(joined, b.op("EXP", [joined], (1, 8, 4, 4)), after, second, flipped(b, joined, 1, (1, 8, 4, 4)))
    check(b.build())
    assert lowered(b.build()).aliases == {first: (joined, 0), second: (joined, 256)}


def test_nothing_of_the_user_or_twice_the_same_is_put_there() -> None:
    b = GraphBuilder()
    x = b.input(ROWS)
    made = flipped(b, x, 1)
    fixed = b.constant(np.arange(64, dtype=np.float32).reshape(ROWS))
    joined = concat(b, [made, x, made, fixed], (1, 16, 4, 4))
    b.output(joined)
    check(b.build(), launches=4)
    assert lowered(b.build()).aliases == {made: (joined, 0)}


def test_only_the_first_of_two_concatenations_has_it() -> None:
    b = GraphBuilder()
    x, y, z = (flipped(b, b.input(ROWS), 1) for _ in "abc")
    one, two = concat(b, [x, y], (1, 8, 4, 4)), concat(b, [z, x], (1, 8, 4, 4))
    b.output(one, two)
    check(b.build(), launches=4)
    assert lowered(b.build()).aliases == {x: (one, 0), y: (one, 256), z: (two, 0)}


def test_a_concatenation_in_another_and_names_of_both() -> None:
    b = GraphBuilder()
    x, y, z = (flipped(b, b.input(ROWS), 1) for _ in "abc")
    renamed = b.op("RESHAPE", [y, b.constant(np.int32([1, 2, 8, 4]))], (1, 2, 8, 4))
    back = b.op("RESHAPE", [renamed, b.constant(np.int32(ROWS))], ROWS)
    inner = concat(b, [x, back], (1, 8, 4, 4))
    outer = concat(b, [z, inner], (1, 12, 4, 4))
    flat = b.op("RESHAPE", [inner, b.constant(np.int32([128]))], (128,))
    b.output(b.op("NEG", [outer], (1, 12, 4, 4)), flat, renamed)
    check(b.build(), launches=4)
    want = {x: 256, y: 512, renamed: 512, back: 512, inner: 256, flat: 256, z: 0}
    assert lowered(b.build()).aliases == {t: (outer, at) for t, at in want.items()}


def test_what_follows_a_whole_made_of_parts_is_not_moved_into_them() -> None:
    """An elementwise op would be a stage of one launch that makes all of what it reads."""
    b = GraphBuilder()
    x, y = (flipped(b, b.input(ROWS), 1) for _ in "ab")
    joined = concat(b, [x, y], (1, 8, 4, 4))
    b.output(b.op("MUL", [b.op("ADD", [joined, b.constant(np.float32(2))], (1, 8, 4, 4)), joined], (1, 8, 4, 4)))
    check(b.build(), launches=3)


def test_in_half_parts_lie_in_half() -> None:
    """Twice as many elements in as many bytes."""
    b = GraphBuilder()
    shape = (1, 8, 4, 4)
    x, y = (flipped(b, b.op("SIN", [b.input(shape)], shape), 1, shape) for _ in "ab")
    joined = concat(b, [x, y], (1, 16, 4, 4))
    b.output(b.op("TANH", [joined], (1, 16, 4, 4)))
    content = b.build()
    gpu = GPUDelegate(precision="fp16")
    inputs = [np.random.default_rng(k).standard_normal((1, 8, 4, 4)).astype(np.float32) for k in range(2)]
    try:
        assert lowered(content, gpu).aliases[y] == (joined, 256)
        np.testing.assert_allclose(run(content, gpu, inputs), run(content, None, inputs), atol=2e-3)
    finally:
        gpu.close()


def run(content: bytes, gpu: GPUDelegate | None, inputs: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    with Interpreter(model_content=content, delegates=[gpu] if gpu else None) as it:
        it.allocate_tensors()
        for detail, value in zip(it.get_input_details(), inputs, strict=True):
            it.set_tensor(detail["index"], value)
        it.invoke()
        return np.asarray(it.get_tensor(it.get_output_details()[0]["index"]))


def test_parts_that_cross_to_another_delegate_and_back() -> None:
    """A part is downloaded from inside the whole, and the whole lives while any part does."""
    b = GraphBuilder()
    x, y = b.input(ROWS), b.input(ROWS)
    first, second = flipped(b, x, 1), flipped(b, y, 2)
    joined = concat(b, [first, second], (1, 8, 4, 4))
    away = b.op("FLOOR", [first], ROWS)
    b.output(b.op("NEG", [away], ROWS), flipped(b, joined, 1, (1, 8, 4, 4)), second)
    content = b.build()
    inputs = [np.random.default_rng(k).standard_normal(ROWS).astype(np.float32) for k in range(2)]
    with (
        Interpreter(model_content=content, delegates=[delegate(), CPUDelegate()], pin={"cpu": ["FLOOR"]}) as ours,
        Interpreter(model_content=content) as theirs,
    ):
        found = []
        for it in (ours, theirs):
            it.allocate_tensors()
            for detail, value in zip(it.get_input_details(), inputs, strict=True):
                it.set_tensor(detail["index"], value)
            it.invoke()
            found.append([it.get_tensor(d["index"]) for d in it.get_output_details()])
        for got, want in zip(*found, strict=True):
            np.testing.assert_array_equal(got, want)
        at = {a.tensor: a for a in ours.plan.allocations if a.space == "gl"}
        assert at[second].offset == at[joined].offset + 256 and at[second].nbytes == 256
        assert at[first].first == at[joined].first and at[first].last == at[joined].last


def test_what_is_put_together_takes_its_bytes_once() -> None:
    b = GraphBuilder()
    x, times = b.input((1, 1, 1, 64)), b.constant(np.int32([1, 32, 1, 1]))
    parts = [b.op("TILE", [flipped(b, x, axis, (1, 1, 1, 64)), times], (1, 32, 1, 64)) for axis in (2, 3)]
    joined = concat(b, parts, (1, 64, 1, 64))
    b.output(b.op("SUM", [joined, b.constant(np.int32([1]))], (1, 1, 64), keep_dims=False))
    plan = make_plan(graph_of(b.build()), [delegate(), CPUDelegate()])
    assert 16384 < plan.arenas["gl"] < 1.2 * 16384
