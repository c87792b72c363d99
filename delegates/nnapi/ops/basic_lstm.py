"""LSTM, the basic kernel: a QUANTIZED_16BIT_LSTM of UINT8, an LSTM of floats."""

from __future__ import annotations

import numpy as np

from ....graph.model import Graph, Op
from ..abi import L1, L3, Operation, Type
from ..node import Arg, Between, Const, Next, Node, Nodes, Omitted, Refused, affine, i32, numbers, real
from ..program import Operand
from ..reading import alike, exactly, result, source, tensor
from .recurrent import CELLS, size

CELL_SCALE = 2.0**-11  # that QUANTIZED_16BIT_LSTM fixes, as it does that of values: 1 / 128 around 128
ORDER = (0, 2, 1, 3)  # TensorFlow Lite's input, cell, forget and output gate, in NNAPI's order
STATES = ((1, 0), (4, 1))  # input and output of what the units give, and of the cell


def basic(graph: Graph, op: Op) -> Nodes:
    """One step; its states are handed over from step to step, or are variables."""
    if (len(op.inputs), len(op.outputs)) != (5, 4):
        raise Refused("arguments", f"{len(op.inputs)} inputs, {len(op.outputs)} outputs", "5 and 4")
    bytes_ = tensor(graph, op.inputs[0]).type == "UINT8"
    kind, kept = ("UINT8", "INT16") if bytes_ else ("FLOAT32", "FLOAT32")
    x, _ = source(graph, op, {kind: L1, "FLOAT16": 0})
    (batches, inputs), units = (size(graph, op, 0, axis) for axis in (0, 1)), size(graph, op, 1, 1)
    for (k, made), type in zip(STATES, (kind, kept), strict=True):
        found = tensor(graph, op.inputs[k])
        if (found.type, found.shape) != (type, (batches, units)):
            raise Refused("shape", f"input {k} is {found.type} {list(found.shape)}", f"{type} {[batches, units]}")
        result(graph, op, (batches, units), made, type)
    weights, biases = parted(graph, op, inputs, units)
    before, cell = op.inputs[1], op.inputs[4]
    nodes = in_bytes(graph, op, weights, biases) if bytes_ else in_floats(graph, op, weights, biases)
    if read(graph, op.outputs[3]):
        raise Refused("result", "what the gates add up is read", "the op's own")
    if graph.tensors[cell].is_variable and read(graph, op.outputs[1]):
        raise Refused("result", "the cell is remembered, and its next state is read", "one of the two")
    if not read(graph, op.outputs[2]):
        return nodes
    joined = result(graph, op, (batches, inputs + units), 2, kind)
    alike(graph, x, joined)
    return (*nodes, Node(Operation.CONCATENATION, (x, before, i32(1)), (joined,), L1))


def read(graph: Graph, t: int) -> bool:
    """Whether anything reads a tensor."""
    return t in graph.outputs or bool(graph.readers(t))


def parted(graph: Graph, op: Op, inputs: int, units: int) -> tuple[list[Arg], list[Arg]]:
    """(the weights of each gate by the input, then by what the units gave, the biases), in NNAPI's order."""
    like, matrix, bias = tensor(graph, op.inputs[0]), graph.constant(op.inputs[2]), graph.constant(op.inputs[3])
    whole = like.type == "UINT8"
    found = tensor(graph, op.inputs[2])
    if matrix is None or bias is None or matrix.shape != (4 * units, inputs + units) or bias.shape != (4 * units,):
        raise Refused("not_constant", f"weights {list(found.shape)}", f"constant {[4 * units, inputs + units]}")
    wanted = np.int32 if whole else np.float32
    if matrix.dtype != like.dtype or bias.dtype != wanted:
        raise Refused("hybrid", f"{like.type} with {matrix.dtype} and {bias.dtype}", "weights of the same type")
    scale, zero = affine(found)
    code, added = (Type.TENSOR_QUANT8_ASYMM, Type.TENSOR_INT32) if whole else (Type.TENSOR_FLOAT32,) * 2
    step = float(np.float32(scale) * np.float32(affine(like)[0])) if whole else 0.0
    if whole and not np.isclose(affine(tensor(graph, op.inputs[3]))[0], step, rtol=1e-6, atol=0):
        raise Refused("quantization", f"a bias of scale {affine(tensor(graph, op.inputs[3]))[0]}", step)

    def part(gate: int, first: int, last: int) -> Const:
        rows = slice(gate * units, (gate + 1) * units)
        return Const(Operand(code, (units, last - first), scale, zero), lambda: matrix[rows, first:last])

    def offset(gate: int) -> Const:
        return Const(Operand(added, (units,), step), lambda: bias[gate * units : (gate + 1) * units])

    columns = ((0, inputs), (inputs, inputs + units))
    return [part(gate, *each) for each in columns for gate in ORDER], [offset(gate) for gate in ORDER]


def in_bytes(graph: Graph, op: Op, weights: list[Arg], biases: list[Arg]) -> Nodes:
    """QUANTIZED_16BIT_LSTM; what the units gave goes out a second time where it is remembered."""
    (x, before, _, _, cell), (y, after, *_) = op.inputs, op.outputs
    for t in (x, before):
        if affine(tensor(graph, t)) != (1 / 128, 128):
            raise Refused("quantization", affine(tensor(graph, t)), (1 / 128, 128))
    exactly(graph, y, 1 / 128, {"UINT8": 128})
    for t in (cell, after):
        if affine(graph.tensors[t]) != (CELL_SCALE, 0):
            raise Refused("quantization", affine(graph.tensors[t]), (CELL_SCALE, 0))
    then = Next(cell) if graph.tensors[cell].is_variable else after
    nodes = (Node(Operation.QUANTIZED_16BIT_LSTM, (x, *weights, *biases, cell, before), (then, y), L3),)
    if not graph.tensors[before].is_variable:
        return nodes
    shape = numbers(graph.tensors[y].shape)
    return (*nodes, Node(Operation.RESHAPE, (y, shape), (Next(before),), L1))


def in_floats(graph: Graph, op: Op, weights: list[Arg], biases: list[Arg]) -> Nodes:
    """LSTM without what the basic kernel does not have; a tangent is what it knows."""
    (x, before, _, _, cell), (y, after, *_) = op.inputs, op.outputs
    batches, units = graph.tensors[y].shape
    nothing, like = Omitted(Type.TENSOR_FLOAT32), Operand(Type.TENSOR_FLOAT32, (batches, units))
    scratch = Between(Operand(Type.TENSOR_FLOAT32, (batches, 4 * units)))
    hidden = Next(before) if graph.tensors[before].is_variable else Between(like)
    then = Next(cell) if graph.tensors[cell].is_variable else after
    given = (x, *weights, *[nothing] * 3, *biases, nothing, nothing, before, cell)
    clips = (i32(CELLS["TANH"]), real(0.0), real(0.0))
    return (Node(Operation.LSTM, (*given, *clips), (scratch, hidden, then, y), L1),)
