"""STABLEHLO_GATHER: slices that start where vectors of indices say, moved inside where they would reach out.

Refuses axes and sizes that do not go together.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .types import ANY, INDICES

OPS = ("STABLEHLO_GATHER",)
TYPES = ANY


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; positions may be computed."""
    source, numbers = (graph.tensors[values(graph, op, k, types)] for k, types in ((0, ANY), (1, INDICES)))
    along, mapped = op.options.index_vector_dim, whole(op.options.start_index_map)
    offsets, dropped = whole(op.options.offset_dims), whole(op.options.collapsed_slice_dims)
    slices = whole(op.options.slice_sizes)
    kept = [d for d in range(len(source.shape)) if d not in dropped]
    batch = [d for d in range(len(numbers.shape)) if d != along]
    rank = len(kept) + len(batch)
    consistent = (
        0 <= along < len(numbers.shape)
        and len(mapped) == numbers.shape[along]
        and all(len(set(axes)) == len(axes) for axes in (offsets, dropped, mapped))
        and set(mapped) | set(dropped) <= set(range(len(source.shape)))
        and len(offsets) == len(kept)
        and set(offsets) <= set(range(rank))
        and len(slices) == len(source.shape)
        and all(1 <= n <= size for n, size in zip(slices, source.shape, strict=True))
        and all(slices[d] == 1 for d in dropped)
    )
    if not consistent:
        raise Refused("options", f"{list(source.shape)} by {list(numbers.shape)}", "axes and sizes that go together")
    steps, number_steps = strides(source.shape), strides(numbers.shape)
    made, offset_steps, batch_steps = [0] * rank, [0] * rank, [0] * rank
    for place, d in zip(sorted(offsets), kept, strict=True):
        made[place], offset_steps[place] = slices[d], steps[d]
    for place, d in zip((p for p in range(rank) if p not in offsets), batch, strict=True):
        made[place], batch_steps[place] = numbers.shape[d], number_steps[d]
    output = result(graph, op, limits, made, types={source.type})
    constants = {
        "RANK": max(rank, 1), "MADE": tuple(made) or (1,), "OFFSET_STEPS": tuple(offset_steps) or (0,),
        "BATCH_STEPS": tuple(batch_steps) or (0,), "DEPTH": len(mapped), "NUMBER_STEP": number_steps[along],
        "LAST": tuple(source.shape[d] - slices[d] for d in mapped), "STEPS": tuple(steps[d] for d in mapped),
    }  # fmt: skip
    args = (Arg("source", source.index), Arg("numbers", numbers.index))
    return (
        Program("stablehlo_gather", constants, args, output, groups_for(prod(made), 64, limits), includes=("int64",)),
    )


def whole(values: Sequence[int] | None) -> list[int]:
    """An option that is a list of numbers; absent it is empty."""
    return [] if values is None else [int(v) for v in values]


def strides(shape: Shape) -> list[int]:
    """How far apart neighbours along each axis lie, row-major."""
    return [prod(shape[d + 1 :]) for d in range(len(shape))]
