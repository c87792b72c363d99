"""Rows and channels divided by their length, running sums, sums of many tensors, rounding to quantised steps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from delegraph.graph.builder import GraphBuilder

from .harness import check, graph_of, reference, refuses, run_gpu
from .single import model, one


def noise(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_l2_normalization_of_special_values() -> None:
    rows = [[0, 0, 0], [1e-8, 0, 0], [1e30, 1, 1], [np.nan, 1, 1], [np.inf, 1, 1], [1e-4, 0, 1e-5]]
    x = np.array(rows, np.float32)
    content = one("L2_NORMALIZATION", x.shape)
    np.testing.assert_allclose(run_gpu(graph_of(content), [x])[0], reference(content, [x])[0], rtol=1e-6)


def test_add_n_with_a_constant_and_twice_the_same() -> None:
    b = GraphBuilder()
    x = b.input((3, 4))
    y = b.op("ADD_N", [x, b.constant(noise(3, 4)), x], (3, 4))
    b.output(b.op("RELU", [y], (3, 4)))
    check(b.build(), launches=1, tolerance=1e-6)


def test_fake_quant_is_fused() -> None:
    b = GraphBuilder()
    x = b.input((2, 3, 4))
    y = b.op("MUL", [x, x], (2, 3, 4))
    b.output(b.op("FAKE_QUANT", [y], (2, 3, 4), min=-1.0, max=3.0, num_bits=8))
    check(b.build(), launches=1)


REFUSED: list[tuple[str, bytes]] = [
    ("activation", model("L2_NORMALIZATION", [(2, 3)], [(2, 3)], fused_activation_function="RELU")),
    ("shape", model("L2_NORMALIZATION", [()], [()])),
    ("shape", model("L2_NORMALIZATION", [(2, 3)], [(3, 2)])),
    ("shape", model("LOCAL_RESPONSE_NORMALIZATION", [(1, 1, 2, 3)], [(1, 1, 2, 4)], radius=1)),
    ("shape", model("CUMSUM", [(2, 3), [1]], [(2, 4)])),
    ("shape", model("ADD_N", [(2, 3), (3,)], [(2, 3)])),
    ("shape", model("ADD_N", [(2, 3)], [(2, 3)])),
    ("options", model("FAKE_QUANT", [(2, 3)], [(2, 3)], min=-1.0, max=1.0, num_bits=8, narrow_range=True)),
]


@pytest.mark.parametrize(("code", "content"), REFUSED)
def test_refused(code: str, content: bytes) -> None:
    refuses(content, code)
