"""LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM of integers, run after run; scales are such that values spread."""

from __future__ import annotations

import math
from random import Random

from axes import Axis, family
from axes import st as strategies
from case import INT8, INT16, INT32, Case, Type, Typed, between, case

OPS = ("LSTM", "steps", "batches")  # of a sequence, what is outermost
SIZES = Axis(  # batches, steps, inputs, units
    [(2, 3, 7, 20), (1, 1, 1, 1), (3, 4, 8, 4), (1, 5, 28, 40), (2, 2, 5, 150)],
    strategies.tuples(*(strategies.integers(1, most) for most in (3, 4, 9, 24))),
)
PROJECTIONS = ("none", "plain", "biased")
CLIPS = ((0.0, 0.0), (0.3, 0.0), (0.0, 0.2), (3.0, 0.1), (1e6, 1e6))  # of the cell, and of what is projected


def some(type: Type, shape: tuple[int, ...], most: int, scale: float) -> Typed:
    """A constant of values up to `most`."""
    return type.quantized(scale).constant(shape, between(-most, most))


@family(
    op=OPS, input_gate=[True, False], peepholes=[False, True], normalized=[False, True], projection=PROJECTIONS,
    size=SIZES, cell=range(-15, -8), clips=CLIPS,
)  # fmt: skip
def quantized_lstm(
    pick: Random, op: str, input_gate: bool, peepholes: bool, normalized: bool, projection: str,
    size: tuple[int, int, int, int], cell: int, clips: tuple[float, float],
) -> Case:  # fmt: skip
    n, steps, x, h = size
    out = h if projection == "none" else max(1, h // 3)
    rows = {"LSTM": (n,), "steps": (steps, n), "batches": (n, steps)}[op]
    source, before = INT8.affine(pick, -2.5, -1.5), INT8.affine(pick, -2.5, -2)
    weight = 4 / (127 * math.sqrt(max(x, h)))

    def gates(there: bool, type: Type, shape: tuple[int, ...], most: int, scale: float) -> list[Typed | None]:
        """One for each gate."""
        return [
            some(type, shape, most, scale * pick.uniform(0.5, 2)) if there and (k or input_gate) else None
            for k in range(4)
        ]

    most = pick.choice((30, 32767))  # few bits are rounded off what small numbers make
    peeps = gates(peepholes, INT16, (h,), most, 2.0 ** (-13 - cell) / most)
    projected = projection != "none"
    inputs = [
        source((*rows, x)),
        *gates(True, INT8, (h, x), 127, weight), *gates(True, INT8, (h, out), 127, weight), *peeps[:2], peeps[3],
        *gates(True, INT32, (h,), 20000, weight / 100),
        some(INT8, (out, h), 127, 1.5 / (127 * math.sqrt(h))) if projected else None,
        some(INT32, (out,), 2000, 1e-4) if projection == "biased" else None,
        before.variable((n, out)), INT16.quantized(2.0**cell).variable((n, h)),
        *gates(normalized, INT16, (h,), 32767, 2.0**-15),
    ]  # fmt: skip
    stages = [*(INT8.affine(pick, -3.5, -3)((1,)) for _ in range(4)), INT8.affine(pick, -2.3, -2)((1,))]
    options = {} if op == "LSTM" else {"time_major": op == "steps"}
    return case(
        "LSTM" if op == "LSTM" else "UNIDIRECTIONAL_SEQUENCE_LSTM", *inputs, makes=before, outputs=[(*rows, out)],
        intermediates=stages, tolerance=0.0, runs=3, fused_activation_function="TANH", cell_clip=clips[0],
        proj_clip=clips[1], **options,
    )  # fmt: skip
