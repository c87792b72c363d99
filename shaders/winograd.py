"""Convolutions of 3 by 3 by Winograd's F(4 x 4, 3 x 3): 36 products for 16 outputs rather than 144.

Tiles of 6 by 6 inputs and the filters are transformed, multiplied as 36 products of matrices, and what these make is
transformed back. It interpolates at 0, 3/4, -3/4, 3/2, -3/2 and infinity: of points that binary holds exactly these
gave the smallest errors, 1.7 times those of the plain sum, where the usual 0, 1, -1, 2, -2 gave 7 times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .convolution import EXTENTS, Window, geometry
from .product import Batch, Product
from .program import Arg, Const, Limits, Program, Scratch, Stage, groups_for
from .sums import Sums
from .types import half
from .ways import Way, Ways, least
from .weights import Weights

SIZES = (*EXTENTS, "TILES", "ACROSS", "DOWN", "FOURS")
TILE = 4  # outputs along a side of a tile
PLACES = (TILE + 2) ** 2
FEW = 4  # tiles
# Columns of filters transformed at once. Larger products OpenBLAS divides among threads, which then hold cores a while.
AT_ONCE = 768
NEAR, FAR = 0.75, 1.5
POINTS = (0.0, NEAR, -NEAR, FAR, -FAR)
# What becomes of three taps at each point: the value there of the polynomial that they are, over the point's distances
# to the others (Toom and Cook); at infinity the highest of them.
OF_FILTERS = np.array(
    [[a**k / prod(a - b for b in POINTS if b != a) for k in range(3)] for a in POINTS] + [[0.0, 0.0, 1.0]]
)
# Time to transform and move a four of channels at one place, where that of multiplying it with four others is 1. As
# llvmpipe has it.
MOVED = 4.5


def applies(
    graph: Graph, images: int, spans: Sequence[Window], depth: int, channels: int, filters: int, output: int
) -> bool:
    """Whether a convolution can be done so.

    What is stored in half is not: transformed filters take four times the memory, and should not be rounded to half.
    Nor are small images, where few products share a filter: without, ResNet50's layers of 7 by 7 take 85 MB less, and
    the model 1.005 of the time.
    """
    if images * tiles(spans) <= FEW:
        return False
    if any((s.kernel, s.stride, s.dilation) != (3, 1, 1) for s in spans) or depth % 4 or channels % 4:
        return False
    return graph.is_constant(filters) and graph.tensors[filters].type == "FLOAT32" and not half(graph.tensors[output])


def time(spans: Sequence[Window], depth: int, channels: int) -> float:
    """The time that it should take, where that of the plain sum is 1."""
    inward, outward = depth // 4, channels // 4
    products = prod(s.out for s in spans) * 9 * inward * outward
    return tiles(spans) * PLACES * (inward * outward + MOVED * (inward + outward)) / products


def tiles(spans: Sequence[Window]) -> int:
    """How many tiles cover an image of outputs."""
    return prod(-(-s.out // TILE) for s in spans)


def ways(
    graph: Graph,
    sums: Sums,
    filters: int,
    output: int,
    images: int,
    spans: Sequence[Window],
    limits: Limits,
    plain: float,
) -> tuple[Way, ...]:
    """Three launches: the input transformed, 36 products, and their results transformed back, with the op's stages.

    There is a way for each of the products; `plain` is the time of the sum as it stands.
    """
    channels, _, _, depth = graph.tensors[filters].shape
    count = images * tiles(spans)
    before, after = (Scratch("FLOAT32", PLACES * count * n) for n in (depth, channels))
    constants = {
        **geometry(*spans), "TILES": count, "ACROSS": -(-spans[1].out // TILE), "DOWN": -(-spans[0].out // TILE),
        "NEAR": NEAR, "FAR": FAR,
    }  # fmt: skip

    def transform(body: str, source: Arg, fours: int, output: int | Scratch) -> Program:
        groups = groups_for(count * fours, 64, limits)
        return Program(body, {**constants, "FOURS": fours}, (source,), output, groups, value="vec4", sizes=SIZES)

    # Software would compile products without a bias for 0.2 s; to add what is 0 to all takes less than a percent.
    nothing = Stage("x + y", Const(partial(np.zeros, channels, np.float32), 4 * channels), channels)
    kept = Sums(stages=(nothing,) if limits.texels else ())
    shape, steps = (PLACES, 1, depth, channels), (depth, 0, 1, 9 * depth)
    each = Weights(filters, shape, steps, layers=9, made=transformed)
    product = Product(before, each, after, count, kept, Batch((PLACES,), (PLACES,), (PLACES,)))
    last = transform("winograd_output", Arg("products", after, "vec4"), channels // 4, output)
    first = transform("winograd_input", Arg("source", sums.source, "vec4"), depth // 4, before)
    products = product.ways(graph, limits)
    unit = plain * time(spans, depth, channels) / least(products)
    whole = Ways.between((first,), products, (replace(last, stages=sums.stages, along=channels),))
    return tuple(way.within("Winograd", unit) for way in whole.each)


def transformed(taps: NDArray[Any]) -> NDArray[np.float32]:
    """[9, ...], what lies at each tap of filters, as [36, ...], in float32."""
    matrix, flat = np.kron(OF_FILTERS, OF_FILTERS).astype(np.float32), taps.reshape(9, -1)
    found = np.empty((PLACES, flat.shape[1]), np.float32)
    for start in range(0, flat.shape[1], AT_ONCE):
        np.matmul(matrix, flat[:, start : start + AT_ONCE], out=found[:, start : start + AT_ONCE])
    return found.reshape(PLACES, *taps.shape[1:])


# What is left of sums that an activation cuts off, and by how much of a filter's length (the root of the sum of its
# squares) a sum of inputs around 1 may be off, as measured: the more a sum is cut, the more of the rest that is.
RANGES = {"RELU6": 6.0, "RELU_N1_TO_1": 2.0}
OFF = 4e-6


def near_enough(graph: Graph, op: Op, filters: int) -> bool:
    """Whether a convolution's results are within half of what a float32 result may be off, 1e-5 of its range."""
    left = RANGES.get(op.options.fused_activation_function)
    if left is None:
        return True
    found = graph.constant(filters)
    assert found is not None
    longest = float(np.sqrt(np.square(found.reshape(len(found), -1), dtype=np.float64).sum(1).max()))
    return longest * OFF <= 0.5e-5 * left
