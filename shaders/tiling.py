"""Launches whose threads each compute a tile of pixels by channels (lib/tile.glsl)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..graph.model import Graph
from .program import Arg, Limits, Program, Scratch, groups_for
from .sums import Sums
from .weights import Weights

# Relative times of what a thread of p pixels by v fours of channels does at each step of the sum: it reads values
# of each pixel, p of them; weights, 4 * v; and multiplies. Measured on llvmpipe, reading texels, where 1 is 30 cycles.
PIXEL, WEIGHTS, PRODUCT = 1.0, 3.0, 1.0
MOST_PIXELS, MOST_PRODUCTS = 10, 20  # of a thread: more of them are hardly faster, and take long to compile
VECS = (1, 2, 4)
LOCAL = (64, 32, 16, 8)


def tile(pixels: int, channels: int, layers: int, limits: Limits) -> tuple[int, int, int]:
    """(threads of a group, pixels and fours of channels of a thread) that make all in the least time.

    A device that runs more threads at once than there are gains nothing from fewer.
    """

    def time(local: int, each: int, vecs: int) -> float:
        groups = -(-pixels // (local * each)) * -(-channels // (4 * vecs)) * layers
        rounds = max(-(-groups // max(limits.threads // local, 1)), groups * local / limits.threads, 1.0)
        return rounds * (PIXEL * each + WEIGHTS * vecs + PRODUCT * each * vecs)

    sizes = [n for n in LOCAL if n >= min(limits.lanes, LOCAL[0])]
    shapes = [(p, v) for v in VECS for p in range(MOST_PIXELS, 0, -1) if p * v <= MOST_PRODUCTS]
    return min(((n, *shape) for n in sizes for shape in shapes), key=lambda c: time(*c))


def tiled(
    graph: Graph,
    body: str,
    constants: Mapping[str, Any],
    source: Arg,
    weights: Weights,
    output: int | Scratch,
    pixels: int,
    limits: Limits,
    sums: Sums,
    layers: int = 1,
    groups: int = 1,
    includes: tuple[str, ...] = (),
) -> Program:
    """A program whose threads run along pixels, in groups that share output channels, `layers` times over.

    Layer l makes channels of group l % `groups`.
    """
    channels = weights.shape[3]
    local, each, vecs = tile(pixels, channels, layers, limits)
    sets = -(-channels // (4 * vecs))
    blocks = -(-pixels // (local * each))
    arg, layout = weights.bound(graph, vecs)
    more = {
        "STEPS": weights.shape[2] // weights.step, "PIXELS": each, "VECS": vecs, "OUTPUT_PIXELS": pixels,
        "BLOCKS": blocks, "SETS": sets, "LAYERS": layers, "GROUPS": groups, **sums.values("vec4"),
    }  # fmt: skip
    value = "vec4" if channels % 4 == 0 else "float"
    return Program(
        body, {**constants, **layout, **more}, (source, arg, *sums.args(groups, channels, "vec4")), output,
        groups_for(blocks * sets * layers, 1, limits), (local, 1, 1), value, sums.stages,
        (*sums.libraries, "weights", *includes, "tile"),
    )  # fmt: skip
