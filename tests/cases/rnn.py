"""RNN, UNIDIRECTIONAL_SEQUENCE_RNN and BIDIRECTIONAL_SEQUENCE_RNN, run after run."""

from __future__ import annotations

from random import Random

from axes import ACTIVATIONS, Axis, family
from axes import st as strategies
from case import FLOAT, Case, Typed, case, scaled

Size = tuple[int, int, int]  # batches, inputs, units
SIZES: list[Size] = [(1, 1, 1), (2, 3, 5), (3, 8, 4), (1, 17, 40), (2, 5, 150)]
sizes = Axis(SIZES, strategies.tuples(*[strategies.integers(1, 9)] * 3))


def cell(batches: int, inputs: int, units: int) -> list[Typed]:
    """Weights, recurrent weights small enough to settle, bias and state."""
    return [
        FLOAT.constant((units, inputs), scaled(0.5)), FLOAT.constant((units, units), scaled(0.12)),
        FLOAT.constant((units,), scaled(0.5)), FLOAT.variable((batches, units)),
    ]  # fmt: skip


@family(size=sizes, activation=ACTIVATIONS)
def rnn(pick: Random, size: Size, activation: str) -> Case:
    batches, inputs, units = size
    return case(
        "RNN", (batches, inputs), *cell(*size), outputs=[(batches, units)], runs=3,
        fused_activation_function=activation, asymmetric_quantize_inputs=pick.random() < 0.5,
    )  # fmt: skip


@family(size=sizes, steps=[1, 5, 17], major=[False, True], activation=ACTIVATIONS)
def unidirectional(pick: Random, size: Size, steps: int, major: bool, activation: str) -> Case:
    batches, inputs, units = size
    rows = (steps, batches) if major else (batches, steps)
    return case(
        "UNIDIRECTIONAL_SEQUENCE_RNN", (*rows, inputs), *cell(*size), outputs=[(*rows, units)], runs=3,
        time_major=major, fused_activation_function=activation, asymmetric_quantize_inputs=pick.random() < 0.5,
    )  # fmt: skip


@family(
    size=sizes, major=[False, True], merged=[False, True], auxiliary=["none", "crossed", "stacked"],
    activation=ACTIVATIONS,
)  # fmt: skip
def bidirectional(pick: Random, size: Size, major: bool, merged: bool, auxiliary: str, activation: str) -> Case:
    batches, inputs, forward = size
    backward, steps = forward + 3, 4
    rows = (steps, batches) if major else (batches, steps)
    more: list[Typed | None] = [None, None, None]
    if auxiliary != "none":
        more[0] = FLOAT((*rows, inputs))
    if auxiliary == "crossed":
        more[1:] = [FLOAT.constant((units, inputs), scaled(0.5)) for units in (forward, backward)]
    made = [(*rows, forward + backward)] if merged else [(*rows, forward), (*rows, backward)]
    return case(
        "BIDIRECTIONAL_SEQUENCE_RNN", (*rows, inputs), *cell(batches, inputs, forward),
        *cell(batches, inputs, backward), *more, outputs=made, runs=3, time_major=major, merge_outputs=merged,
        fused_activation_function=activation, asymmetric_quantize_inputs=pick.random() < 0.5,
    )  # fmt: skip
