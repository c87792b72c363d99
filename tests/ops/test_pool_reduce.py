"""Softmax, pooling and reductions: odd shapes, all paddings and axes, accuracy of long sums, fusion and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from delegraph.graph.builder import GraphBuilder

from .harness import check, graph_of, reference, refuses, run_gpu
from .single import model, one

REDUCERS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD")
POOLS = ("AVERAGE_POOL_2D", "L2_POOL_2D", "MAX_POOL_2D")


def values(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.float32]:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape), np.float32)


def factors(kind: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Inputs whose product neither vanishes nor overflows."""
    return np.float32(1) + values(shape) / 8 if kind == "REDUCE_PROD" else values(shape)


@pytest.mark.parametrize(
    "shape",
    [
        (1,),
        (5, 1),
        (1, 3),
        (2, 4),
        (2, 3, 5, 17),
        (7, 100),
        (1, 1001),
        (3, 1000),
        (2, 1, 3, 1, 2, 5),
        (300, 4),
        (1, 4099),
    ],
    ids=str,
)
@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_softmax(shape: tuple[int, ...], beta: float) -> None:
    check(one("SOFTMAX", shape, beta=beta), tolerance=5e-6, launches=1)
    if beta == 1:
        check(one("LOG_SOFTMAX", shape), tolerance=1e-6, launches=1)


def test_softmax_of_special_values() -> None:
    rows = [[1, 2, 1000], [1, np.inf, 2], [np.nan, 1, 2], [-np.inf] * 3, [-1e30, 3e38, 1], [-np.inf, 0, 1]]
    x = np.array(rows, np.float32)
    for content in (one("SOFTMAX", x.shape, beta=1.0), one("LOG_SOFTMAX", x.shape), one("SOFTMAX", x.shape, beta=-1.0)):
        got, want = run_gpu(graph_of(content), [x])[0], reference(content, [x])[0]
        np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(
    "filter_size, stride",
    [((2, 2), (2, 2)), ((3, 3), (1, 1)), ((3, 5), (2, 3)), ((1, 1), (2, 2)), ((5, 4), (1, 7))],
    ids=str,
)
@pytest.mark.parametrize("shape", [(1, 5, 5, 1), (2, 17, 13, 3), (1, 7, 8, 4), (2, 8, 5, 5), (1, 9, 6, 8)], ids=str)
@pytest.mark.parametrize("kind", POOLS)
def test_pool(
    kind: str, shape: tuple[int, ...], filter_size: tuple[int, int], stride: tuple[int, int], padding: str
) -> None:
    check(pool(kind, shape, filter_size, stride, padding), tolerance=1e-6, launches=1)


def pool(
    kind: str, shape: tuple[int, ...], size: tuple[int, int], stride: tuple[int, int], padding: str, **options: Any
) -> bytes:
    h, w = (
        -(-n // s) if padding == "SAME" else (n - k + s) // s for n, k, s in zip(shape[1:3], size, stride, strict=True)
    )
    return model(
        kind, [shape], [(shape[0], h, w, shape[3])], padding=padding, filter_height=size[0], filter_width=size[1],
        stride_h=stride[0], stride_w=stride[1], **options,
    )  # fmt: skip


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("channels", [1, 3, 8])
@pytest.mark.parametrize("kind", POOLS)
def test_pool_of_the_whole_image(kind: str, channels: int, padding: str) -> None:
    """One window over all of it, and one larger than it."""
    check(pool(kind, (2, 7, 5, channels), (7, 5), (7, 5), padding), tolerance=1e-6, launches=1)
    check(pool(kind, (2, 7, 5, channels), (15, 15), (7, 7), "SAME"), tolerance=1e-6, launches=1)


@pytest.mark.parametrize("activation", ["RELU", "RELU6", "RELU_N1_TO_1"])
@pytest.mark.parametrize("size", [(2, 2), (7, 5)], ids=str)
@pytest.mark.parametrize("kind", POOLS)
def test_fused_activation_of_a_pool(kind: str, size: tuple[int, int], activation: str) -> None:
    content = pool(kind, (1, 7, 5, 4), size, size, "VALID", fused_activation_function=activation)
    check(content, inputs=[values((1, 7, 5, 4)) * 8], tolerance=1e-6, launches=1)


@pytest.mark.parametrize("keep_dims", [False, True])
@pytest.mark.parametrize(
    "shape, axes",
    [
        ((2, 7, 5, 3), [1, 2]),
        ((1, 7, 7, 8), [1, 2]),
        ((4, 6, 7), [-1]),
        ((4, 6, 8), [2, -1]),
        ((4, 6, 7), [0, 0]),
        ((4, 6, 7), []),
        ((2, 3, 4, 5, 2, 3), [0, 2, 4]),
        ((2, 3, 4, 5, 2, 3), [1, -3, 5]),
        ((3, 1, 5, 1), [1, 2]),
        ((1, 1, 1, 1), [0, 1, 2, 3]),
        ((600,), [0]),
        ((5, 601), [0, 1]),
        ((300, 3), [0]),
        ((), []),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", REDUCERS)
def test_reduce(kind: str, shape: tuple[int, ...], axes: list[int], keep_dims: bool) -> None:
    content = one(kind, shape, axes, keep_dims=keep_dims)
    check(content, inputs=[factors(kind, shape)], tolerance=5e-6, launches=1)


@st.composite
def reductions(draw: st.DrawFn) -> tuple[tuple[int, ...], list[int]]:
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 4, 5, 8]), min_size=1, max_size=6)))
    return shape, draw(st.lists(st.integers(-len(shape), len(shape) - 1), max_size=len(shape)))


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(case=reductions(), kind=st.sampled_from(["MEAN", "REDUCE_MAX"]), keep_dims=st.booleans())
def test_any_reduction(case: tuple[tuple[int, ...], list[int]], kind: str, keep_dims: bool) -> None:
    check(one(kind, *case, keep_dims=keep_dims), tolerance=2e-6, launches=1)


