"""LSTM, the full kernel, and its sequences, of floats by weights of 8 bits, run after run."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from axes import ACTIVATIONS, Axis, family
from axes import st as strategies
from case import FLOAT, INT8, Array, Case, Shape, Type, Typed, case, scaled
from cases.hybrid_rnn import KINDS, TOLERANCE, WEIGHTS, Size, weights

SIZES = Axis(
    [(2, 5, 3, 20), (1, 1, 1, 1), (3, 3, 8, 4), (1, 17, 17, 40), (2, 2, 5, 150)],
    strategies.tuples(*(strategies.integers(1, most) for most in (3, 4, 9, 24))),
)
CLIPS = ((0.0, 0.0), (0.7, 0.4), (0.3, 0.0), (0.0, 0.2))  # of the cell, and of what is projected
PROJECTIONS = ("none", "plain", "biased")


def cell(
    pick: Random, type: Type, x: int, h: int, out: int, input_gate: bool, peepholes: bool, projection: str
) -> list[Typed | None]:
    """Weights, recurrent weights, peepholes, biases, and the projection."""
    first = 0 if input_gate else 1
    none = [None] * first
    peeps = [weights(pick, type, (1, h), 0.5) if peepholes and (k or input_gate) else None for k in range(3)]
    return [
        *none, *(weights(pick, type, (h, x), 1) for _ in range(first, 4)),
        *none, *(weights(pick, type, (h, out), 0.5) for _ in range(first, 4)),
        *(Typed(p.type, (h,), p.role, p.values) if p is not None else None for p in peeps),
        *none, *(FLOAT.constant((h,)) for _ in range(first, 4)),
        weights(pick, type, (out, h), 2) if projection != "none" else None,
        FLOAT.constant((out,)) if projection == "biased" else None,
    ]  # fmt: skip


@family(
    kind=KINDS, of=WEIGHTS, activation=ACTIVATIONS, size=SIZES, input_gate=[True, False], peepholes=[False, True],
    normalized=[False, True], projection=PROJECTIONS, clips=CLIPS,
)  # fmt: skip
def hybrid_lstm(
    pick: Random, kind: str, of: tuple[Type, bool], activation: str, size: Size,
    input_gate: bool, peepholes: bool, normalized: bool, projection: str, clips: tuple[float, float],
) -> Case | None:  # fmt: skip
    (type, asymmetric), (n, steps, x, h) = of, size
    if normalized and h == 1:
        return None  # all of what is normalised is rounding errors
    out = h if projection == "none" else max(1, h // 3)
    rows = {"RNN": (n,), "steps": (steps, n), "batches": (n, steps)}[kind]
    options = {} if kind == "RNN" else {"time_major": kind == "steps"}
    factors = [FLOAT.constant((h,)) if normalized and (k or input_gate) else None for k in range(4)]
    return case(
        "LSTM" if kind == "RNN" else "UNIDIRECTIONAL_SEQUENCE_LSTM", (*rows, x),
        *cell(pick, type, x, h, out, input_gate, peepholes, projection), FLOAT.variable((n, out)),
        FLOAT.variable((n, h)), *factors, runs=3, fused_activation_function=activation, cell_clip=clips[0],
        proj_clip=clips[1], asymmetric_quantize_inputs=asymmetric, tolerance=TOLERANCE, **options,
    )  # fmt: skip


def diagonal(
    pick: Random, of: tuple[Type, bool], there: tuple[bool, ...], normalized: bool, projection: bool, major: bool
) -> Case:
    (type, asymmetric), h = of, 20
    inputs = cell(pick, type, 5, h, h, True, True, "biased" if projection else "none")
    inputs[4:8] = [FLOAT.constant((h,), scaled(0.5)) if t else w for t, w in zip(there, inputs[4:8], strict=True)]
    factors = [FLOAT.constant((h,)) if normalized else None for _ in range(4)]
    return case(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", (2, 3, 5), *inputs, *(FLOAT.variable((3 if major else 2, h)) for _ in range(2)),
        *factors, runs=3, fused_activation_function="TANH", asymmetric_quantize_inputs=asymmetric, time_major=major,
        diagonal_recurrent_tensors=True, tolerance=TOLERANCE,
    )  # fmt: skip


def sparse(pick: Random, asymmetric: bool, recurrent: bool, input_gate: bool, normalized: bool) -> Case:
    n, x, h = 2, 32, 48  # without a projection the reference kernel dies
    inputs = cell(pick, INT8, x, h, 16, input_gate, False, "plain")
    for k in (*range(4), *(range(4, 8) if recurrent else ()), 15):
        w = inputs[k]
        inputs[k] = w and Typed(w.type, w.shape, "sparse", blocks)
    factors = [FLOAT.constant((h,)) if normalized and (k or input_gate) else None for k in range(4)]
    return case(
        "LSTM", (n, x), *inputs, FLOAT.variable((n, 16)), FLOAT.variable((n, h)), *factors, runs=3,
        fused_activation_function="TANH", asymmetric_quantize_inputs=asymmetric, tolerance=TOLERANCE,
    )  # fmt: skip


def blocks(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Integers, in blocks of 16 columns of which half are 0."""
    kept = np.repeat(rng.integers(0, 2, (shape[0], shape[1] // 16)), 16, axis=1)
    return np.asarray(rng.integers(-127, 128, shape) * kept, dtype)


@family(
    of=WEIGHTS, size=SIZES, major=[True, False], merged=[False, True], auxiliary=["none", "crossed", "stacked"],
    projection=PROJECTIONS, input_gate=[True, False],
)  # fmt: skip
def hybrid_bidirectional_lstm(
    pick: Random, of: tuple[Type, bool], size: Size, major: bool, merged: bool, auxiliary: str,
    projection: str, input_gate: bool,
) -> Case | None:  # fmt: skip
    (type, asymmetric), (n, steps, x, h) = of, size
    if merged and not major and n > 1:
        return None  # the reference kernel leaves its memory
    out = h if projection == "none" else max(1, h // 3)
    rows = (steps, n) if major else (n, steps)
    more: list[Typed | None] = [None] * 9
    if auxiliary != "none":
        more[0] = FLOAT((*rows, x))
    if auxiliary == "crossed":
        more[1:] = [weights(pick, type, (h, x), 1) if k % 4 or input_gate else None for k in range(8)]
    return case(
        "BIDIRECTIONAL_SEQUENCE_LSTM", (*rows, x),
        *cell(pick, type, x, h, out, input_gate, True, projection),
        *cell(pick, type, x, h, out, input_gate, False, projection),
        *(FLOAT.variable((n, size)) for size in (out, h, out, h)), *more, outputs=1 if merged else 2,
        fused_activation_function="TANH", time_major=major, merge_outputs=merged, runs=3,
        asymmetric_quantize_inputs=asymmetric, tolerance=TOLERANCE,
    )  # fmt: skip


CASES = [  # few, as these shaders take long to compile
    diagonal(Random(0), WEIGHTS[0], (True,) * 4, normalized=False, projection=False, major=True),
    diagonal(Random(1), WEIGHTS[1], (True, False, False, True), normalized=True, projection=True, major=False),
    sparse(Random(2), asymmetric=True, recurrent=True, input_gate=False, normalized=True),
    sparse(Random(3), asymmetric=False, recurrent=False, input_gate=True, normalized=False),
]
