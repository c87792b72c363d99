"""Launches whose threads each compute a tile of pixels by channels (lib/tile.glsl)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..graph.model import Graph
from .convolution import EXTENTS
from .program import Arg, Limits, Program, Scratch, groups_for
from .sums import Sums
from .weights import Weights

# Relative times of what a thread of p pixels by v fours of channels does at each step of the sum: it reads values
# of each pixel, p of them; weights, 4 * v; and multiplies. Measured on llvmpipe, reading texels, where 1 is 30 cycles.
PIXEL, WEIGHTS, PRODUCT = 1.0, 3.0, 1.0
# (p, v) of a thread. More of them are hardly faster and take long to compile, as do many different ones.
SHAPES = ((4, 4), (7, 2), (2, 2), (4, 1), (1, 1))
LOCAL = 64

# Of the constants of a body that makes tiles, what layers of one kind do not share.
SIZES = (
    *EXTENTS, "IN_D", "OUT_D", "PAD_D", "PIXEL_STEPS",
    "ROWS", "DEPTH", "ROWS_A_SCALE", "LAYER_STEP", "BLOCK_STEP", "TAP_STEP", "LAST_VEC", "CHANNELS", "STEPS",
    "OUTPUT_PIXELS", "BLOCKS", "SETS", "LAYERS", "GROUPS",
)  # fmt: skip


def tile(pixels: int, channels: int, layers: int, limits: Limits) -> tuple[int, int, int]:
    """(threads of a group, pixels and fours of channels of a thread) that make all in the least time.

    A device that runs more threads at once than there are gains nothing from fewer.
    """

    local = min(limits.lanes, LOCAL) if limits.texels else LOCAL

    def time(each: int, vecs: int) -> float:
        groups = -(-pixels // (local * each)) * -(-channels // (4 * vecs)) * layers
        rounds = max(-(-groups // max(limits.threads // local, 1)), 1)
        return rounds * (PIXEL * each + WEIGHTS * vecs + PRODUCT * each * vecs)

    return local, *min(SHAPES, key=lambda shape: time(*shape))


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
    found = {**constants, **layout, **more}
    sizes = tuple(name for name in (*SIZES, *sums.sizes) if name in found)
    return Program(
        body, found, (source, arg, *sums.args(groups, channels, "vec4")), output,
        groups_for(blocks * sets * layers, 1, limits), (local, 1, 1), value, sums.stages,
        (*sums.libraries, "weights", *includes, "tile"),
        sizes=sizes, along=channels * groups,
    )  # fmt: skip
