"""LSTM, the full kernel, and its sequences, of floats by weights of 8 bits, run after run."""

from __future__ import annotations

from random import Random

from axes import ACTIVATIONS, Axis, family
from axes import st as strategies
from case import FLOAT, Case, Type, Typed, case
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
