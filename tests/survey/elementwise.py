"""Ops of one, two and many operands, element by element, and those that make bools or other types."""

from __future__ import annotations

from typing import Any

import numpy as np

from case import BOOL, FLOAT, INT8, INT16, INT32, INT64, UINT8

from . import ACTIVATIONS, BOTH, COMPLEX, QUANTIZED, RANKS, TYPES, Forms, each, form, forms

COMPARISONS = "EQUAL NOT_EQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL"
FUSED = ("ADD", "SUB", "MUL", "DIV")
FINE = INT16.quantized(2**-15)
MADE = {  # scales that TFLite wants of results
    "LOGISTIC": {"INT8": INT8.quantized(1 / 256, -128), "UINT8": UINT8.quantized(1 / 256), "INT16": FINE},
    "TANH": {"INT8": INT8.quantized(1 / 128), "UINT8": UINT8.quantized(1 / 128, 128), "INT16": FINE},
    "LOG_SOFTMAX": {"INT8": INT8.quantized(16 / 256, 127), "UINT8": UINT8.quantized(16 / 256, 255)},
}  # fmt: skip
MADE["SOFTMAX"] = MADE["LOGISTIC"]
MADE["L2_NORMALIZATION"] = MADE["TANH"]
CHOICES: dict[str, list[dict[str, Any]]] = {
    "LEAKY_RELU": [{"alpha": alpha} for alpha in (0.2, 0.0, -0.7, 3.0)],
    "GELU": [{"approximate": approximate} for approximate in BOTH],
    "FAKE_QUANT": [{"min": -1.0, "max": 2.0, "num_bits": b, "narrow_range": n} for b in (2, 8, 16) for n in BOTH],
    "SOFTMAX": [{"beta": 1.0}, {"beta": 0.5}],
    "L2_NORMALIZATION": [{"fused_activation_function": name} for name in ACTIVATIONS],
}


@forms(
    "ABS CEIL COS EXP FLOOR HARD_SWISH LOG LOGISTIC NEG RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 ROUND RSQRT SIGN SIN SQRT",
    "SQUARE TANH ZEROS_LIKE ELU LOGICAL_NOT L2_NORMALIZATION SOFTMAX LOG_SOFTMAX LEAKY_RELU GELU FAKE_QUANT",
    "MATRIX_DIAG STABLEHLO_LOGISTIC STABLEHLO_ABS STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG",
    "STABLEHLO_NEGATE STABLEHLO_RSQRT STABLEHLO_TANH STABLEHLO_CBRT",
)
def unary(kind: str) -> Forms:
    for type, shape in each():
        made = MADE.get(kind, {}).get(type.name, type) if type.quantization else type
        for options in CHOICES.get(kind, [{}]):
            yield form(kind, type(shape), makes=made, **options)


@forms("QUANTIZE DEQUANTIZE RANK SHAPE IMAG REAL COMPLEX_ABS BUCKETIZE")
def to_another_type(kind: str) -> Forms:
    targets = {"QUANTIZE": [*QUANTIZED, INT32], "DEQUANTIZE": [FLOAT], "RANK": [INT32], "SHAPE": [INT32, INT64]}
    for type, shape in each([*TYPES, COMPLEX]):
        for made in targets.get(kind, [INT32] if kind == "BUCKETIZE" else [FLOAT]):
            options = {"SHAPE": {"out_type": made.name}, "BUCKETIZE": {"boundaries": [0.0, 2.0]}}.get(kind, {})
            outputs = [()] if kind == "RANK" else 1
            yield form(kind, type(shape), makes=made, outputs=outputs, **options)


