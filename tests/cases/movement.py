"""Ops that move values as they are: RESHAPE and its kin, slices, transposes, repeats, blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np

from axes import MOVED, WIDE, but, family, shapes
from case import FLOAT, INT32, INT64, Case, Input, Shape, Type, case

INDICES = [INT32, INT64]


def exact(kind: str, *inputs: Input, **more: Any) -> Case:
    return case(kind, *inputs, tolerance=0, **more)


@family(type=WIDE, shape=shapes(), way=["input", "option"])
def reshape(pick: Random, type: Type, shape: Shape, way: str) -> Case:
    cuts = sorted(pick.sample(range(1, len(shape)), k=min(1, max(0, len(shape) - 1))))
    parts = [shape[a:b] for a, b in zip([0, *cuts], [*cuts, len(shape)], strict=True)] if shape else []
    new = [math.prod(part) for part in parts] + [1] * pick.randint(0, 2)
    if new and pick.random() < 0.5:
        new[pick.randrange(len(new))] = -1
    return (
        exact("RESHAPE", type(shape), new_shape=new) if way == "option" else exact("RESHAPE", type(shape), INT32(new))
    )


@family(type=WIDE, shape=shapes(1, 4), all=[False, True])
def squeeze(pick: Random, type: Type, shape: Shape, all: bool) -> Case:
    place = pick.randint(0, len(shape))
    whole = (*shape[:place], 1, *shape[place:])
    dims = [] if all else [place - pick.choice((0, len(whole)))]
    return exact("SQUEEZE", type(whole), squeeze_dims=dims)


@family(type=WIDE, shape=shapes(0, 5), index=INDICES, scalar=[False, True])
def expand_dims(pick: Random, type: Type, shape: Shape, index: Type, scalar: bool) -> Case:
    axis = pick.randint(-len(shape) - 1, len(shape))
    return exact("EXPAND_DIMS", type(shape), index(np.array(axis if scalar else [axis], index.dtype)))


@family(type=WIDE, shape=shapes(1, 5), index=INDICES, rest=[False, True])
def slice(pick: Random, type: Type, shape: Shape, index: Type, rest: bool) -> Case:
    begin = [pick.randint(0, n - 1) for n in shape]
    count = [pick.randint(1, n - k) for n, k in zip(shape, begin, strict=True)]
    if rest:
        count[-1] = shape[-1] - begin[-1]
    size = [*count[:-1], -1] if rest else count
    return exact("SLICE", type(shape), index(begin), index(size), outputs=[count])


@family(type=WIDE, shape=shapes(1, 5), masked=[False, True])
def strided_slice(pick: Random, type: Type, shape: Shape, masked: bool) -> Case:
    begin, end, stride, masks = [], [], [], {"begin_mask": 0, "end_mask": 0, "shrink_axis_mask": 0}
    for k, n in enumerate(shape):
        first, last = pick.randint(0, n - 1), pick.randint(0, n - 1)
        step = pick.randint(1, 3) * (1 if first <= last else -1)
        past = last + (1 if step > 0 else -1)
        begin.append(first - pick.choice((0, n)))
        end.append(past if past >= 0 else -n - 1)
        stride.append(step)
        if masked and step > 0 and pick.random() < 0.6:
            masks[pick.choice(tuple(masks))] |= 1 << k
    return exact("STRIDED_SLICE", type(shape), begin, end, stride, **masks)


STRIDED: list[tuple[Shape, list[list[int]], dict[str, Any]]] = [
    ((1, 195), [[0, 0], [1, 1], [1, 1]], {"shrink_axis_mask": 2}),
    ((2, 7, 9, 3), [[0, 1, 8, 0], [0, -1, 0, 0], [1, 2, -3, 1]], {"begin_mask": 9, "end_mask": 9}),
    ((5, 8), [[4], [-9], [-1]], {}),
    ((5, 8), [[0, 4], [0, 8], [1, 1]], {"ellipsis_mask": 1}),
    ((2, 3, 4, 5, 2), [[0, 0, 1], [1, 0, 2], [1, 1, 1]], {"ellipsis_mask": 2}),
    ((2, 3, 4), [[0, 0, 1], [0, 0, 3], [1, 1, 1]], {"new_axis_mask": 2, "begin_mask": 1, "end_mask": 1}),
    ((2, 3, 4), [[0, 0, 0, 1], [0, 0, 0, 2], [1] * 4], {"new_axis_mask": 2, "ellipsis_mask": 4, "shrink_axis_mask": 9}),
    ((5, 8), [[-1, 2], [0, 0], [1, 1]], {"shrink_axis_mask": 3}),
    ((5, 8), [[1, 2], [3, 5], [2, 2]], {"offset": True}),
    ((5, 8), [[4, 4], [-9, 8], [-2, 1]], {}),
]


@family(type=WIDE, shape=shapes(1, 6))
def transpose(pick: Random, type: Type, shape: Shape) -> Case:
    perm = pick.sample(range(len(shape)), len(shape))
    return exact("TRANSPOSE", type(shape), [k - pick.choice((0, len(shape))) for k in perm])


@family(type=but(MOVED, "UINT32"), shape=shapes(1, 5))
def reverse_v2(pick: Random, type: Type, shape: Shape) -> Case:
    return exact("REVERSE_V2", type(shape), [pick.randrange(-len(shape), len(shape))])


@family(type=WIDE, shape=shapes(1, 5), index=INDICES)
def tile(pick: Random, type: Type, shape: Shape, index: Type) -> Case:
    return exact("TILE", type(shape), index([pick.randint(1, 3) for _ in shape]))


@family(type=WIDE, shape=shapes(0, 4), index=INDICES, leading=[0, 1, 2])
def broadcast_to(pick: Random, type: Type, shape: Shape, index: Type, leading: int) -> Case:
    wanted = [pick.randint(1, 3) for _ in range(leading)] + [n if n > 1 else pick.randint(1, 4) for n in shape]
    return exact("BROADCAST_TO", type(shape), index(np.array(wanted, index.dtype)), op_version=3)


@family(
    kind=["DEPTH_TO_SPACE", "SPACE_TO_DEPTH"], type=but(MOVED, "BOOL FLOAT16 INT16 UINT32"), block=[1, 2, 3, 4],
    channels=[1, 3, 4, 5, 8],
)  # fmt: skip
def depth(pick: Random, kind: str, type: Type, block: int, channels: int) -> Case:
    deep, wide = (2, 3, 5, channels * block**2), (2, 3 * block, 5 * block, channels)
    return exact(kind, type(deep if kind == "DEPTH_TO_SPACE" else wide), block_size=block)


BLOCKS: list[tuple[Shape, list[int], list[list[int]]]] = [
    ((1, 6, 4, 3), [2, 2], [[0, 0], [0, 0]]), ((3, 5, 4, 8), [3, 2], [[1, 0], [0, 0]]),
    ((2, 7, 5, 5), [4, 1], [[0, 1], [2, 1]]), ((2, 7, 1), [3], [[1, 1]]), ((1, 1, 1, 4), [2, 3], [[1, 0], [1, 1]]),
]  # fmt: skip


@family(type=WIDE, blocks=BLOCKS, back=[False, True])
def batches(pick: Random, type: Type, blocks: tuple[Shape, list[int], list[list[int]]], back: bool) -> Case:
    shape, block, border = blocks
    if not back:
        return exact("SPACE_TO_BATCH_ND", type(shape), block, border)
    padded = [n + sum(pair) for n, pair in zip(shape[1:], border, strict=False)]
    inner = [n // b for n, b in zip(padded, block, strict=True)]
    split = (shape[0] * math.prod(block), *inner, *shape[1 + len(block) :])
    return exact("BATCH_TO_SPACE_ND", type(split), block, border)


def of_floats(kind: str, shape: Shape, *more: Sequence[Any], **options: Any) -> Case:
    return exact(kind, FLOAT(shape), *map(list, more), **options)


CASES = [
    *(of_floats("STRIDED_SLICE", shape, *ends, **options) for shape, ends, options in STRIDED),
    of_floats("TRANSPOSE", (1, 7, 5, 1), [3, 1, 2, 0]),
    of_floats("RESHAPE", (1, 1), new_shape=[0]),  # as old files write a scalar
    of_floats("SQUEEZE", (1, 3, 1, 5, 1), squeeze_dims=[-1, 0]),
    *(exact("SHAPE", type((2, 3, 4)), makes=out, out_type=out.name) for type in WIDE for out in INDICES),
    *(exact("RANK", type((2, 3, 4)), makes=INT32, outputs=[()]) for type in WIDE),
]
