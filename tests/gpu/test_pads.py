"""PAD before convolutions: they lay the zeros themselves where these are zeros, around the image, and theirs alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from ops.harness import check, delegate, graph_of, whole
from ops.quantized import noise as integers

from delegraph import GPUDelegate, Interpreter
from delegraph.delegates.gpu.launches import lower
from delegraph.graph.builder import GraphBuilder
from delegraph.shaders.program import Limits

from .graphs import noise

Pads = tuple[tuple[int, int], ...]
AROUND: Pads = ((0, 0), (1, 1), (1, 1), (0, 0))
QUANTIZATION: dict[str, Any] = {"quantization": (0.1, -7)}


@dataclass(frozen=True)
class Case:
    """An image of a shape, a PAD, and a convolution of what that makes."""

    shape: tuple[int, ...] = (1, 6, 5, 4)
    pads: Pads = AROUND
    kind: str = "CONV_2D"
    kernel: int = 3
    stride: int = 2
    dilation: int = 1
    channels: int = 8
    padding: str = "VALID"
    dtype: str = "float32"
    value: float | None = None  # that PADV2 puts there

    def build(self, readers: int = 1, shown: bool = False) -> bytes:
        """The model: its outputs are those of the convolutions, and that of the PAD where that is `shown`."""
        b = GraphBuilder()
        exact = self.dtype == "int8"
        quantized = QUANTIZATION if exact else {}
        x = b.input(self.shape, self.dtype, **quantized)
        wide = tuple(n + sum(pair) for n, pair in zip(self.shape, self.pads, strict=True))
        inputs = [x, b.constant(np.array(self.pads, np.int32))]
        if self.value is not None:
            inputs.append(b.constant(np.array(self.value, self.dtype), **quantized))
        pad = b.op("PAD" if self.value is None else "PADV2", inputs, wide, **quantized)
        outputs = [self.convolution(b, pad, wide, seed) for seed in range(readers)]
        b.output(*outputs, *((pad,) if shown else ()))
        return b.build()

    def convolution(self, b: GraphBuilder, pad: int, wide: tuple[int, ...], seed: int) -> int:
        """The output of a convolution of the padded image."""
        deep = self.kind == "DEPTHWISE_CONV_2D"
        channels = wide[3] if deep else self.channels
        filters = (1, self.kernel, self.kernel, channels) if deep else (channels, self.kernel, self.kernel, wide[3])
        if self.dtype == "int8":
            w = b.constant(integers(np.random.default_rng(seed), "int8", filters), quantization=(0.02, 0))
            bias = b.constant(np.arange(channels, dtype=np.int32) * 100, quantization=(0.002, 0))
        else:
            w, bias = b.constant(noise(*filters, seed=seed)), b.constant(noise(channels, seed=seed + 1))
        reach = (self.kernel - 1) * self.dilation + 1
        before = 0 if self.padding == "SAME" else reach - 1
        made = [-(-(n - before) // self.stride) for n in wide[1:3]]
        return b.op(
            self.kind, [pad, w, bias], (wide[0], *made, channels), op_version=3 if self.dtype == "int8" else 1,
            stride_h=self.stride, stride_w=self.stride, dilation_h_factor=self.dilation,
            dilation_w_factor=self.dilation, padding=self.padding, **({"depth_multiplier": 1} if deep else {}),
            **({"quantization": (0.9, 3)} if self.dtype == "int8" else {}),
        )  # fmt: skip


CASES = [
    Case(),
    Case(pads=((0, 0), (0, 1), (2, 0), (0, 0))),
    Case(pads=((0, 0), (0, 3), (5, 4), (0, 0)), stride=1),
    Case(shape=(3, 6, 5, 3), pads=((0, 0), (0, 1), (0, 1), (0, 0))),
    Case(dilation=2, stride=1, pads=((0, 0), (2, 1), (3, 2), (0, 0))),
    Case(padding="SAME", pads=((0, 0), (2, 0), (0, 1), (0, 0))),
    Case(kernel=1, stride=1),
    Case(kernel=1, stride=2, pads=((0, 0), (1, 0), (0, 2), (0, 0))),
    Case(kernel=7, shape=(1, 9, 8, 3), pads=((0, 0), (3, 3), (3, 3), (0, 0))),
    Case(value=0.0),
    Case(kind="DEPTHWISE_CONV_2D"),
    Case(kind="DEPTHWISE_CONV_2D", pads=((0, 0), (0, 1), (0, 1), (0, 0)), shape=(2, 6, 5, 3)),
    Case(kind="DEPTHWISE_CONV_2D", pads=((0, 0), (4, 0), (1, 6), (0, 0)), stride=1, dilation=2),
    Case(kind="DEPTHWISE_CONV_2D", kernel=5, padding="SAME", pads=((0, 0), (1, 2), (3, 0), (0, 0))),
]


@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_not_launched(case: Case, dtype: str) -> None:
    zero = -7 if dtype == "int8" else 0
    content = replace(case, dtype=dtype, value=None if case.value is None else zero).build()
    lowering = delegate().lower(graph_of(content), (0, 1))
    check(content, launches=2 if lowering.ways.get(1, "").startswith("im2col") else 1)
    assert lowering.fused == {0: 1}


def test_by_winograds_way() -> None:
    case = Case(shape=(1, 21, 18, 32), channels=32, stride=1, pads=((0, 0), (1, 2), (3, 0), (0, 0)))
    content = case.build()
    launches, _ = lower(graph_of(content), (0, 1), frozenset(), Limits())
    assert [launch.program.body for launch in launches][0::2] == ["winograd_input", "winograd_output"]
    check(content, launches=3)


def test_before_weights_of_8_bits_and_floats() -> None:
    b = GraphBuilder()
    x = b.input((2, 6, 5, 4))
    pad = b.op("PAD", [x, b.constant(np.array(AROUND, np.int32))], (2, 8, 7, 4))
    w = b.constant(integers(np.random.default_rng(0), "int8", (8, 3, 3, 4)), quantization=([0.02] * 8, [0] * 8))
    options: dict[str, Any] = {"stride_h": 2, "stride_w": 2, "padding": "VALID", "op_version": 5}
    b.output(b.op("CONV_2D", [pad, w, b.constant(noise(8))], (2, 3, 3, 8), **options))
    content = b.build()
    assert delegate().lower(graph_of(content), (0, 1)).fused == {0: 1}
    check(content)


def test_an_activation_behind_it_joins_too() -> None:
    b = GraphBuilder()
    made = Case().convolution(b, _padded(b), (1, 8, 7, 4), 0)
    b.output(b.op("RELU", [made], (1, 3, 3, 8)))
    content = b.build()
    check(content, launches=1)
    assert delegate().lower(graph_of(content), (0, 1, 2)).fused == {0: 1, 2: 1}


def _padded(b: GraphBuilder) -> int:
    return b.op("PAD", [b.input((1, 6, 5, 4)), b.constant(np.array(AROUND, np.int32))], (1, 8, 7, 4))


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_all_that_read_it_pad(dtype: str) -> None:
    check(Case(dtype=dtype).build(readers=2), launches=2)


NOT = [
    Case(value=1.0),
    Case(value=-0.5, kind="DEPTHWISE_CONV_2D"),
    Case(value=0.0, dtype="int8"),  # the zero point is another
    Case(pads=((0, 0), (1, 1), (1, 1), (0, 4))),
    Case(pads=((1, 0), (1, 1), (1, 1), (0, 0))),
    Case(pads=((0, 0), (1, 1), (1, 1), (1, 0)), kind="DEPTHWISE_CONV_2D"),
]


@pytest.mark.parametrize("case", NOT, ids=str)
def test_what_puts_anything_else_there_is_launched(case: Case) -> None:
    check(case.build(), launches=2)


def test_what_is_an_output_is_launched() -> None:
    check(Case().build(shown=True), launches=2)


def test_what_another_op_reads_is_launched() -> None:
    b = GraphBuilder()
    pad = _padded(b)
    b.output(Case().convolution(b, pad, (1, 8, 7, 4), 0), b.op("TANH", [pad], (1, 8, 7, 4)))
    check(b.build(), launches=3)


def test_integers_of_another_scale_than_before_are_launched() -> None:
    b = GraphBuilder()
    x = b.input((1, 6, 5, 4), "int8", quantization=(0.1, 5))
    pad = b.op("PAD", [x, b.constant(np.array(AROUND, np.int32))], (1, 8, 7, 4), quantization=(0.2, -7))
    b.output(Case(dtype="int8").convolution(b, pad, (1, 8, 7, 4), 0))
    content = b.build()
    assert delegate().lower(graph_of(content), whole(graph_of(content)).ops).fused == {}


def test_quantised_and_run_in_floats() -> None:
    """Within a step of the output's, as by itself: the zero that is laid around stands for the real 0."""
    content = Case(dtype="int8").build()
    x = integers(np.random.default_rng(3), "int8", (1, 6, 5, 4))
    made = []
    for gpu in (delegate(), GPUDelegate(quantized="float")):
        it = Interpreter(model_content=content, delegates=[gpu])
        it.allocate_tensors()
        it.set_tensor(0, x)
        it.invoke()
        assert [d.fused for d in it.plan.decisions] == [1, None]
        made.append(it.get_tensor(it.get_output_details()[0]["index"]).astype(int))
    assert np.abs(made[0] - made[1]).max() <= 1


def test_a_plan_says_where_it_went() -> None:
    it = Interpreter(model_content=Case().build(), delegates=[GPUDelegate()])
    assert [(d.op, d.fused) for d in it.plan.decisions] == [(0, 1), (1, None)]
