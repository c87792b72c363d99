"""MUL by a gate (squeeze-and-excite) before 1x1 convolutions: they multiply what they read where it is theirs alone."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace

import pytest
from ops.harness import check, delegate, difference, graph_of, random_inputs, reference, run_gpu

from delegraph import GPUDelegate
from delegraph.graph.builder import GraphBuilder
from delegraph.shaders import conv as kernel

from .graphs import SAME, noise

OPS = _, _, GATE, CONV = 0, 1, 2, 3  # in the order of `Case.build`


@pytest.fixture(autouse=True)
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of images of any size: on software only large ones are worth a shader."""
    monkeypatch.setattr(kernel, "GATED", 0)


@dataclass(frozen=True)
class Case:
    """An image that is read twice, and a convolution of its product with a gate."""

    shape: tuple[int, ...] = (1, 5, 6, 8)
    gate: tuple[int, ...] = ()
    channels: int = 12
    kernel: int = 1
    first: bool = False  # whether the gate is MUL's first input
    activation: str = "NONE"
    alone: bool = False  # whether nothing else reads the image
    shown: bool = False  # whether the product is an output

    def build(self) -> bytes:
        b = GraphBuilder()
        depth = self.shape[3]
        image = b.op("SIN", [b.input(self.shape)], self.shape)
        other = b.op("COS" if self.alone else "TANH", [b.input(self.shape) if self.alone else image], self.shape)
        gate = b.input(self.gate or (1, 1, 1, depth))
        sides = [gate, image] if self.first else [image, gate]
        made = b.op("MUL", sides, self.shape, fused_activation_function=self.activation)
        w = b.constant(noise(self.channels, self.kernel, self.kernel, depth))
        inputs = [made, w, b.constant(noise(self.channels))]
        out = b.op("CONV_2D", inputs, (*self.shape[:3], self.channels), **SAME, fused_activation_function="RELU6")
        b.output(out, other, *([made] if self.shown else []))
        return b.build()


CASES = [
    Case(),
    Case(first=True),
    Case(gate=(8,), channels=3),
    Case(shape=(1, 3, 7, 6), channels=5),
    Case(shape=(1, 1, 3, 16), channels=8),
    Case(shape=(1, 9, 9, 40), channels=24),
    Case(shape=(1, 5, 6, 1), gate=(1,)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_not_launched(case: Case) -> None:
    content = case.build()
    assert delegate().lower(graph_of(content), OPS).fused[GATE] == CONV
    check(content, launches=3)


@pytest.mark.parametrize("case", CASES[:4], ids=str)
def test_in_half(case: Case) -> None:
    content = case.build()
    inputs = random_inputs(graph_of(content))
    with closing(GPUDelegate(precision="fp16")) as gpu:
        assert gpu.lower(graph_of(content), OPS).fused[GATE] == CONV
        got = run_gpu(graph_of(content), inputs, gpu=gpu)
    for g, w in zip(got, reference(content, inputs), strict=True):
        assert difference(g, w) <= 2e-3


@pytest.mark.parametrize("case", [replace(CASES[0], shape=(1, 5, 6, 140)), CASES[4]], ids=str)
def test_in_each_way(case: Case) -> None:
    content = case.build()
    graph, inputs = graph_of(content), random_inputs(graph_of(content))
    want = reference(content, inputs)
    for way in delegate().ways(graph, graph.ops[CONV]):
        asked = graph.with_ways({CONV: way})
        lowering = delegate().lower(asked, OPS)
        assert lowering.fused[GATE] == CONV and lowering.ways == {CONV: way}
        for g, w in zip(run_gpu(asked, inputs), want, strict=True):
            assert difference(g, w) <= 1e-5, way


NOT = [
    replace(CASES[0], shape=(2, 5, 6, 8)),
    replace(CASES[0], gate=(1, 5, 6, 8)),
    replace(CASES[0], gate=(1, 5, 6, 1)),
    replace(CASES[0], kernel=3),
    replace(CASES[0], activation="RELU"),
    replace(CASES[0], shown=True),
    replace(CASES[0], alone=True),
]


@pytest.mark.parametrize("case", NOT, ids=str)
def test_what_no_convolution_does_is_launched_or_a_stage(case: Case) -> None:
    content = case.build()
    assert delegate().lower(graph_of(content), OPS).fused.get(GATE) != CONV
    check(content)


def test_small_images_are_not_worth_a_shader_on_software(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    graph = graph_of(CASES[0].build())
    fused = GATE in delegate().lower(graph, OPS).fused
    assert fused == (not delegate().device.limits.texels)
