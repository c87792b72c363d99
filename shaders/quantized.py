"""8-bit arithmetic as TFLite's reference kernels do it: what lib/quantized.glsl needs, computed on the host.

A real number is scale * (q - zero point). A product of scales becomes an integer of 31 bits and a power of 2
(`QuantizeMultiplier` in tensorflow/lite/kernels/internal/quantization_util.cc), in double, as there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op, Tensor
from .arguments import Refused
from .fixed_point import Whole, scaled
from .program import Arg, Const

EIGHT_BITS = frozenset({"INT8", "UINT8"})
RANGES = {"INT8": (-128, 127), "UINT8": (0, 255), "INT16": (-(2**15), 2**15 - 1), "INT32": (-(2**31), 2**31 - 1)}
# A fused activation as the real numbers between which it clips.
CLIPPED: dict[str, tuple[float | None, float | None]] = {
    "RELU": (0.0, None), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0),
}  # fmt: skip


@dataclass(frozen=True)
class Affine:
    """How a whole tensor is quantised: `scale` is a float32's value, exactly."""

    scale: float
    zero: int

    @property
    def single(self) -> np.float32:
        """The scale as the file has it, for what TFLite multiplies in float."""
        found: np.float32 = np.float32(self.scale)
        return found


def affine(tensor: Tensor) -> Affine:
    """The one scale and zero point of a tensor; refused where it has none, or one for each channel."""
    q = tensor.quantization
    if q is None or q.scales.size != 1:
        met = "no scale" if q is None or not q.scales.size else f"{q.scales.size} scales"
        raise Refused("quantization", f"{tensor.name!r} has {met}", "one scale")
    scale = float(q.scales[0])
    zero = int(q.zero_points[0]) if q.zero_points.size else 0
    low, high = RANGES.get(tensor.type, (0, 0))
    if not (math.isfinite(scale) and scale > 0) or not low <= zero <= high:
        raise Refused("quantization", f"{tensor.name!r} has scale {scale} and zero point {zero}", "a scale above 0")
    return Affine(scale, zero)


def multiplier(real: float) -> tuple[int, int]:
    """A real number >= 0 as m * 2 ** (shift - 31), m of 31 bits."""
    whole, shift = multipliers(np.array([real]))
    return int(whole[0]), int(shift[0])


