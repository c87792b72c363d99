"""What ops of two quantised operands compute of `a` and `b`: GLSL with the scales and zero points written into it.

Functions are of lib/quantized.glsl; steps are named after those of TFLite's reference kernels, and round as they do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..graph.model import Graph, Op, Tensor
from .arguments import Refused
from .operators import COMPARISONS
from .quantized import Affine, activation_range, affine, multiplied, multiplier, rescaled, rescaled_raised

EIGHT, SIXTEEN = frozenset({"INT8", "UINT8"}), frozenset({"INT8", "UINT8", "INT16"})


@dataclass(frozen=True)
class Operand:
    """One operand: GLSL for it as it is, the value where that is one constant, and how it is quantised."""

    text: str
    value: int | None
    q: Affine

    @property
    def real(self) -> str:
        """Without its zero point."""
        return f"({self.text} - ({self.q.zero}))" if self.value is None else f"VALUE({self.value - self.q.zero})"

    def rescaled(self, up: int, real: float) -> str:
        """Without its zero point, times 2 ** up and a real number.

        A constant is multiplied here, for Mesa 22 folds `imulExtended` of constant vectors wrong.
        """
        if self.value is None:
            return rescaled_raised(self.real, up, real)
        return f"VALUE({multiplied(np.array([(self.value - self.q.zero) << up]), real).item()})"


@dataclass(frozen=True)
class Operation:
    """An op with its operands and its result: `low` and `high` are between what it clips, which is the type's range."""

    op: Op
    a: Operand
    b: Operand
    tensor: Tensor

    @property
    def made(self) -> Affine:
        """How the result is quantised."""
        return affine(self.tensor)

    def finished(self, expression: str) -> str:
        """The result, of an int that lacks its zero point."""
        low, high = activation_range(self.op, self.tensor)
        return f"clamp({expression} + ({self.made.zero}), {low}, {high})"


def summed(o: Operation) -> str:
    """ADD and SUB, with the headroom that their type leaves in 32 bits."""
    sign = "+" if o.op.kind == "ADD" else "-"
    bits, up = (15, 15) if o.tensor.type == "INT16" else (8, 20)
    if bits == 15 and (o.a.q.zero or o.b.q.zero or o.made.zero):
        raise Refused("quantization", "zero points that are not 0", "0, as they are INT16")
    powers = [power_of_two(q) for q in (o.a.q, o.b.q, o.made)]
    if bits == 15 and o.op.options.pot_scale_int16 and None not in powers:
        return shifted(o, sign, *(p for p in powers if p is not None))
    twice = 2 * max(o.a.q.scale, o.b.q.scale)
    a, b = (x.rescaled(up, x.q.scale / twice) for x in (o.a, o.b))
    return o.finished(rescaled(f"{a} {sign} {b}", twice / ((1 << up) * o.made.scale)))


def power_of_two(q: Affine) -> int | None:
    """Of which power of 2 a scale is, nearly (`CheckedLog2` in tensorflow/lite/kernels/kernel_util.cc)."""
    found = np.log2(np.float32(q.scale)).item()
    return round(found) if abs(found - round(found)) < 1e-3 else None


def shifted(o: Operation, sign: str, a: int, b: int, made: int) -> str:
    """ADD and SUB of 16 bits whose scales are powers of 2: one operand is shifted to the scale of the result."""
    if (a != made and b != made) or a > made or b > made:
        raise Refused("quantization", f"scales of 2 ** {a} and 2 ** {b} to 2 ** {made}", "one the same, none larger")
    x, y = (
        operand.text if power == made else f"divided_by_power({operand.text}, VALUE({made - power}))"
        for operand, power in ((o.a, a), (o.b, b))
    )
    low, high = activation_range(o.op, o.tensor)
    return f"clamp({x} {sign} {y}, {low}, {high})"


def product(o: Operation) -> str:
    """MUL. Its factor is a quotient of floats.

    Without `min` Mesa 22 multiplies a constant by the scale's factor first, and loses high bits.
    """
    if o.tensor.type == "INT16" and (o.a.q.zero or o.b.q.zero or o.made.zero):
        raise Refused("quantization", "zero points that are not 0", "0, as they are INT16")
    found = f"min({o.a.real} * {o.b.real}, {1 << 30})"
    return o.finished(rescaled(found, float(o.a.q.single * o.b.q.single / o.made.single)))


def squared_difference(o: Operation) -> str:
    """SQUARED_DIFFERENCE, each operand raised by 7 bits."""
    twice = 2 * max(o.a.q.scale, o.b.q.scale)
    a, b = (x.rescaled(7, x.q.scale / twice) for x in (o.a, o.b))
    return o.finished(rescaled(f"squared({a} - {b})", twice * twice / ((1 << 14) * o.made.scale)))


def prelu(o: Operation) -> str:
    """PRELU: one factor for what is negative, times a slope, another for the rest."""
    above = rescaled(o.a.real, float(o.a.q.single / o.made.single))
    slope = f"min({o.a.real} * {o.b.real}, {1 << 30})"
    below = rescaled(slope, float(o.a.q.single * o.b.q.single / o.made.single))
    return o.finished(f"where_negative({o.a.real}, {below}, {above})")


def quotient(o: Operation) -> str:
    """DIV, by a reciprocal in fixed point."""
    whole, shift = multiplier(float(o.a.q.single / (o.b.q.single * o.made.single)))
    return o.finished(f"quantized_quotient({o.a.real}, {o.b.real}, {whole}, {shift})")


def comparison(o: Operation) -> str:
    """EQUAL and its kin, of operands raised by 8 bits and multiplied by their scales."""
    a, b = (compared(x) for x in (o.a, o.b))
    return COMPARISONS[o.op.kind].format(a=a, b=b)


def compared(x: Operand) -> str:
    """An operand as it is compared: of a scale above 1 the reference shifts too far, and keeps the sign alone."""
    return x.rescaled(8, x.q.scale) if x.q.scale <= 1 else f"({x.real} >> 31 | 1)"


FORMULAS: Mapping[str, Callable[[Operation], str]] = {
    "ADD": summed,
    "DIV": quotient,
    "MUL": product,
    "PRELU": prelu,
    "SQUARED_DIFFERENCE": squared_difference,
    "SUB": summed,
    **dict.fromkeys(COMPARISONS, comparison),
}
# The types of both operands; those of the result are these, but for comparisons.
TYPES = {
    **dict.fromkeys(FORMULAS, EIGHT),
    **dict.fromkeys(("ADD", "DIV", "EQUAL", "MUL", "NOT_EQUAL", "PRELU", "SUB"), SIXTEEN),
    "SQUARED_DIFFERENCE": frozenset({"INT8"}),
}


def operation(graph: Graph, op: Op) -> Operation:
    """An op, whose operands are quantised."""

    def operand(name: str, t: int) -> Operand:
        value = graph.constant(t)
        scalar = int(value.item()) if value is not None and value.size == 1 else None
        return Operand(f"{{{name}}}" if scalar is None else f"VALUE({scalar})", scalar, affine(graph.tensors[t]))

    a, b = (operand(name, t) for name, t in zip("ab", op.inputs[:2], strict=True))
    return Operation(op, a, b, graph.tensors[op.outputs[0]])
