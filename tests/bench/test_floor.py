"""The least that ops could take: by hand for a small graph, and by what the GPU here does at most."""

from __future__ import annotations

import numpy as np
import pytest

from delegraph import GPUDelegate
from delegraph.bench.floor import ceilings_of, floors
from delegraph.delegates.base import Ceiling
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.read import read
from delegraph.partitioner.planner import make_plan

WIDE = {"stride_h": 1, "stride_w": 1, "padding": "SAME"}


def test_a_floor_is_arithmetic_or_traffic_of_an_op_with_what_is_fused_into_it() -> None:
    """A 1x1 convolution of 4 to 8 channels over 6 x 5 pixels, to which something is added."""
    b = GraphBuilder()
    x, y = b.input((1, 6, 5, 4)), b.input((1, 6, 5, 8))
    weights, bias = (b.constant(np.ones(shape, np.float32)) for shape in ((8, 1, 1, 4), (8,)))
    made = b.op("CONV_2D", [x, weights, bias], (1, 6, 5, 8), **WIDE)
    b.output(b.op("ADD", [made, y], (1, 6, 5, 8)))
    graph = read(b.build()).graphs[0]
    gpu = GPUDelegate()
    plan = make_plan(graph, [gpu])
    assert [d.fused for d in plan.decisions] == [None, 0]
    operations = 2 * 4 * 240 + 240
    nbytes = 4 * (120 + 32 + 8 + 240 + 240)
    assert floors(graph, plan, [gpu], {"gpu": Ceiling(10.0, 1e9)}) == {0: pytest.approx(operations / 10)}
    assert floors(graph, plan, [gpu], {"gpu": Ceiling(1e9, 10.0)}) == {0: pytest.approx(nbytes / 10)}
    assert floors(graph, plan, [gpu], {}) == {}
    gpu.close()


@pytest.mark.parametrize(("made", "each"), [(8, 1), (6, 4)])
def test_integers_of_8_bits_are_a_byte_each_and_a_word_where_no_fours_lie_in_a_row(made: int, each: int) -> None:
    b = GraphBuilder()
    weights = b.constant(np.ones((made, 4), np.int8), quantization=(0.5, 0))
    x = b.input((3, 4), "INT8", quantization=(0.5, 0))
    b.output(b.op("FULLY_CONNECTED", [x, weights, -1], (3, made), dtype="INT8", quantization=(0.5, 0)))
    graph = read(b.build()).graphs[0]
    gpu = GPUDelegate()
    found = floors(graph, make_plan(graph, [gpu]), [gpu], {"gpu": Ceiling(1e9, 10.0)})
    assert found == {0: pytest.approx((made * 4 + 3 * 4 + each * 3 * made) / 10)}
    gpu.close()


@pytest.mark.parametrize("api", ["gl", "gles"])
def test_what_a_device_does_at_most_is_measured_once(api: str) -> None:
    gpu = GPUDelegate(api=api)
    found = ceilings_of([gpu])["gpu"]
    assert found.flops > 1e7 and found.bandwidth > 1e7  # far below what the slowest of computers does
    assert gpu.ceiling() is found
    gpu.close()
