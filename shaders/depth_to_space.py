"""Blocks of pixels to channels and back (DEPTH_TO_SPACE, SPACE_TO_DEPTH), or to batches (the two *_ND).

Refuses sizes that the blocks do not divide; of the *_ND, blocks and borders that are computed or negative.
"""

from __future__ import annotations

import math

from ..graph.model import Graph, Op
from .arguments import Refused, answering, integers, pairs, result, same_affine, values, zero
from .program import Limits, Lowered
from .strided_copy import View, copy, moved
from .types import ANY

OPS = ("DEPTH_TO_SPACE", "SPACE_TO_DEPTH", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND")
TYPES = ANY


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One copy, in which each spatial axis is two: the block, and the place in it."""
    return with_batch(graph, op, limits) if op.kind.endswith("_ND") else with_depth(graph, op, limits)


def with_depth(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """NHWC, blocks of `block_size` squared: in the channels a pixel's place in its block comes first."""
    view = View.of(graph, values(graph, op, types=ANY))
    block: int = op.options.block_size
    n, h, w, c = view.shape
    if op.kind == "DEPTH_TO_SPACE":
        if c % block**2:
            raise Refused("shape", f"{c} channels", f"a multiple of {block**2}")
        shape = (n, h * block, w * block, c // block**2)
        view = view.split(3, block, block, shape[3]).transpose((0, 1, 3, 2, 4, 5))
    else:
        if h % block or w % block:
            raise Refused("shape", f"{h} x {w} pixels", f"multiples of {block}")
        shape = (n, h // block, w // block, c * block**2)
        view = view.split(2, shape[2], block).split(1, shape[1], block).transpose((0, 1, 3, 2, 4, 5))
    return moved(graph, limits, view, result(graph, op, limits, shape, types=ANY))


def with_batch(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """SPACE_TO_BATCH_ND copies from its blocks; BATCH_TO_SPACE_ND is its inverse, and copies to the output's blocks.

    What the one pads the other crops.
    """
    source = values(graph, op, types=ANY)
    old = graph.tensors[source].shape
    blocks = integers(graph, op, 1)
    borders = pairs(graph, op, 2, len(blocks))
    if len(old) <= len(blocks) or any(block < 1 for block in blocks):
        raise Refused("shape", f"shape {list(old)}, blocks of {blocks}", "an axis and a size for each block")
    same_affine(graph, op, [source])
    batch, spatial, rest = old[0], old[1 : 1 + len(blocks)], old[1 + len(blocks) :]
    along = list(zip(spatial, blocks, borders, strict=True))
    if op.kind == "SPACE_TO_BATCH_ND":
        padded = [before + n + after for n, _, (before, after) in along]
        if any(n % block for n, block in zip(padded, blocks, strict=True)):
            raise Refused("shape", f"{padded} with padding", f"multiples of {blocks}")
        shape = (batch * math.prod(blocks), *(n // block for n, block in zip(padded, blocks, strict=True)), *rest)
        output = result(graph, op, limits, shape, types=ANY)
        padded_view = blocked(View.of(graph, source), blocks, borders)
        return moved(graph, limits, padded_view, output, zero(graph.tensors[output]))
    if batch % math.prod(blocks):
        raise Refused("shape", f"{batch} batches", f"a multiple of {math.prod(blocks)}")
    shape = (batch // math.prod(blocks), *(n * block - sum(crop) for n, block, crop in along), *rest)
    target = blocked(View.of(graph, result(graph, op, limits, shape, types=ANY)), blocks, borders)
    return (copy(graph, limits, View.of(graph, source, target.shape), target),)


def blocked(view: View, blocks: list[int], borders: list[tuple[int, int]]) -> View:
    """(batch, *spatial, ...) as (*places in a block, batch, *blocks, ...), with a border around the spatial axes."""
    m = len(blocks)
    for k in reversed(range(m)):
        padded = view.pad(1 + k, *borders[k])
        view = padded.split(1 + k, padded.shape[1 + k] // blocks[k], blocks[k])
    rest = range(1 + 2 * m, len(view.shape))
    return view.transpose([*range(2, 1 + 2 * m, 2), 0, *range(1, 1 + 2 * m, 2), *rest])