def multipliers(reals: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """As `multiplier`, of many; refused where one is no finite number, or so large that shifting would lose it."""
    if not np.isfinite(reals).all():
        raise Refused("quantization", "scales whose quotient is not finite", "finite ones")
    fraction, shift = np.frexp(reals)
    whole = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    over = whole == 1 << 31
    whole, shift = np.where(over, whole // 2, whole), shift + over
    whole, shift = np.where(shift < -31, 0, whole), np.where(shift < -31, 0, shift)
    if (shift > 31).any():
        raise Refused("quantization", f"scales whose quotient is {reals.max():.3g}", "less than 2 ** 31")
    return whole.astype(np.int32), shift.astype(np.int32)


def rescaled(expression: str, real: float) -> str:
    """GLSL that multiplies an int, or four, by a real number; for lib/quantized.glsl."""
    whole, shift = multiplier(real)
    return f"multiplied({expression}, VALUE({whole}), VALUE({shift}))"


def multiplied(x: Whole, real: float) -> Whole:
    """What lib/quantized.glsl makes of integers times a real number >= 0."""
    return scaled(x, *multiplier(real))


def rounded(x: float) -> int:
    """To the nearest integer, halves away from 0."""
    return int(math.copysign(math.floor(abs(x) + 0.5), x))


def activation_range(op: Op, tensor: Tensor) -> tuple[int, int]:
    """Between which values an op clips its output: the type's range, and its fused activation's.

    `CalculateActivationRangeQuantized` in tensorflow/lite/kernels/kernel_util.cc, in float there and here.
    """
    clipped = CLIPPED.get(op.options.get("fused_activation_function", "NONE"), (None, None))
    q, (low, high) = affine(tensor), RANGES[tensor.type]
    with np.errstate(over="ignore"):
        first, last = (
            end if real is None else q.zero + min(max(rounded(float(np.float32(real) / q.single)), -(2**31)), 2**31)
            for real, end in zip(clipped, (low, high), strict=True)
        )
    return max(low, first), min(high, last)


def limits_of(op: Op, tensor: Tensor) -> dict[str, int]:
    """The constants with which a body ends: LOW and HIGH, and the output's zero point."""
    low, high = activation_range(op, tensor)
    return {"LOW": low, "HIGH": high, "OUT_ZERO": affine(tensor).zero}


@dataclass(frozen=True)
class Filters:
    """Constant weights, and what becomes of the sum of their products with an input, for each output channel.

    `whole` are integers with the weights' zero point taken off; `reals` the factors from a sum to the output.
    """

    whole: NDArray[np.int32]
    bias: NDArray[np.int32]
    reals: NDArray[np.float64]

    @classmethod
    def of(cls, graph: Graph, op: Op, channels: int, axis: int) -> Filters:
        """Those of an op (input, weights, bias); refused where computed, or of other types than its input's."""
        x, w, y = (graph.tensors[t] for t in (*op.inputs[:2], op.outputs[0]))
        weights, q = graph.constant(w.index), w.quantization
        if weights is None:
            raise Refused("not_constant", f"{w.name!r} is computed", "a constant")
        if w.type != x.type or y.type != x.type:
            raise Refused("type", f"{w.name!r} is {w.type}, {y.name!r} {y.type}", x.type)
        if q is None or q.scales.size not in (1, channels) or (q.scales.size > 1 and q.axis != axis):
            raise Refused("quantization", f"{w.name!r}", f"a scale, or one for each of {channels} along axis {axis}")
        if q.scales.size > 1 and x.type == "UINT8":
            raise Refused("quantization", f"{w.name!r} has {q.scales.size} scales", "one scale, as it is UINT8")
        zero = int(q.zero_points[0]) if q.zero_points.size and takes_zero(op, x.type, q.scales.size) else 0
        reals = factors(affine(x), q.scales, affine(y), x.type == "UINT8" and op.kind != "FULLY_CONNECTED")
        whole = weights.astype(np.int32) - np.int32(zero)
        return cls(whole, bias_of(graph, op, channels), np.broadcast_to(reals, (channels,)))

    def finish(self, zero: int, axis: int, order: NDArray[np.intp], kind: str, double: bool = False) -> Arg:
        """The argument `rescale` of lib/rescale.glsl, or, for products in double, of lib/rescale_double.glsl.

        It has the bias and the factor, in as many numbers as these want, by fours ("ivec4") or ones ("int"). `order`
        are the output channels in the order in which they are stored, -1 where there is none. The input's zero point is
        part of the bias: sum((x - zero) * w) is sum(x * w) - zero * sum(w), in integers that wrap around, too.
        """
        factor = in_double(self.reals) if double else multipliers(self.reals)

        def pack() -> NDArray[np.int32]:
            sums = np.moveaxis(self.whole, axis, -1).reshape(-1, self.bias.size).sum(0, dtype=np.int64)
            bias = (self.bias.astype(np.int64) - zero * sums).astype(np.int32)
            found = np.stack([np.append(values, np.int32(0))[order] for values in (bias, *factor)])
            wide = 4 if kind == "ivec4" else 1
            return np.ascontiguousarray(found.reshape(len(found), -1, wide).transpose(1, 0, 2), np.int32)

        return Arg("rescale", Const(pack, 4 * (1 + len(factor)) * order.size), kind)


def in_double(reals: NDArray[np.float64]) -> tuple[NDArray[np.int32], ...]:
    """Doubles >= 0 as (low, high, e): the 53 bits of (high * 2 ** 32 + low) / 2 ** e."""
    if not np.isfinite(reals).all():
        raise Refused("quantization", "scales whose quotient is not finite", "finite ones")
    fraction, shift = np.frexp(reals)
    whole = (fraction * 2.0**53).astype(np.uint64)
    low, high = ((whole >> np.uint64(k) & np.uint64(0xFFFFFFFF)).astype(np.uint32) for k in (0, 32))
    return low.view(np.int32), high.view(np.int32), (53 - shift).astype(np.int32)


def takes_zero(op: Op, type: str, scales: int) -> bool:
    """Whether the reference kernel heeds the weights' zero point."""
    return type == "UINT8" or (op.kind == "FULLY_CONNECTED" and scales == 1)


def factors(x: Affine, w: NDArray[np.float32], y: Affine, single: bool) -> NDArray[np.float64]:
    """From a sum of products to the output, in double; with `single`, the product of the two scales in float.

    Both are in `PopulateConvolutionQuantizationParams` in tensorflow/lite/kernels/kernel_util.cc.
    """
    product = (x.single * w).astype(np.float64) if single else x.scale * w.astype(np.float64)
    return np.asarray(product / y.scale, np.float64)


def bias_of(graph: Graph, op: Op, channels: int) -> NDArray[np.int32]:
    """The op's third input, zeros where it has none."""
    if len(op.inputs) < 3 or op.inputs[2] < 0:
        return np.zeros(channels, np.int32)
    tensor, bias = graph.tensors[op.inputs[2]], graph.constant(op.inputs[2])
    if bias is None:
        raise Refused("not_constant", f"{tensor.name!r} is computed", "a constant")
    if bias.dtype != np.int32 or bias.size != channels:
        raise Refused("bias", f"{tensor.name!r} is {tensor.type} {list(tensor.shape)}", f"INT32 [{channels}]")
    return np.asarray(bias.reshape(-1), np.int32)


def in_blocks(sets: int, each: int, block: int) -> NDArray[np.intp]:
    """Output channels as they are stored: `sets` of them, each of `each` made up to a multiple of `block` by -1."""
    found: NDArray[Any] = np.full((sets, -(-each // block) * block), -1, np.intp)
    found[:, :each] = np.arange(sets * each).reshape(sets, each)
    return found.reshape(-1)
