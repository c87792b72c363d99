"""What the convolution kernels share: windows over an image, what is done to a sum before it is stored."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import prod

from ..graph.model import Graph, Op, Options
from .arguments import Refused, values
from .program import Stage, fused_activation
from .types import FLOAT

# Windows that reach further are refused, so that positions in a body fit its 32-bit integers.
LONGEST = 1 << 24


@dataclass(frozen=True)
class Window:
    """A kernel moved along one dimension: `size` in and `out`, and how far before the first element it starts."""

    size: int
    kernel: int
    stride: int
    dilation: int
    out: int
    before: int

    @property
    def padded(self) -> bool:
        """Whether any position of the kernel reaches past the edges."""
        return self.before > 0 or (self.out - 1) * self.stride + (self.kernel - 1) * self.dilation >= self.size

    @property
    def pointwise(self) -> bool:
        """Whether each output is made of the input at its own place."""
        return (self.kernel, self.stride, self.padded) == (1, 1, False)

    @property
    def covering(self) -> bool:
        """Whether there is one output, made of all there is."""
        return (self.kernel, self.out, self.padded) == (self.size, 1, False)


# The one window over a dimension that is not there.
NOWHERE = Window(1, 1, 1, 1, 1, 0)


def window(size: int, kernel: int, stride: int, dilation: int, padding: str) -> Window:
    """TFLite's SAME and VALID (`ComputeOutSize`, `ComputePaddingWithOffset` in tensorflow/lite/kernels/padding.h)."""
    reach = (kernel - 1) * dilation + 1
    if padding == "SAME":
        out = -(-size // stride)
    elif padding == "VALID":
        out = (size - reach + stride) // stride
    else:
        raise Refused("padding", padding, "SAME or VALID")
    if out < 1 or reach > LONGEST:
        raise Refused("window", f"a window of {reach} over {size} elements", "one that fits")
    return Window(size, kernel, stride, dilation, out, max((out - 1) * stride + reach - size, 0) // 2)


def windows(sizes: Sequence[int], kernel: Sequence[int], op: Op) -> tuple[Window, ...]:
    """The windows along (depth,) height and width of an image, by an op's options.

    Among these may be `zeros_h` and `zeros_w` (see `padding`): how many zeros are to lie before and after the image.
    """
    o = op.options

    def along(axis: str, size: int, reach: int) -> Window:
        before, after = o.get(f"zeros_{axis}", (0, 0))
        dilation = o.get(f"dilation_{axis}_factor", 1)
        found = window(before + size + after, reach, o[f"stride_{axis}"], dilation, o["padding"])
        return replace(found, size=size, before=before + found.before)

    return tuple(map(along, "dhw"[-len(sizes) :], sizes, kernel))


def padded(op: Op, pad: Op, zeros: Sequence[tuple[int, int]]) -> Op | None:
    """A convolution that reads what `pad` reads and lays zeros around that itself; None where it cannot."""
    if op.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D") or len(zeros) != 4 or any((*zeros[0], *zeros[3])):
        return None
    if not _reads_once(op, pad):
        return None
    options = Options({**op.options, "zeros_h": zeros[1], "zeros_w": zeros[2]})
    return replace(op, inputs=(pad.inputs[0], *op.inputs[1:]), options=options)


def gate_of(graph: Graph, op: Op) -> tuple[int, int] | None:
    """The image and the gate of a MUL that scales the channels of one image (squeeze-and-excite); None for others."""
    if op.kind != "MUL" or op.options.get("fused_activation_function", "NONE") != "NONE":
        return None
    for image, gate in (op.inputs, op.inputs[::-1]):
        of, row = graph.tensors[image].shape, graph.tensors[gate].shape
        if len(of) == 4 and of[0] == 1 and row[-1:] == of[3:] and prod(row) == of[3] < prod(of):
            floats = all(graph.tensors[t].type == "FLOAT32" for t in (image, gate, *op.outputs))
            return (image, gate) if floats else None
    return None


def gated(op: Op, mul: Op, image: int, gate: int) -> Op | None:
    """A convolution that reads what `mul` reads and multiplies that itself; None where it cannot.

    The gate is its fourth input, and `gated` among its options.
    """
    if op.kind != "CONV_2D" or not _reads_once(op, mul):
        return None
    weights, bias = (*op.inputs[1:], -1)[:2]
    return replace(op, inputs=(image, weights, bias, gate), options=Options({**op.options, "gated": True}))


def _reads_once(op: Op, before: Op) -> bool:
    """Whether an op reads what another makes as its first input alone."""
    return op.inputs.count(before.outputs[0]) == 1 and op.inputs[0] == before.outputs[0]


# What of the geometry of an image layers of one kind do not share (Program.sizes).
EXTENTS = ("IN_H", "IN_W", "OUT_H", "OUT_W", "PAD_H", "PAD_W")
# What software is told besides, so that layers with other windows share a shader, which takes it 0.2 s.
WINDOW = tuple(f"{name}_{axis}" for name in ("KERNEL", "STRIDE", "DILATION") for axis in "HW")
DEPTHS = ("IN_D", "OUT_D", "PAD_D")  # the same of volumes


def geometry(*spans: Window) -> dict[str, int]:
    """The windows along (depth,) height and width as constants of a body."""
    found = {"PADDED": int(any(span.padded for span in spans))}
    for axis, span in zip("DHW"[-len(spans) :], spans, strict=True):
        found |= {
            f"IN_{axis}": span.size, f"OUT_{axis}": span.out, f"KERNEL_{axis}": span.kernel,
            f"STRIDE_{axis}": span.stride, f"DILATION_{axis}": span.dilation, f"PAD_{axis}": span.before,
        }  # fmt: skip
    return found


def bias_of(graph: Graph, op: Op, k: int, channels: int, types: Collection[str] = FLOAT) -> int:
    """Input `k`, a bias of one value of these types for each channel, or -1 where there is none."""
    if len(op.inputs) <= k or op.inputs[k] < 0:
        return -1
    tensor = graph.tensors[values(graph, op, k, types)]
    if tensor.size != channels:
        raise Refused("shape", f"a bias of {tensor.size}", channels)
    return tensor.index


def finish(graph: Graph, op: Op, k: int, channels: int) -> tuple[Stage, ...]:
    """What becomes of a sum: the bias that is input `k` is added, and the op's activation applied."""
    bias = bias_of(graph, op, k, channels)
    return (*((Stage("x + y", bias, channels),) if bias >= 0 else ()), *fused_activation(op))
