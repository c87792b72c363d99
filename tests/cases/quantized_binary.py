"""Ops of two quantised operands that broadcast: arithmetic, slopes, comparisons."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import axis, broadcasts, family, pairs, shapes
from case import BOOL, INT8, INT16, UINT8, Array, Case, Shape, Type, Typed, Values, case, noise

Shapes = tuple[Shape, Shape]
ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
ANY = (INT8, UINT8, INT16)
CONSTANT = axis([None, 0, 1])
COMPARISONS = {
    **dict.fromkeys(("LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"), (INT8, UINT8)),
    **dict.fromkeys(("EQUAL", "NOT_EQUAL"), ANY),
}


def given(a: Typed, b: Typed, constant: int | None) -> list[Typed]:
    """Two operands, one of which may be a constant."""
    return [value.fixed() if k == constant else value for k, value in enumerate((a, b))]


def scale(type: Type) -> float:
    """The one scale of a type."""
    assert isinstance(type.quantization, tuple)
    return type.quantization[0]


def some(type: Type, pick: Random) -> Type:
    """A type with scales as wide as its values are many."""
    return type.affine(pick, -5, -3) if type.name == "INT16" else type.affine(pick, -3, -0.5)


def but_zero(type: Type) -> Values:
    """Values that do not stand for 0."""
    assert isinstance(type.quantization, tuple)
    zero = type.quantization[1]

    def drawn(rng: np.random.Generator, shape: Shape, dtype: np.dtype[np.generic]) -> Array:
        found = noise(rng, shape, dtype)
        return np.where(found == zero, found ^ 1, found).astype(dtype)

    return drawn


@family(of=pairs(dict.fromkeys(("ADD", "DIV", "MUL", "SUB"), ANY)), shapes=broadcasts(4), activation=ACTIVATIONS,
        constant=CONSTANT)  # fmt: skip
def arithmetic(pick: Random, of: tuple[str, Type], shapes: Shapes, activation: str, constant: int | None) -> Case:
    kind, type = of
    a, b = some(type, pick), some(type, pick)
    most = np.iinfo(type.dtype).max
    wanted = {"MUL": scale(a) * scale(b) * most / 2, "DIV": scale(a) / scale(b) * 4 / most}.get(
        kind, scale(a) + scale(b)
    )
    made = type.affine(pick, np.log10(wanted), np.log10(wanted))
    second = b(shapes[1], but_zero(b) if kind == "DIV" else None)
    return case(kind, *given(a(shapes[0]), second, constant), makes=made, fused_activation_function=activation)


@family(kind=["ADD", "SUB"], powers=[(0, 0), (0, 3), (2, 0), (0, 14)], pot=[True, False], shapes=broadcasts(4),
        activation=ACTIVATIONS)  # fmt: skip
def powers_of_two(
    pick: Random, kind: str, powers: tuple[int, int], pot: bool, shapes: Shapes, activation: str
) -> Case | None:
    """INT16 whose scales are powers of 2: one operand is shifted, or as others are. Such an ADD does not broadcast."""
    if kind == "ADD" and pot and shapes[0] != shapes[1]:
        return None
    a, b = (INT16.quantized(2.0 ** -(9 + p))(shape) for p, shape in zip(powers, shapes, strict=True))
    options = {"fused_activation_function": activation, "pot_scale_int16": pot}
    return case(kind, a, b, makes=INT16.quantized(2.0**-9), **options)


@family(shapes=broadcasts(4), constant=CONSTANT)
def squared_difference(pick: Random, shapes: Shapes, constant: int | None) -> Case:
    a, b = some(INT8, pick), some(INT8, pick)
    wanted = np.log10((scale(a) + scale(b)) ** 2 * 50)
    made = INT8.affine(pick, wanted, wanted)
    return case("SQUARED_DIFFERENCE", *given(a(shapes[0]), b(shapes[1]), constant), makes=made, op_version=2)


@family(type=ANY, shape=shapes(1, 4), leading=[0, 1, 2], ones=[False, True], constant=CONSTANT)
def prelu(pick: Random, type: Type, shape: Shape, leading: int, ones: bool, constant: int | None) -> Case | None:
    """Slopes of 8 bits, beside INT16 too."""
    if leading >= len(shape) or constant == 0:
        return None
    slopes = (INT8 if type is INT16 else type).affine(pick, -2.5, -2)
    sizes = tuple(1 if ones and pick.random() < 0.5 else n for n in shape[leading:])
    x = some(type, pick)
    made = type.affine(pick, np.log10(scale(x)), np.log10(scale(x) * 2))
    return case("PRELU", *given(x(shape), slopes(sizes), constant), makes=made)


@family(of=pairs(COMPARISONS), scales=["same", "other", "large"], shapes=broadcasts(4), constant=CONSTANT)
def comparison(pick: Random, of: tuple[str, Type], scales: str, shapes: Shapes, constant: int | None) -> Case:
    kind, type = of
    a = some(type, pick) if scales != "large" else type.affine(pick, 0.1, 1)
    b = a if scales == "same" else some(type, pick)
    near = noise if type is not INT16 else few
    return case(kind, *given(a(shapes[0], near), b(shapes[1], near), constant), makes=BOOL)


def few(rng: np.random.Generator, shape: Shape, dtype: np.dtype[np.generic]) -> Array:
    """Small integers, which are often equal."""
    return rng.integers(-3, 4, shape).astype(dtype)


EVERY = np.arange(-128, 128)

CASES = [
    *(
        case(kind, a((256, 1), EVERY), b((1, 256), EVERY), makes=made)
        for a, b in [(INT8.quantized(0.03, 5), INT8.quantized(0.02, -9)), (INT8.quantized(0.5), INT8.quantized(0.25))]
        for kind, made in [
            ("ADD", INT8.quantized(0.06)), ("MUL", INT8.quantized(0.04, 7)), ("SUB", INT8.quantized(0.5, -3)),
            ("SQUARED_DIFFERENCE", INT8.quantized(0.2, -128)), *((kind, BOOL) for kind in COMPARISONS),
        ]
    ),
    *(
        case("DIV", INT8.quantized(0.03, zero)((256, 1), EVERY), INT8.quantized(0.02)((1, 255), np.delete(EVERY, 128)),
             makes=INT8.quantized(made, zero))
        for zero, made in [(0, 0.02), (-100, 0.5), (77, 3.0)]
    ),
    *(
        case(kind, INT16((5,), [32767, -32768, 300, 5, -7]), INT16((5,), [3, -5, 300, 7, 9]),
             fused_activation_function=activation)
        for kind in ("ADD", "MUL") for activation in ACTIVATIONS
    ),
]  # fmt: skip
