"""SELECT and SELECT_V2, by conditions that are constant or computed."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import SIZES, WIDE, Axis, family, shapes
from axes import st as strategies
from case import BOOL, FLOAT, Case, Shape, Type, case

Three = tuple[Shape, Shape, Shape]


@strategies.composite
def three(draw: strategies.DrawFn) -> Three:
    """Shapes that broadcast."""
    whole = draw(strategies.lists(SIZES, min_size=1, max_size=5))

    def part() -> Shape:
        some = [n if draw(strategies.booleans()) else 1 for n in whole]
        return tuple(some[draw(strategies.integers(0, len(whole))) :])

    return part(), (*whole,) if draw(strategies.booleans()) else part(), part()


BROADCASTS: list[Three] = [
    ((3, 4), (3, 4), (3, 4)), ((), (), ()), ((1, 4), (3, 1), (1,)), ((2, 1, 3), (5, 1), (2, 1, 1)),
    ((1,), (1,), (1, 1)), ((4,), (2, 1, 1, 3, 4), (1, 5, 1, 1, 1)), ((3,), (), (2, 3)), ((2, 1), (2, 8), (8,)),
]  # fmt: skip


@family(type=WIDE, shapes=Axis(BROADCASTS, three()), computed=[True, False], constant=[None, 1, 2])
def select_v2(pick: Random, type: Type, shapes: Three, computed: bool, constant: int | None) -> Case:
    which = BOOL(shapes[0]) if computed else BOOL.constant(shapes[0])
    given = [type(shape) if k != constant else type.constant(shape) for k, shape in enumerate(shapes) if k]
    made = np.broadcast_shapes(*shapes)  # of single values the reference keeps the file's shape
    return case("SELECT_V2", which, *given, makes=type, outputs=[made], tolerance=0)


@family(type=WIDE, shape=shapes(1), by=["elements", "rows", "all"], computed=[True, False])
def select(pick: Random, type: Type, shape: Shape, by: str, computed: bool) -> Case:
    condition = {"elements": shape, "rows": shape[:1], "all": ()}[by]
    which = BOOL(condition) if computed else BOOL.constant(condition)
    return case("SELECT", which, type(shape), type(shape), makes=type, tolerance=0)


CASES = [
    case("SELECT", BOOL(()), (), (), makes=FLOAT, tolerance=0),
    case(
        "SELECT_V2", np.array([False, False, False, True]), FLOAT((4,), [np.inf, np.nan, -np.inf, 1]),
        np.zeros(4, np.float32), makes=FLOAT, tolerance=0,
    ),
]  # fmt: skip
