"""LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM of 8-bit integers with gates of 16 bits, bit by bit as TFLite has them.

Scales are divided in float and in double where `PopulateQuantizedLstmParams8x8_16` does
(tensorflow/lite/kernels/lstm.cc).

Refuses weights that are computed, cell states whose scale is no power of 2 from 2 ** -15 to 2 ** -9, more values than
units with peepholes and no projection, clips below 0, ops without the five intermediate tensors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .arguments import Refused, answering, constant, result, values
from .lstm import Cell
from .program import Arg, Limits, Lowered
from .quantized import Affine, affine, multiplier
from .recurrent import Made, Place, Sequence, Terms, packed, state, through

OPS = ("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM")
INT8, INT16, INT32 = frozenset({"INT8"}), frozenset({"INT16"}), frozenset({"INT32"})
TYPES = INT8 | INT16  # the cell's state has 16 bits
RESULTS = INT8
STAGES = 5  # intermediates: what each gate adds up before it is normalised, and what the units make
GATE = np.float32(2.0**-12)  # the scale of a gate that is not normalised


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; weights and biases are constant."""
    if op.kind == "LSTM" and op.options.kernel_type != "FULL":
        raise Refused("kernel", op.options.kernel_type, "FULL")
    if len(op.intermediates) != STAGES:  # of 12, which gates of 8 bits have, the reference kernel reads another array's
        raise Refused("intermediates", len(op.intermediates), STAGES)
    source = values(graph, op, types=INT8)
    shape = graph.tensors[source].shape
    if len(shape) != (2 if op.kind == "LSTM" else 3):
        raise Refused("shape", list(shape), "(batches, values), or with steps for a sequence")
    cell = Cell(graph, op, 1, 18, factors=(20, 21, 22, 23))
    if cell.computed(*range(1, 18), *range(20, 24)):  # the reference kernel adds weights up before it runs
        raise Refused("not_constant", "weights are computed", "constants")
    units, outputs = cell.units, cell.outputs
    output = result(graph, op, limits, (*shape[:-1], outputs), types=INT8)
    sequence = Sequence(shape, op.kind != "LSTM" and bool(op.options.time_major))
    whole = Whole(cell)
    together = 1 if len(shape) == 3 and not sequence.major else sequence.batches
    if whole.peepholes and outputs > units:
        raise Refused("peepholes", f"{units} units give {outputs} values", "no more values than units")
    inputs = tuple((arg, ()) for arg in (Arg("parameters", whole.parameters(shape[-1]), "ivec4"), *whole.projection()))
    states = (
        Arg("output_state", state(graph, op, 18, sequence.batches * outputs, "INT8")),
        Arg("cell_state", state(graph, op, 19, sequence.batches * units, "INT16")),
    )
    shared = (20 * units, 48) if whole.normalized else (4 * units, 0)
    told = {**whole.told(), "TOGETHER": together}
    flags = {"NORMALIZED": whole.normalized, "PROJECTED": whole.projected, "PARTIAL": "Moments"}
    return through(
        "quantized_lstm", {**told, **flags}, sequence,
        ((source, shape[-1]),), whole.terms(shape[-1]), inputs, states, Place(output, outputs), limits, shared,
        includes=("integer", "int64", "quantized", "fixed16"), sizes=tuple(told),
    )  # fmt: skip


