"""Recurrent ops of integers, run after run, bit by bit against the reference kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from delegraph.graph.builder import GraphBuilder

from .harness import refuses
from .test_recurrent import check

Affine = tuple[float, int]


@dataclass(frozen=True)
class Kind:
    """Which parts an LSTM has."""

    input_gate: bool = True
    peepholes: bool = False
    normalized: bool = False
    projection: str = "none"


class LSTM:
    """A model of one integer LSTM, its scales such that values spread over much of the range of their types."""

    def __init__(self, kind: Kind, rows: Sequence[int], sizes: tuple[int, int, int], seed: int = 0, cell: int = -11):
        """`rows` are what stands before the values in the input's shape; `sizes` are of input, units and output."""
        self.b, self.kind, self.rows, self.sizes = GraphBuilder(), kind, rows, sizes
        self.rng = np.random.default_rng([seed, *rows, *sizes])
        self.cell = cell

    def affine(self, low: float, high: float) -> Affine:
        return float(np.float32(10 ** self.rng.uniform(low, high))), int(self.rng.integers(-128, 128))

    def some(self, there: bool, dtype: str, shape: Sequence[int], most: int, scale: float) -> int:
        if not there:
            return -1
        values = self.rng.integers(-most, most + 1, tuple(shape)).astype(dtype)
        return self.b.constant(values, quantization=(float(np.float32(scale)), 0))

    def gates(self, dtype: str, shape: Sequence[int], most: int, scale: float, skip: Sequence[int] = ()) -> list[int]:
        """One tensor for each gate that is there and not to be skipped."""
        scales = scale * self.rng.uniform(0.5, 2, 4)
        return [
            self.some(k not in skip and (k > 0 or self.kind.input_gate), dtype, shape, most, scales[k])
            for k in range(4)
        ]

    def content(self, op: str, intermediates: int = 5, **options: Any) -> bytes:
        """The model."""
        b, kind, (x, h, out) = self.b, self.kind, self.sizes
        batches = self.rows[0] if len(self.rows) == 1 or not options.get("time_major") else self.rows[1]
        source, before = self.affine(-2.5, -1.5), self.affine(-2.5, -2)
        weight = 4 / (127 * np.sqrt(max(x, h)))
        projected, normalized = kind.projection != "none", kind.normalized
        peepholes = self.gates("int16", (h,), 32767, 1e-4, () if kind.peepholes else range(4))
        inputs = [
            b.input((*self.rows, x), "INT8", quantization=source),
            *self.gates("int8", (h, x), 127, weight), *self.gates("int8", (h, out), 127, weight),
            *peepholes[:2], peepholes[3],
            *self.gates("int32", (h,), 20000, source[0] * weight),
            self.some(projected, "int8", (out, h), 127, 1.5 / (127 * np.sqrt(h))),
            self.some(kind.projection == "biased", "int32", (out,), 2000, 1e-4),
            b.variable((batches, out), "INT8", quantization=before),
            b.variable((batches, h), "INT16", quantization=(2.0**self.cell, 0)),
            *self.gates("int16", (h,), 32767, 2.0**-15, () if normalized else range(4)),
        ]  # fmt: skip
        made = [self.affine(-3.5, -3) for _ in range(4)] + [self.affine(-2.3, -2)]
        between = [b.tensor((1,), "INT8", quantization=q) for q in made[:intermediates]]
        output = b.op(op, inputs, (*self.rows, out), quantization=before, intermediates=between,
                      fused_activation_function="TANH", **options)  # fmt: skip
        b.output(output)
        return b.build()


KINDS = [
    Kind(input_gate, peepholes, normalized, projection)
    for input_gate in (True, False)
    for peepholes in (False, True)
    for normalized in (False, True)
    for projection in ("none", "plain", "biased")
]
SIZES = [(1, 1, 1, 1), (2, 3, 5, 5), (3, 8, 4, 4), (1, 28, 40, 40), (2, 5, 150, 150)]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_of_lstm(kind: Kind) -> None:
    """Each as one of three ops: LSTM, and sequences of steps or of batches."""
    sizes = (7, 20, 20 if kind.projection == "none" else 6)
    which = KINDS.index(kind) // 3 % 3
    if which == 2:
        content = LSTM(kind, (2,), sizes).content("LSTM")
    else:
        rows = (2, 4) if which else (4, 2)
        content = LSTM(kind, rows, sizes).content("UNIDIRECTIONAL_SEQUENCE_LSTM", time_major=not which)
    check(content, 0.0, launches=1)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_lstm_of_every_size(size: tuple[int, int, int, int]) -> None:
    n, *sizes = size
    kind = Kind(normalized=sizes[1] != 4)
    check(LSTM(kind, (n, 3), tuple(sizes)).content("UNIDIRECTIONAL_SEQUENCE_LSTM"), 0.0)


@pytest.mark.parametrize("clips", [(0.0, 0.0), (0.3, 0.0), (0.0, 0.2), (3.0, 0.1), (1e6, 1e6)], ids=str)
def test_clips(clips: tuple[float, float]) -> None:
    lstm = LSTM(Kind(projection="biased"), (2,), (7, 20, 6))
    check(lstm.content("LSTM", cell_clip=clips[0], proj_clip=clips[1]), 0.0)


@pytest.mark.parametrize("cell", range(-15, -8))
def test_scales_of_the_cell(cell: int) -> None:
    check(LSTM(Kind(), (2, 6), (7, 20, 20), cell=cell).content("UNIDIRECTIONAL_SEQUENCE_LSTM"), 0.0)


@pytest.mark.parametrize("seed", range(4))
def test_lstm_of_any_scales(seed: int) -> None:
    kind = KINDS[seed * 5 % len(KINDS)]
    sizes = (4, 9, 9 if kind.projection == "none" else 3)
    check(LSTM(kind, (3, 5), sizes, seed).content("UNIDIRECTIONAL_SEQUENCE_LSTM", time_major=True), 0.0)


REFUSED = [
    ("intermediates", LSTM(Kind(), (2,), (3, 4, 4)).content("LSTM", 4)),
    ("projection", LSTM(Kind(), (2,), (3, 4, 5)).content("LSTM")),
    ("peepholes", LSTM(Kind(peepholes=True, projection="plain"), (2,), (3, 4, 5)).content("LSTM")),
    ("quantization", LSTM(Kind(), (2,), (3, 4, 4), cell=-8).content("LSTM")),
    ("quantization", LSTM(Kind(), (2,), (3, 4, 4), cell=-16).content("LSTM")),
]


@pytest.mark.parametrize(("code", "content"), REFUSED)
def test_refused(code: str, content: bytes) -> None:
    refuses(content, code)