def test_global_average_is_one_launch_of_many_groups() -> None:
    check(one("MEAN", (1, 7, 7, 1280), [1, 2]), tolerance=1e-6, launches=1)


@pytest.mark.parametrize("shape", [(100_000,), (100_003,), (317, 316), (33_333, 3)], ids=str)
@pytest.mark.parametrize("kind", ["SUM", "MEAN"])
def test_long_sums_stay_accurate(kind: str, shape: tuple[int, ...]) -> None:
    """Within 3e-7 of the exact sum, of which adding up one by one is up to 7e-6 off."""
    x = values(shape) + np.float32(0.5)
    axes = list(range(len(shape))) if shape[-1] != 3 else [0]
    content = one(kind, shape, axes)
    exact = (np.sum if kind == "SUM" else np.mean)(x.astype(np.float64), axis=tuple(axes))
    np.testing.assert_allclose(run_gpu(graph_of(content), [x])[0], exact, rtol=3e-7)


@pytest.mark.parametrize("extreme", [np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["REDUCE_MAX", "REDUCE_MIN"])
def test_extremes_of_infinities(kind: str, extreme: float) -> None:
    x = np.full((3, 300), extreme, np.float32)
    assert (run_gpu(graph_of(one(kind, x.shape, [1])), [x])[0] == extreme).all()


def test_the_op_after_is_fused() -> None:
    b = GraphBuilder()
    x = b.input((1, 8, 8, 4))
    y = b.op(
        "MAX_POOL_2D", [x], (1, 4, 4, 4), padding="VALID", filter_height=2, filter_width=2, stride_h=2, stride_w=2,
    )  # fmt: skip
    y = b.op("MUL", [y, b.constant(values((4,)))], (1, 4, 4, 4))
    y = b.op("RELU", [b.op("MEAN", [y, b.constant(np.array([1, 2], np.int32))], (1, 4))], (1, 4))
    b.output(b.op("ADD", [b.op("SOFTMAX", [y], (1, 4), beta=1.0), b.constant(np.float32(1))], (1, 4)))
    check(b.build(), launches=3, tolerance=1e-6)


WINDOW = {"padding": "VALID", "filter_height": 2, "filter_width": 2, "stride_h": 1, "stride_w": 1}


@pytest.mark.parametrize(
    "content, code",
    [
        (model("SOFTMAX", [()], [()], beta=1.0), "shape"),
        (model("SOFTMAX", [(2, 3)], [(3, 2)], beta=1.0), "shape"),
        (model("SUM", [(2, 3), [1]], [(2, 1)]), "shape"),
        (model("SUM", [(2, 3), [2]], [(2,)]), "axis"),
        (model("SUM", [(2, 3), np.ones(1, np.float32)], [(2,)]), "type"),
        (model("MAX_POOL_2D", [(1, 4, 4, 1)], [(1, 4, 4, 1)], **WINDOW), "shape"),
        (model("MAX_POOL_2D", [(1, 1, 1, 1)], [(1, 1, 1, 1)], **WINDOW), "window"),
    ],
)
def test_refusals(content: bytes, code: str) -> None:
    refuses(content, code)


def test_computed_axes_are_refused() -> None:
    b = GraphBuilder()
    b.output(b.op("SUM", [b.input((2, 3)), b.input((1,), "INT32")], (2,)))
    refuses(b.build(), "dynamic_shape")
