"""Ops that find their places by computed numbers, where the shape of what they make does not depend on them."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from axes import MOVED, Axis, but, family, shapes
from case import (
    BOOL,
    FLOAT,
    INT8,
    INT32,
    INT64,
    UINT8,
    Case,
    Shape,
    Type,
    Typed,
    Values,
    between,
    by_channel,
    case,
    few,
    halves,
    scaled,
)  # fmt: skip

INDEX = [INT32, INT64]
ADDED = [FLOAT, INT32, INT64, INT8, UINT8, BOOL]
REVERSED = but(MOVED, "BOOL FLOAT16 UINT32 INT8")
SHAPES: list[Shape] = [(5,), (3, 4), (17, 5), (2, 3, 8), (3, 1, 2, 5), (2, 3, 1, 2, 4)]


def inside(*most: int, least: int = 0) -> Values:
    """Whole numbers from `least` to the one of `most` that is theirs along the last axis."""
    return lambda rng, shape, dtype: rng.integers(least, np.array(most) + 1, shape).astype(dtype)


@family(type=MOVED, index=INDEX, shape=Axis(SHAPES, shapes(1).drawn), known=[False, True])
def sliced(pick: Random, type: Type, index: Type, shape: Shape, known: bool) -> Case:
    sizes = tuple(pick.randint(1, n) for n in shape)
    begins = inside(*(n - size for n, size in zip(shape, sizes, strict=True)))
    begin = index((len(shape),), begins)
    return case(
        "SLICE", type(shape), begin.fixed() if known else begin, index(list(sizes)), makes=type, outputs=[sizes]
    )


MASKS: list[tuple[Shape, dict[str, int], Shape]] = [
    ((4, 5), {"shrink_axis_mask": 1}, (5,)),
    ((4, 5), {"shrink_axis_mask": 3}, ()),
    ((4, 5), {"shrink_axis_mask": 2, "begin_mask": 1, "end_mask": 1}, (4,)),
    ((4, 5, 3), {"shrink_axis_mask": 2, "ellipsis_mask": 1}, (4, 5)),
    ((4, 5), {"shrink_axis_mask": 2, "new_axis_mask": 1}, (1, 5)),
    ((4, 5, 8), {"shrink_axis_mask": 3, "begin_mask": 1}, (8,)),
]


@family(type=but(MOVED, ""), masks=MASKS)
def one_each(pick: Random, type: Type, masks: tuple[Shape, dict[str, int], Shape]) -> Case:
    shape, options, made = masks
    count = max(max(value.bit_length() for value in options.values()), 1)
    least = min(shape)
    places: Values = between(-least, least - 1)
    strides = np.ones(count, np.int32)
    return case("STRIDED_SLICE", type(shape), INT32((count,), places), INT32((count,), places), strides,
                makes=type, outputs=[made], **options)  # fmt: skip


@family(type=MOVED, index=INDEX, shape=Axis(SHAPES, shapes(1).drawn))
def updated(pick: Random, type: Type, index: Type, shape: Shape) -> Case:
    box = tuple(pick.randint(1, n) for n in shape)
    return case("DYNAMIC_UPDATE_SLICE", type(shape), type(box), index((len(shape),), halves), makes=type)


@family(type=REVERSED, index=INDEX, shape=Axis(SHAPES[1:], shapes(2).drawn))
def reversed_sequences(pick: Random, type: Type, index: Type, shape: Shape) -> Case:
    along, batch = pick.sample(range(len(shape)), 2)
    lengths = index((shape[batch],), between(-1, shape[along]))
    return case("REVERSE_SEQUENCE", type(shape), lengths, makes=type, seq_dim=along, batch_dim=batch)


@family(type=ADDED, shape=Axis(SHAPES, shapes(1, 5).drawn), many=[(1,), (7,), (2, 3)], known=[False, True])
def scattered(pick: Random, type: Type, shape: Shape, many: Shape, known: bool) -> Case:
    depth = pick.randint(1, len(shape))
    places = INT32((*many, depth), inside(*(n - 1 for n in shape[:depth])))
    update = type((*many, *shape[depth:]))
    return case("SCATTER_ND", places.fixed() if known else places, update, list(shape), makes=type, outputs=[shape])


@family(
    kind=["SUM", "PROD", "MAX", "MIN"], type=[FLOAT, INT32], shape=Axis(SHAPES, shapes(1).drawn), known=[False, True]
)
def segments(pick: Random, kind: str, type: Type, shape: Shape, known: bool) -> Case:
    axes = pick.randint(1, len(shape))
    ids, small = INT32(shape[:axes], between(-2, 4)), scaled(0.5)
    return case(f"UNSORTED_SEGMENT_{kind}", type(shape, small if type is FLOAT else halves),
                ids.fixed() if known else ids, [5], makes=type, outputs=[(5, *shape[axes:])])  # fmt: skip


@family(
    type=but(ADDED, "BOOL"), index=INDEX, shape=[(5,), (3, 4), (2, 3, 4), (2, 1, 3, 4)], known=[False, True],
    form=["list", "one", "same"],
)  # fmt: skip
def dense(pick: Random, type: Type, index: Type, shape: Shape, known: bool, form: str) -> Case | None:
    """Places as a matrix or, of a vector, as a list; a value for each, or one for all."""
    if form == "one" and len(shape) > 1:
        return None
    many: Shape = () if form == "one" else (4,) if len(shape) == 1 else (4, len(shape))
    most = shape[0] - 1 if len(shape) == 1 else None
    places = index(many, between(0, most) if most is not None else inside(*(n - 1 for n in shape)))
    found: Shape = () if form in ("one", "same") else (4,)
    return case("SPARSE_TO_DENSE", places.fixed() if known else places, index(list(shape)), type(found), type(()),
                makes=type)  # fmt: skip


def sizes(*values: int) -> Typed:
    return INT32((len(values),), values)


@family(
    type=[FLOAT, INT32, INT64],
    shape=Axis(SHAPES, shapes(1).drawn),
    exclusive=[False, True],
    back=[False, True],
    known=[False, True],
)
def running(pick: Random, type: Type, shape: Shape, exclusive: bool, back: bool, known: bool) -> Case:
    axis = pick.randrange(-len(shape), len(shape))
    drawn: Any = few if type is INT64 else None
    return case(
        "CUMSUM", type(shape, drawn), [axis] if known else sizes(axis), makes=type, exclusive=exclusive, reverse=back
    )


@family(type=but(MOVED, "UINT32"), shape=Axis(SHAPES[:5], shapes(1, 4).drawn))
def padded(pick: Random, type: Type, shape: Shape) -> Case:
    around = [[pick.randint(0, 3), pick.randint(0, 3)] for _ in shape]
    return case("PADV2", type(shape), around, type(()), makes=type)


@family(
    type=[INT8, UINT8], rows=[False, True], shape=[(3, 4), (7, 5), (4, 2, 8)], known=[False, True], count=[1, 5]
)  # fmt: skip
def looked_up(pick: Random, type: Type, rows: bool, shape: Shape, known: bool, count: int) -> Case:
    scales = by_channel([0.1 + 0.01 * k for k in range(shape[0])]) if rows else (0.07, 0)
    numbers = INT32((count,), between(0, shape[0] - 1))
    table = Type(type.name, scales).constant(shape)
    return case("EMBEDDING_LOOKUP", numbers.fixed() if known else numbers, table, makes=FLOAT)


CASES = [
    *(case("BROADCAST_ARGS", kind((3,), [2, 1, 3]), kind((2,), [4, 1]), makes=kind) for kind in INDEX),
    case("BROADCAST_ARGS", [2, 1, 3], sizes(4, 1), makes=INT32),
    case("SPARSE_TO_DENSE", sizes(0, 3), [5], FLOAT((2,)), FLOAT(()), makes=FLOAT, validate_indices=True),
    *(case("SPARSE_TO_DENSE", np.zeros((0, 2), np.int32), [2, 3], type((0,)), type(()), makes=type)
      for type in but(ADDED, "BOOL")),
    case("SPARSE_TO_DENSE", np.zeros(0, np.int64), INT64([4]), FLOAT(()), FLOAT.constant(()), makes=FLOAT),
    case("BROADCAST_ARGS", sizes(7), sizes(2, 1, 1, 7), makes=INT32),
    case("BROADCAST_ARGS", sizes(0, 1), [1, 5], makes=INT32),
    *(case("WHERE", type.constant((2, 3, 4), few), makes=INT64) for type in (FLOAT, BOOL, INT8, INT32, INT64, UINT8)),
    case("WHERE", np.array([True, False, True]), makes=INT64),
    case("WHERE", [0, 3, 0, 1], makes=INT64),
    case("STRIDED_SLICE", (4, 5), [-9], [0], [1], shrink_axis_mask=1, outputs=[(5,)]),
    case("BROADCAST_ARGS", INT32((0,)), sizes(2, 3), makes=INT32),
    case("PAD", (2, 3), np.int8([[1, 0], [0, 2]])),
    case("PAD", (2, 3), np.int16([[1, 0], [0, 2]])),
    case("PADV2", (2, 3), np.int16([[1, 0], [0, 2]]), FLOAT(())),
    case("STRIDED_SLICE", (), INT32.constant((0,)), INT32.constant((0,)), INT32.constant((0,)), ellipsis_mask=1),
    case("TOPK_V2", (7,), np.int16([3]), outputs=2, makes=(FLOAT, INT32)),
    case("STRIDED_SLICE", (4, 5), [3, 1], [-2, 3], [-1, 1], offset=True),
    case("STRIDED_SLICE", (7, 5), [6, 4], [-5, -4], [-2, -3], offset=True),
    case("DYNAMIC_UPDATE_SLICE", INT32((3, 3)), INT32((2, 2)), INT64((2,), [2**32, -(2**40)]), makes=INT32),
]  # fmt: skip
