"""Launches whose threads each compute a tile of pixels by channels (lib/tile.glsl)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
# How long a read of shared memory takes beside one of those. For GPUs it is predicted, not measured: it is as near as
# the nearest cache, and some four times as fast as the next. Software reads it lane by lane.
SHARED, SHARED_BY_SOFTWARE = 0.25, 50.0
# How much longer what most layers share may take before another shape is compiled, where software takes 0.2 s for one.
OWN = 1.2


@dataclass(frozen=True)
class Shape:
    """How a group of `local` threads divides a tile: each takes `pixels` by `vecs` fours of channels.

    `across` of the threads lie along channels; where that is more than one, all read for each other, by way of shared
    memory. Else they lie along pixels, and each reads for itself.
    """

    pixels: int
    vecs: int
    across: int = 1
    local: int = 64

    @property
    def shares(self) -> bool:
        """Whether threads read for each other."""
        return self.across > 1

    @property
    def name(self) -> str:
        """What it is called as a way to do an op; of a thread's own tile, or of that of a group."""
        if not self.shares:
            return f"tiles of {self.pixels} by {4 * self.vecs}"
        return f"shared tiles of {self.size} by {4 * self.block}"

    @property
    def size(self) -> int:
        """Pixels of a group."""
        return self.pixels * self.local // self.across

    @property
    def block(self) -> int:
        """Fours of channels of a group."""
        return self.vecs * self.across

    @property
    def chunk(self) -> int:
        """Steps of the sum that a group reads at once: where it shares, so many that each thread weighs one of them."""
        return self.local // self.block if self.shares else 1

    @property
    def constants(self) -> dict[str, int]:
        """For lib/tile.glsl, and lib/tile_shared.glsl or lib/tile_apart.glsl."""
        found = {"PIXELS": self.pixels, "VECS": self.vecs, "ACROSS": self.across, "CHUNK": self.chunk}
        return {**found, "READS": self.size * self.chunk // self.local}

    def shared(self, step: int) -> int:
        """Bytes of shared memory, where `step` input channels are read at a time."""
        return 4 * step * self.chunk * (self.size + 4 * self.block) if self.shares else 0

    def time(self, step: int, groups: int, limits: Limits) -> float:
        """The time to add `step` input channels, 1 or 4, to so many tiles.

        A device that runs more threads at once than there are gains nothing from fewer.
        """
        pixel, weights, more = PIXEL, WEIGHTS, SHARED_BY_SOFTWARE if limits.texels else SHARED
        if self.shares:
            pixel, weights = PIXEL * (1 / self.across + more), WEIGHTS * (self.across / self.local + more)
        rounds = max(-(-groups * self.local // limits.threads), 1)
        products = PRODUCT * self.pixels * self.vecs
        return rounds * (pixel * self.pixels + step / 4 * (weights * self.vecs + products))


# The largest are for where they were measured to be faster: a GPU's registers may not hold their sums. Software spills
# any: the first is by rule there, for floats. Many different ones take long to compile.
SHAPES, LARGEST = tuple(Shape(*s) for s in ((4, 4), (7, 2), (2, 2), (4, 1), (1, 1))), (Shape(7, 4), Shape(8, 4))
# Groups of 64 by 64 in 16 by 8 threads, and of 32 by 32 in 8 by 8, either 32 input channels at a time, are what tuning
# chose for most GPUs of AMD, Intel and NVIDIA, and for a phone's (CLBlast's database of tuned parameters, Xgemm). Any
# device of OpenGL ES 3.1 has the memory and the threads for them.
SHARING = (Shape(4, 2, 8, 128), Shape(4, 1, 8, 64))

# Of the constants of a body that makes tiles, what layers of one kind do not share.
SIZES = (
    *EXTENTS, "IN_D", "OUT_D", "PAD_D", "PIXEL_STEPS",
    "ROWS", "DEPTH", "ROWS_A_SCALE", "LAYER_STEP", "BLOCK_STEP", "TAP_STEP", "LAST_VEC", "CHANNELS", "STEPS",
    "OUTPUT_PIXELS", "BLOCKS", "SETS", "LAYERS", "GROUPS",
)  # fmt: skip


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
    """A program whose groups each take a tile of pixels by output channels, `layers` times over.

    Layer l makes channels of group l % `groups`. There is a way for each shape of a tile; those that threads share want
    inputs by fours, and sums of one word. Where the body lays the channels of a pixel out as `windows` pixels, the
    output has so many times fewer.
    """
    channels = weights.shape[3]
    common = LARGEST[0] if limits.texels and sums.one == "float" else None
    costly = LARGEST[int(common is not None) :]

    def way(shape: Shape) -> Way:
        own = 1.0 if common in (None, shape) else OWN
        fitting = replace(shape, local=min(limits.lanes, shape.local)) if limits.texels and not shape.shares else shape
        blocks, sets = -(-pixels // fitting.size), -(-channels // (4 * fitting.block))
        time = own * fitting.time(weights.step, blocks * sets * layers, limits)
        return Way(shape.name, time, partial(made, fitting, blocks, sets), shape in costly)

    def made(shape: Shape, blocks: int, sets: int) -> tuple[Program]:
        arg, layout = weights.bound(graph, shape.block)
        more = {
            "STEPS": weights.shape[2] // weights.step, "OUTPUT_PIXELS": pixels,
            "BLOCKS": blocks, "SETS": sets, "LAYERS": layers, "GROUPS": groups, **sums.values("vec4"),
        }  # fmt: skip
        out = channels // windows
        value = "vec4" if out % 4 == 0 else "float"
        found = {**constants, **layout, **shape.constants, **more, "IN_FOURS": int(value == "vec4")}
        sizes = tuple(name for name in (*SIZES, *sums.sizes) if name in found)
        adding = "tile_shared" if shape.shares else "tile_apart"
        program = Program(
            body, found, (source, arg, *sums.args(groups, channels, "vec4")), output,
            groups_for(blocks * sets * layers, 1, limits), (shape.local, 1, 1), value, sums.stages,
            (*sums.libraries, "weights", *includes, "tile", adding), shape.shared(weights.step),
            sizes=sizes, along=out * groups,
        )  # fmt: skip
        return (program,)

    sharing = SHARING if source.type == "vec4" and "sum_wide" not in sums.libraries else ()
    return tuple(map(way, (*SHAPES, *LARGEST, *sharing)))
