"""STABLEHLO_COMPOSITE: what stands for a subgraph runs as the ops of it."""

from __future__ import annotations

import numpy as np
import pytest

from delegraph import GPUDelegate
from delegraph.graph.builder import GraphBuilder

from .harness import check, graph_of, reference, refuses

SHAPE = (2, 3, 8)


def composite(b: GraphBuilder, inside: GraphBuilder, *inputs: int, shape: tuple[int, ...] = SHAPE) -> int:
    """The op that stands for a subgraph of the model."""
    made = b.tensor(shape)
    b.op(
        "STABLEHLO_COMPOSITE",
        inputs,
        outputs=[made],
        name="odml.some",
        composite_attributes=[0, 0, 1],
        decomposition_subgraph_index=inside.index,
    )
    return made


def rms_norm(b: GraphBuilder, name: str = "rms_norm") -> GraphBuilder:
    """x / sqrt(mean(x ** 2) + epsilon) * scale, over the last axis."""
    inside = b.subgraph(name)
    x, scale = inside.input(SHAPE), inside.input((8,))
    mean = inside.op(
        "MEAN", [inside.op("MUL", [x, x], SHAPE), inside.constant(np.array([2], np.int32))], (2, 3, 1), keep_dims=True
    )
    root = inside.op("RSQRT", [inside.op("ADD", [mean, inside.constant(np.float32(1e-6))], (2, 3, 1))], (2, 3, 1))
    inside.output(inside.op("MUL", [inside.op("MUL", [x, root], SHAPE), scale], SHAPE))
    return inside


def model(*, constant: bool, nested: bool = False) -> bytes:
    """A composite between two ops, of what is computed and a scale."""
    b = GraphBuilder()
    x = b.op("ABS", [b.input(SHAPE)], SHAPE)
    scale = b.constant(np.linspace(-1, 2, 8, dtype=np.float32)) if constant else b.input((8,))
    inside = rms_norm(b)
    if nested:
        outer = b.subgraph("outer")
        u, v = outer.input(SHAPE), outer.input((8,))
        outer.output(outer.op("NEG", [composite(outer, inside, u, v)], SHAPE))
        inside = outer
    b.output(b.op("TANH", [composite(b, inside, x, scale)], SHAPE))
    return b.build()


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_an_op_of_many(constant: bool, nested: bool) -> None:
    check(model(constant=constant, nested=nested), tolerance=1e-4)


def test_views_and_matrices() -> None:
    b = GraphBuilder()
    inside = b.subgraph("attention")
    q, k = inside.input(SHAPE), inside.input(SHAPE)
    flat = inside.op("RESHAPE", [q, inside.constant(np.array([6, 8], np.int32))], (6, 8))
    turned = inside.op("RESHAPE", [inside.op("NEG", [flat], (6, 8)), inside.constant(np.array(SHAPE, np.int32))], SHAPE)
    scores = inside.op("SOFTMAX", [inside.op("BATCH_MATMUL", [turned, k], (2, 3, 3), adj_y=True)], (2, 3, 3), beta=1.0)
    inside.output(inside.op("RESHAPE", [scores, inside.constant(np.array([18], np.int32))], (18,)))
    b.output(composite(b, inside, b.input(SHAPE), b.input(SHAPE), shape=(18,)))
    check(b.build())


def test_half_precision() -> None:
    content = model(constant=True)
    graph = graph_of(content)
    assert all(GPUDelegate(precision="fp16").supports(graph, op).ok for op in graph.ops)


def test_what_has_no_kernel_is_named() -> None:
    b = GraphBuilder()
    inside = b.subgraph("odd")
    inside.output(inside.op("STABLEHLO_CBRT", [inside.input(SHAPE)], SHAPE))
    b.output(composite(b, inside, b.input(SHAPE)))
    refused = GPUDelegate().supports(graph := graph_of(b.build()), graph.ops[0]).reasons
    assert [r.code for r in refused] == ["no_kernel"] and "of 'odd'" in refused[0].met


def test_what_is_handed_on_is_refused() -> None:
    b = GraphBuilder()
    inside = b.subgraph("same")
    inside.output(inside.input(SHAPE))
    b.output(composite(b, inside, b.input(SHAPE)))
    refuses(b.build(), "subgraph")
    assert reference(b.build(), [np.ones(SHAPE, np.float32)])[0].shape == SHAPE


def test_subgraphs_that_grow_without_end_are_refused() -> None:
    b = GraphBuilder()
    levels = [b.subgraph(f"level {k}") for k in range(24)]
    for level, below in zip(levels, [*levels[1:], None], strict=True):
        x = level.input(SHAPE)
        for _ in range(2):
            x = level.op("NEG", [x], SHAPE) if below is None else composite(level, below, x)
        level.output(x)
    b.output(composite(b, levels[0], b.input(SHAPE)))
    refused = GPUDelegate().supports(graph := graph_of(b.build()), graph.ops[0]).reasons
    assert [r.code for r in refused] == ["subgraph"]
