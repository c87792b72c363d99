"""Ops that move nothing at all, and what is fused into those that do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from delegraph.graph.builder import GraphBuilder

from .harness import check
from .single import one


def exact(content: bytes, **more: Any) -> None:
    check(content, tolerance=0, **more)


@pytest.mark.parametrize(
    ("shape", "new"),
    [((2, 3, 4), [6, 4]), ((2, 3, 4), [-1]), ((1,), []), ((), [1, 1]), ((3, 5), [5, -1, 1]), ((8, 1, 3), [2, 2, 2, 3])],
)
def test_reshape_moves_nothing(shape: tuple[int, ...], new: list[int]) -> None:
    exact(one("RESHAPE", shape, np.array(new, np.int32)), launches=0)
    exact(one("RESHAPE", shape, new_shape=new), launches=0)


@pytest.mark.parametrize("axes", [[], [0], [-1, 0], [2]])
def test_squeeze_moves_nothing(axes: list[int]) -> None:
    exact(one("SQUEEZE", (1, 3, 1, 5, 1), squeeze_dims=axes), launches=0)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3, np.array([1], np.int64)])
def test_expand_dims_moves_nothing(axis: Any) -> None:
    exact(one("EXPAND_DIMS", (3, 5), np.array(axis, getattr(axis, "dtype", np.int32))), launches=0)


def test_an_old_file_writes_a_scalar_as_shape_0() -> None:
    exact(one("RESHAPE", (1, 1), new_shape=[0]), launches=0)


def test_a_constant_is_reshaped_too() -> None:
    b = GraphBuilder()
    y = b.op("RESHAPE", [b.constant(np.arange(6, dtype=np.float32)), b.constant(np.array([2, 3], np.int32))], (2, 3))
    b.output(b.op("ADD", [b.input((2, 3)), y], (2, 3)))
    exact(b.build())


def test_names_of_the_same_bytes() -> None:
    """A chain of reshapes, whose ends are all outputs, and whose source has other consumers."""
    b = GraphBuilder()
    x = b.input((2, 3, 4))
    source = b.op("PAD", [x, b.constant(np.array([[0, 1], [0, 0], [0, 0]], np.int32))], (3, 3, 4))
    flat = b.op("RESHAPE", [source, b.constant(np.array([36], np.int32))], (36,))
    square = b.op("RESHAPE", [flat, b.constant(np.array([6, 6], np.int32))], (6, 6))
    turned = b.op("TRANSPOSE", [square, b.constant(np.array([1, 0], np.int32))], (6, 6))
    other = b.op("TRANSPOSE", [source, b.constant(np.array([2, 0, 1], np.int32))], (4, 3, 3))
    b.output(turned, other, square, flat, b.op("EXPAND_DIMS", [x, b.constant(np.array(0, np.int32))], (1, 2, 3, 4)))
    exact(b.build(), launches=3)


def test_the_same_tensor_and_a_constant_are_concatenated() -> None:
    b = GraphBuilder()
    x, c = b.input((2, 4)), b.constant(np.arange(8, dtype=np.float32).reshape(2, 4))
    b.output(b.op("CONCATENATION", [x, c, x, x], (2, 16), axis=1))
    exact(b.build())


def test_what_follows_a_concatenation_is_fused_into_each_part() -> None:
    b = GraphBuilder()
    x, y, scale = b.input((2, 3, 5)), b.input((2, 3, 3)), b.constant(np.arange(8, dtype=np.float32))
    both = b.op("CONCATENATION", [x, y], (2, 3, 8), axis=2)
    b.output(b.op("RELU", [b.op("MUL", [both, scale], (2, 3, 8))], (2, 3, 8)))
    exact(b.build(), launches=2)


def test_a_transpose_of_axes_of_size_1_moves_nothing() -> None:
    exact(one("TRANSPOSE", (1, 7, 5, 1), [3, 1, 2, 0]), launches=0)
