"""FULLY_CONNECTED and BATCH_MATMUL: every way matrices may be stored, broadcast and given."""

from __future__ import annotations

from random import Random

from axes import CLAMPS, Axis, family
from axes import st as strategies
from case import FLOAT, Case, Shape, Typed, case

BATCHES: list[tuple[Shape, Shape]] = [
    ((), ()), ((3,), ()), ((), (3,)), ((1,), (4,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((2, 1, 3), (1, 4, 1)),
    ((2, 3, 2), (2, 3, 2)), ((1, 1, 1), (2,)), ((2, 3, 1), (3, 4)), ((2,), (2,)),
]  # fmt: skip
SIZES = [(1, 1, 1), (3, 5, 4), (4, 8, 8), (5, 4, 3), (17, 12, 20), (70, 9, 13), (9, 4, 1)]
sizes = Axis(SIZES, strategies.tuples(*[strategies.sampled_from((1, 2, 3, 4, 5, 8, 17))] * 3))


@strategies.composite
def batches(draw: strategies.DrawFn) -> tuple[Shape, Shape]:
    whole = draw(strategies.lists(strategies.integers(1, 3), max_size=3))
    some = [
        [n if draw(strategies.booleans()) else 1 for n in whole][draw(strategies.integers(0, len(whole))) :]
        for _ in "ab"
    ]
    return tuple(some[0]), tuple(some[1])


@family(
    batch=Axis(BATCHES, batches()), size=sizes, adj_x=[False, True], adj_y=[False, True], constant=[None, 0, 1]
)  # fmt: skip
def batch_matmul(
    pick: Random, batch: tuple[Shape, Shape], size: tuple[int, int, int], adj_x: bool, adj_y: bool, constant: int | None
) -> Case:
    rows, depth, columns = size
    left = (*batch[0], depth, rows) if adj_x else (*batch[0], rows, depth)
    right = (*batch[1], columns, depth) if adj_y else (*batch[1], depth, columns)
    given = [FLOAT.constant(shape) if k == constant else FLOAT(shape) for k, shape in enumerate((left, right))]
    return case("BATCH_MATMUL", *given, adj_x=adj_x, adj_y=adj_y)


@family(
    shape=[(1, 1), (1, 7), (3, 8), (4, 64), (5, 3), (33, 12), (2, 3, 5), (1, 2, 2, 8)], channels=[1, 4, 5, 20, 130],
    bias=["constant", "computed", "none"], keep=[False, True], activation=CLAMPS, computed=[False, True],
)  # fmt: skip
def fully_connected(
    pick: Random, shape: Shape, channels: int, bias: str, keep: bool, activation: str, computed: bool
) -> Case:
    weights, added = FLOAT((channels, shape[-1])), FLOAT((channels,))
    choices: dict[str, Typed | None] = {"constant": added.fixed(), "computed": added, "none": None}
    return case(
        "FULLY_CONNECTED", shape, weights if computed else weights.fixed(), choices[bias], keep_num_dims=keep,
        fused_activation_function=activation,
    )  # fmt: skip


CASES = [  # more products than a launch has groups along one dimension
    case("BATCH_MATMUL", (70_000, 5, 1), (70_000, 1, 1)),
]
