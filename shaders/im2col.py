"""Convolutions as one product of matrices: what lies under each window is first copied to a row of its own (im2col).

That product is a shader which a model mostly has anyway, and it reads by fours whatever the number of channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from ..graph.model import Graph
from .convolution import EXTENTS, WINDOW, Window, geometry
from .product import MOST_ROWS, Product
from .program import Arg, Limits, Program, Scratch, groups_for
from .sums import Sums
from .tiling import LAUNCH, rounds, times
from .ways import Way, Ways
from .weights import Weights

TYPES = ("FLOAT32", "INT8", "UINT8")
SIZES = (*EXTENTS, "ROWS", "FOURS", "FILL")
MOST = 1 << 21  # values in all rows
# Time on software to copy four values, which it stores lane by lane, and to launch once more, where that of multiplying
# four by four is 1.
COPIED, LAUNCHED = 16.0, 1000.0
# How much longer it may take than the plain sum, which is a shader for few layers, often for the first alone: software
# compiles it for 0.2 s, as long as 400 runs of selfie_segmentation take longer.
LONGER = 1.6


def applies(graph: Graph, source: int | Scratch, filters: int, spans: Sequence[Window], pixels: int) -> bool:
    """Whether a convolution can be done so: of a tensor, with constant filters of its type.

    Rows are neither so few that their product is another kernel's, nor too many for memory.
    """
    if not isinstance(source, int) or not graph.is_constant(filters) or spans[1].dilation > 1 or pixels <= MOST_ROWS:
        return False
    types = {graph.tensors[t].type for t in (source, filters)}
    return len(types) == 1 and types <= set(TYPES) and pixels * row_of(graph, filters) <= MOST


def row_of(graph: Graph, filters: int) -> int:
    """Values in a row: those under a window, made up to whole fours."""
    return -(-prod(graph.tensors[filters].shape[1:]) // 4) * 4


def ways(
    graph: Graph, sums: Sums, filters: int, output: int, images: int, spans: Sequence[Window], limits: Limits
) -> tuple[Way, ...]:
    """Two launches: the copy, and a product in each of its ways."""
    assert isinstance(sums.source, int)
    channels, *_, depth = graph.tensors[filters].shape
    inputs, row = prod(graph.tensors[filters].shape[1:]), row_of(graph, filters)
    pixels, step = images * prod(span.out for span in spans), 1 if depth % 4 else 4
    rows = Scratch(graph.tensors[sums.source].type, pixels * row, fours=True)
    high, wide = spans
    values = replace(
        wide, size=wide.size * depth, kernel=wide.kernel * depth, stride=wide.stride * depth, before=wide.before * depth
    )
    constants = {
        **geometry(high, values), "PADDED": 1,
        "ROWS": pixels, "FOURS": row // 4, "STEP": step, "FILL": sums.in_zero,
    }  # fmt: skip
    source = Arg("source", sums.source, "vec4" if step == 4 else "float")
    groups, sizes = groups_for(pixels * row // 4, 64, limits), (*SIZES, *WINDOW * limits.texels)
    copy = Program("im2col", constants, (source,), rows, groups, value="vec4", sizes=sizes)
    weights = Weights(filters, (1, 1, row, channels), (0, 0, 1, inputs), sums.weights_zero, lacking=row - inputs)
    products = Product(rows, weights, output, pixels, sums, rows_a_scale=pixels // images).ways(graph, limits)
    copied, launched = (COPIED, LAUNCHED) if limits.texels else (times(limits).beside * (4 // step + 1), LAUNCH)
    copying = rounds(pixels * row // 4, 1, limits) * copied + launched
    unit = step / inputs / (LONGER if limits.texels else 1.0)  # by the steps of the plain sum
    return tuple(way.within("im2col", row // 4 * unit, copying * unit) for way in Ways.between((copy,), products).each)