class Whole:
    """What a cell of integers reads, by its gates: input, forget, cell, output."""

    def __init__(self, cell: Cell) -> None:
        """Look at the scales; raises Refused."""
        self.cell, self.graph, self.op = cell, cell.graph, cell.op
        self.units, self.outputs = cell.units, cell.outputs
        self.peepholes = cell.has(cell.first + 10)
        self.normalized = cell.has(cell.factors[1])
        self.projected = cell.has(cell.first + 15)
        stages = [self.graph.tensors[t] for t in self.op.intermediates]
        self.gates = [affine(stages[k]).single if self.normalized else GATE for k in range(4)]
        self.made = affine(stages[4])

    def scale(self, k: int) -> Affine:
        """How input `k` is quantised."""
        return affine(self.graph.tensors[self.op.inputs[k]])

    def scales(self, positions: Iterable[int]) -> list[Affine | None]:
        """How inputs are quantised, None for those that are not there."""
        return [self.scale(k) if self.cell.has(k) else None for k in positions]

    def cell_log(self) -> int:
        """The logarithm of the scale of the cell's state, which is a power of 2."""
        exact = math.log2(self.scale(self.cell.states + 1).scale)
        if abs(exact - round(exact)) >= 1e-3 or not -15 <= round(exact) <= -9:
            raise Refused("quantization", f"the cell's state has scale 2 ** {exact:.3f}", "2 ** -15 to 2 ** -9")
        return round(exact)

    def told(self) -> dict[str, Any]:
        """The numbers of the body."""
        k, log = self.cell.first, self.cell_log()
        source, before = self.scale(0).single, self.scale(self.cell.states)
        peeps = [
            float(np.float32(2.0**log * w.scale / float(g))) if w is not None else 0.0
            for w, g in zip(self.scales(self.cell.peepholes), self.gates, strict=True)
        ]
        norms = [f.scale if f is not None else 1.0 for f in self.scales(self.cell.factors)]
        made = float(np.float32(2.0**-15 / self.made.scale * 2.0**-15))
        found: dict[str, Any] = {
            **by_gate("SOURCE", self.factors(k, source)),
            **by_gate("STATE", self.factors(k + 4, before.single)),
            **by_gate("PEEPHOLE", peeps),
            **by_gate("NORMAL", norms, 12),
            **alone("MADE", made),
            "MADE_ZERO": -self.made.zero if self.projected else self.made.zero,
            "LEAST_VARIANCES": tuple(max(1, int(np.float32(10000) * np.float32(norm))) for norm in norms),
            "ONE_OVER_UNITS": (1 << 20) // self.units, "STATE_ZERO": before.zero, "CELL_BITS": 15 + log,
            "CELL_CLIP": self.clip(self.op.options.cell_clip, self.scale(self.cell.states + 1), 32767),
            "INPUT_GATE": int(self.cell.has(k)), "TURNS": 2,
        }  # fmt: skip
        if self.projected:
            real = float(self.scale(k + 15).single * self.made.single / before.single)
            output = affine(self.graph.tensors[self.op.outputs[0]])
            clip = self.clip(self.op.options.proj_clip, output, 127)
            found |= {**alone("PROJECTION", real), "PROJECTION_CLIP": clip}
        return found

    def factors(self, start: int, of: np.float32) -> list[float]:
        """From sums of products with the weights from input `start` on to the gates."""
        weights = self.scales(range(start, start + 4))
        return [float(w.single * of / g) if w is not None else 0.0 for w, g in zip(weights, self.gates, strict=True)]

    def clip(self, real: float, of: Affine, most: int) -> int:
        """A limit as an integer; 0 is none."""
        if real < 0:
            raise Refused("clip", real, "none below 0")
        return int(min(np.float32(real) / of.single, np.float32(most)))

    def terms(self, depth: int) -> Terms:
        """The weights."""
        source = self.cell.by_gate(self.cell.at(0), self.units, depth, types=INT8)
        before = self.cell.by_gate(self.cell.at(4), self.units, self.outputs, types=INT8)
        shape = depth + self.outputs, self.units, 4
        return Terms(shape, lambda: np.concatenate([source(), before()], axis=1).transpose(1, 0, 2), whole=True)

    def parameters(self, depth: int) -> Any:
        """What the body reads by unit. Zero points are part of the biases: sum((x - zero) * w) is one of x * w."""
        cell, units = self.cell, self.units
        weights = [
            cell.by_gate(cell.at(start), units, size, types=INT8) for start, size in ((0, depth), (4, self.outputs))
        ]
        zeros = self.scale(0).zero, self.scale(cell.states).zero
        biases = cell.by_gate(cell.at(11), units, types=INT32)
        nothing: Made = lambda: np.zeros((units, 4), np.int32)  # noqa: E731
        peepholes = cell.by_gate(cell.peepholes, units, types=INT16)
        factors = cell.by_gate(cell.factors, units, types=INT16)
        added = (nothing, biases) if self.normalized else (biases, nothing)

        def pack() -> NDArray[np.int32]:
            sums = [-zero * made().sum(1, dtype=np.int64) for zero, made in zip(zeros, weights, strict=True)]
            rows = [added[0]() + sums[0], sums[1], peepholes(), factors(), added[1]()]
            return np.stack(rows).astype(np.int32)

        return packed((5, units, 4), pack, np.int32)

    def projection(self) -> tuple[Arg, ...]:
        """The projection with its bias as one row more; nothing where there is none."""
        k, units, outputs = self.cell.first, self.units, self.outputs
        if not self.projected:
            if outputs != units or self.cell.has(k + 16):
                raise Refused("projection", f"{units} units give {outputs} values", "weights that project them")
            return ()
        matrix = constant(self.graph, self.op, k + 15, (outputs, units), INT8)
        given = self.cell.has(k + 16)
        bias = constant(self.graph, self.op, k + 16, (outputs,), INT32) if given else np.zeros(outputs, np.int32)

        def pack() -> NDArray[np.int32]:
            zeros = self.made.zero * matrix.sum(1, dtype=np.int64)
            return np.vstack([matrix.T, bias + zeros]).astype(np.int32)

        return (Arg("projection", packed((units + 1, outputs), pack, np.int32), "int"),)


def by_gate(name: str, reals: Iterable[float], more: int = 0) -> dict[str, tuple[int, ...]]:
    """The constants of four real numbers times 2 ** `more`, for `multiplied` in lib/quantized.glsl."""
    whole, shifts = zip(*map(multiplier, reals), strict=True)
    return {f"{name}_MULTIPLIERS": tuple(whole), f"{name}_SHIFTS": tuple(shift + more for shift in shifts)}


def alone(name: str, real: float) -> dict[str, int]:
    """The same of one."""
    whole, shift = multiplier(real)
    return {f"{name}_MULTIPLIER": whole, f"{name}_SHIFT": shift}
