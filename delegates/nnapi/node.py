"""What an op becomes: operations of NNAPI over tensors of the graph, constants, scalars and what lies between them.

A mapping answers with nodes (`ops/` has one home for each family of ops) or raises Refused; `lowered` is the one that
asks, so that what is supported and what is run cannot differ. `assemble` makes the program of several ops' nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import Reason
from ...graph.model import Graph, Op, Tensor
from ..custom import registered
from .abi import DTYPES, L1, TYPE_LEVELS, Operation, Type
from .program import CONSTANT, MOST_RANK, OMITTED, Operand, Program, Step, aligned


class Refused(Exception):
    """A Reason on its way out of a mapping."""

    def __init__(self, code: str, met: object = "", wanted: object = "") -> None:
        """The three parts of a Reason."""
        super().__init__(code)
        self.reason = Reason(code, str(met), str(wanted))


TENSORS = {
    "FLOAT32": Type.TENSOR_FLOAT32, "INT32": Type.TENSOR_INT32, "UINT8": Type.TENSOR_QUANT8_ASYMM,
    "INT8": Type.TENSOR_QUANT8_ASYMM_SIGNED, "BOOL": Type.TENSOR_BOOL8, "FLOAT16": Type.TENSOR_FLOAT16,
    "INT16": Type.TENSOR_QUANT16_SYMM, "INT64": Type.TENSOR_INT32,
}  # fmt: skip


@dataclass(frozen=True)
class Scalar:
    """One value, which for NNAPI is an operand like any other."""

    type: Type
    value: float


@dataclass(frozen=True, eq=False)
class Const:
    """A constant that a mapping packs itself: `pack` makes the array, when a program is assembled."""

    operand: Operand
    pack: Callable[[], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Between:
    """What one node of an op hands on to another."""

    operand: Operand


@dataclass(frozen=True)
class Next:
    """What a variable of the graph holds from the next run on."""

    variable: int


@dataclass(frozen=True)
class Omitted:
    """An optional input that is left out."""

    type: Type


Arg = int | Scalar | Const | Between | Next | Omitted  # a number is a tensor of the graph


@dataclass(frozen=True)
class Node:
    """One operation, and the feature level that it needs beside what the types of its operands need."""

    code: Operation
    inputs: tuple[Arg, ...]
    outputs: tuple[int | Between | Next, ...]
    level: int = L1


Nodes = tuple[Node, ...]
Mapped = Callable[[Graph, Op], Nodes]
Ways = tuple[Mapped, ...]  # the better one first; others for phones whose level is too low for it


def i32(value: int) -> Scalar:
    """An INT32 scalar."""
    return Scalar(Type.INT32, value)


def real(value: float, like: str = "FLOAT32") -> Scalar:
    """A scalar beside tensors of a type: of half where these are, else FLOAT32."""
    return Scalar(Type.FLOAT16 if like == "FLOAT16" else Type.FLOAT32, value)


def boolean(value: bool) -> Scalar:
    """A BOOL scalar."""
    return Scalar(Type.BOOL, value)


def numbers(values: Sequence[int], shape: Sequence[int] | None = None) -> Const:
    """A constant TENSOR_INT32, 1-D unless `shape` says otherwise."""
    array = np.array(values, np.int32)
    return Const(Operand(Type.TENSOR_INT32, tuple(shape or (len(array),))), lambda: array)


def full(tensor: Operand, value: float) -> Const:
    """A constant like another operand, of one value."""
    return Const(tensor, lambda: np.full(tensor.dims, value, DTYPES[tensor.type]))


def between(graph: Graph, like: int, shape: Sequence[int] | None = None, type: Type | None = None) -> Between:
    """An operand like a tensor of the graph, of another shape or type where these are given."""
    found = operand_of(graph.tensors[like])
    changed = type is not None and type is not found.type
    scale, zero = (0.0, 0) if changed else (found.scale, found.zero_point)
    return Between(Operand(type or found.type, dims(found.dims if shape is None else shape), scale, zero))


def dims(shape: Sequence[int]) -> tuple[int, ...]:
    """A shape as NNAPI has it: a tensor without dimensions has one there."""
    return tuple(shape) or (1,)


def affine(tensor: Tensor) -> tuple[float, int]:
    """(scale, zero point) of a tensor, (0, 0) where it has none, or several."""
    q = tensor.quantization
    if q is None or (q.scales.size, q.zero_points.size) != (1, 1):
        return 0.0, 0
    return float(q.scales[0]), int(q.zero_points[0])


def operand_of(tensor: Tensor) -> Operand:
    """A tensor of the graph as an operand; bytes that are no quantised numbers are told as steps of 1."""
    kind = TENSORS[tensor.type]
    if tensor.type not in ("INT8", "INT16", "UINT8"):
        return Operand(kind, dims(tensor.shape))
    scale, zero = affine(tensor)
    return Operand(kind, dims(tensor.shape), scale or 1.0, zero)


@cache
def mappings() -> Mapping[str, Ways]:
    """Kind of op, of a custom one "CUSTOM" and its name -> what maps it, of all modules in `ops/` that map some."""
    package = import_module(".ops", __package__)
    found: dict[str, Ways] = {}
    for info in iter_modules(package.__path__):
        found.update(getattr(import_module(f".{info.name}", package.__name__), "OPS", {}))
    return found


def key_of(op: Op) -> str:
    """By what an op is found among the mappings: a file may call a custom one as it likes."""
    return f"CUSTOM {op.custom_code}" if op.kind == "CUSTOM" else op.kind


def lowered(graph: Graph, op: Op, level: int) -> Nodes | Reason:
    """What an op becomes at a feature level, or why it does not. Pure."""
    if key_of(op) not in mappings() or op.custom_code in registered():
        return Reason("kind", op.label, "a kind of op that NNAPI has (docs/nnapi.md)")
    reasons, needed = [], []
    for way in mappings()[key_of(op)]:
        try:
            for t in (*op.inputs, *op.outputs):
                if t >= 0:
                    _check_tensor(graph, t)
            nodes = way(graph, op)
            held = [t for t in op.inputs if t >= 0 and graph.tensors[t].is_variable]
            if sorted(held) != sorted(variables(nodes)):
                raise Refused(
                    "variable", "what it remembers stays with another delegate, or is one of its values twice"
                )
        except Refused as refused:
            reasons.append(refused.reason)
            continue
        needed.append(level_of(graph, nodes))
        if needed[-1] <= level:
            return nodes
    if needed:
        return Reason("feature_level", f"{op.label} needs {min(needed)}", f"at most {level}, the phone's")
    return reasons[0]


def _check_tensor(graph: Graph, t: int) -> None:
    """What holds for every tensor of every op."""
    tensor = graph.tensors[t]
    if tensor.is_sparse and graph.constant(t) is None:
        raise Refused("sparse", f"{tensor.name!r} is sparse")
    if len(tensor.shape) > MOST_RANK:
        raise Refused("rank", f"{tensor.name!r} has {len(tensor.shape)} dimensions", f"at most {MOST_RANK}")
    if tensor.size == 0:
        wanted = "at least one element: a size of 0 is one that is not known, there"
        raise Refused("empty", f"{tensor.name!r} has shape {list(tensor.shape)}", wanted)
    if tensor.nbytes >= 1 << 32:
        raise Refused("size", f"{tensor.name!r} has {tensor.nbytes} bytes", "less than 2 ** 32")


def level_of(graph: Graph, nodes: Nodes) -> int:
    """The feature level that some nodes need, with the types of all their operands."""
    args = (arg for node in nodes for arg in (*node.inputs, *node.outputs))
    return max((*(TYPE_LEVELS[type_of(graph, arg)] for arg in args), *(node.level for node in nodes)), default=L1)


def type_of(graph: Graph, arg: Arg) -> Type:
    """The type of what a node reads or writes."""
    if isinstance(arg, int | Next):
        return TENSORS[graph.tensors[arg if isinstance(arg, int) else arg.variable].type]
    return arg.type if isinstance(arg, Scalar | Omitted) else arg.operand.type


def variables(nodes: Iterable[Node]) -> tuple[int, ...]:
    """The variables that some nodes give a next value, each once."""
    return tuple(dict.fromkeys(made.variable for node in nodes for made in node.outputs if isinstance(made, Next)))


def assemble(graph: Graph, nodes: Sequence[Node], inputs: Sequence[int], outputs: Sequence[int]) -> Program:
    """The program of some nodes, in order, from tensors of the graph to tensors of the graph; then its variables."""
    table, states = _Table(graph), variables(nodes)
    given = tuple(table.number(t) for t in (*inputs, *states))
    steps = tuple(
        Step(n.code, tuple(map(table.number, n.inputs)), tuple(map(table.number, n.outputs)), n.level) for n in nodes
    )
    wanted = (*(table.number(t) for t in outputs), *(table.number(Next(t)) for t in states))
    blob, offsets = aligned(table.arrays)
    placed = list(table.operands)
    for (k, array), offset in zip(table.constants, offsets, strict=True):
        placed[k] = _placed(placed[k], offset, array.nbytes)
    return Program(tuple(placed), steps, given, wanted, blob, len(states))


def _placed(operand: Operand, offset: int, length: int) -> Operand:
    return Operand(
        operand.type, operand.dims, operand.scale, operand.zero_point, operand.channel, operand.scales, CONSTANT,
        offset, length,
    )  # fmt: skip


class _Table:
    """Operands in the making: each tensor, scalar and constant once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[Any, int] = {}
        self.operands: list[Operand] = []
        self.constants: list[tuple[int, NDArray[Any]]] = []

    @property
    def arrays(self) -> list[NDArray[Any]]:
        return [array for _, array in self.constants]

    def number(self, arg: Arg) -> int:
        """The number of an operand, which is made when first asked for."""
        key = (type(arg), arg)
        if key not in self._known:
            self._known[key] = len(self.operands)
            operand, array = self._made(arg)
            self.operands.append(operand)
            if array is not None:
                self.constants.append((self._known[key], np.ascontiguousarray(array, DTYPES[operand.type])))
        return self._known[key]

    def _made(self, arg: Arg) -> tuple[Operand, NDArray[Any] | None]:
        if isinstance(arg, Next):
            return operand_of(self._graph.tensors[arg.variable]), None
        if isinstance(arg, int):
            return operand_of(self._graph.tensors[arg]), self._graph.constant(arg)
        if isinstance(arg, Scalar):
            return Operand(arg.type), np.array(arg.value, DTYPES[arg.type])
        if isinstance(arg, Omitted):
            scale = 1.0 if "QUANT" in arg.type.name else 0.0  # types with a scale have one, whatever they hold
            return Operand(arg.type, scale=scale, origin=OMITTED), None
        return arg.operand, arg.pack() if isinstance(arg, Const) else None
