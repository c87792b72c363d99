"""STABLEHLO_GATHER and STABLEHLO_PAD."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from axes import WIDE, Axis, family
from axes import st as strategies
from case import INT32, INT64, Array, Case, Shape, Type, Typed, case

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
        index_vector_dim=how["along"], slice_sizes=how["sizes"],
    )  # fmt: skip


EDGES = [-2, -1, 0, 1, 3]
PADDINGS = Axis(  # low, high, between
    [
        ((2, 3), (1, -1), (0, 2), (2, 1)), ((2, 3), (-1, -2), (0, 0), (0, 1)),
        ((3, 1, 4, 2), (1, 0, 3, 0), (0, 1, 0, 0), (0, 0, 0, 3)), ((5,), (0,), (-7,), (1,)), ((4,), (0,), (0,), (0,)),
        ((1, 2, 1, 3, 2), (0, 1, 0, -1, 0), (2, 0, 0, 0, 1), (0, 2, 5, 1, 0)),
    ],
    strategies.integers(1, 5).flatmap(
        lambda rank: strategies.tuples(
            *(
                strategies.lists(values, min_size=rank, max_size=rank).map(tuple)
                for values in (
                    strategies.integers(1, 4), strategies.sampled_from(EDGES), strategies.sampled_from(EDGES),
                    strategies.integers(0, 2),
                )
            )
        )
    ),
)  # fmt: skip


@family(padding=PADDINGS, type=WIDE, constant=[False, True])
def pad(pick: Random, padding: tuple[Shape, Shape, Shape, Shape], type: Type, constant: bool) -> Case | None:
    shape, low, high, between = padding
    around = type.constant(()) if constant else type(())
    made = [(n - 1) * (gap + 1) + 1 + a + b for n, a, b, gap in zip(shape, low, high, between, strict=True)]
    if min(made) < 0:
        return None  # the reference kernel makes all dimensions 0
    return case(
        "STABLEHLO_PAD", type(shape), around, makes=type, outputs=[made], edge_padding_low=[*low],
        edge_padding_high=[*high], interior_padding=[*between],
    )  # fmt: skip
