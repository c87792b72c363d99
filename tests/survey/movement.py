"""Ops that move values, and those that work along axes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from case import INT16, INT32, INT64, Array, Shape, Type, Typed

from . import BOTH, RANKS, TYPES, Forms, each, form, forms

INDICES = (np.int32, np.int64, np.int16)
Given = tuple[Typed, int, Array, Any]  # x, its rank, its shape as indices, their type


def given(types: list[Type] = TYPES) -> Iterator[Given]:
    """Each type, shape and type of indices; those of 16 bits at one rank alone."""
    for type, shape in each(types):
        for index in INDICES:
            if index is not np.int16 or len(shape) == 2:
                yield type(shape), len(shape), np.array(shape, index), index


@forms("RESHAPE SQUEEZE EXPAND_DIMS STABLEHLO_RESHAPE")
def renamed(kind: str) -> Forms:
    for x, n, _, index in given():
        if kind == "RESHAPE":
            yield form(kind, x, np.array([-1], index))
            yield form(kind, x, new_shape=[-1])
        elif kind == "SQUEEZE":
            yield form(kind, x)
            yield form(kind, x.type((1, *x.shape)), squeeze_dims=[0])
        elif kind == "EXPAND_DIMS":
            yield from (form(kind, x, np.array(axis, index)) for axis in (0, -1, n))
        else:
            yield form(kind, x, outputs=[(1, *x.shape)])


@forms("TRANSPOSE TILE BROADCAST_TO STABLEHLO_TRANSPOSE DILATE REVERSE_V2")
def rearranged(kind: str) -> Forms:
    for x, n, whole, index in given():
        backwards = np.arange(n, dtype=index)[::-1].copy()
        if kind == "TRANSPOSE":
            yield form(kind, x, backwards)
        elif kind == "STABLEHLO_TRANSPOSE":
            yield form(kind, x, permutation=backwards.tolist())
        elif kind == "TILE":
            yield form(kind, x, np.full(n, 2, index))
        elif kind == "DILATE":
            yield form(kind, x, np.full(n, 2, index), x.type(np.array(0)))
        elif kind == "REVERSE_V2":
            yield from (form(kind, x, np.array(axes, index)) for axes in ([0], [-1], [*range(n)], []))
        else:
            yield form(kind, x, whole)
            yield form(kind, x, np.array([2, *x.shape], index))


@forms("PAD PADV2 MIRROR_PAD STABLEHLO_PAD")
def padded(kind: str) -> Forms:
    for x, n, whole, index in given():
        ends = np.array([[1, 0]] * n, index).reshape(n, 2)
        if kind == "PAD":
            yield form(kind, x, ends)
        elif kind == "PADV2":
            yield form(kind, x, ends, x.type(np.array(1)))
            yield form(kind, x, ends, x.type(()))
        elif kind == "MIRROR_PAD":
            inner = np.minimum(whole - 1, 1)[:, None].astype(index)
            yield from (form(kind, x, ends * inner, mode=mode) for mode in ("REFLECT", "SYMMETRIC"))
        else:
            zeros = [0] * n
            low = {"edge_padding_low": [1] * n, "edge_padding_high": zeros, "interior_padding": zeros}
            yield form(kind, x, x.type(()), **low)


MASKS: list[dict[str, Any]] = [
    {}, {"begin_mask": 1}, {"end_mask": 1}, {"shrink_axis_mask": 1}, {"ellipsis_mask": 1}, {"new_axis_mask": 1},
    {"offset": True},
]  # fmt: skip


@forms("SLICE STRIDED_SLICE STABLEHLO_SLICE")
def sliced(kind: str) -> Forms:
    for x, n, whole, index in given():
        zeros, ones = np.zeros(n, index), np.ones(n, index)
        half = np.maximum(whole // 2, 1).astype(index)
        if kind == "SLICE":
            yield form(kind, x, zeros, half, outputs=[half.tolist()])
            yield form(kind, x, zeros, -ones, outputs=[x.shape])
        elif kind == "STRIDED_SLICE":
            yield from (form(kind, x, zeros, whole, ones, **masks) for masks in MASKS)
            yield form(kind, x, whole - 1, -ones - whole, -ones)
        else:
            yield form(kind, x, start_indices=[0] * n, limit_indices=[1] * n, strides=[1] * n)


@forms("UNPACK SPLIT SPLIT_V")
def parts(kind: str) -> Forms:
    for type, shape in each(ranks=RANKS[1:]):
        for axis in {0, -1, len(shape) - 1}:
            n = shape[axis]
            if kind == "UNPACK":
                yield form(kind, type(shape), outputs=n, axis=axis, num=n)
            elif kind == "SPLIT":
                yield form(kind, [axis], type(shape), outputs=n, num_splits=n)
                yield form(kind, np.array(axis, np.int32), type(shape), num_splits=1)
            else:
                yield form(kind, type(shape), [-1], np.array(axis, np.int32), num_splits=1)
                yield form(kind, type(shape), np.array([n]), [axis], num_splits=1)
                if n > 1:
                    yield form(kind, type(shape), [1, -1], [axis], outputs=2, num_splits=2)


@forms("MEAN SUM REDUCE_PROD REDUCE_MAX REDUCE_MIN REDUCE_ANY REDUCE_ALL")
def reduced(kind: str) -> Forms:
    for type, shape in each():
        n = len(shape)
        for axes in {(), (-1,), (0, n - 1), tuple(range(n)), (1, 2)}:
            yield form(kind, type(shape), [*axes], keep_dims=n % 2 == 0)
        yield form(kind, type(shape), np.array([0]), keep_dims=False)
        yield form(kind, type(shape), np.array(0, np.int32), keep_dims=True)
        if n == 3 and type.quantization:
            yield form(kind, type(shape), [1], makes=type.quantized(0.3, 0))


@forms("ARG_MAX ARG_MIN CUMSUM TOPK_V2")
def along_an_axis(kind: str) -> Forms:
    for type, shape in each():
        for index in (np.int32, np.int64):
            for axis in {0, -1, max(len(shape) - 1, 0)}:
                at = np.array(axis, index)
                if kind == "CUMSUM":
                    yield from (form(kind, type(shape), at, exclusive=e, reverse=r) for e in BOTH for r in BOTH)
                elif kind != "TOPK_V2":
                    for made in (INT32, INT64):
                        yield form(kind, type(shape), at, makes=made, output_type=made.name)
                        yield form(kind, type(shape), at[None], makes=made, output_type=made.name)
            if kind == "TOPK_V2":
                for places in (INT32, INT16):
                    yield form(kind, type(shape), np.array(2, index), outputs=2, makes=[type, places])


@forms("DEPTH_TO_SPACE SPACE_TO_DEPTH LOCAL_RESPONSE_NORMALIZATION RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR")
def images(kind: str) -> Forms:
    for type in TYPES:
        if kind.startswith("RESIZE"):
            for new in ([5, 7], [2, 2], [3, 4]):
                for align in BOTH:
                    for half in BOTH:
                        options = {"align_corners": align, "half_pixel_centers": half}
                        yield form(kind, type((2, 3, 4, 3)), new, **options)
        elif kind.startswith("LOCAL"):
            yield form(kind, type((2, 2, 2, 5)), radius=1, bias=1.0, alpha=1.0, beta=0.5)
        else:
            yield from (form(kind, type((2, 4, 4, 8)), block_size=block) for block in (1, 2))


BLOCKS: list[Shape] = [(4, 4, 6), (4, 4, 4, 3), (8, 2, 4, 2, 3)]


@forms("SPACE_TO_BATCH_ND BATCH_TO_SPACE_ND")
def blocks(kind: str) -> Forms:
    for type, shape in each(ranks=BLOCKS):
        n = len(shape) - 2
        for index in (INT32, INT64):
            for ends in ([0, 0], [0, 2]):
                yield form(kind, type(shape), index([2] * n), index([ends] * n))
