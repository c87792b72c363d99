"""Quantised graphs in real numbers, as `GPUDelegate(quantized="float")` runs them.

What is quantised is held as the float32 that it stands for, constants are dequantised, and the kernels of floats do the
rest. What an op makes is brought to the steps and the range of the integers that the file has there, as TensorFlow
Lite's GPU delegate does it (`AddQuantAdjustments` in tensorflow/lite/delegates/gpu/common/transformations), so that
values saturate where they should and errors do not grow from op to op.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import Reason
from ...graph.fold import dequantized, with_value
from ...graph.known import Known
from ...graph.model import NUMPY_TYPES, Graph, Op, Tensor
from ...shaders.program import Alias, Answer, Elementwise, Stage, literal
from ...shaders.types import QUANTIZED, Held, declared
from .last import Last, with_last

# What quantised constants may be of besides the types of activations: packed weights, and biases.
CONSTANTS = QUANTIZED | {"INT4", "INT2", "INT32", "INT64"}
CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")
# Kinds of ops that take integers for what they are, whatever reals they stand for.
OF_INTEGERS = frozenset({
    "BITCAST", "BITWISE_XOR", "CAST", "FLOOR_DIV", "FLOOR_MOD", "MATRIX_DIAG", "NEG", "RIGHT_SHIFT", "SCATTER_ND",
})  # fmt: skip
# Kinds that move or compare integers without a look at their scales, which converters make the same on both sides.
MOVING = frozenset({
    "AVERAGE_POOL_2D", "BATCH_TO_SPACE_ND", "BROADCAST_TO", "DEPTH_TO_SPACE", "EXPAND_DIMS", "GATHER", "GATHER_ND",
    "MAX_POOL_2D", "MIRROR_PAD", "PAD", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "SLICE",
    "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "SQUEEZE", "STRIDED_SLICE", "TILE", "TOPK_V2",
    "TRANSPOSE", "UNPACK",
})  # fmt: skip


@dataclass(frozen=True)
class Steps:
    """The reals that integers of a type stand for: scale * (q - zero)."""

    scale: np.float32
    zero: int
    type: str

    def bounds(self) -> tuple[int, int]:
        """The least and the largest q - zero."""
        info = np.iinfo(NUMPY_TYPES[self.type])
        return int(info.min) - self.zero, int(info.max) - self.zero

    def reals(self, integers: NDArray[Any]) -> NDArray[np.float32]:
        """What integers stand for."""
        found: NDArray[np.float32] = (integers.astype(np.int32) - np.int32(self.zero)).astype(np.float32) * self.scale
        return found

    def integers(self, reals: NDArray[np.float32]) -> NDArray[Any]:
        """The integers that come nearest to some reals; for what is no number the lowest, as a conversion in C."""
        numbers = np.nan_to_num(reals, nan=-np.inf)
        steps = np.clip(np.floor(numbers / self.scale + np.float32(0.5)), *self.bounds())
        found: NDArray[Any] = (steps.astype(np.int32) + self.zero).astype(NUMPY_TYPES[self.type])
        return found

    def nearest(self, expression: str) -> str:
        """GLSL, with lib/steps.glsl, for what of these reals comes nearest to a float, or to each of four."""
        low, high = map(float, self.bounds())
        return f"stepped({', '.join((expression, *map(literal, (self.scale, low, high))))})"


def steps_of(tensor: Tensor) -> Steps | None:
    """Those of a tensor that is held as reals in place of integers; None for others."""
    was, q = declared(tensor), tensor.quantization
    if was.type == tensor.type or q is None:
        return None
    return Steps(np.float32(q.scales[0]), int(q.zero_points[0]), was.type)


@dataclass(frozen=True, eq=False)
class InReals(Graph):
    """A graph whose quantised tensors are FLOAT32; `original` is as in the file."""

    original: Graph

    @classmethod
    def of(cls, graph: Graph) -> InReals:
        """A graph in real numbers."""
        found = {field.name: getattr(graph, field.name) for field in fields(Graph)}
        held = tuple(_held(tensor) if _quantized(graph, tensor) else tensor for tensor in graph.tensors)
        return cls(**{**found, "tensors": held}, original=graph)

    @cached_property
    def known(self) -> Known:
        """What is known of the original: shapes are the same, and values of shapes are no reals."""
        return self.original.known

    @cached_property
    def folded(self) -> Mapping[int, Tensor]:
        """What folds in the original, and what constants stand for."""
        return _Dequantized(self)

    @cached_property
    def folded_ops(self) -> frozenset[int]:
        """Those of the original: constants are dequantised without an op."""
        return self.original.folded_ops


def _quantized(graph: Graph, tensor: Tensor) -> bool:
    q = tensor.quantization
    if q is None or tensor.is_sparse:
        return False
    if graph.is_constant(tensor.index):
        return tensor.type in CONSTANTS
    return tensor.type in QUANTIZED and q.scales.size == 1


def _held(tensor: Tensor) -> Held:
    found = {field.name: getattr(tensor, field.name) for field in fields(Tensor)}
    return Held(**{**found, "type": "FLOAT32", "data": None}, declared=tensor)


class _Dequantized(Mapping[int, Tensor]):
    """Tensor index -> constant; each is worked out when it is first asked for."""

    def __init__(self, graph: InReals) -> None:
        self._tensors, self._original = graph.tensors, graph.original
        constants = (t.index for t in graph.tensors if isinstance(t, Held) and self._original.is_constant(t.index))
        self._known = dict.fromkeys((*self._original.folded, *constants))
        self._done: dict[int, Tensor] = {}

    def __getitem__(self, t: int) -> Tensor:
        if t not in self._done:
            if t not in self._known:
                raise KeyError(t)
            source = self._original.folded.get(t, self._original.tensors[t])
            held = self._tensors[t]
            self._done[t] = with_value(held, dequantized(source)) if isinstance(held, Held) else source
        return self._done[t]

    def __iter__(self) -> Iterator[int]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, t: object) -> bool:
        return t in self._known


def in_reals(graph: Graph, op: Op) -> bool:
    """Whether an op reads or writes what is held as reals in place of integers."""
    tensors = (graph.tensors[t] for t in (*op.inputs, *op.outputs) if t >= 0)
    return any(declared(tensor).type != tensor.type for tensor in tensors)


def note(graph: Graph, op: Op) -> str:
    """What to say in a plan of how an op runs; nothing of one that runs as the file has it."""
    return "dequantised, in float" if in_reals(graph, op) else ""


def of_integers(graph: Graph, op: Op) -> Reason | None:
    """Why an op that reads or writes what is held as reals cannot run."""
    if op.kind in OF_INTEGERS and in_reals(graph, op):
        return Reason("float", f"{op.label} of quantised integers, held as floats", 'quantized="exact"')
    if op.kind in MOVING:
        made = steps_of(graph.tensors[op.outputs[0]])
        taken = {steps_of(graph.tensors[t]) for t in op.inputs if t >= 0} - {None}
        if made is not None and taken - {made}:
            return Reason("float", f"{op.label} from one scale to another", 'one scale, or quantized="exact"')
    return None


def conversion(graph: Graph, op: Op) -> Alias | Reason | None:
    """What a QUANTIZE or DEQUANTIZE both of whose sides are held as floats becomes; None for other ops."""
    if op.kind not in CONVERSIONS or not in_reals(graph, op):
        return None
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    if (source.type, output.type) != ("FLOAT32", "FLOAT32"):
        return None
    if source.shape != output.shape:
        return Reason("shape", f"{output.name!r} is declared {list(output.shape)}", str(list(source.shape)))
    return Alias(source.index, output.index)


def stepped(graph: Graph, lowered: Answer) -> Answer:
    """What a kernel made of an op, with what it writes brought to the steps of the integers that the file has there."""
    if isinstance(lowered, Alias):
        source, output = graph.tensors[lowered.input], graph.tensors[lowered.output]
        if not graph.is_constant(source.index) and steps_of(output) in (None, steps_of(source)):
            return lowered
        lowered = Elementwise(source.index, output.index, Stage("x"))

    def last(t: int) -> Last | None:
        steps = steps_of(graph.tensors[t])
        return None if steps is None else Last(steps.nearest("{}"), "steps")

    return with_last(lowered, last)
