"""The runtime's subgraph as our Graph; by the model's own bytes, of which every node and constant is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ..errors import DelegateError, Reason
from ..graph.model import Graph, Model, Op
from ..graph.schema import ENUMS
from . import abi
from .native import GraphContext


@dataclass(frozen=True)
class Found:
    """A graph with the runtime's tensor indices, and the op that each node is, where it is one.

    `unread` says of some nodes why nothing is known of what they do.
    """

    graph: Graph
    ops: Mapping[int, int]
    unread: Mapping[int, Reason] = field(default_factory=dict)


class Source(Protocol):
    """A way from the runtime's nodes to a Graph."""

    def graph(self, context: GraphContext, nodes: Iterable[int]) -> Found:
        """The subgraph that a context is; asked for while a delegate prepares. Raises DelegateError, InvalidModel."""


class ModelSource:
    """Graphs of a model that was given in bytes."""

    def __init__(self, model: Model) -> None:
        """`model` is what the interpreter runs; whether that is so is checked in `graph`."""
        self._model = model

    def graph(self, context: GraphContext, nodes: Iterable[int]) -> Found:
        """As the file has it. Raises DelegateError where the interpreter runs another model."""
        graph = self._model.graphs[context.subgraph(len(self._model.graphs))]
        if context.struct.tensors_size < len(graph.tensors):
            raise _other(f"it has {len(graph.tensors)} tensors, the interpreter {context.struct.tensors_size}")
        ops = {n: n for n in nodes if n < len(graph.ops)}  # numbered as in the file; behind them are nodes of delegates
        for op in ops.values():
            _check_node(context, graph.ops[op])
        for t in {t for op in ops.values() for t in (*graph.ops[op].inputs, *graph.ops[op].outputs) if t >= 0}:
            _check_tensor(context, graph, t)
        return Found(graph, ops)


def _other(what: str) -> DelegateError:
    return DelegateError(f"model= is not the model that this interpreter runs: {what}")


def _check_node(context: GraphContext, op: Op) -> None:
    node, registration = context.node(op.index)
    found = (registration.builtin_code, abi.ints(node.inputs), abi.ints(node.outputs))
    if found != (ENUMS["BuiltinOperator"].values[op.kind], op.inputs, op.outputs):
        raise _other(f"op {op.index} is {op.label}{list(op.inputs)}, not builtin {found[0]}{list(found[1])}")
    if op.kind == "CUSTOM" and (registration.custom_name or b"").decode("utf-8", "replace") != op.custom_code:
        raise _other(f"op {op.index} is {op.custom_code}, not {registration.custom_name!r}")


def _check_tensor(context: GraphContext, graph: Graph, index: int) -> None:
    found, wanted = context.tensor(index), graph.tensors[index]
    name = f"tensor {index} ({wanted.name!r})"
    if abi.type_name(found) != wanted.type:
        raise _other(f"{name} is {wanted.type}, not {abi.type_name(found)}")
    if wanted.quantization is not None and found.quantization_type == abi.AFFINE:
        scales = abi.floats(abi.Affine.from_address(found.quantization).scale)
        if not np.array_equal(np.asarray(scales, np.float32), wanted.quantization.scales):
            raise _other(f"{name} has other scales")
    if wanted.data is not None and len(wanted.data):
        value = abi.constant(found)
        if value is None or not np.array_equal(np.frombuffer(wanted.data, np.uint8), value):
            raise _other(f"{name} has another value")
