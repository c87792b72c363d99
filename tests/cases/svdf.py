"""SVDF, run after run."""

from __future__ import annotations

from random import Random

from axes import Axis, family
from axes import st as strategies
from case import FLOAT, Case, case

ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
SIZES = Axis(  # batches, inputs, units
    [(2, 5, 4), (1, 1, 1), (3, 8, 3)], strategies.tuples(*(strategies.integers(1, 9) for _ in range(3)))
)


@family(activation=ACTIVATIONS, memory=[1, 2, 9], rank=[1, 2, 3], bias=[False, True], size=SIZES)
def svdf(pick: Random, activation: str, memory: int, rank: int, bias: bool, size: tuple[int, int, int]) -> Case:
    batches, inputs, units = size
    filters = units * rank
    return case(
        "SVDF", (batches, inputs), FLOAT.constant((filters, inputs)), FLOAT.constant((filters, memory)),
        FLOAT.constant((units,)) if bias else None, FLOAT.variable((batches, filters * memory)),
        outputs=[(batches, units)], rank=rank, fused_activation_function=activation, runs=3,
    )  # fmt: skip
