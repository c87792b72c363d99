"""Launches whose threads each compute a tile of pixels by channels (lib/tile.glsl)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any

from ..graph.model import Graph
from .convolution import EXTENTS
from .program import Arg, Const, Limits, Program, Scratch, groups_for
from .sums import Sums
from .types import half, halved
from .ways import Way
from .weights import Weights


@dataclass(frozen=True)
class Times:
    """How long a read of four floats takes beside multiplying four by four: that is 1.

    Lanes that run in step read where each has a place far from the others' (values of pixels), all the same (weights),
    or beside each other; or from shared memory.
    """

    apart: float
    same: float
    beside: float
    shared: float


# Measured on llvmpipe, reading texels, where 1 is 30 cycles; shared memory is read lane by lane there.
SOFTWARE = Times(1.0, 0.75, 1.0, 50.0)
# Predicted, not measured: the 16 products of each of 32 lanes take 4 cycles where four schedulers share a cache, which
# serves a line of 128 bytes a cycle; and so does shared memory, some of it for several lanes.
GPU = Times(8.0, 0.25, 1.0, 0.5)


def times(limits: Limits) -> Times:
    """Those of a device."""
    return SOFTWARE if limits.texels else GPU


def rounds(groups: int, local: int, limits: Limits) -> int:
    """How many times a device runs as many threads as it can: it gains nothing from fewer."""
    return max(-(-groups * local // limits.threads), 1)


# Of the time that products of floats take, those of halves should: two of these lie in a register, or in one float's
# shared memory; but what CHUNK steps give is made float again. Predicted, not measured.
IN_HALF = 0.6

# How much longer what most layers share may take before software compiles another shape, for 0.15 s: a fifth, and
# 0.1 ms, which is so many times what it takes to multiply four by four.
OWN, WORTH = 1.2, 1e4


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
        """The time to add `step` input channels, 1 or 4, to so many tiles."""
        t, values, weights = times(limits), self.pixels, step * self.vecs
        if self.shares:
            reads = t.shared * (values + weights)
            reads += t.beside * (values / self.across + weights * self.across / self.local)
        else:
            reads = t.apart * values + t.same * weights
        return rounds(groups, self.local, limits) * (reads + step / 4 * self.pixels * self.vecs)


# The largest are for where they were measured to be faster: a GPU's registers may not hold their sums. Software spills
# any. As many different ones take it long to compile, most layers share one there: of floats, and of integers.
SHAPES, LARGEST = tuple(Shape(*s) for s in ((4, 4), (7, 2), (2, 2), (4, 1), (1, 1))), (Shape(7, 4), Shape(8, 4))
OF_FLOATS, OF_INTEGERS = LARGEST[0], SHAPES[1]
# Groups of 64 by 64 in 16 by 8 threads, and of 32 by 32 in 8 by 8, either 32 input channels at a time, are what tuning
# chose for most GPUs of AMD, Intel and NVIDIA, and for a phone's (CLBlast's database of tuned parameters, Xgemm). Any
# device of OpenGL ES 3.1 has the memory and the threads for them.
SHARING = (Shape(4, 2, 8, 128), Shape(4, 1, 8, 64))

# A sum may be cut into so many parts, each made by groups of its own, where there would be too few of them. Another
# launch adds the parts up; it takes as long as so many steps, by a guess: some 5 us.
PARTS, LAUNCH = (4, 16), 300.0

# Of the constants of a body that makes tiles, what layers of one kind do not share, and more where threads share tiles.
SIZES = (
    *EXTENTS, "PIXEL_STEPS",
    "ROWS", "DEPTH", "ROWS_A_SCALE", "LAYER_STEP", "BLOCK_STEP", "TAP_STEP", "LAST_VEC", "CHANNELS", "STEPS",
    "OUTPUT_PIXELS", "BLOCKS", "SETS", "LAYERS", "GROUPS", "BATCH_DIMS", "LEFT_STRIDES", "RIGHT_STRIDES",
)  # fmt: skip
OF_PARTS = ("PARTS", "PART_STEPS", "PART_SIZE")


@dataclass(frozen=True)
class Tiles:
    """Launches whose groups each make a tile of `pixels` by output channels, `layers` times over.

    The body reads `sources`, the first of which is what it multiplies by the weights. Layer l makes channels of group
    l % `groups`. Where the body lays the channels of a pixel out as `windows` pixels, the output has so many times
    fewer. Each `rows_a_scale` pixels share a scale, where inputs have several. The sum may be made in `parts`, which
    lie in the output one after another. With `in_half`, constant weights lie in half whatever the output does. With
    `half_sums`, threads that share tiles multiply in half. Of the body's constants, `told` are told at the launch, too.
    To find what lies under a tap for a pixel takes the time `finding`.
    """

    graph: Graph
    body: str
    constants: Mapping[str, Any]
    sources: tuple[Arg, ...]
    weights: Weights
    output: int | Scratch
    pixels: int
    limits: Limits
    sums: Sums
    layers: int = 1
    groups: int = 1
    includes: tuple[str, ...] = ()
    windows: int = 1
    rows_a_scale: int = 1
    parts: int = 1
    in_half: bool = False
    half_sums: bool = False
    told: tuple[str, ...] = ()
    finding: float = 0.0

    @property
    def channels(self) -> int:
        """Output channels of a layer."""
        return self.weights.shape[3]

    @property
    def steps(self) -> int:
        """Steps of the sum over the input channels, of each tap."""
        return self.weights.shape[2] // self.weights.step

    @property
    def makes_halves(self) -> bool:
        """Whether what the op makes is stored in half."""
        return isinstance(self.output, int) and half(self.graph.tensors[self.output])

    def ways(self) -> tuple[Way, ...]:
        """A way for each shape of a tile. Those that threads share want inputs by fours, and sums of one word."""
        software, floats = self.limits.texels, self.sums.one == "float"
        common = (OF_FLOATS if floats else OF_INTEGERS) if software else None
        found = []
        for shape in (*SHAPES, *LARGEST):
            own, worth = (1.0, 0.0) if common in (None, shape) else (OWN, WORTH / (self.steps * self.weights.shape[1]))
            costly = shape in LARGEST and shape != common
            fitting = replace(shape, local=min(self.limits.lanes, shape.local)) if software else shape
            found.append(Way(shape.name, own * self.time(fitting), partial(self.made, fitting), costly, worth))
        if self.sources[0].type == "vec4" and "sum_wide" not in self.sums.libraries:
            found += [Way(shape.name, self.time(shape), partial(self.made, shape)) for shape in SHARING]
            found += self.in_parts(SHARING[-1])
            found += self.by_halves()
        return tuple(found)

    def tiles(self, shape: Shape) -> tuple[int, int]:
        """How many tiles lie along pixels, and along channels."""
        return -(-self.pixels // shape.size), -(-self.channels // (4 * shape.block))

    def part(self, shape: Shape) -> int:
        """Steps of one part of the sum."""
        return -(-self.steps // (self.parts * shape.chunk)) * shape.chunk

    def time(self, shape: Shape) -> float:
        """The time that the launch should take for each step of the whole sum."""
        groups = prod(self.tiles(shape)) * self.layers * self.parts
        finding = rounds(groups, shape.local, self.limits) * shape.pixels * self.finding
        return (shape.time(self.weights.step, groups, self.limits) * self.part(shape) + finding) / self.steps

    def made(self, shape: Shape) -> tuple[Program]:
        """The one launch."""
        arg, layout = self.weights.bound(self.graph, shape.block)
        if self.in_half and isinstance(arg.source, Const) and arg.source.weights:
            arg = replace(arg, source=halved(arg.source))
        blocks, sets = self.tiles(shape)
        out = self.channels // self.windows
        value = "vec4" if out % 4 == 0 else "float"
        found = {
            **self.constants, **layout, **shape.constants, **self.sums.values("vec4"),
            "STEPS": self.steps, "OUTPUT_PIXELS": self.pixels, "BLOCKS": blocks, "SETS": sets,
            "LAYERS": self.layers, "GROUPS": self.groups, "IN_FOURS": int(value == "vec4"),
            "PARTS": 1, "PART_STEPS": "STEPS", "PART_SIZE": 0,
        }  # fmt: skip
        if shape.shares:
            found |= {"PARTS": self.parts, "PART_STEPS": self.part(shape), "PART_SIZE": self.pixels * self.channels}
            found |= {"HALF_SUMS": int(self.half_sums)}
        told = (*SIZES, *self.told, *OF_PARTS * shape.shares, *self.sums.sizes)
        adding = "tile_shared" if shape.shares else "tile_apart"
        program = Program(
            self.body, found, (*self.sources, arg, *self.sums.args(self.groups, self.channels, "vec4")), self.output,
            groups_for(blocks * sets * self.layers * self.parts, 1, self.limits), (shape.local, 1, 1), value,
            self.sums.stages, (*self.sums.libraries, "weights", *self.includes, "tile", adding),
            shape.shared(self.weights.step), half_sums=self.half_sums,
            sizes=tuple(name for name in told if name in found), along=out * self.groups,
        )  # fmt: skip
        return (program,)

    def by_halves(self) -> Iterator[Way]:
        """Ways in which threads share halves, and add up a few of their products in half."""
        if not self.limits.halves or not self.makes_halves or self.sums.one != "float":
            return
        for shape in SHARING:
            programs = partial(replace(self, half_sums=True).made, shape)
            yield Way(f"{shape.name}, sums in half", IN_HALF * self.time(shape), programs)

    def in_parts(self, shape: Shape) -> Iterator[Way]:
        """Ways in which the sum is cut into parts, which another launch adds up in their order, and finishes."""
        if self.layers > 1 or self.windows > 1 or self.channels % 4:
            return
        size, total = self.pixels * self.channels, self.steps * self.weights.shape[1]
        for parts in PARTS:
            if self.steps < parts * shape.chunk:
                continue
            made = Scratch("FLOAT32" if self.sums.one == "float" else "INT32", parts * size)
            cut = replace(self, output=made, sums=self.sums.bare(), parts=parts, in_half=self.makes_halves)
            adding = (rounds(size // 4, 1, self.limits) * times(self.limits).beside * (parts + 1) + LAUNCH) / total
            programs = partial(cut.added, shape, self)
            yield Way(f"{shape.name}, sum in {parts}", cut.time(shape) + adding, programs)

    def added(self, shape: Shape, whole: Tiles) -> tuple[Program, ...]:
        """The launch of parts, and that which makes of them what `whole` does."""
        sums, channels = whole.sums, self.channels
        assert isinstance(self.output, Scratch)
        constants = {
            **sums.values("vec4"), "PARTS": self.parts, "FOURS": channels // 4, "ROWS_A_SCALE": self.rows_a_scale,
        }  # fmt: skip
        told = ("PARTS", "FOURS", "ROWS_A_SCALE", *sums.sizes)
        inputs = (Arg("parts", self.output, "vec4"), *sums.args(1, channels, "vec4"))
        last = Program(
            "add_parts", constants, inputs, whole.output, groups_for(self.pixels * channels // 4, 64, self.limits),
            value="vec4", stages=sums.stages, includes=sums.libraries,
            sizes=tuple(name for name in told if name in constants), along=channels,
        )  # fmt: skip
        return (*self.made(shape), last)
