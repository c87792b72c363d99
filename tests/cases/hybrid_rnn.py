"""RNN and its sequences, of floats by weights of 8 bits, run after run."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from axes import ACTIVATIONS, Axis, family
from axes import st as strategies
from case import FLOAT, INT8, UINT8, Array, Case, Type, Typed, case

Size = tuple[int, int, int, int]  # batches, steps, inputs, units
SIZES = Axis(
    [(2, 5, 3, 5), (1, 1, 1, 1), (3, 3, 8, 4), (1, 17, 17, 40), (2, 2, 5, 150)],
    strategies.tuples(*(strategies.integers(1, most) for most in (3, 4, 9, 24))),
)
# Those of weights, and whether TFLite has the input's integers share a zero point of their own.
WEIGHTS = ((INT8, False), (INT8, True), (UINT8, False))
TOLERANCE = 1e-4  # sums become integers again, where errors of the exponential may show as a whole one of them
KINDS = ("RNN", "steps", "batches")  # of a sequence, what is outermost


def weights(pick: Random, type: Type, shape: tuple[int, ...], size: float) -> Typed:
    """Constant weights of about this size, less where there are more."""
    size /= shape[1] ** 0.5
    return type.quantized(size * pick.uniform(0.5, 2) / 64).constant(shape, symmetric)


def symmetric(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """The bits of -127 to 127: converters make no -128, and the reference's vector instructions do not expect it."""
    return rng.integers(-127, 128, shape).astype(np.int8).view(dtype)


def cell(pick: Random, type: Type, n: int, x: int, h: int) -> list[Typed]:
    return [
        weights(pick, type, (h, x), 1), weights(pick, type, (h, h), 0.5), FLOAT.constant((h,)), FLOAT.variable((n, h))
    ]  # fmt: skip


@family(kind=KINDS, of=WEIGHTS, activation=ACTIVATIONS, size=SIZES)
def hybrid_rnn(pick: Random, kind: str, of: tuple[Type, bool], activation: str, size: Size) -> Case:
    (type, asymmetric), (n, steps, x, h) = of, size
    rows = {"RNN": (n,), "steps": (steps, n), "batches": (n, steps)}[kind]
    options = {} if kind == "RNN" else {"time_major": kind == "steps"}
    return case(
        "RNN" if kind == "RNN" else "UNIDIRECTIONAL_SEQUENCE_RNN", (*rows, x), *cell(pick, type, n, x, h), runs=3,
        fused_activation_function=activation, asymmetric_quantize_inputs=asymmetric, tolerance=TOLERANCE,
        **options,
    )  # fmt: skip


@family(
    of=WEIGHTS, activation=("NONE", "TANH"), size=SIZES, major=[True, False], merged=[False, True],
    auxiliary=["none", "crossed", "stacked"],
)  # fmt: skip
def hybrid_bidirectional_rnn(
    pick: Random, of: tuple[Type, bool], activation: str, size: Size, major: bool, merged: bool,
    auxiliary: str,
) -> Case | None:  # fmt: skip
    (type, asymmetric), (n, steps, x, h) = of, size
    if not asymmetric and major and merged and n > 1:
        return None  # the reference kernel takes a null pointer for one to zero points
    g = h + 2
    rows = (steps, n) if major else (n, steps)
    more: list[Typed | None] = [None, None, None]
    if auxiliary != "none":
        more[0] = FLOAT((*rows, x))
    if auxiliary == "crossed":
        more[1:] = [weights(pick, type, (h, x), 1), weights(pick, type, (g, x), 1)]
    return case(
        "BIDIRECTIONAL_SEQUENCE_RNN", (*rows, x), *cell(pick, type, n, x, h), *cell(pick, type, n, x, g), *more,
        outputs=1 if merged else 2, fused_activation_function=activation, time_major=major, merge_outputs=merged,
        asymmetric_quantize_inputs=asymmetric, runs=3, tolerance=TOLERANCE,
    )  # fmt: skip
