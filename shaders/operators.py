"""What ops of two operands compute of `a` and `b`, by the type of these, and of which types they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..graph.model import Graph, Op
from .arguments import Refused
from .types import DOUBLES, FLOAT, FLOATS, STORED

COMPARISONS = {
    "EQUAL": "is_equal({a}, {b})",
    "GREATER": "is_greater({a}, {b})",
    "GREATER_EQUAL": "is_greater_equal({a}, {b})",
    "LESS": "is_less({a}, {b})",
    "LESS_EQUAL": "is_less_equal({a}, {b})",
    "NOT_EQUAL": "is_not_equal({a}, {b})",
}
_SHARED = {
    "FLOOR_DIV": "floor_div({a}, {b})",
    "FLOOR_MOD": "floor_mod({a}, {b})",
    "MAXIMUM": "larger({a}, {b})",
    "MINIMUM": "smaller({a}, {b})",
    "POW": "power({a}, {b})",
    **COMPARISONS,
}
_NUMBERS = {
    "ADD": "{a} + {b}",
    "MUL": "{a} * {b}",
    "SQUARED_DIFFERENCE": "({a} - {b}) * ({a} - {b})",
    "SUB": "{a} - {b}",
    **_SHARED,
}
_WORDS = {"BITWISE_XOR": "{a} ^ {b}", "RIGHT_SHIFT": "{a} >> clamp({b}, OPERAND(0), OPERAND({last}))"}

# GLSL's type of one element -> kind -> expression.
EXPRESSIONS: Mapping[str, Mapping[str, str]] = {
    "float": {"ATAN2": "angle({a}, {b})", "DIV": "divided({a}, {b})", "PRELU": "prelu({a}, {b})", **_NUMBERS},
    "int": {
        "DIV": "quotient({a}, {b})", "LOGICAL_AND": "{a} & {b}", "LOGICAL_OR": "{a} | {b}", **_NUMBERS, **_WORDS
    },
    "ivec2": {"ADD": "plus({a}, {b})", "MUL": "times({a}, {b})", "SUB": "minus({a}, {b})", **_SHARED},
    "uint": {"MUL": "{a} * {b}", **_WORDS},
    "uvec2": {"ATAN2": "atan_of({a}, {b})"},
}  # fmt: skip

_INTS = ("INT32",)
_LONG = (*_INTS, "INT64")
_SMALL = (*_INTS, "INT8", "INT16")
_NARROW = (*_SMALL, "UINT8")
_ANY_WORD = (*_NARROW, "UINT16", "UINT32")
_ORDERED = (*_LONG, "INT16")
OTHERS: Mapping[str, Collection[str]] = {
    "ADD": _ORDERED,
    "ATAN2": ("FLOAT64",),
    "MUL": (*_ORDERED, "UINT32"),
    "SUB": _LONG,
    **dict.fromkeys(("DIV", "POW", "SQUARED_DIFFERENCE"), _INTS),
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), (*_NARROW, "INT64")),
    "FLOOR_DIV": _SMALL,
    "FLOOR_MOD": (*_SMALL, "INT64"),
    **dict.fromkeys(COMPARISONS, _ORDERED),
    "EQUAL": (*_ORDERED, "BOOL"),
    "NOT_EQUAL": (*_LONG, "BOOL"),  # the reference's result for INT16 is not that of its elements
    **dict.fromkeys(("BITWISE_XOR", "RIGHT_SHIFT"), _ANY_WORD),
    **dict.fromkeys(("LOGICAL_AND", "LOGICAL_OR"), ("BOOL",)),
}
# Those of which the reference has FLOAT16 as well.
HALVES = dict.fromkeys(("ADD", "ATAN2", "MAXIMUM", "MINIMUM", "MUL", *COMPARISONS), FLOATS)
# Those whose integers of 16 bits may be quantised, and are then something else.
PERHAPS_QUANTIZED = ("ADD", "EQUAL", "MUL")
KINDS = tuple(sorted({kind for table in EXPRESSIONS.values() for kind in table}))
# The types of the operands, and of the result.
TYPES = {
    kind: frozenset((*OTHERS.get(kind, ()), *(HALVES.get(kind, FLOAT) if kind in EXPRESSIONS["float"] else ())))
    for kind in KINDS
}
RESULTS = {kind: frozenset({"BOOL"}) if kind in COMPARISONS else types for kind, types in TYPES.items()}

BITS = {"INT8": 8, "UINT8": 8, "INT16": 16, "UINT16": 16}


def expression(graph: Graph, op: Op, type: str) -> str:
    """The op's function of {a} and {b} of a type; OPERAND in it is GLSL's type of both."""
    found = EXPRESSIONS[STORED[type].one][op.kind]
    if op.kind == "RIGHT_SHIFT":
        found = found.replace("{last}", str(BITS.get(type, 32) - 1))
    if type == "FLOAT16" and op.kind in ("ADD", "MUL"):  # the reference clamps these even without an activation
        found = f"finite_half({found})"
    narrow = op.kind in ("ADD", "FLOOR_DIV", "MUL") and type in BITS
    return f"wrapped({found}, {32 - BITS[type]})" if narrow else found


def libraries(op: Op, type: str) -> tuple[str, ...]:
    """The libraries of an op's function, besides what every body has."""
    one = STORED[type].one
    if one == "ivec2":
        return ("int64",)
    if one == "uvec2":
        return (*DOUBLES, "float64_atan")
    if op.kind in COMPARISONS:
        return ("compare",)
    if one in ("int", "uint"):
        return ("integer",)
    if type == "FLOAT16" and op.kind in ("ADD", "MUL"):
        return ("half",)
    if op.kind in ("ATAN2", "DIV"):
        return ("angle",) if op.kind == "ATAN2" else ("exact",)
    return ("math",) if op.kind in (*_SHARED, "PRELU") else ()


def failing(graph: Graph, op: Op, type: str) -> str:
    """A test of `b` for integers that the reference refuses when it meets them: divisors of 0, negative powers.

    Empty where there are none such: they are looked for while the op runs only where they are computed.
    """
    if type in FLOATS or op.kind not in ("DIV", "FLOOR_DIV", "FLOOR_MOD", "POW"):
        return ""
    value = graph.constant(op.inputs[1])
    if value is None:
        return "b < 0" if op.kind == "POW" else "b == OPERAND(0)"
    if (value < 0).any() if op.kind == "POW" else (value == 0).any():
        wanted = "none negative" if op.kind == "POW" else "none 0"
        raise Refused("operand", f"{graph.tensors[op.inputs[1]].name!r}", wanted)
    return ""
