"""Hybrid BATCH_MATMUL over several dimensions of batches, with the scales that the reference kernel takes there.

It numbers a batch by the sum of its places in those dimensions where an operand has more than one, so that it takes
other matrices' scales, zero points and sums of weights (`BatchMatMul` in
tensorflow/lite/kernels/internal/reference/batch_matmul.h).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from .arguments import Refused, Shape
from .program import Arg, Limits, Program, Scratch, groups_for
from .sums import Sums
from .weights import Weights

RANK = 3  # of batches as the reference kernel sees them


@dataclass(frozen=True)
class Batches:
    """Batches of both sides of a product of so many `rows` each, as the reference kernel sees them.

    A dimension of batches that the right side lacks makes rows, where it is the last and the left is not turned around.
    """

    left: Shape
    right: Shape
    rows: int

    @classmethod
    def of(cls, a: Shape, b: Shape, turned: bool) -> Batches:
        """Those of operands of these shapes."""
        left, right, rows = a[:-2], b[:-2], a[-1] if turned else a[-2]
        if not turned and left and right and right[-1] == 1:
            left, right, rows = left[:-1], right[:-1], rows * left[-1]
        return cls((1,) * (RANK - len(left)) + left, (1,) * (RANK - len(right)) + right, rows)

    @property
    def astray(self) -> bool:
        """Whether batches are numbered otherwise than they lie."""
        return any(sum(n > 1 for n in side) > 1 for side in (self.left, self.right))

    def check(self) -> None:
        """Refuse what reads sums of weights that the kernel never made: it leaves out the first dimension."""
        read = sum(n - 1 for n in self.right)
        if read >= prod(self.right[1:]):
            met = f"sums of {read + 1} matrices of weights, where the reference kernel makes {prod(self.right[1:])}"
            raise Refused("batches", met, "symmetric inputs")

    def constants(self) -> dict[str, int | tuple[int, ...]]:
        """For lib/finish_hybrid_batches.glsl."""
        whole = [max(pair) for pair in zip(self.left, self.right, strict=True)]
        return {
            "BATCH_ROWS": self.rows, "NUMBER_DIMS": tuple(whole), "NUMBER_RANK": RANK,
            "LEFT_NUMBERS": numbers(self.left), "RIGHT_NUMBERS": numbers(self.right),
        }  # fmt: skip


def numbers(shape: Sequence[int]) -> tuple[int, ...]:
    """What a step in each dimension adds to a batch's number."""
    return tuple(int(n > 1) for n in shape)


def numbered(sums: Sums, batches: Batches, weights: Weights, asymmetric: bool, limits: Limits) -> Sums:
    """Hybrid sums, of inputs that keep their zero points, finished as the reference kernel numbers batches."""
    constants = {**sums.constants, **batches.constants(), "ASYMMETRIC": asymmetric}
    found = replace(sums, libraries=("sum", "finish_hybrid_batches"), constants=constants)
    if not asymmetric:
        return found
    batches.check()
    matrices, _, depth, channels = weights.shape
    totals = Scratch("INT32", matrices * channels)
    steps = dict(zip(("LAYER_STEP", "INPUT_STEP", "OUTPUT_STEP"), (weights.steps[k] for k in (0, 2, 3)), strict=True))
    program = Program(
        "column_sums", {"DEPTH": depth, "CHANNELS": channels, **steps}, (Arg("weights", weights.tensor),), totals,
        groups_for(matrices * channels, 64, limits),
    )  # fmt: skip
    return replace(found, inputs=(*sums.inputs, Arg("totals", totals)), before=(*sums.before, program))
