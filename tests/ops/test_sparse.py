"""FULLY_CONNECTED with sparse weights, which the reference kernels take as they stand in the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Quantization
from delegraph.graph.sparse import DENSE, SPARSE_CSR

from .harness import check

UNITS, DEPTH = 6, 48


def layer(
    rng: np.random.Generator, kind: str, weights: str, block: int | None, by_channel: bool = False, **options: Any
) -> bytes:
    """A layer of `kind` activations, and of weights two thirds of which are 0, in blocks or one by one."""
    kept = np.repeat(rng.random((UNITS, DEPTH // (block or 1))) < 0.3, block or 1, axis=1)
    values = rng.standard_normal((UNITS, DEPTH)) * (100 if weights == "int8" else 1)
    scales = rng.uniform(0.001, 0.02, UNITS if by_channel else 1).astype(np.float32)
    q = Quantization(scales, np.zeros(len(scales), np.int64)) if weights == "int8" else None
    blocks: Mapping[int, int] | None = {1: block} if block else None
    levels, order = ((DENSE, SPARSE_CSR, DENSE), (0, 1, 2)) if block else ((DENSE, SPARSE_CSR), ())
    b = GraphBuilder()
    x = b.input((3, DEPTH), kind, quantization=(0.02, 3) if kind == "int8" else None)
    w = b.sparse_constant(
        (values * kept).clip(-127, 127).astype(weights), levels, order=order, blocks=blocks, quantization=q
    )
    bias = rng.integers(-99, 99, UNITS).astype(np.int32 if kind == "int8" else np.float32)
    made = (0.05, 1) if kind == "int8" else None
    tensors, shape = [x, w, b.constant(bias)], (3, UNITS)
    b.output(b.op("FULLY_CONNECTED", tensors, shape, dtype=kind, quantization=made, op_version=8, **options))
    return b.build()


@pytest.mark.parametrize("block", [None, 4])
def test_floats(block: int | None) -> None:
    check(layer(np.random.default_rng(0), "float32", "float32", block, fused_activation_function="RELU"))


@pytest.mark.parametrize("by_channel", [False, True])
def test_integers(by_channel: bool) -> None:
    check(layer(np.random.default_rng(1), "int8", "int8", 16, by_channel), tolerance=0.0)


@pytest.mark.parametrize("asymmetric", [False, True])
def test_hybrid(asymmetric: bool) -> None:
    check(layer(np.random.default_rng(2), "float32", "int8", 16, asymmetric_quantize_inputs=asymmetric))
