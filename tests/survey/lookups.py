"""Ops that find their values by numbers, constant or computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from case import FLOAT, INT16, INT32, INT64, UINT8, Input, Typed, between

from . import RANKS, TYPES, Forms, each, form, forms

At = Callable[[Any], Typed]


def lookups() -> Iterator[tuple[Typed, At]]:
    """A tensor of each type and shape, and what makes indices of it: by each type, constant or computed."""
    for type, shape in each(ranks=RANKS[1:]):
        for index in (INT32, INT64, INT16) if len(shape) == 2 else (INT32, INT64):
            yield type(shape), lambda value, index=index: index(np.asarray(value))
            yield type(shape), lambda value, index=index: index(np.shape(value), np.asarray(value))


@forms("GATHER GATHER_ND EMBEDDING_LOOKUP")
def gathered(kind: str) -> Forms:
    for x, at in lookups():
        n = len(x.shape)
        if kind == "GATHER":
            yield from (form(kind, x, at(value), axis=axis) for axis in (0, -1) for value in ([0], [[0, 0]], 0))
            if n > 1:
                yield form(kind, x, at(np.zeros((x.shape[0], 2))), axis=1, batch_dims=1)
        elif kind == "GATHER_ND":
            yield from (form(kind, x, at(np.zeros((2, k)))) for k in {1, n})
            yield form(kind, x, at(np.zeros((2, 1, 1))))
        else:
            yield form(kind, at([0, 1]), x, makes=x.type)
            yield form(kind, at([0, 1]), x.fixed(), makes=x.type)
            if x.type.name in ("INT8", "INT4", "UINT8"):
                yield form(kind, at([0, 1]), x.fixed(), makes=FLOAT)


@forms("SCATTER_ND SPARSE_TO_DENSE DYNAMIC_UPDATE_SLICE REVERSE_SEQUENCE MATRIX_SET_DIAG BROADCAST_ARGS")
def laid_out(kind: str) -> Forms:
    for x, at in lookups():
        n, type, shape = len(x.shape), x.type, list(x.shape)
        if kind == "SCATTER_ND":
            yield form(kind, at([[0], [0]]), type((2, *x.shape[1:])), at(shape).type(shape), makes=type)
            yield form(kind, at(np.zeros((2, n))), type((2,)), at(shape).type(shape), makes=type)
        elif kind == "SPARSE_TO_DENSE":
            size = at(shape).type(shape)
            yield form(kind, at([[0] * n, [0] * (n - 1) + [1]]), size, type((2,)), type(()), makes=type)
            yield form(kind, at([[0] * n]), size, type([1]), type(np.array(0)), makes=type)
            yield form(kind, at([0, 1]), at([4]).type([4]), type((2,)), type(()), makes=type)
            yield form(kind, at([0, 1]), at([4]).type([4]), type(()), type(()), makes=type)
            yield form(kind, at(1), at([4]).type([4]), type(()), type(()), makes=type)
        elif kind == "DYNAMIC_UPDATE_SLICE":
            yield form(kind, x, type((1,) * n), at([0] * n))
        elif kind == "REVERSE_SEQUENCE" and n > 1:
            yield form(kind, x, at([1] * shape[0]), seq_dim=1, batch_dim=0)
        elif kind == "MATRIX_SET_DIAG" and n > 1:
            yield form(kind, x, type((*x.shape[:-2], min(shape[-2:]))))
        elif kind == "BROADCAST_ARGS":
            yield form(kind, at([2, 1]), at([3]), makes=at([3]).type)


@forms("SEGMENT_SUM UNSORTED_SEGMENT_SUM UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_MIN UNSORTED_SEGMENT_PROD")
def segments(kind: str) -> Forms:
    for x, at in lookups():
        ids = at([0] * x.shape[0])
        more: list[Input] = [] if kind == "SEGMENT_SUM" else [ids.type(np.array(2))]
        yield form(kind, x, ids, *more, makes=x.type)


@forms("STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_GATHER")
def stablehlo(kind: str) -> Forms:
    for x, at in lookups():
        n = len(x.shape)
        if kind == "STABLEHLO_DYNAMIC_SLICE":
            yield form(kind, x, *[at(0)] * n, slice_sizes=[1] * n)
        elif kind == "STABLEHLO_DYNAMIC_UPDATE_SLICE":
            yield form(kind, x, x.type((1,) * n), *[at(0)] * n)
        else:
            yield form(
                kind, x, at([[0], [0]]), offset_dims=[*range(1, n)], collapsed_slice_dims=[0], start_index_map=[0],
                index_vector_dim=1, slice_sizes=[1, *x.shape[1:]], outputs=[(2, *x.shape[1:])],
            )  # fmt: skip


@forms("NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5")
def non_max_suppression(kind: str) -> Forms:
    scalars: list[Input] = [np.array(3, np.int32), np.float32(0.5), np.float32(0.1)]
    made = [INT32, INT32] if kind.endswith("4") else [INT32, FLOAT, INT32]
    more: list[Input] = [] if kind.endswith("4") else [np.float32(0.5)]
    for type in TYPES:
        yield form(kind, type((6, 4)), type((6,)), *scalars, *more, outputs=len(made), makes=made)


@forms("HASHTABLE_LOOKUP LSH_PROJECTION EMBEDDING_LOOKUP_SPARSE")
def hashed(kind: str) -> Forms:
    for type, shape in each(ranks=RANKS[1:]):
        if kind == "HASHTABLE_LOOKUP":
            keys = INT32([*range(1, 1 + shape[0])])
            yield form(kind, INT32((3,)), keys, type(shape), outputs=2, makes=[type, UINT8])
            yield form(kind, INT32((3,)), keys, type.constant(shape), outputs=2, makes=[type, UINT8])
        elif kind == "LSH_PROJECTION":
            for how in ("SPARSE", "DENSE"):
                yield form(kind, FLOAT.constant((2, 3)), type(shape), makes=INT32, type=how)
                yield form(kind, FLOAT.constant((2, 3)), type(shape), FLOAT(shape[:1]), makes=INT32, type=how)
        else:
            places = INT32((3, 2), [[0, 0], [0, 1], [2, 0]])
            given = [INT32((3,), between(0, shape[0] - 1)), places, INT32((2,), [3, 4]), FLOAT((3,))]
            for combiner in ("SUM", "MEAN", "SQRTN"):
                yield form(kind, *given, type(shape), makes=FLOAT, combiner=combiner)
                yield form(kind, *(g.fixed() for g in given), type(shape), makes=FLOAT, combiner=combiner)
                yield form(kind, *(g.fixed() for g in given[:3]), given[3], type(shape), makes=FLOAT, combiner=combiner)
