"""DILATE: values so many places apart along each axis, and one value between them.

Refuses dilations that are computed or below 1, a value to put between that is not one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ..graph.model import Graph, Op, Tensor
from .arguments import Refused, answering, integers, result, values
from .program import Arg, Limits, Lowered, Program, Scratch, groups_for
from .types import ANY

OPS = ("DILATE",)
MOST_APART = 1 << 29
TYPES = ANY


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; the value between may be computed."""
    source = graph.tensors[values(graph, op, types=ANY)]
    steps = integers(graph, op, 1, (len(source.shape),))
    between = graph.tensors[values(graph, op, 2, (source.type,))]
    if any(step < 1 for step in steps) or between.size != 1 or not source.shape:
        raise Refused("dilations", steps, "one above 0 for each axis, and one value")
    made = [(n - 1) * step + 1 for n, step in zip(source.shape, steps, strict=True)]
    output = result(graph, op, limits, made, types={source.type})
    return (apart(limits, source, between, output, made, steps, [0] * len(steps)),)


def apart(
    limits: Limits, source: Tensor, between: Tensor, output: int | Scratch, made: Sequence[int], steps: Sequence[int],
    low: Sequence[int],
) -> Program:  # fmt: skip
    """The launch that puts elements `steps` apart along each axis, the first of them at `low`, a value elsewhere.

    `made` is the shape of the output. Refused for numbers with which places would not fit in 32 bits.
    """
    if max(map(abs, (*steps, *low)), default=0) > MOST_APART:
        raise Refused("padding", [*low, *steps], f"none beyond {MOST_APART}")
    constants = {
        "RANK": len(made), "MADE_SIZES": tuple(made), "SIZES": source.shape, "APART": tuple(steps), "LOW": tuple(low),
    }  # fmt: skip
    args = (Arg("source", source.index), Arg("between", between.index))
    return Program("dilate", constants, args, output, groups_for(prod(made), 64, limits))
