"""ONE_HOT, TOPK_V2, RANGE."""

from __future__ import annotations

import numpy as np
import pytest

from delegraph.graph.builder import GraphBuilder

from .harness import check, graph_of, refuses, run_gpu
from .single import Type, model, one

INT32, INT64 = Type("INT32"), Type("INT64")


def test_one_hot_of_computed_values() -> None:
    content = one("ONE_HOT", INT32((6,)), np.array(4, np.int32), (), (), makes=Type(), axis=-1)
    check(content, inputs=[np.array([0, 3, 1, 4, -1, 2], np.int32), np.float32(2.5), np.float32(-1)], launches=1)


def topk(type: str, shape: tuple[int, ...], k: int) -> bytes:
    b = GraphBuilder()
    made = [b.tensor((*shape[:-1], k), type), b.tensor((*shape[:-1], k), "INT32")]
    b.op("TOPK_V2", [b.input(shape, type), b.constant(np.array(k, np.int32))], outputs=made)
    b.output(*made)
    return b.build()


def test_topk_fills_its_results_whatever_the_values() -> None:
    x = np.array([[1, np.nan, 3, np.nan, 2], [np.nan] * 5], np.float32)
    values, places = run_gpu(graph_of(topk("FLOAT32", (2, 5), 5)), [x])
    assert places.tolist() == [[2, 4, 0, 1, 3], [0, 1, 2, 3, 4]]
    np.testing.assert_array_equal(values, np.take_along_axis(x, places, 1))


@pytest.mark.parametrize(
    "content, code",
    [
        (model("ONE_HOT", [INT32((3,)), np.array(4, np.int32), (), ()], [(3, 5)], Type(), axis=-1), "shape"),
        (model("ONE_HOT", [INT32((3,)), np.array(4, np.int32), (2,), ()], [(3, 4)], Type(), axis=-1), "shape"),
        (model("RANGE", [np.array(v, np.int32) for v in (0, 5, 1)], [(4,)], INT32), "shape"),
    ],
)
def test_refusals(content: bytes, code: str) -> None:
    refuses(content, code)
