"""Convolutions as one product of matrices: what lies under each window is first copied to a row of its own (im2col).

That product is a shader which a model mostly has anyway, and it reads by fours whatever the number of channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from ..graph.model import Graph
from .convolution import EXTENTS, WINDOW, Window, geometry
from .product import Product
from .program import Arg, Limits, Program, Scratch, groups_for
from .sums import Sums
from .tiling import LAUNCH, rounds, times
from .types import half
from .ways import Way, Ways
from .weights import Weights

SIZES = (*EXTENTS, "ROWS", "FOURS")
MOST = 1 << 23  # bytes of all rows
# Time to copy four values on software, which stores lane by lane, where that of multiplying four by four is 1.
COPIED = 16.0
# How much longer it may take than the plain sum, a shader of few layers, which software takes 0.25 s to compile.
LONGER = 1.3


def applies(graph: Graph, spans: Sequence[Window], pixels: int, filters: int, output: int) -> bool:
    """Whether a convolution can be done so: with constant floats, where rows take no more than MOST bytes."""
    _, *kernel, depth = graph.tensors[filters].shape
    if (
        spans[1].dilation > 1
        or not graph.is_constant(filters)
        or graph.tensors[filters].type != "FLOAT32"
        or half(graph.tensors[output])
    ):
        return False
    return 4 * pixels * wide(prod(kernel) * depth) <= MOST


def wide(inputs: int) -> int:
    """Values in a row, of which `inputs` are under the window."""
    return -(-inputs // 4) * 4


def ways(
    graph: Graph, sums: Sums, filters: int, output: int, images: int, spans: Sequence[Window], limits: Limits
) -> tuple[Way, ...]:
    """Two launches: the copy, and a product in each of its ways."""
    channels, *kernel, depth = graph.tensors[filters].shape
    inputs, pixels = prod(kernel) * depth, images * prod(span.out for span in spans)
    width, step = wide(inputs), 1 if depth % 4 else 4
    rows = Scratch("FLOAT32", pixels * width)
    high, broad = spans
    of_values = {"size": broad.size * depth, "kernel": broad.kernel * depth, "stride": broad.stride * depth}
    constants = {
        **geometry(high, replace(broad, before=broad.before * depth, **of_values)), "PADDED": 1,
        "ROWS": pixels, "FOURS": width // 4, "STEP": step, "FILL": 0,
    }  # fmt: skip
    source = Arg("source", sums.source, "vec4" if step == 4 else "float")
    groups = groups_for(pixels * width // 4, 64, limits)
    sizes = (*SIZES, *WINDOW * limits.texels)
    copy = Program("im2col", constants, (source,), rows, groups, value="vec4", sizes=sizes)
    weights = Weights(filters, (1, 1, width, channels), (0, 0, 1, inputs), lacking=width - inputs)
    products = Product(rows, weights, output, pixels, sums).ways(graph, limits)
    copied = COPIED if limits.texels else times(limits).beside * (4 // step + 1)
    copying = rounds(pixels * width // 4, 1, limits) * copied + LAUNCH

    def time(way: Way) -> float:
        """By the steps of the plain sum."""
        whole = (way.time * (width // 4) + copying) * step / inputs
        return whole / LONGER if limits.texels else whole

    found = Ways.between((copy,), products).each
    return tuple(replace(way, name=f"im2col, {way.name}", time=time(way)) for way in found)
