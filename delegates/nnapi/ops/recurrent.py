"""Recurrent ops of floats: what they remember goes in as an input and comes out as an output of the program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ....graph.model import Graph, Op
from ..abi import L1, L3, L4, Operation
from ..node import TENSORS, Arg, Between, Next, Node, Nodes, Omitted, Refused, Scalar, Ways, boolean, i32, real
from ..program import Operand
from ..reading import Shape, Types, fused, input_of, result, source, tensor

FLOATS: Types = {"FLOAT32": L1}
# LSTM's activations by number, as the documentation of ANEURALNETWORKS_LSTM has them; without one TFLite's reference
# kernel leaves out a product.
CELLS = {"RELU": 1, "RELU6": 3, "TANH": 4}
WEIGHTS, NORMS = 17, range(20, 24)
AUXILIARY = range(40, 48)  # of BIDIRECTIONAL_SEQUENCE_LSTM: weights of a second input, four gates a direction


def constant(graph: Graph, op: Op, k: int, shape: Shape) -> Arg:
    """Input `k`, a constant of a shape, of the type of input 0; left out where it is absent."""
    kind = tensor(graph, op.inputs[0]).type
    if (t := input_of(op, k)) < 0:
        return Omitted(TENSORS[kind])
    found = tensor(graph, t)
    if found.type != kind:
        raise Refused("hybrid", f"{kind} with weights of {found.type}", "weights of the same type")
    if graph.constant(t) is None or found.shape != shape:
        raise Refused("not_constant", f"input {k} is {list(found.shape)}", f"a constant {list(shape)}")
    return t


def state(graph: Graph, op: Op, k: int, shape: Shape, type: str = "") -> int:
    """Input `k`, a variable of a shape, of the type of input 0 unless `type` says another."""
    t, kind = op.inputs[k], type or tensor(graph, op.inputs[0]).type
    found = graph.tensors[t]
    if t < 0 or not found.is_variable or (found.type, found.shape) != (kind, shape):
        raise Refused("variable", f"input {k} is {found.type} {list(found.shape)}", f"a variable {kind} {list(shape)}")
    return t


def steps(graph: Graph, op: Op, sequence: bool, k: int = 0) -> tuple[int, Shape, int, int]:
    """(input `k`, its dimensions but the last, batches, its last dimension)."""
    x, _ = source(graph, op, FLOATS, k)
    shape = tensor(graph, x).shape
    if len(shape) != (3 if sequence else 2):
        raise Refused("rank", list(shape), "batches, steps if it is a sequence, inputs")
    major = sequence and op.options.time_major
    return x, shape[:-1], shape[1 if major else 0], shape[-1]


def size(graph: Graph, op: Op, k: int, axis: int = 0) -> int:
    """A dimension of input `k`, which is a matrix."""
    t = input_of(op, k)
    shape = tensor(graph, t).shape if t >= 0 else ()
    if len(shape) != 2:
        raise Refused("rank", f"input {k} is {list(shape)}", "a matrix")
    return shape[axis]


def svdf(graph: Graph, op: Op, activation: Scalar | None = None) -> Nodes:
    """SVDF, with the op's activation unless another is given.

    Its memory is as long as Android's own tests have it: the documentation leaves one of its columns out.
    """
    x, _, batches, inputs = steps(graph, op, False)
    filters, memory, rank = size(graph, op, 1), size(graph, op, 2, 1), op.options.rank
    if rank < 1 or filters % rank:
        raise Refused("rank", f"{filters} filters of rank {rank}", "a divisor")
    shapes = {1: (filters, inputs), 2: (filters, memory), 3: (filters // rank,)}
    weights = [constant(graph, op, k, shape) for k, shape in shapes.items()]
    kept = state(graph, op, 4, (batches, filters * memory))
    y = result(graph, op, (batches, filters // rank))
    given = (x, *weights, kept, i32(rank), activation or fused(op))
    return (Node(Operation.SVDF, given, (Next(kept), y)),)


def rnn(sequence: bool, graph: Graph, op: Op) -> Nodes:
    """RNN and UNIDIRECTIONAL_SEQUENCE_RNN."""
    x, rows, batches, inputs = steps(graph, op, sequence)
    cell, units = simple(graph, op, 1, batches, inputs)
    y, hidden = result(graph, op, (*rows, units)), cell[-1]
    if not sequence:
        return (Node(Operation.RNN, (x, *cell, fused(op)), (Next(hidden), y)),)
    given = (x, *cell, fused(op), i32(bool(op.options.time_major)))
    return (Node(Operation.UNIDIRECTIONAL_SEQUENCE_RNN, given, (y, Next(hidden)), L4),)


def simple(graph: Graph, op: Op, first: int, batches: int, inputs: int) -> tuple[tuple[Any, ...], int]:
    """(two matrices and the bias of a cell of RNN, its state; its units), from input `first` on."""
    units = size(graph, op, first)
    shapes = ((units, inputs), (units, units), (units,))
    weights = [constant(graph, op, first + k, shape) for k, shape in enumerate(shapes)]
    return (*weights, state(graph, op, first + 3, (batches, units))), units


def gates(graph: Graph, op: Op, first: int, inputs: int, cells: int, out: int) -> list[Arg]:
    """The 17 weights of a cell of LSTM: four by the input, four by its output, peepholes, biases, projection."""
    shapes = [
        *[(cells, inputs)] * 4, *[(cells, out)] * 4, *[(cells,)] * 7, (out, cells), (out,),
    ]  # fmt: skip
    return [constant(graph, op, first + k, shape) for k, shape in enumerate(shapes)]


def clips(op: Op, kind: str) -> tuple[Arg, ...]:
    """The activation, and what the cell and the projection are bounded by."""
    o = op.options
    if o.fused_activation_function not in CELLS:
        raise Refused("activation", o.fused_activation_function, ", ".join(CELLS))
    return i32(CELLS[o.fused_activation_function]), real(o.cell_clip, kind), real(o.proj_clip, kind)


def lstm(sequence: bool, graph: Graph, op: Op) -> Nodes:
    """LSTM of floats, a step or a sequence, with all that is optional: gates, peepholes, projection, normalisation."""
    o = op.options
    if len(op.inputs) not in (20, 24):
        raise Refused("arguments", f"{len(op.inputs)} inputs", "20 or 24")
    if o.get("diagonal_recurrent_tensors", False):
        raise Refused("diagonal_recurrent_tensors", True, False)
    x, rows, batches, inputs = steps(graph, op, sequence)
    cells, out, kind = size(graph, op, 19, 1), size(graph, op, 18, 1), tensor(graph, x).type
    weights = gates(graph, op, 1, inputs, cells, out)
    norms = [constant(graph, op, k, (cells,)) for k in NORMS]
    hidden, cell = state(graph, op, 18, (batches, out)), state(graph, op, 19, (batches, cells))
    y = result(graph, op, (*rows, out))
    given = (x, *weights, hidden, cell, *clips(op, kind))
    if sequence:
        made = (y, Next(hidden), Next(cell))
        code = Operation.UNIDIRECTIONAL_SEQUENCE_LSTM
        return (Node(code, (*given, boolean(o.time_major), *norms), made, L4),)
    columns = (3 if isinstance(weights[0], Omitted) else 4) * cells
    scratch = Between(Operand(TENSORS[kind], (batches, columns)))
    normalized = not all(isinstance(norm, Omitted) for norm in norms)
    return (
        Node(
            Operation.LSTM, (*given, *(norms if normalized else ())), (scratch, Next(hidden), Next(cell), y),
            L3 if normalized else L1,
        ),
    )  # fmt: skip


def second(graph: Graph, op: Op, k: int, rows: Shape, inputs: int, weights: int) -> tuple[Arg, int, int]:
    """(a second input `k` if there is one, its last dimension, that of what the way back reads in place of the first).

    With `weights` of its own from there on both ways read it beside the first; without, the way back reads it alone.
    """
    if input_of(op, k) < 0:
        return Omitted(TENSORS[tensor(graph, op.inputs[0]).type]), 0, inputs
    x, again, _, size = steps(graph, op, True, k)
    if again != rows or tensor(graph, x).type != tensor(graph, op.inputs[0]).type:
        raise Refused("shape", f"a second input {list(again)}", f"{list(rows)}, as the first")
    crossed = any(t >= 0 for t in op.inputs[k + 1 : k + 1 + weights])
    return x, size, inputs if crossed else size


def both_ways(graph: Graph, op: Op, rows: Shape, sizes: tuple[int, int]) -> list[int]:
    """The results of both directions, which may be one."""
    if op.options.merge_outputs:
        return [result(graph, op, (*rows, sum(sizes)))]
    return [result(graph, op, (*rows, n), k) for k, n in enumerate(sizes)]


@dataclass(frozen=True)
class TwoWays:
    """A BIDIRECTIONAL_SEQUENCE_RNN: by direction two matrices and a bias, a state, its units, weights of `auxiliary`.

    `back` is what the way back reads: `x`, or the second input where that has no weights.
    """

    x: int
    back: Arg
    auxiliary: Arg
    rows: Shape
    batches: int
    cells: tuple[tuple[Arg, ...], tuple[Arg, ...]]
    states: tuple[int, int]
    units: tuple[int, int]
    more: tuple[Arg, Arg]
    made: tuple[int, ...]


def two_ways(graph: Graph, op: Op) -> TwoWays:
    """Its parts."""
    x, rows, batches, inputs = steps(graph, op, True)
    auxiliary, wide, back = second(graph, op, 9, rows, inputs, 2)
    crossed = any(t >= 0 for t in op.inputs[10:12])
    if not op.options.time_major and not crossed:  # then TFLite's kernel leaves it out
        auxiliary, wide, back = second(graph, op, len(op.inputs), rows, inputs, 0)
    (*forward, there), units = simple(graph, op, 1, batches, inputs)
    (*backward, here), again = simple(graph, op, 5, batches, back)
    more = constant(graph, op, 10, (units, wide)), constant(graph, op, 11, (again, wide))
    made = tuple(both_ways(graph, op, rows, (units, again)))
    alone = isinstance(auxiliary, Omitted) or crossed
    cells = (*forward,), (*backward,)
    return TwoWays(
        x, x if alone else auxiliary, auxiliary, rows, batches, cells, (there, here), (units, again), more, made
    )


def bidirectional_rnn(graph: Graph, op: Op) -> Nodes:
    """BIDIRECTIONAL_SEQUENCE_RNN; what it remembers comes out from level 30 on."""
    it = two_ways(graph, op)
    cells = (*it.cells[0], it.states[0], *it.cells[1], it.states[1])
    flags = (fused(op), boolean(op.options.time_major), boolean(op.options.merge_outputs))
    given = (it.x, *cells, it.auxiliary, *it.more, *flags)
    return (Node(Operation.BIDIRECTIONAL_SEQUENCE_RNN, given, (*it.made, *map(Next, it.states)), L4),)


def bidirectional_lstm(graph: Graph, op: Op) -> Nodes:
    """BIDIRECTIONAL_SEQUENCE_LSTM; what it remembers comes out from level 30 on."""
    x, rows, batches, inputs = steps(graph, op, True)
    kind, o = tensor(graph, x).type, op.options
    auxiliary, wide, back = second(graph, op, 39, rows, inputs, 8)
    outs, cells = ([size(graph, op, k, 1) for k in ks] for ks in ((35, 37), (36, 38)))
    weights = [
        *gates(graph, op, 1, inputs, cells[0], outs[0]),
        *gates(graph, op, 1 + WEIGHTS, back, cells[1], outs[1]),
    ]
    widths = (outs[0], cells[0], outs[1], cells[1])
    kept = [state(graph, op, k, (batches, n)) for k, n in enumerate(widths, 35)]
    more = [constant(graph, op, k, (cells[k >= 44], wide)) for k in AUXILIARY]
    made = both_ways(graph, op, rows, (outs[0], outs[1]))
    flags = (boolean(o.merge_outputs), boolean(o.time_major))
    norms = [Omitted(TENSORS[kind])] * 8
    given = (x, *weights, *kept, auxiliary, *more, *clips(op, kind), *flags, *norms)
    return (Node(Operation.BIDIRECTIONAL_SEQUENCE_LSTM, given, (*made, *map(Next, kept)), L4),)


OPS: dict[str, Ways] = {"BIDIRECTIONAL_SEQUENCE_LSTM": (bidirectional_lstm,)}
