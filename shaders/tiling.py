"""Launches whose threads each compute a tile of pixels by channels (lib/tile.glsl)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..graph.model import Graph
from .program import Arg, Limits, Program, groups_for
from .sums import Sums
from .weights import Weights

# Relative time of a thread of p pixels, FIXED * p + SHARED: what each pixel reads, and the weights that all share.
# Measured on llvmpipe.
FIXED, SHARED = 4.3, 9.0
MOST_PIXELS = 7


def tile(pixels: int, blocks: int, limits: Limits) -> tuple[int, int]:
    """(threads of a group, pixels of a thread) that cover `pixels`, `blocks` times over, in the least time.

    A device that runs more threads at once than there are gains nothing from fewer.
    """

    def time(local: int, each: int) -> float:
        threads = -(-pixels // (local * each)) * local * blocks
        return max(threads / limits.threads, 1.0) * (FIXED * each + SHARED)

    sizes = [n for n in (64, 32, 16, 8) if n >= min(limits.lanes, 64)]
    return min(((n, p) for n in sizes for p in range(MOST_PIXELS, 0, -1)), key=lambda c: time(*c))


def tiled(
    graph: Graph,
    body: str,
    constants: Mapping[str, Any],
    source: Arg,
    weights: Weights,
    output: int,
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
    vecs = 1 if channels <= 4 else 2
    sets = -(-channels // (4 * vecs))
    local, each = tile(pixels, sets * layers, limits)
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
