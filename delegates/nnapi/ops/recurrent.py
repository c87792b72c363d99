"""Recurrent ops of floats: what they remember goes in as an input and comes out as an output of the program."""

from __future__ import annotations

from functools import partial

from ....graph.model import Graph, Op
from ..abi import L1, L3, L4, Operation, Type
from ..node import Arg, Between, Next, Node, Nodes, Omitted, Refused, Ways, boolean, f32, i32
from ..program import Operand
from ..reading import Shape, fused, result, source, tensor

FLOATS = {"FLOAT32": L1}
# LSTM's activations by number, as the documentation of ANEURALNETWORKS_LSTM has them; without one TFLite's reference
# kernel leaves out a product.
CELLS = {"RELU": 1, "RELU6": 3, "TANH": 4}
WEIGHTS, STATES, NORMS = range(1, 18), (18, 19), range(20, 24)


def constant(graph: Graph, op: Op, k: int, shape: Shape) -> Arg:
    """Input `k`, constant floats of a shape; left out where it is absent."""
    if k >= len(op.inputs) or op.inputs[k] < 0:
        return Omitted(Type.TENSOR_FLOAT32)
    t, _ = source(graph, op, FLOATS, k)
    if graph.constant(t) is None or tensor(graph, t).shape != shape:
        raise Refused("not_constant", f"input {k} is {list(tensor(graph, t).shape)}", f"a constant {list(shape)}")
    return t


def state(graph: Graph, op: Op, k: int, shape: Shape) -> int:
    """Input `k`, a variable of floats of a shape."""
    t, _ = source(graph, op, FLOATS, k)
    if not graph.tensors[t].is_variable or tensor(graph, t).shape != shape:
        raise Refused("variable", f"input {k} is {list(tensor(graph, t).shape)}", f"a variable {list(shape)}")
    return t


def steps(graph: Graph, op: Op, sequence: bool) -> tuple[int, Shape, int, int]:
    """(input, its dimensions but the last, batches, its last dimension)."""
    x, _ = source(graph, op, FLOATS)
    shape = tensor(graph, x).shape
    if len(shape) != (3 if sequence else 2):
        raise Refused("rank", list(shape), "batches, steps if it is a sequence, inputs")
    major = sequence and op.options.time_major
    return x, shape[:-1], shape[1 if major else 0], shape[-1]


def rnn(sequence: bool, graph: Graph, op: Op) -> Nodes:
    """RNN and UNIDIRECTIONAL_SEQUENCE_RNN."""
    x, rows, batches, inputs = steps(graph, op, sequence)
    units = tensor(graph, op.inputs[1]).shape[0] if tensor(graph, op.inputs[1]).shape else 0
    weights = [constant(graph, op, k, s) for k, s in ((1, (units, inputs)), (2, (units, units)), (3, (units,)))]
    hidden = state(graph, op, 4, (batches, units))
    y = result(graph, op, (*rows, units))
    if not sequence:
        return (Node(Operation.RNN, (x, *weights, hidden, fused(op)), (Next(hidden), y)),)
    given = (x, *weights, hidden, fused(op), i32(bool(op.options.time_major)))
    return (Node(Operation.UNIDIRECTIONAL_SEQUENCE_RNN, given, (y, Next(hidden)), L4),)


def lstm(sequence: bool, graph: Graph, op: Op) -> Nodes:
    """LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM, with all that is optional: gates, peepholes, projection, normalisation."""
    o = op.options
    if len(op.inputs) not in (20, 24) or o.get("kernel_type", "FULL") != "FULL":
        raise Refused("arguments", f"{len(op.inputs)} inputs", "20 or 24, of the full kernel")
    if o.fused_activation_function not in CELLS:
        raise Refused("activation", o.fused_activation_function, ", ".join(CELLS))
    if o.get("diagonal_recurrent_tensors", False):
        raise Refused("diagonal_recurrent_tensors", True, False)
    x, rows, batches, inputs = steps(graph, op, sequence)
    cells, out = tensor(graph, op.inputs[19]).shape[-1], tensor(graph, op.inputs[18]).shape[-1]
    shapes = {
        **dict.fromkeys(range(1, 5), (cells, inputs)), **dict.fromkeys(range(5, 9), (cells, out)),
        **dict.fromkeys((*range(9, 16), *NORMS), (cells,)), 16: (out, cells), 17: (out,),
    }  # fmt: skip
    weights = [constant(graph, op, k, shapes[k]) for k in WEIGHTS]
    norms = [constant(graph, op, k, shapes[k]) for k in NORMS]
    hidden, cell = state(graph, op, 18, (batches, out)), state(graph, op, 19, (batches, cells))
    y = result(graph, op, (*rows, out))
    clips = (i32(CELLS[o.fused_activation_function]), f32(o.cell_clip), f32(o.proj_clip))
    given = (x, *weights, hidden, cell, *clips)
    if sequence:
        made = (y, Next(hidden), Next(cell))
        code = Operation.UNIDIRECTIONAL_SEQUENCE_LSTM
        return (Node(code, (*given, boolean(o.time_major), *norms), made, L4),)
    gates = 3 if isinstance(weights[0], Omitted) else 4
    scratch = Between(Operand(Type.TENSOR_FLOAT32, (batches, gates * cells)))
    normalized = not all(isinstance(norm, Omitted) for norm in norms)
    return (
        Node(
            Operation.LSTM, (*given, *(norms if normalized else ())), (scratch, Next(hidden), Next(cell), y),
            L3 if normalized else L1,
        ),
    )  # fmt: skip


OPS: dict[str, Ways] = {
    "RNN": (partial(rnn, False),),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (partial(rnn, True),),
    "LSTM": (partial(lstm, False),),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (partial(lstm, True),),
}
