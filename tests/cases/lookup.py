"""Ops that find their values by constant numbers: gathered, laid over, joined by segment, turned around."""

from __future__ import annotations

import math
from random import Random

import numpy as np

from axes import MOVED, WIDE, but, family, shapes
from case import FLOAT, INT32, INT64, RUNTIME, UINT8, Case, Shape, Type, case, positive

INDICES = [INT32, INT64]
SEGMENTS = ("SUM", "PROD", "MAX", "MIN")


def places(pick: Random, sizes: Shape, many: Shape, index: Type) -> object:
    """Random positions in a block, repeated ones among them."""
    found = [[pick.randrange(n) for n in sizes] for _ in range(math.prod(many))]
    return index(np.array(found, index.dtype).reshape(*many, len(sizes)))


@family(type=but(MOVED, "UINT32"), shape=shapes(1), many=[(), (1,), (7,), (2, 3)], index=INDICES)
def gather_nd(pick: Random, type: Type, shape: Shape, many: Shape, index: Type) -> Case:
    deep = pick.randint(0, len(shape))
    return case("GATHER_ND", type(shape), places(pick, shape[:deep], many, index), tolerance=0)


@family(type=but(MOVED, "UINT32"), shape=shapes(1), many=[(), (1,), (4,), (2, 3)], index=INDICES)
def gather(pick: Random, type: Type, shape: Shape, many: Shape, index: Type) -> Case:
    axis = pick.randrange(-len(shape), len(shape))
    found = np.array([pick.randrange(shape[axis]) for _ in range(math.prod(many))], index.dtype).reshape(many)
    return case("GATHER", type(shape), index(found), axis=axis, tolerance=0)


@family(shape=shapes(2), index=INDICES, deep=[1, 2])
def gather_in_batches(pick: Random, shape: Shape, index: Type, deep: int) -> Case | None:
    if deep >= len(shape):
        return None
    many = (*shape[:deep], 3)
    found = np.array([pick.randrange(shape[deep]) for _ in range(math.prod(many))], index.dtype).reshape(many)
    return case("GATHER", FLOAT(shape), index(found), axis=deep, batch_dims=deep, tolerance=0)


@family(type=WIDE, shape=shapes(2, 5), count=[1, 5], constant=[False, True])
def embedding_lookup(pick: Random, type: Type, shape: Shape, count: int, constant: bool) -> Case:
    ids = INT32([pick.randrange(shape[0]) for _ in range(count)])
    return case("EMBEDDING_LOOKUP", ids, type.constant(shape) if constant else type(shape), makes=type, tolerance=0)


@family(combiner=["SUM", "MEAN", "SQRTN"], dense=[(4,), (5, 3), (2, 3, 2)], count=[1, 12], tidy=[False, True])
def embedding_lookup_sparse(pick: Random, combiner: str, dense: Shape, count: int, tidy: bool) -> Case:
    found = [[pick.randrange(n) for n in dense] for _ in range(count)]
    places = INT32((count, len(dense)), sorted(found) if tidy else found)
    ids = INT32((count,), [pick.randrange(7) for _ in range(count)])
    return case(
        "EMBEDDING_LOOKUP_SPARSE", ids, places, [*dense], FLOAT((count,), positive), FLOAT((7, 3, 2)), makes=FLOAT,
        outputs=[(*dense[:-1], 3, 2)], combiner=combiner,
    )  # fmt: skip


@family(type=WIDE, shape=shapes(1, 4), count=[1, 9], constant=[False, True])
def hashtable_lookup(pick: Random, type: Type, shape: Shape, count: int, constant: bool) -> Case:
    keys = sorted(pick.choices([-(2**31), -7, *range(9), 2**31 - 1], k=shape[0]))
    asked = INT32((count,), pick.choices([*keys, 0, 5, 100, -7], k=count))
    table = type.constant(shape) if constant else type(shape)
    return case("HASHTABLE_LOOKUP", asked, INT32(keys), table, makes=(type, UINT8), outputs=2, tolerance=0)


@family(type=but(MOVED, "BOOL FLOAT16 INT8 UINT32"), shape=shapes(2, 5), index=INDICES)
def reverse_sequence(pick: Random, type: Type, shape: Shape, index: Type) -> Case:
    along, batch = pick.sample(range(len(shape)), 2)
    lengths = index([pick.randint(0, shape[along]) for _ in range(shape[batch])])
    return case("REVERSE_SEQUENCE", type(shape), lengths, seq_dim=along, batch_dim=batch, tolerance=0)


@family(type=but(MOVED, "BOOL FLOAT16 UINT32"), shape=shapes(1, 5))
def matrix_diag(pick: Random, type: Type, shape: Shape) -> Case:
    return case("MATRIX_DIAG", type(shape), tolerance=0)


@family(type=but(MOVED, "BOOL FLOAT16 UINT32"), shape=shapes(2, 6))
def matrix_set_diag(pick: Random, type: Type, shape: Shape) -> Case:
    return case("MATRIX_SET_DIAG", type(shape), type((*shape[:-2], min(shape[-2:]))), tolerance=0)


@family(type=WIDE, shape=shapes(), index=INDICES)
def dynamic_update_slice(pick: Random, type: Type, shape: Shape, index: Type) -> Case:
    box = tuple(pick.randint(1, n) for n in shape)
    starts = index(np.array([pick.randint(-2, n + 1) for n in shape], index.dtype))
    return case("DYNAMIC_UPDATE_SLICE", type(shape), type(box), starts, tolerance=0)


@family(kind=SEGMENTS, type=[FLOAT, INT32], shape=shapes(1, 5))
def unsorted_segments(pick: Random, kind: str, type: Type, shape: Shape) -> Case:
    axes = shape[: pick.randint(1, len(shape))]
    ids = np.array([pick.randint(-1, 4) for _ in range(math.prod(axes))], np.int32).reshape(axes)
    return case(f"UNSORTED_SEGMENT_{kind}", type(shape), ids, np.array(5, np.int32), tolerance=1e-6)


@family(type=[FLOAT, INT32], shape=shapes(0, 4), ids=[[0] * 6, [0, 0, 1, 2, 2, 2], [0, 1, 2, 3, 4, 5]])
def segment_sum(pick: Random, type: Type, shape: Shape, ids: list[int]) -> Case:
    out = [(ids[-1] + 1, *shape)]
    return case("SEGMENT_SUM", type((6, *shape)), ids, outputs=out, oracle=RUNTIME, tolerance=1e-6)


@family(type=[FLOAT, INT32], shape=shapes(1), many=[(1,), (7,), (2, 3)])
def scatter_nd(pick: Random, type: Type, shape: Shape, many: Shape) -> Case:
    """Where several updates meet, they add up."""
    deep = pick.randint(1, len(shape))
    where = places(pick, shape[:deep], many, INT32)
    return case("SCATTER_ND", where, type((*many, *shape[deep:])), list(shape), tolerance=1e-6)


SPECIAL = np.array([np.nan, 1, 1, np.nan, np.inf, np.inf, -np.inf, -np.inf, 0, -0.0], np.float32)

CASES = [
    *(
        case(f"UNSORTED_SEGMENT_{kind}", FLOAT((10,), SPECIAL), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4], [6], tolerance=0)
        for kind in SEGMENTS
    ),
    case("DYNAMIC_UPDATE_SLICE", (5, 16), (2, 8), [3, 4], tolerance=0),
]
