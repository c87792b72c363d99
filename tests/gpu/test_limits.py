"""Launches shaped for other devices than the one that is here compute the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ops.harness import delegate, difference, graph_of, random_inputs, reference, run_gpu, whole

from delegraph.delegates.gpu import GPUDelegate
from delegraph.graph.builder import GraphBuilder
from delegraph.shaders.program import Limits

from .graphs import SAME, noise


def layers() -> bytes:
    """One of each kernel that chooses its groups by the device."""
    b = GraphBuilder()
    x = b.input((2, 61, 63, 3))
    y = b.op("CONV_2D", [x, b.constant(noise(12, 3, 3, 3)), b.constant(noise(12))], (2, 61, 63, 12), **SAME)
    y = b.op("CONV_2D", [y, b.constant(noise(10, 1, 1, 12)), b.constant(noise(10))], (2, 61, 63, 10), **SAME)
    d = b.op("DEPTHWISE_CONV_2D", [y, b.constant(noise(1, 3, 3, 10)), b.constant(noise(10))], (2, 61, 63, 10),
             depth_multiplier=1, **SAME)  # fmt: skip
    shape = b.constant([2, 122, 126, 5], "INT32")
    t = b.op("TRANSPOSE_CONV", [shape, b.constant(noise(5, 2, 2, 10)), d, b.constant(noise(5))], (2, 122, 126, 5),
             dtype="FLOAT32", stride_h=2, stride_w=2, padding="SAME")  # fmt: skip
    b.output(t)
    b.output(b.op("CONV_2D", [d, b.constant(noise(6, 61, 63, 10)), b.constant(noise(6))], (2, 1, 1, 6),
                  stride_h=1, stride_w=1, padding="VALID"))  # fmt: skip
    return b.build()


@pytest.mark.parametrize("shape", ["gpu", "large", "few groups"])
def test_launches_shaped_for_another_device(shape: str) -> None:
    here = delegate().limits
    limits = {
        "gpu": replace(here, lanes=Limits().lanes, threads=Limits().threads),
        "large": replace(here, lanes=64, threads=1 << 20),
        "few groups": replace(here, groups=40),
    }[shape]
    content = layers()
    graph = graph_of(content)
    gpu = GPUDelegate(limits=limits)
    gpu.check_each = True
    launches, _ = gpu._lower(graph, whole(graph).ops, frozenset())
    assert max(max(launch.program.groups) for launch in launches) <= limits.groups
    assert any(launch.program.groups[1] > 1 for launch in launches) == (shape == "few groups")
    inputs = random_inputs(graph)
    for got, want in zip(run_gpu(graph, inputs, gpu=gpu), reference(content, inputs), strict=True):
        assert difference(got, want) <= 1e-5
    gpu.close()
