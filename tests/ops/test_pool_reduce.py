"""Softmax, pooling and reductions: odd shapes, all paddings and axes, accuracy of long sums, fusion and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from delegraph.graph.builder import GraphBuilder

from .harness import check, graph_of, reference, refuses, run_gpu
from .single import model, one


def values(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.float32]:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape), np.float32)


def test_softmax_of_special_values() -> None:
    rows = [[1, 2, 1000], [1, np.inf, 2], [np.nan, 1, 2], [-np.inf] * 3, [-1e30, 3e38, 1], [-np.inf, 0, 1]]
    x = np.array(rows, np.float32)
    for content in (one("SOFTMAX", x.shape, beta=1.0), one("LOG_SOFTMAX", x.shape), one("SOFTMAX", x.shape, beta=-1.0)):
        got, want = run_gpu(graph_of(content), [x])[0], reference(content, [x])[0]
        np.testing.assert_allclose(got, want, rtol=1e-6)


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
    """They start from the least and the largest number, as in the reference."""
    x = np.full((3, 300), extreme, np.float32)
    most = np.finfo(np.float32).max
    want = max(extreme, -most) if kind == "REDUCE_MAX" else min(extreme, most)
    assert (run_gpu(graph_of(one(kind, x.shape, [1])), [x])[0] == want).all()


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
