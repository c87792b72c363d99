"""Products of matrices: BATCH_MATMUL, FULLY_CONNECTED, and convolutions whose pixels are the rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ..graph.model import Graph
from .binary import merged, strides
from .program import Arg, Limits, Program, Scratch, groups_for
from .sums import Sums
from .tiling import SIZES, Shape, Tiles
from .ways import Way, Ways, least
from .weights import Weights

# Up to this many rows, threads run along the outputs rather than along the rows; they can up to so many more.
FEW_ROWS, MOST_ROWS = 4, 16
# Time of a step of such threads, which read weights of their own, where that of a tile's is 1. As llvmpipe has it.
APART = 2.5
LANES, SPLITS = 16, 4
FEW_SIZES = (*(name for name in SIZES if name != "ROWS"), "VECS", "INPUT_STEP", "BLOCK_VECS")


@dataclass(frozen=True)
class Batch:
    """Shapes of the batches of matrices on both sides, which broadcast to `whole`.

    Products that are `apart` are not made one where they could be, and their rows are told apart too.
    """

    whole: tuple[int, ...] = ()
    left: tuple[int, ...] = ()
    right: tuple[int, ...] = ()
    apart: bool = False

    @property
    def constants(self) -> dict[str, Any]:
        """Which matrix of either side goes into a product, for lib/product.glsl."""
        dims, present = merged(self.whole, (self.left, self.right))
        left, right = (strides(dims, here) for here in present)
        return {
            "BATCH_RANK": max(len(dims), 1), "BATCH_DIMS": tuple(dims) or (1,),
            "LEFT_STRIDES": left or (0,), "RIGHT_STRIDES": right or (0,),
        }  # fmt: skip


@dataclass(frozen=True)
class Product:
    """output[l, rows, O] = left[l, rows, I] x right[l, I, O], for each product l of a batch, taken as `sums` says.

    The left matrices are stored as [I, rows] where they are `turned`. The layers of `right` are its matrices. Where
    rows of the left have scales, `rows_a_scale` of them share one. Where there is a tensor `gate`, of I floats, it
    multiplies each row of the left.
    """

    left: int | Scratch
    right: Weights
    output: int | Scratch
    rows: int
    sums: Sums = field(default_factory=Sums)
    batch: Batch = Batch()
    turned: bool = False
    rows_a_scale: int = 1
    gate: int = -1

    def program(self, graph: Graph, limits: Limits) -> Program:
        """The one launch, in the way that should take the least time."""
        (program,) = Ways(self.ways(graph, limits)).in_order()[0].programs()
        return program

    def ways(self, graph: Graph, limits: Limits) -> tuple[Way, ...]:
        """The one launch."""
        layers = math.prod(self.batch.whole)
        if layers > 1 and math.prod(self.batch.right) == 1 and not self.turned and not self.batch.apart:
            # The products of many matrices with one are one product.
            return replace(self, rows=self.rows * layers, batch=Batch()).ways(graph, limits)
        width = "vec4" if self.right.step == 4 and not self.turned else "float"
        source = Arg("source", self.left, width)
        sums = self.sums
        if self.gate >= 0:
            sums = replace(sums, inputs=(*sums.inputs, Arg("gate", self.gate, width)))
        constants = {
            **self.batch.constants, "ROWS": self.rows, "DEPTH": self.right.shape[2], "TURNED": int(self.turned),
            "ROWS_A_SCALE": self.rows_a_scale, "ROWS_BY_LAYER": int(self.batch.apart),
            "GATED": int(self.gate >= 0),
        }  # fmt: skip
        tiles = Tiles(
            graph, "product", constants, source, self.right, self.output, self.rows, limits, sums, layers,
            includes=("product",), rows_a_scale=self.rows_a_scale,
        ).ways()  # fmt: skip
        if self.rows > MOST_ROWS:
            return tiles
        time = least(tiles)
        if self.rows <= FEW_ROWS:
            time /= 2
        elif limits.texels:  # elsewhere it is for tuning to find out
            groups = -(-self.right.shape[3] // (4 * LANES)) * layers
            each = Shape(self.rows, 1, local=LANES * SPLITS).time(self.right.step, groups, limits)
            time = APART * each / SPLITS
        made = partial(self._few_rows, graph, limits, source, constants, sums, layers)
        return (*tiles, Way("threads along outputs", time, made))

    def _few_rows(
        self, graph: Graph, limits: Limits, source: Arg, constants: Mapping[str, Any], sums: Sums, layers: int
    ) -> tuple[Program]:
        """Threads along the outputs; SPLITS of them share the sum of each."""
        depth, channels = self.right.shape[2:]
        vecs = -(-channels // 4)
        arg, layout = self.right.bound(graph, vecs)
        blocks = -(-vecs // LANES)
        more = {
            "STEPS": depth // self.right.step, "VECS": vecs, "BLOCKS": blocks, "LAYERS": layers,
            "LANES": LANES, "SPLITS": SPLITS, "GROUPS": 1, **sums.values("vec4"),
        }  # fmt: skip
        inputs = (source, arg, *sums.args(1, channels, "vec4"))
        found = {**constants, **layout, **more}
        program = Program(
            "few_rows", found, inputs, self.output,
            groups_for(blocks * layers, 1, limits), (LANES, SPLITS, 1), "vec4" if channels % 4 == 0 else "float",
            sums.stages, (*sums.libraries, "weights", "product"),
            SPLITS * self.rows * LANES * (32 if "sum_wide" in sums.libraries else 16),
            sizes=tuple(name for name in (*FEW_SIZES, *sums.sizes) if name in found),
            along=channels,
        )  # fmt: skip
        return (program,)
