"""LSTM (the full kernel), UNIDIRECTIONAL_SEQUENCE_LSTM and BIDIRECTIONAL_SEQUENCE_LSTM.

Refuses the basic kernel (lstm_basic takes it), weights that are there in part, diagonals of cells with a projection,
sparse weights beside others where inputs have zero points, 8-bit peepholes that are computed, clips below 0, an
auxiliary input with weights where there is no activation (the reference then gives what its memory held before).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, floats, result, values
from .program import Arg, Limits, Lowered, Program, bits
from .quantized import EIGHT_BITS, affine
from .recurrent import (
    Hybrid,
    Laid,
    Made,
    Place,
    Sequence,
    Terms,
    both_ways,
    directions,
    laid,
    state,
    taken,
    through,
    told_activation,
)  # fmt: skip
from .types import FLOAT

OPS = ("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM")
TYPES, RESULTS = FLOAT | EIGHT_BITS, FLOAT  # weights of 8 bits may be computed


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """A launch a direction, and those that lay out weights which are computed."""
    if op.kind == "LSTM" and op.options.kernel_type != "FULL":
        raise Refused("kernel", op.options.kernel_type, "FULL")
    source = values(graph, op)
    shape = graph.tensors[source].shape
    if len(shape) != (2 if op.kind == "LSTM" else 3):
        raise Refused("shape", list(shape), "(batches, values), or with steps for a sequence")
    sequence = Sequence(shape, op.kind != "LSTM" and bool(op.options.time_major))
    if op.kind != "BIDIRECTIONAL_SEQUENCE_LSTM":
        cell = Cell(graph, op, 1, 18, factors=(20, 21, 22, 23))
        place = Place(result(graph, op, limits, (*shape[:-1], cell.outputs)), cell.outputs)
        return cell.program(sequence, (source,), place, limits)
    cells = (
        Cell(graph, op, 1, 35, auxiliary=(40, 41, 42, 43)),
        Cell(graph, op, 18, 37, auxiliary=(44, 45, 46, 47)),
    )
    sources = both_ways(graph, op, source, 39, (cells[0].auxiliary, cells[1].auxiliary))
    if len(sources[0]) > 1 and op.options.fused_activation_function == "NONE":
        raise Refused("activation", "NONE, beside weights of an auxiliary input", "one")
    sizes = [cell.outputs for cell in cells]
    places = directions(graph, op, limits, shape, sizes)
    return tuple(
        program
        for k in range(2)
        for program in cells[k].program(sequence, sources[k], places[k], limits, backward=bool(k))
    )


@dataclass(frozen=True)
class Cell:
    """A cell by where its inputs stand: those from `first` on; what it gave and its state from `states` on; by gate
    (input, forget, cell, output) the factors of its normalised sums and the weights of an auxiliary input.

    From `first` on stand weights, recurrent weights, peepholes (for all gates but the cell's) and biases, then the
    projection and its bias. Where there are no weights for the input gate, it is what the forget gate leaves.
    """

    graph: Graph
    op: Op
    first: int
    states: int
    factors: tuple[int, ...] = ()
    auxiliary: tuple[int, ...] = ()

    def has(self, k: int) -> bool:
        """Whether input `k` is there."""
        return 0 <= k < len(self.op.inputs) and self.op.inputs[k] >= 0

    @property
    def units(self) -> int:
        """How many units there are."""
        return self.graph.tensors[self.op.inputs[self.first + 14]].size

    @property
    def outputs(self) -> int:
        """How many values they give together."""
        return ([*self.graph.tensors[self.op.inputs[self.first + 7]].shape] or [0])[-1]

    def by_gate(self, positions: tuple[int, ...], *shape: int, types: Collection[str] = FLOAT) -> Made:
        """What makes one array of inputs, gates last; zeros for a gate that has none. All gates have, or none."""
        there = {self.has(k) for k in positions[0 if self.has(self.first) else 1 :] if k >= 0}
        if len(there) > 1:
            raise Refused("weights", f"inputs {list(positions)} are there in part", "all or none")
        given = [self.matrix(k, shape, types) if self.has(k) else np.zeros(shape, np.int8) for k in positions]
        return lambda: np.stack(given, -1)

    def matrix(self, k: int, shape: Shape, types: Collection[str]) -> NDArray[Any]:
        """Input `k`, or the names of its elements."""
        return taken(self.graph, self.op, k, shape, frozenset(types))

    def computed(self, *positions: int) -> bool:
        """Whether some of these inputs are there, and computed."""
        return any(self.graph.constant(self.op.inputs[k]) is None for k in positions if self.has(k))

    def at(self, start: int) -> tuple[int, int, int, int]:
        """The inputs of the four gates that stand from `start` on."""
        k = self.first + start
        return k, k + 1, k + 2, k + 3

    @property
    def peepholes(self) -> tuple[int, int, int, int]:
        """The inputs that say what a gate takes of the cell's state."""
        return self.first + 8, self.first + 9, -1, self.first + 10

    @property
    def weight_types(self) -> Collection[str]:
        """The types of weights: of 8 bits, or FLOAT32, all of them."""
        return FLOAT if self.graph.tensors[self.op.inputs[self.first + 3]].type == "FLOAT32" else EIGHT_BITS

    def diagonal(self, k: int) -> bool:
        """Whether input `k` is a diagonal matrix, stored as a vector."""
        return self.has(k) and len(self.graph.tensors[self.op.inputs[k]].shape) == 1

    def recurrent(self) -> Made:
        """Recurrent weights, [units, outputs, gates]; those of diagonal matrices beside weights of 8 bits are apart."""
        positions, square = self.at(4), (self.units, self.units)
        if not any(map(self.diagonal, positions)):
            return self.by_gate(positions, self.units, self.outputs, types=self.weight_types)
        if self.outputs != self.units:
            raise Refused("weights", f"diagonals for {self.units} units that give {self.outputs} values", "matrices")
        whole = self.weight_types is not FLOAT
        matrices = [
            (np.zeros(square, np.int8) if whole else np.diag(self.matrix(k, square[:1], FLOAT)))
            if self.diagonal(k) or not self.has(k)
            else self.matrix(k, square, self.weight_types)
            for k in (positions if self.has(positions[0]) else (-1, *positions[1:]))
        ]
        return lambda: np.stack(matrices, -1)

    def diagonals(self) -> tuple[Made, ...]:
        """Those of floats beside weights of 8 bits, [units, gates]; nothing where there are none."""
        there = [k if self.diagonal(k) else -1 for k in self.at(4)]
        if self.weight_types is FLOAT or max(there) < 0:
            return ()
        shape = (self.units,)
        vectors = [self.matrix(k, shape, FLOAT) if k >= 0 else np.zeros(shape, np.float32) for k in there]
        return (lambda: np.stack(vectors, -1),)

    def sparse(self, positions: tuple[int, ...]) -> bool:
        """Whether the file has these weights as sparse; all that are there, or none."""
        found = {self.graph.tensors[self.op.inputs[k]].is_sparse for k in positions if self.has(k)}
        if len(found) > 1:
            raise Refused("weights", f"inputs {list(positions)} are sparse in part", "all or none")
        return True in found

    def scales(self, positions: tuple[int, ...]) -> NDArray[np.float32]:
        """By gate; 0 for one that has no weights, or floats."""
        there = [self.graph.tensors[self.op.inputs[k]] if self.has(k) else None for k in positions]
        return np.array([affine(t).single if t is not None and t.type not in FLOAT else 0 for t in there], np.float32)

    def hybrid(self, sources: int, most: int) -> Hybrid | None:
        """What weights of 8 bits make of it."""
        if self.weight_types is FLOAT:
            return None
        positions = (self.at(0), self.auxiliary)[:sources]
        scales = (self.scales(p) for p in (*positions, self.at(4)))
        stored = {"SOURCE": self.at(0), "STATE": self.at(4), "PROJECTION": (self.first + 15,)}
        sparse = frozenset(name for name, k in stored.items() if self.op.kind == "LSTM" and self.sparse(k))
        asymmetric = bool(self.op.options.asymmetric_quantize_inputs)
        if asymmetric and 0 < len(sparse) < sum(map(self.has, (self.first + 3, self.first + 7, self.first + 15))):
            raise Refused("weights", "sparse ones beside others, for inputs with zero points", "all or none sparse")
        return Hybrid(asymmetric, tuple(scales), most, sparse, bool(self.diagonals()))

    def peeped(self) -> Made:
        """What the gates take of the cell's state, in floats."""
        if self.weight_types is FLOAT:
            return self.by_gate(self.peepholes, self.units)
        if self.computed(*self.peepholes):
            raise Refused("not_constant", "peepholes of 8 bits are computed", "constants")
        whole, scales = self.by_gate(self.peepholes, self.units, types=EIGHT_BITS), self.scales(self.peepholes)
        return lambda: whole().astype(np.float32) * scales

    def projection(self, limits: Limits) -> tuple[Laid, ...]:
        """The projection with its bias as one row more; nothing where there is none."""
        k, units, outputs = self.first, self.units, self.outputs
        if not self.has(k + 15):
            if outputs != units or self.has(k + 16):
                raise Refused("projection", f"{units} units give {outputs} values", "weights that project them")
            return ()
        whole, shape = self.weight_types is not FLOAT, (units + 1, outputs)
        matrix = self.matrix(k + 15, (outputs, units), self.weight_types)
        bias: NDArray[Any] = np.zeros(outputs, np.float32)
        if self.has(k + 16):
            bias = floats(self.graph, self.op, k + 16, (outputs,)) if whole else self.matrix(k + 16, (outputs,), FLOAT)
        row = bias.view(np.int32) if whole else bias
        pack, computed = (lambda: np.vstack([matrix.T, row])), self.computed(k + 15, k + 16)
        return (laid("projection", shape, pack, "int" if whole else "float", limits, computed),)

    def program(
        self, sequence: Sequence, sources: tuple[int, ...], place: Place, limits: Limits, backward: bool = False
    ) -> tuple[Program, ...]:
        """One direction."""
        k, units, outputs = self.first, self.units, self.outputs
        rows = tuple((t, self.graph.tensors[t].shape[-1]) for t in sources)
        positions = (self.at(0), self.auxiliary)
        types, depth = self.weight_types, sum(size for _, size in rows) + outputs
        parts = [self.by_gate(p, units, size, types=types) for p, (_, size) in zip(positions, rows, strict=False)]
        parts.append(self.recurrent())
        terms = Terms(
            (depth, units, 4), lambda: np.concatenate([part() for part in parts], axis=1).transpose(1, 0, 2),
            whole=types is not FLOAT, computed=self.computed(*self.at(0), *self.auxiliary, *self.at(4)),
        )  # fmt: skip
        normalized = any(map(self.has, self.factors))
        factors = self.by_gate(self.factors or (-1,) * 4, units)
        parameters = [self.by_gate(self.at(11), units), self.peeped(), factors, *self.diagonals()]
        projection, shape = self.projection(limits), (len(parameters), units, 4)
        computed = self.computed(*self.at(11), *self.peepholes, *self.factors, *filter(self.diagonal, self.at(4)))
        stacked = laid("parameters", shape, lambda: np.stack([p() for p in parameters]), "vec4", limits, computed)
        inputs = (stacked, *projection)
        states = (
            Arg("output_state", state(self.graph, self.op, self.states, sequence.batches * outputs)),
            Arg("cell_state", state(self.graph, self.op, self.states + 1, sequence.batches * units)),
        )
        clips = {"CELL_CLIP": float(self.op.options.cell_clip), "PROJECTION_CLIP": float(self.op.options.proj_clip)}
        if min(clips.values()) < 0:
            raise Refused("clip", clips, "none below 0")
        told = {
            **told_activation(self.op), **{name: bits(clip) for name, clip in clips.items()}, "TURNS": 2,
            "INPUT_GATE": int(self.has(k)), "PASSED_ON": int(self.op.options.fused_activation_function == "NONE"),
        }  # fmt: skip
        hybrid = self.hybrid(len(rows), max(depth, units) if projection else depth)
        if hybrid is not None and projection:
            told["PROJECTION_SCALE"] = bits(affine(self.graph.tensors[self.op.inputs[k + 15]]).single)
        return through(
            "lstm", {**told, "NORMALIZED": normalized, "PROJECTED": bool(projection)}, sequence, rows, terms, inputs,
            states, place, limits, (20 * units, 16) if normalized else (4 * units, 0), backward, hybrid,
            sizes=tuple(told),
        )  # fmt: skip