@forms("CAST BITCAST STABLEHLO_CONVERT")
def between_types(kind: str) -> Forms:
    for type in [*TYPES, COMPLEX]:
        for made in [*TYPES, COMPLEX]:
            for shape in ((), (2, 4), (1, 2, 1, 3, 2, 4)):
                a, b = type.dtype.itemsize, made.dtype.itemsize
                if kind == "CAST":
                    yield form(kind, type(shape), makes=made, in_data_type=type.name, out_data_type=made.name)
                elif kind == "STABLEHLO_CONVERT" or a == b:
                    yield form(kind, type(shape), makes=made, outputs=[shape])
                elif a > b:
                    yield form(kind, type(shape), makes=made, outputs=[(*shape, a // b)])
                else:
                    yield form(kind, type((*shape, b // a)), makes=made, outputs=[shape])


@forms(
    "ADD SUB MUL DIV MAXIMUM MINIMUM FLOOR_DIV FLOOR_MOD POW SQUARED_DIFFERENCE ATAN2 BITWISE_XOR RIGHT_SHIFT PRELU",
    "STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_MINIMUM STABLEHLO_POWER",
    "STABLEHLO_REMAINDER STABLEHLO_SUBTRACT STABLEHLO_SHIFT_LEFT STABLEHLO_AND STABLEHLO_OR LOGICAL_OR LOGICAL_AND",
    COMPARISONS,
)
def binary(kind: str) -> Forms:
    for type, shape in each():
        made = BOOL if kind in COMPARISONS.split() else type
        yield form(kind, type(shape), type(shape), makes=made)
        if len(shape) in (1, 3, 5, 6, 7):
            yield form(kind, type(shape), type(()), makes=made)
            yield form(kind, type(shape[-1:]), type(shape), makes=made)
            yield form(kind, type(shape), type(shape[:1] + (1,) * (len(shape) - 1)), makes=made)
        if len(shape) == 3:
            yield form(kind, type(shape), type.constant(shape[-1:]), makes=made)
            yield form(kind, type.constant(shape), type(shape), makes=made)
            if type.quantization:
                other = type.quantized(0.25, 0)
                yield form(kind, type(shape), other(shape), makes=BOOL if made is BOOL else other)
            for name in ACTIVATIONS if kind in FUSED else ():
                yield form(kind, type(shape), type(shape), makes=made, fused_activation_function=name)
            for value in BOTH if kind in ("ADD", "SUB") else ():
                yield form(kind, type(shape), type(shape), pot_scale_int16=value)


@forms("ADD_N CONCATENATION PACK")
def many(kind: str) -> Forms:
    for type, shape in each():
        for count in (1, 2, 5):
            for axis in {0, -1, len(shape) - 1}:
                options: dict[str, Any] = {"axis": axis} if kind != "ADD_N" else {}
                options |= {"values_count": count} if kind == "PACK" else {}
                yield form(kind, *[type(shape)] * (count - 1), type(shape), **options)
                if count > 1:
                    yield form(kind, *[type(shape)] * (count - 1), type.constant(shape), **options)
        if kind == "CONCATENATION" and len(shape) == 2:
            yield from (form(kind, type(shape), type(shape), axis=0, fused_activation_function=n) for n in ACTIVATIONS)
            if type.quantization:
                yield form(kind, type(shape), type.quantized(0.25, 0)(shape), axis=0)


@forms("SELECT SELECT_V2 STABLEHLO_SELECT STABLEHLO_CLAMP")
def choices(kind: str) -> Forms:
    for type, shape in each():
        if kind == "STABLEHLO_CLAMP":
            yield form(kind, type(shape), type(shape), type(shape))
            yield form(kind, type(()), type(shape), type(()))
            continue
        for which in {shape, (), shape[:1]}:
            for condition in (BOOL(which), BOOL.constant(which)):
                yield form(kind, condition, type(shape), type(shape), makes=type)
                yield form(kind, condition, type(shape), type.constant(shape), makes=type)
                yield form(kind, condition, type(shape), type(shape[-1:]), makes=type)


@forms("STABLEHLO_COMPARE")
def compare(kind: str) -> Forms:
    for type, shape in each():
        yield from (form(kind, type(shape), type(shape), makes=BOOL, comparison_direction=d) for d in range(6))


@forms("ONE_HOT")
def one_hot(kind: str) -> Forms:
    for type, shape in each():
        given = [(type(()), type(())), (type(np.array(1)), type(np.array(0)))]
        for index in (INT32, INT64, UINT8, INT8) if type is FLOAT else (INT32,):
            for axis in (-1, 0):
                for on, off in given:
                    yield form(kind, index(shape), np.array(4, np.int32), on, off, makes=type, axis=axis)


@forms("FILL RANGE STABLEHLO_IOTA WHERE UNIQUE")
def made_of_constants(kind: str) -> Forms:
    for type, shape in each([*TYPES, COMPLEX]):
        if kind == "FILL":
            for index in (np.int32, np.int64):
                yield form(kind, np.array(shape, index), type(()), makes=type)
                yield form(kind, np.array(shape, index), type(np.array(1)), makes=type)
        elif kind == "STABLEHLO_IOTA":
            yield form(kind, makes=type, outputs=[shape], iota_dimension=0)
        elif kind == "WHERE":
            yield form(kind, type.constant(shape), makes=INT64)
        elif shape == RANKS[1] and kind == "RANGE":
            yield form(kind, *(type(np.array(value)) for value in (0, 5, 2)), makes=type)
        elif shape == RANKS[1]:
            yield from (form(kind, type.constant(shape), outputs=2, makes=[type, i], idx_out_type=i.name)
                        for i in (INT32, INT64))  # fmt: skip
