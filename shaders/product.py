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
from .tiling import GPU, SIZES, Shape, Tiles, rounds
from .ways import Way, least
from .weights import Weights

# Up to this many rows, threads run along the outputs rather than along the rows; they can up to so many more.
FEW_ROWS, MOST_ROWS = 4, 16
# Time of a step of such threads on software, which read weights of their own, where that of a tile's is 1.
APART = 2.5
# So many threads lie along the outputs, and so many share the sum of each.
LANES, SPLITS = 16, (4, 16)
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

    def ways(self, graph: Graph, limits: Limits) -> tuple[Way, ...]:
        """One launch, or two where sums are cut into parts."""
        layers = math.prod(self.batch.whole)
        if layers > 1 and math.prod(self.batch.right) == 1 and not self.turned and not self.batch.apart:
            # The products of many matrices with one are one product.
            return replace(self, rows=self.rows * layers, batch=Batch()).ways(graph, limits)
        width = "vec4" if self.right.step == 4 and not self.turned else "float"
        gate = (Arg("gate", self.gate, width),) if self.gate >= 0 else ()
        sources = (Arg("source", self.left, width), *gate)
        constants = {
            **self.batch.constants, "ROWS": self.rows, "DEPTH": self.right.shape[2], "TURNED": int(self.turned),
            "ROWS_A_SCALE": self.rows_a_scale, "ROWS_BY_LAYER": int(self.batch.apart),
            "GATED": int(self.gate >= 0),
        }  # fmt: skip
        tiles = Tiles(
            graph, "product", constants, sources, self.right, self.output, self.rows, limits, self.sums, layers,
            includes=("product",), rows_a_scale=self.rows_a_scale,
        ).ways()  # fmt: skip
        if self.rows > MOST_ROWS:
            return tiles
        steps = self.right.shape[2] // self.right.step

        def few(splits: int) -> Way:
            groups = -(-self.right.shape[3] // (4 * LANES)) * layers
            local, step = LANES * splits, self.right.step
            if limits.texels:
                each = APART * Shape(self.rows, 1, local=local).time(step, groups, limits)
            else:
                each = (GPU.same + step / 4) * self.rows + GPU.beside * step
                each *= rounds(groups, local, limits)
            time = each * -(-steps // splits) / steps
            if limits.texels and self.rows <= FEW_ROWS:
                time = least(tiles) / 2
            name = "threads along outputs" if splits == SPLITS[0] else f"threads along outputs, {splits} to a sum"
            return Way(name, time, partial(self._few_rows, graph, limits, sources, constants, layers, splits))

        return (*tiles, *(few(splits) for splits in SPLITS if splits == SPLITS[0] or steps >= 2 * splits))

    def _few_rows(
        self,
        graph: Graph,
        limits: Limits,
        sources: tuple[Arg, ...],
        constants: Mapping[str, Any],
        layers: int,
        splits: int,
    ) -> tuple[Program]:
        """Threads along the outputs; `splits` of them share the sum of each."""
        depth, channels = self.right.shape[2:]
        vecs = -(-channels // 4)
        arg, layout = self.right.bound(graph, vecs)
        blocks = -(-vecs // LANES)
        more = {
            "STEPS": depth // self.right.step, "VECS": vecs, "BLOCKS": blocks, "LAYERS": layers,
            "LANES": LANES, "SPLITS": splits, "GROUPS": 1, **self.sums.values("vec4"),
        }  # fmt: skip
        inputs = (*sources, arg, *self.sums.args(1, channels, "vec4"))
        found = {**constants, **layout, **more}
        program = Program(
            "few_rows", found, inputs, self.output,
            groups_for(blocks * layers, 1, limits), (LANES, splits, 1), "vec4" if channels % 4 == 0 else "float",
            self.sums.stages, (*self.sums.libraries, "weights", "product"),
            splits * self.rows * LANES * (32 if "sum_wide" in self.sums.libraries else 16),
            sizes=tuple(name for name in (*FEW_SIZES, *self.sums.sizes) if name in found),
            along=channels,
        )  # fmt: skip
        return (program,)
