"""Tensors without elements: ops that make none, and what others make of them."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import ACTIVATIONS, family
from case import BOOL, FLOAT, INT8, INT32, INT64, UINT8, Case, Shape, Type, case

NONE: Shape = (0, 3)
NUMBERS = [FLOAT, INT32, INT64]
Q = INT8.quantized(0.1, 3)


@family(kind=["ADD", "SUB", "MUL", "MAXIMUM"], type=[FLOAT, INT32], other=[NONE, (3,), (1, 3)])
def both(pick: Random, kind: str, type: Type, other: Shape) -> Case:
    return case(kind, type(NONE), type(other))


@family(kind=["SUM", "MEAN", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"], type=NUMBERS, axis=[0, 1], keep=[False, True])
def reduced(pick: Random, kind: str, type: Type, axis: int, keep: bool) -> Case:
    return case(kind, type(NONE), [axis], keep_dims=keep)


@family(kind=["REDUCE_ANY", "REDUCE_ALL", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"], axis=[0, 1])
def reduced_bools(pick: Random, kind: str, axis: int) -> Case:
    return case(kind, BOOL(NONE), [axis])


@family(type=[*NUMBERS, Q], around=[[[1, 1], [0, 0]], [[0, 0], [1, 0]], [[2, 0], [1, 1]]])
def padded(pick: Random, type: Type, around: list[list[int]]) -> Case:
    return case("PAD", type(NONE), around)


@family(
    type=[*NUMBERS, Q],
    parts=[[(0, 3), (2, 3)], [(2, 3), (0, 3)], [(0, 3), (2, 3), (0, 3), (1, 3)], [(0, 3), (0, 3)]],
    activation=ACTIVATIONS[:1],
)
def joined(pick: Random, type: Type, parts: list[Shape], activation: str) -> Case:
    return case("CONCATENATION", *map(type, parts), axis=0, fused_activation_function=activation)


CASES = [
    *(case(kind, NONE) for kind in ("RELU", "ABS", "NEG", "TANH", "SQRT", "ZEROS_LIKE", "L2_NORMALIZATION")),
    case("CAST", NONE, makes=INT32),
    case("QUANTIZE", NONE, makes=Q),
    case("RESHAPE", NONE, [3, 0]),
    case("TRANSPOSE", NONE, [1, 0]),
    case("EXPAND_DIMS", NONE, [0]),
    case("TILE", (2, 3), [0, 2]),
    case("BROADCAST_TO", (1, 3), [0, 3], op_version=2),
    case("CONCATENATION", (2, 0), (2, 3), axis=1),
    case("PACK", NONE, NONE, values_count=2),
    case("SLICE", (4, 5), [4, 0], [0, 5], outputs=[(0, 5)]),
    case("STRIDED_SLICE", (4, 5), [2], [2], [1]),
    case("GATHER", (4, 3), INT32((0,))),
    case("GATHER_ND", (4, 3), INT32((0, 1))),
    case("SPLIT_V", (4, 5), [4, 0], [0], num_splits=2, outputs=2),
    case("SPLIT_V", (4, 5), [0, 1, 3, 0], [0], num_splits=4, outputs=4),
    case("SELECT_V2", BOOL(NONE), NONE, NONE, makes=FLOAT),
    case("SHAPE", NONE, makes=INT32, out_type="INT32"),
    case("RANK", NONE, makes=INT32),
    case("WHERE", np.zeros(3, bool), makes=INT64),
    case("FILL", [0, 3], FLOAT(()), makes=FLOAT),
    case("SCATTER_ND", INT32((0, 1)), FLOAT(NONE), [4, 3], makes=FLOAT),
    case("SCATTER_ND", INT32((0, 1)), UINT8(NONE), [4, 3], makes=UINT8),
    *(case(f"UNSORTED_SEGMENT_{kind}", NONE, INT32((0,)), [4], outputs=[(4, 3)]) for kind in ("SUM", "PROD", "MAX")),
    case("DYNAMIC_UPDATE_SLICE", (4, 3), NONE, [1, 0]),
    case("CUMSUM", NONE, [0]),
    case("TOPK_V2", NONE, [2], outputs=2, makes=(FLOAT, INT32)),
    case("ADD_N", NONE, NONE),
    *(case("PADV2", type(NONE), [[2, 0], [1, 1]], type(())) for type in (FLOAT, INT64, Q)),
]
