"""A sequence step by step: what one reads as a tensor for each step, and a result of one for each."""

from __future__ import annotations

from collections.abc import Sequence

from ..abi import L1, L3, Operation
from ..node import Arg, Between, Node, i32, numbers
from ..program import Operand


def shaped(like: Operand, *dims: int) -> Between:
    """An operand like another, of another shape."""
    return Between(Operand(like.type, dims, like.scale, like.zero_point))


def parted(x: Arg, like: Operand, time: int) -> tuple[list[Node], list[Between]]:
    """(what parts `x`, its steps, each (batches, values)); `time` is 0 or 1, the other of the two are the batches."""
    count, batches, size = like.dims[time], like.dims[1 - time], like.dims[2]
    flat = [shaped(like, batches, size) for _ in range(count)]
    parts: list[Arg] = [x]
    nodes: list[Node] = []
    if count > 1:
        made = tuple(shaped(like, *((1, batches) if time == 0 else (batches, 1)), size) for _ in range(count))
        nodes, parts = [Node(Operation.SPLIT, (x, i32(time), i32(count)), made, L3)], [*made]
    target = numbers((batches, size))
    return nodes + [Node(Operation.RESHAPE, (p, target), (f,), L1) for p, f in zip(parts, flat, strict=True)], flat


def joined(rows: Sequence[Arg], like: Operand, y: int | Between, time: int) -> list[Node]:
    """What makes `y` of steps that are like one of (batches, values)."""
    batches, size = like.dims
    single = (1, batches, size) if time == 0 else (batches, 1, size)
    if len(rows) == 1:
        return [Node(Operation.RESHAPE, (rows[0], numbers(single)), (y,), L1)]
    longer = [shaped(like, *single) for _ in rows]
    nodes = [Node(Operation.RESHAPE, (r, numbers(single)), (b,), L1) for r, b in zip(rows, longer, strict=True)]
    return [*nodes, Node(Operation.CONCATENATION, (*longer, i32(time)), (y,), L1)]
