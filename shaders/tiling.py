"""Launches whose threads each compute a tile of pixels by channels (lib/tile.glsl)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..graph.model import Graph
from .convolution import EXTENTS
from .program import Arg, Limits, Program, Scratch, groups_for
from .sums import Sums
from .ways import Way
from .weights import Weights

# Relative times of what a thread of p pixels by v fours of channels does at each step of the sum: it reads values
# of each pixel, p of them; weights, 4 * v; and multiplies. Measured on llvmpipe, reading texels, where 1 is 30 cycles.
PIXEL, WEIGHTS, PRODUCT = 1.0, 3.0, 1.0
# (p, v) of a thread; many different ones take long to compile. The largest are for where they were measured to be
# faster: a GPU's registers may not hold their sums. Software spills any: the first is by rule there, for floats.
SHAPES, LARGEST = ((4, 4), (7, 2), (2, 2), (4, 1), (1, 1)), ((7, 4), (8, 4))
LOCAL = 64
# How much longer what most layers share may take before another shape is compiled, where software takes 0.2 s for one.
OWN = 1.2

# Of the constants of a body that makes tiles, what layers of one kind do not share.
SIZES = (
    *EXTENTS, "IN_D", "OUT_D", "PAD_D", "PIXEL_STEPS",
    "ROWS", "DEPTH", "ROWS_A_SCALE", "LAYER_STEP", "BLOCK_STEP", "TAP_STEP", "LAST_VEC", "CHANNELS", "STEPS",
    "OUTPUT_PIXELS", "BLOCKS", "SETS", "LAYERS", "GROUPS",
)  # fmt: skip


def step_time(pixels: int, vecs: int, depth: int, groups: int, local: int, limits: Limits) -> float:
    """The time to add `depth` input channels, 1 or 4, to so many pixels by fours of channels, in so many groups.

    A device that runs more threads at once than there are gains nothing from fewer.
    """
    rounds = max(-(-groups // max(limits.threads // local, 1)), 1)
    return rounds * (PIXEL * pixels + depth / 4 * (WEIGHTS * vecs + PRODUCT * pixels * vecs))


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
    windows: int = 1,
) -> tuple[Way, ...]:
    """A program whose threads run along pixels, in groups that share output channels, `layers` times over.

    Layer l makes channels of group l % `groups`. There is a way for each shape of a thread's tile. Where the body lays
    the channels of a pixel out as `windows` pixels, the output has so many times fewer.
    """
    channels = weights.shape[3]
    local = min(limits.lanes, LOCAL) if limits.texels else LOCAL
    common = LARGEST[0] if limits.texels and sums.one == "float" else None
    costly = LARGEST[int(common is not None) :]

    def way(each: int, vecs: int) -> Way:
        blocks, sets = -(-pixels // (local * each)), -(-channels // (4 * vecs))
        time = step_time(each, vecs, weights.step, blocks * sets * layers, local, limits)
        if common not in (None, (each, vecs)):
            time *= OWN
        programs = partial(made, each, vecs, blocks, sets)
        return Way(f"tiles of {each} by {4 * vecs}", time, programs, (each, vecs) in costly)

    def made(each: int, vecs: int, blocks: int, sets: int) -> tuple[Program]:
        arg, layout = weights.bound(graph, vecs)
        more = {
            "STEPS": weights.shape[2] // weights.step, "PIXELS": each, "VECS": vecs, "OUTPUT_PIXELS": pixels,
            "BLOCKS": blocks, "SETS": sets, "LAYERS": layers, "GROUPS": groups, **sums.values("vec4"),
        }  # fmt: skip
        out = channels // windows
        value = "vec4" if out % 4 == 0 else "float"
        found = {**constants, **layout, **more, "IN_FOURS": int(value == "vec4")}
        sizes = tuple(name for name in (*SIZES, *sums.sizes) if name in found)
        program = Program(
            body, found, (source, arg, *sums.args(groups, channels, "vec4")), output,
            groups_for(blocks * sets * layers, 1, limits), (local, 1, 1), value, sums.stages,
            (*sums.libraries, "weights", *includes, "tile"),
            sizes=sizes, along=out * groups,
        )  # fmt: skip
        return (program,)

    return tuple(way(*shape) for shape in (*SHAPES, *LARGEST))
