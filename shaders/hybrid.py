"""Floats quantised while a model runs, as TFLite's hybrid kernels do it: rows of inputs become integers of 8 bits.

Each row has a scale, from its least and its largest value; what is left of zero points is none, for q - zero point is
what is kept. lib/hybrid.glsl has the arithmetic, for kernels that quantise by themselves, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from .program import Arg, Limits, Program, Scratch, groups_for
from .reduce import power_of_two

LIBRARIES = ("exact", "hybrid", "rows")
MOST_LANES = 256


@dataclass(frozen=True)
class Rows:
    """Rows of `size` floats of tensor `source`, `count` of them: one after another, or
    across matrices of `across` rows. Zero points are taken off their integers unless they are `kept`."""

    source: int
    count: int
    size: int
    across: int = 0
    kept: bool = False


def quantized(rows: Rows, symmetric: bool, limits: Limits) -> tuple[Scratch, Scratch, tuple[Program, Program]]:
    """(integers, row after row; a vec4 for each row, the scale first; the programs that make them).

    With `symmetric`, integers are from -127 to 127; else of 256 that hold 0, so that they are from -255 to 255.
    """
    scales, integers = Scratch("FLOAT32", 4 * rows.count), Scratch("INT32", rows.count * rows.size)
    constants = {"SIZE": rows.size, "ACROSS": rows.across, "ASYMMETRIC": not symmetric}
    source = Arg("source", rows.source)
    lanes = min(power_of_two(rows.size), MOST_LANES, limits.invocations)
    tree = {"LANES": lanes, "LANE_STEP": 1, "PARTIAL": "vec2"}
    return (
        integers,
        scales,
        (
            Program(
                "row_scales", {**constants, **tree}, (source,), scales, groups_for(rows.count, 1, limits),
                (lanes, 1, 1), "vec4", includes=("reduce", *LIBRARIES), shared=8 * lanes,
            ),
            Program(
                "row_integers", {**constants, "KEPT": rows.kept}, (source, Arg("scales", scales, "vec4")), integers,
                groups_for(rows.count * rows.size, 64, limits), includes=LIBRARIES,
            ),
        ),
    )  # fmt: skip
