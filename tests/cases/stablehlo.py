"""STABLEHLO_GATHER, STABLEHLO_PAD, STABLEHLO_REDUCE_WINDOW, STABLEHLO_RNG_BIT_GENERATOR and STABLEHLO_SCATTER."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from axes import WIDE, Axis, family
from axes import st as strategies
from case import (
    BOOL,
    FLOAT,
    FLOAT16,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    STEP,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    Array,
    Body,
    Case,
    Shape,
    Type,
    Typed,
    between,
    case,
)

SLICES: list[tuple[Shape, Shape, Shape, dict[str, Any]]] = [  # of the operand, of the indices, of the result, and how
    ((4, 5), (2, 1), (2, 5), {"offset": [1], "collapsed": [0], "mapped": [0], "along": 1, "sizes": [1, 5]}),
    ((4, 5), (3, 1), (3, 2, 3), {"offset": [1, 2], "collapsed": [], "mapped": [0], "along": 1, "sizes": [2, 3]}),
    ((3, 4, 2), (2, 3, 2), (2, 3, 2, 2), {
        "offset": [2, 3], "collapsed": [0], "mapped": [1, 0], "along": 2, "sizes": [1, 2, 2],
    }),
    ((3, 4, 2), (2, 5), (2, 5, 1), {
        "offset": [0, 2], "collapsed": [1], "mapped": [0, 2], "along": 0, "sizes": [2, 1, 1],
    }),
    ((6,), (7, 1), (7,), {"offset": [], "collapsed": [0], "mapped": [0], "along": 1, "sizes": [1]}),
    ((2, 3, 4, 5), (3, 2, 3), (3, 2, 2, 3), {
        "offset": [1, 3], "collapsed": [0, 2], "mapped": [3, 0, 2], "along": 2, "sizes": [1, 2, 1, 3],
    }),
]  # fmt: skip


@family(slices=SLICES, type=WIDE, index=[INT32, INT64], constant=[False, True])
def gather(
    pick: Random, slices: tuple[Shape, Shape, Shape, dict[str, Any]], type: Type, index: Type, constant: bool
) -> Case:
    shape, many, made, how = slices

    def places(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """Some beyond the last from which a slice fits; below 0 the reference reads before its memory."""
        found = rng.integers(0, 7, shape, dtype)
        return np.where(found == 6, 1 << 30, found).astype(dtype)

    return case(
        "STABLEHLO_GATHER", type(shape), Typed(index, many, "constant" if constant else "computed", places), makes=type,
        outputs=[made], offset_dims=how["offset"], collapsed_slice_dims=how["collapsed"], start_index_map=how["mapped"],
        index_vector_dim=how["along"], slice_sizes=how["sizes"], indices_are_sorted=pick.random() < 0.5,
    )  # fmt: skip


EDGES = [-2, -1, 0, 1, 3]
PADDINGS = Axis(  # low, high, between
    [
        ((2, 3), (1, -1), (0, 2), (2, 1)), ((2, 3), (-1, -2), (0, 0), (0, 1)),
        ((3, 1, 4, 2), (1, 0, 3, 0), (0, 1, 0, 0), (0, 0, 0, 3)), ((5,), (0,), (-7,), (1,)), ((4,), (0,), (0,), (0,)),
        ((1, 1, 2), (-2, 0, 0), (0, 1, 3), (0, 0, 0)), ((0, 2), (3, 1), (2, 0), (1, 0)),
        ((3, 2), (-4, 0), (4, 0), (0, 1)),
        ((1, 2, 1, 3, 2), (0, 1, 0, -1, 0), (2, 0, 0, 0, 1), (0, 2, 5, 1, 0)),
    ],
    strategies.integers(1, 5).flatmap(
        lambda rank: strategies.tuples(
            *(
                strategies.lists(values, min_size=rank, max_size=rank).map(tuple)
                for values in (
                    strategies.integers(0, 4), strategies.sampled_from(EDGES), strategies.sampled_from(EDGES),
                    strategies.integers(0, 2),
                )
            )
        )
    ),
)  # fmt: skip


@family(padding=PADDINGS, type=WIDE, constant=[False, True])
def pad(pick: Random, padding: tuple[Shape, Shape, Shape, Shape], type: Type, constant: bool) -> Case:
    shape, low, high, between = padding
    around = type.constant(()) if constant else type(())
    made = [n + max(n - 1, 0) * gap + a + b for n, a, b, gap in zip(shape, low, high, between, strict=True)]
    made = made if min(made) > 0 else [0] * len(made)  # which is the reference kernel's way
    return case(
        "STABLEHLO_PAD", type(shape), around, makes=type, outputs=[made], edge_padding_low=[*low],
        edge_padding_high=[*high], interior_padding=[*between],
    )  # fmt: skip


SCATTERED: list[tuple[Shape, Shape, Shape, dict[str, Any]]] = [  # of the operand, of indices, of updates, and how
    ((4, 5), (3, 1), (3, 5), {"window": [1], "inserted": [0], "mapped": [0], "along": 1}),
    ((4, 5), (6, 1), (6, 2, 3), {"window": [1, 2], "inserted": [], "mapped": [1], "along": 1}),
    ((5,), (9, 1), (9,), {"window": [], "inserted": [0], "mapped": [0], "along": 1}),
    ((3, 4, 2), (2, 5), (2, 5, 2), {"window": [0, 2], "inserted": [1], "mapped": [2, 1], "along": 0}),
    ((2, 3, 4, 5), (3, 2, 3), (3, 2, 2, 3), {"window": [1, 3], "inserted": [0, 2], "mapped": [3, 0, 2], "along": 2}),
]  # fmt: skip
JOINS = ["", "STABLEHLO_ADD", "STABLEHLO_MULTIPLY", "STABLEHLO_MAXIMUM", "STABLEHLO_MINIMUM"]
NUMBERS = [FLOAT, FLOAT16, FLOAT64, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, BOOL]


@family(scattered=SCATTERED, join=JOINS, type=NUMBERS, index=[INT32, INT64])
def scatter(
    pick: Random, scattered: tuple[Shape, Shape, Shape, dict[str, Any]], join: str, type: Type, index: Type
) -> Case:
    shape, many, updates, how = scattered
    return case(
        "STABLEHLO_SCATTER", type(shape), index(many, between(-2, 5)), type(updates), makes=type, outputs=[shape],
        update_window_dims=how["window"], inserted_window_dims=how["inserted"],
        scatter_dims_to_operand_dims=how["mapped"], index_vector_dim=how["along"],
        update_computation_subgraph_index=Body(join, type), indices_are_sorted=pick.random() < 0.5,
        unique_indices=pick.random() < 0.5, tolerance=STEP if type is FLOAT16 else 1e-5,
    )  # fmt: skip


WINDOWS: list[tuple[Shape, dict[str, list[int]]]] = [
    ((5, 6), {"window": [2, 3], "strides": [1, 2], "base": [1, 1], "dilations": [1, 1], "padding": [0, 0, 0, 0]}),
    ((5, 6), {"window": [2, 2], "strides": [2, 1], "base": [1, 2], "dilations": [1, 3], "padding": [1, 0, 0, 2]}),
    ((7,), {"window": [3], "strides": [1], "base": [1], "dilations": [2], "padding": [-1, -1]}),
    ((2, 3, 4), {
        "window": [1, 2, 2], "strides": [1, 1, 1], "base": [2, 1, 1], "dilations": [1, 1, 2],
        "padding": [1, 0, 2, -1, 0, 1],
    }),
]  # fmt: skip


@family(
    windows=WINDOWS, function=[*JOINS[1:], "ADD"],
    type=[FLOAT, FLOAT64, INT8, UINT8, INT16, INT32, INT64],
)  # fmt: skip
def reduce_window(pick: Random, windows: tuple[Shape, dict[str, list[int]]], function: str, type: Type) -> Case | None:
    if function == "ADD" and type in (FLOAT64, INT8, UINT8):
        return None  # which it has not, or wants scales of, even where the op stands for a sum alone
    return _windowed(*windows, function, type)


@family(
    windows=WINDOWS,
    function=[
        "LOGICAL_AND",
        "LOGICAL_OR",
        *(f"STABLEHLO_{kind}" for kind in ("ADD", "MULTIPLY", "MAXIMUM", "MINIMUM")),
    ],
)
def reduce_window_of_bools(pick: Random, windows: tuple[Shape, dict[str, list[int]]], function: str) -> Case:
    return _windowed(*windows, function, BOOL)


def _windowed(shape: Shape, how: dict[str, list[int]], function: str, type: Type) -> Case:
    padding = how["padding"]
    sizes = [
        (n - 1) * b + 1 + sum(padding[2 * k : 2 * k + 2])
        for k, (n, b) in enumerate(zip(shape, how["base"], strict=True))
    ]
    reach = [(n - 1) * d + 1 for n, d in zip(how["window"], how["dilations"], strict=True)]
    made = [(n - r) // s + 1 for n, r, s in zip(sizes, reach, how["strides"], strict=True)]
    return case(
        "STABLEHLO_REDUCE_WINDOW", type(shape), type(()), makes=type, outputs=[made], window_dimensions=how["window"],
        window_strides=how["strides"], base_dilations=how["base"], window_dilations=how["dilations"], padding=padding,
        body_subgraph_index=Body(function, type),
    )  # fmt: skip


@family(
    of=[("PHILOX", 2), ("PHILOX", 3), ("THREEFRY", 2), ("DEFAULT", 2)], type=[UINT32, INT32, UINT64, INT64],
    shape=[(1,), (7, 5), (2, 3, 8)],
)  # fmt: skip
def random_bits(pick: Random, of: tuple[str, int], type: Type, shape: Shape) -> Case:
    algorithm, size = of
    return case(
        "STABLEHLO_RNG_BIT_GENERATOR", UINT64((size,)), makes=[UINT64, type], outputs=[(size,), shape],
        algorithm=algorithm,
    )  # fmt: skip


CASES = [  # a counter whose low word overflows
    case(
        "STABLEHLO_RNG_BIT_GENERATOR", UINT64(np.array([5, (7 << 32) - 2], np.uint64)), makes=[UINT64, UINT32],
        outputs=[(2,), (33,)], algorithm="PHILOX",
    ),
]  # fmt: skip
