"""LSTM by its kernel and its types, each of which is another operation."""

from __future__ import annotations

from functools import partial

from ....graph.model import Graph, Op
from ..abi import L4
from ..node import Nodes, Refused, Ways
from ..reading import tensor
from .basic_lstm import basic
from .integer_lstm import integers
from .recurrent import lstm


def chosen(sequence: bool, graph: Graph, op: Op) -> Nodes:
    """What the op's kernel and the type of its input ask for."""
    if not sequence and op.options.kernel_type == "BASIC":
        return basic(graph, op)
    kind = tensor(graph, op.inputs[0]).type
    if kind == "UINT8":  # what INT8 is before level 30 (`unsigned.py`)
        raise Refused("feature_level", f"{op.label} of integers needs {L4}", "at most the phone's")
    return integers(sequence, graph, op) if kind == "INT8" else lstm(sequence, graph, op)


OPS: dict[str, Ways] = {
    "LSTM": (partial(chosen, False),),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (partial(chosen, True),),
}
