"""Quantised arithmetic as TFLite's reference kernels do it: what lib/quantized.glsl needs, computed on the host.

A real number is scale * (q - zero point). A product of scales becomes an integer of 31 bits and a power of 2
(`QuantizeMultiplier` in tensorflow/lite/kernels/internal/quantization_util.cc), in double, as there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Op, Tensor
from .arguments import Refused
from .fixed_point import Whole, scaled

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
    """As `multiplier`, of many; refused where one is so large that shifting would lose it.

    What is no finite number, as where a scale is 0, becomes 0, as it does on x86.
    """
    fraction, shift = np.frexp(np.where(np.isfinite(reals), reals, 0.0))
    whole = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    over = whole == 1 << 31
    whole, shift = np.where(over, whole // 2, whole), shift + over
    whole, shift = np.where(shift < -31, 0, whole), np.where(shift < -31, 0, shift)
    if (shift > 31).any():
        raise Refused("quantization", f"scales whose quotient is {reals.max():.3g}", "less than 2 ** 31")
    return whole.astype(np.int32), shift.astype(np.int32)


def short_multipliers(reals: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Real numbers as m / 2 ** e, m of 15 bits (`MultiplyByQuantizedMultiplier` of an int64_t)."""
    whole, shift = multipliers(reals)
    if (shift > 14).any():
        raise Refused("quantization", f"scales whose quotient is {reals.max():.3g}", "less than 2 ** 14")
    short = np.where(whole < 0x7FFF0000, (whole.astype(np.int64) + (1 << 15)) >> 16, 0x7FFF)
    return short.astype(np.int32), 15 - shift


def rescaled(expression: str, real: float) -> str:
    """GLSL that multiplies an int, or four, by a real number; for lib/quantized.glsl."""
    whole, shift = multiplier(real)
    return f"multiplied({expression}, VALUE({whole}), VALUE({shift}))"


def rescaled_raised(expression: str, up: int, real: float) -> str:
    """The same of what is first multiplied by 2 ** up, of a number of 31 - up bits."""
    whole, shift = multiplier(real)
    if up < 15 or shift > 0:
        return rescaled(f"{expression} << {up}", real)
    factors = f"VALUE({whole >> 16}), VALUE({whole & 0xFFFF})"
    return f"multiplied_raised({expression}, {factors}, {up}u, VALUE({-shift}))"


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
    low, high = RANGES[tensor.type]
    if clipped == (None, None):
        return low, high
    q = affine(tensor)
    with np.errstate(over="ignore"):
        first, last = (
            end if real is None else q.zero + min(max(rounded(float(np.float32(real) / q.single)), -(2**31)), 2**31)
            for real, end in zip(clipped, (low, high), strict=True)
        )
    return max(low, first), min(high, last)


def limits_of(op: Op, tensor: Tensor, of: Affine | None = None) -> dict[str, int]:
    """The constants with which a body ends: LOW and HIGH, and the output's zero point, as `of` has it if given."""
    low, high = activation_range(op, tensor)
    return {"LOW": low, "HIGH": high, "OUT_ZERO": (of or affine(tensor)).zero}


def in_double(reals: NDArray[np.float64]) -> tuple[NDArray[np.int32], ...]:
    """Doubles >= 0 as (low, high, e): the 53 bits of (high * 2 ** 32 + low) / 2 ** e."""
    if not np.isfinite(reals).all():
        raise Refused("quantization", "scales whose quotient is not finite", "finite ones")
    fraction, shift = np.frexp(reals)
    whole = (fraction * 2.0**53).astype(np.uint64)
    low, high = ((whole >> np.uint64(k) & np.uint64(0xFFFFFFFF)).astype(np.uint32) for k in (0, 32))
    return low.view(np.int32), high.view(np.int32), (53 - shift).astype(np.int32)


def factors(x: Affine, w: NDArray[np.float32], y: Affine, single: bool) -> NDArray[np.float64]:
    """From a sum of products to the output, in double; with `single`, the product of the two scales in float.

    Both are in `PopulateConvolutionQuantizationParams` in tensorflow/lite/kernels/kernel_util.cc.
    """
    product = (x.single * w).astype(np.float64) if single else x.scale * w.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(product / np.float64(y.scale), np.float64)
