"""Models of one quantised op, seeded: scales, zero points and values over all that their types hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delegraph.graph.builder import GraphBuilder

from .harness import check, graph_of

Affine = tuple[float, int]
Activation = str
ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
TYPES = ("int8", "uint8")


def affine(rng: np.random.Generator, dtype: str, low: float = -3, high: float = 0) -> Affine:
    """A scale from 10 ** low to 10 ** high, and any zero point."""
    info = np.iinfo(dtype)
    return float(np.float32(10 ** rng.uniform(low, high))), int(rng.integers(info.min, info.max + 1))


def noise(rng: np.random.Generator, dtype: str, shape: Sequence[int]) -> NDArray[Any]:
    """Any values of a type."""
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, tuple(shape)).astype(dtype)


def exact(content: bytes, rng: np.random.Generator, launches: int | None = None) -> None:
    """Assert that the GPU takes every op, and gives each bit that the reference kernels give, for any input."""
    graph = graph_of(content)
    inputs = [noise(rng, graph.tensors[t].dtype.name, graph.tensors[t].shape) for t in graph.inputs]
    check(content, inputs=inputs, tolerance=0.0, launches=launches)


def elementwise(
    kind: str, dtype: str, shapes: Sequence[Sequence[int]], inputs: Sequence[Affine], output: Affine, **options: Any
) -> bytes:
    """One op of some activations, whose output has the shape to which theirs broadcast."""
    b = GraphBuilder()
    tensors = [b.input(shape, dtype, quantization=q) for shape, q in zip(shapes, inputs, strict=True)]
    b.output(
        b.op(kind, tensors, np.broadcast_shapes(*map(tuple, shapes)), quantization=output, op_version=2, **options)
    )
    return b.build()
