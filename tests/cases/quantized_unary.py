"""Ops of one quantised operand: every value that it may have, at many scales; and QUANTIZE and DEQUANTIZE."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import axis, family, pairs, shapes
from case import FLOAT, FLOAT16, INT8, INT16, INT32, RUNTIME, UINT8, Array, Case, Shape, Type, by_channel, case, scaled

NARROW = (INT8, UINT8)
ANY = (*NARROW, INT16)
KINDS = {
    **dict.fromkeys(("GELU", "LEAKY_RELU", "LOGISTIC", "RELU", "RELU6", "TANH"), ANY),
    **dict.fromkeys(("HARD_SWISH", "RELU_0_TO_1", "RELU_N1_TO_1"), NARROW),
    **dict.fromkeys(("ABS", "EXP", "LOG", "RSQRT", "SQRT"), (INT8, INT16)),
}
OLD = ("GELU", "HARD_SWISH", "RELU_0_TO_1", "RELU_N1_TO_1", "ABS", "EXP", "LOG", "RSQRT", "SQRT")
# Scales of an INT16 operand of which TFLite makes a shift alone, and such that it multiplies by.
SIGMOID = (2.0**-12, 2.0**-11, 2.0**-13, 0.0004, 0.001, 0.0073, 0.0000731)


def every(type: Type, least: int | None = None) -> Array:
    """All values of a type; those below `least` are that instead."""
    info = np.iinfo(type.dtype)
    return np.maximum(np.arange(info.min, info.max + 1), info.min if least is None else least)


@family(of=pairs(KINDS), draw=axis(range(4)), even=[True, False])
def unary(pick: Random, of: tuple[str, Type], draw: int, even: bool) -> Case:
    kind, type = of
    x = type.affine(pick, -3, -0.5) if type is not INT16 else type.affine(pick, -5, -3)
    scale, zero = x.quantization
    made = type.affine(pick, np.log10(scale / 2), np.log10(scale * 2))
    options = {"alpha": pick.uniform(0.01, 1.5) * (1 - draw % 2 * 2)} if kind == "LEAKY_RELU" else {}
    if kind == "GELU":
        options = {"approximate": bool(draw % 2)}
    elif kind in ("LOG", "EXP", "RSQRT", "SQRT"):
        made = type.affine(pick, -3, 0 if kind in ("LOG", "EXP") else -1)
    elif kind in ("LOGISTIC", "TANH"):
        steps = 15 if type is INT16 else 8 if kind == "LOGISTIC" else 7
        made = type.quantized(0.5**steps, 0 if type is INT16 else np.iinfo(type.dtype).min + 128 * (kind == "TANH"))
        x = type.quantized(SIGMOID[2 * draw % 7 + even - 1]) if type is INT16 else x
    values = every(type, zero if kind in ("RSQRT", "SQRT") else None)[: None if even else -1]
    version = 1 if kind in OLD else 2
    return case(kind, x(values.shape, values), makes=made, op_version=version, **options)


@family(draw=axis(range(4)))
def elu(pick: Random, draw: int) -> Case:
    x = INT8.affine(pick, -3, -0.5)
    return case("ELU", x((256,), every(INT8)), makes=INT8.affine(pick, -3, -0.5), oracle=RUNTIME)


MAKES = {"INT8": ANY, "UINT8": ANY, "INT16": (INT8, INT16, INT32), "INT32": (INT8, INT16)}
PAIRS = [(source, made) for source in (*ANY, INT32) for made in MAKES[source.name]]


def some(type: Type, pick: Random, low: float, both: bool) -> Type:
    """A type with a scale, and a zero point where TFLite allows it: `both` are INT16, or it is INT32."""
    if type is INT32 or both:
        return type.quantized(10 ** pick.uniform(low, 0))
    info = np.iinfo(type.dtype)
    return type.quantized(10 ** pick.uniform(low, 0), pick.randint(info.min, info.max))


@family(types=PAIRS, shape=shapes(1))
def requantize(pick: Random, types: tuple[Type, Type], shape: Shape) -> Case:
    source, made = types
    both = source is made is INT16
    before = some(source, pick, -9 if source is INT32 else -3, both)
    return case("QUANTIZE", before(shape), makes=some(made, pick, -3, both))


@family(made=ANY, shape=shapes(1), by=["one", "channel"])
def quantize(pick: Random, made: Type, shape: Shape, by: str) -> Case | None:
    x = FLOAT(shape, scaled(20))
    if by == "one":
        return case("QUANTIZE", x, makes=some(made, pick, -3, False))
    axis = pick.randrange(len(shape))
    if shape[axis] == 1:
        return None
    return case("QUANTIZE", x, makes=along(made, pick, shape, axis), outputs=[shape])


@family(source=[*ANY, FLOAT16], shape=shapes(1), by=["one", "channel"])
def dequantize(pick: Random, source: Type, shape: Shape, by: str) -> Case | None:
    if source is FLOAT16:
        return case("DEQUANTIZE", source(shape), makes=FLOAT, tolerance=0)
    if by == "one":
        return case("DEQUANTIZE", source.affine(pick)(shape), makes=FLOAT, op_version=2, tolerance=0)
    axis = pick.randrange(len(shape))
    if shape[axis] == 1 or source is INT16:
        return None
    return case("DEQUANTIZE", along(source, pick, shape, axis)(shape), makes=FLOAT, outputs=[shape], tolerance=0)


def along(type: Type, pick: Random, shape: Shape, axis: int) -> Type:
    """A type with a scale and a zero point for each position of an axis."""
    info, n = np.iinfo(type.dtype), shape[axis]
    zeros = [pick.randint(info.min, info.max) for _ in range(n)]
    return Type(type.name, by_channel([10 ** pick.uniform(-3, 0) for _ in range(n)], axis, zeros))


# What is in the middle between two integers, no number, or beyond all that the type, or 32 bits, hold.
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e38, -1e38, 1e-45, 3e9, -3e9, 0.5, -0.5, 1.5, 2.5, -1.5, 0.49999997]

CASES = [
    *(
        case("QUANTIZE", FLOAT((16,), SPECIAL), makes=type.quantized(scale, zero))
        for type in ANY for scale in (1.0, 0.7) for zero in (0, 5, 100)
    ),
    *(case("QUANTIZE", FLOAT((16,), SPECIAL), makes=type.quantized(1.0, -7)) for type in (INT8, INT16)),
    case("EXP", INT16.quantized(0.01)((900,)), makes=INT16.quantized(1.0)),  # of much more than float32 holds
]  # fmt: skip
