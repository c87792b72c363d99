"""Convolutions whose windows are copied to rows: when rules choose that, and what is beside the windows."""

from __future__ import annotations

import numpy as np
import pytest
from ops.harness import delegate, graph_of, run_gpu

from delegraph.delegates.gpu.lowering import ways
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph
from delegraph.shaders.program import Limits

from .graphs import SAME, noise

SOFTWARE = Limits(texels=True, lanes=8, threads=16)
WAY = "im2col, tiles of 4 by 4"


def convolution(size: int, depth: int, channels: int, kernel: int = 3, computed: bool = False, **more: int) -> Graph:
    b = GraphBuilder()
    stride = more.pop("stride", 1)
    sizes, out = (channels, kernel, kernel, depth), -(-size // stride)
    filters = b.input(sizes) if computed else b.constant(noise(*sizes))
    options = {**SAME, "stride_h": stride, "stride_w": stride, **more}
    b.output(b.op("CONV_2D", [b.input((1, size, size, depth)), filters, -1], (1, out, out, channels), **options))
    return graph_of(b.build())


def first(graph: Graph, limits: Limits = SOFTWARE) -> str:
    return next(iter(ways(graph, graph.ops[0], limits)))


def test_rules_choose_it_on_software_for_first_layers_and_where_products_are_long() -> None:
    assert first(convolution(224, 3, 32, stride=2)).startswith("im2col")
    assert first(convolution(16, 256, 256, stride=2)).startswith("im2col")
    assert not first(convolution(64, 32, 4)).startswith("im2col"), "copying takes longer than so few channels"
    assert first(convolution(16, 256, 256)).startswith("Winograd")


@pytest.mark.parametrize(
    "graph",
    [
        convolution(9, 3, 8, dilation_w_factor=2),
        convolution(9, 3, 8, computed=True),
        convolution(260, 12, 8),
    ],
    ids=["dilated", "computed", "large"],
)
def test_it_is_no_way(graph: Graph) -> None:
    assert not [way for way in ways(graph, graph.ops[0], SOFTWARE) if way.startswith("im2col")]


@pytest.mark.parametrize("depth", [3, 4])
def test_what_is_beside_a_window_does_not_reach_it(depth: int) -> None:
    """Nor what lay before in the memory of rows: all that is made up is 0, and infinity times 0 would be no number."""
    graph = convolution(7, depth, 4).with_ways({0: WAY})
    assert delegate().lower(graph, (0,)).ways == {0: WAY}
    x = np.full((1, 7, 7, depth), 1.0, np.float32)
    x[0, 3, 3] = np.inf
    (got,) = run_gpu(graph, [x])
    near = np.zeros((7, 7), bool)
    near[2:5, 2:5] = True
    assert np.isfinite(got[0][~near]).all() and not np.isfinite(got[0][near]).any()
