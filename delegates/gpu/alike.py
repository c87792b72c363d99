"""Programs of floats made alike, so that layers which differ in no more than their activation share a shader."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from ...shaders.program import Program, Stage, in_bits

# Activations that only bound a value, from where to where.
BOUNDS = {"relu(x)": (0.0, inf), "relu6(x)": (0.0, 6.0), "relu1(x)": (-1.0, 1.0), "clip(x, 0.0, 1.0)": (0.0, 1.0)}


def alike(program: Program) -> Program:
    """A program whose bounds are told at its launch. Where no more than a bias is added, none of them do anything."""
    if program.value not in ("float", "vec4"):
        return program
    stages = tuple(
        replace(s, expression=clip(*BOUNDS[s.expression])) if s.expression in BOUNDS else s for s in program.stages
    )
    if program.along and [(s.expression, s.period) for s in stages] == [("x + y", program.along)]:
        stages = (*stages, Stage(clip(-inf, inf)))
    return program if stages == program.stages else replace(program, stages=stages)


def clip(low: float, high: float) -> str:
    """A stage's expression that bounds `x`, in which the bounds are the bits of floats, as what is told is integers."""
    return f"clip(x, {in_bits(low)}, {in_bits(high)})"
