"""LSTM, the basic kernel, of floats and of UINT8: one step, its states handed over from step to step or kept.

Refuses the full kernel (lstm takes it), inputs of another rank than 2, states that others read; of UINT8, weights
that are computed and states of another scale than 2 ** -11.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .arguments import Refused, answering, constant, result, values
from .convolution import bias_of
from .product import Product
from .program import Arg, Const, Limits, Lowered, Program, Stage, groups_for
from .quantized import affine, multiplier
from .strided_copy import View, copy
from .sums import Sums
from .ways import Way, Ways
from .weights import Weights

OPS = ("LSTM",)
TYPES = frozenset({"FLOAT32", "UINT8", "INT16"})


@dataclass(frozen=True)
class Kind:
    """One of the two forms: the types of its activations and its states, and what its body makes of the gates.

    `state` and `activation` are GLSL, `beside` being the state before and after the step; the gates are input, cell,
    forget and output (`LstmCell` in tensorflow/lite/kernels/internal/reference/reference_ops.h).
    """

    type: str
    kept: str
    state: str
    activation: str
    includes: tuple[str, ...]


FLOAT = Kind(
    "FLOAT32", "FLOAT32",
    "logistic(gate(0u)) * hyperbolic_tangent(gate(1u)) + logistic(gate(2u)) * beside(i)",
    "logistic(gate(3u)) * hyperbolic_tangent(beside(i))",
    ("math",),
)  # fmt: skip
# Gates have 3 integer bits, the state has 4, activations 0 and 8 bits in all, with 128 for 0.
WHOLE = Kind(
    "UINT8", "INT16",
    "within16(divided_by_power(high_product16(logistic16(gate(0u), 3), tanh16(gate(1u), 3)), 4)"
    " + high_product16(logistic16(gate(2u), 3), beside(i)))",
    "128 + clamp(divided_by_power(high_product16(logistic16(gate(3u), 3), tanh16(beside(i), 4)), 8), -128, 127)",
    ("quantized", "fixed16"),
)  # fmt: skip


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """Input and the last activation are put beside each other and multiplied; then the gates do their work."""
    if op.options.kernel_type != "BASIC" or len(op.inputs) != 5 or len(op.outputs) != 4:
        raise Refused("kernel", op.options.kernel_type, "BASIC, five inputs and four outputs")
    kind = FLOAT if graph.tensors[op.inputs[0]].type == "FLOAT32" else WHOLE
    source, before = (values(graph, op, k, {kind.type}) for k in range(2))
    weights, state = values(graph, op, 2, {kind.type}), values(graph, op, 4, {kind.kept})
    shape, last, matrix, remembered = (graph.tensors[t].shape for t in (source, before, weights, state))
    if len(shape) != 2 or len(last) != 2 or shape[0] != last[0] or remembered != last:
        raise Refused("shape", f"{list(shape)}, {list(last)} and {list(remembered)}", "(batches, values)")
    batches, units = last
    depth, gates = shape[1] + units, 4 * units
    if matrix != (gates, depth):
        raise Refused("shape", f"weights {list(matrix)}", [gates, depth])
    made = ((last, kind.type), (last, kind.kept), ((batches, depth), kind.type), ((batches, gates), kind.kept))
    activation, after, joined, sums = (
        result(graph, op, limits, shape, k, {type}) for k, (shape, type) in enumerate(made)
    )
    for t in (before, state):  # TFLite writes what comes of them over them
        if graph.is_constant(t) or t in graph.outputs or graph.consumers[t] != (op.index,):
            raise Refused("state", f"{graph.tensors[t].name!r} has other readers", "a tensor of the op's own")

    def part(tensor: int, start: int) -> Program:
        n = graph.tensors[tensor].shape[1]
        return copy(graph, limits, View.of(graph, tensor), View.of(graph, joined).slice(1, start, n))

    def cell(output: int, beside: int, made: str) -> Program:
        inputs = (Arg("sums", sums), Arg("beside", beside))
        groups = groups_for(batches * units, 64, limits)
        return Program("lstm_basic", {"UNITS": units, "RESULT": made}, inputs, output, groups, includes=kind.includes)

    kept = [(now, t) for now, t in ((activation, before), (after, state)) if graph.tensors[t].is_variable]
    first = (part(source, 0), part(before, shape[1]))
    then = (
        cell(after, state, kind.state),
        cell(activation, after, kind.activation),
        *(copy(graph, limits, View.of(graph, now), View.of(graph, t)) for now, t in kept),
    )
    if kind is FLOAT:
        return Ways.between(first, in_floats(graph, op, limits, joined, sums), then)
    return (*first, in_integers(graph, op, limits, joined, sums), *then)


def in_floats(graph: Graph, op: Op, limits: Limits, joined: int, sums: int) -> tuple[Way, ...]:
    """What the gates add up."""
    (batches, gates), depth = graph.tensors[sums].shape, graph.tensors[joined].shape[1]
    right = Weights(op.inputs[2], (1, 1, depth, gates), (0, 0, 1, depth))
    biased = Stage("x + y", bias_of(graph, op, 3, gates), gates)
    return Product(joined, right, sums, batches, Sums(joined, stages=(biased,))).ways(graph, limits)


def in_integers(graph: Graph, op: Op, limits: Limits, joined: int, sums: int) -> Program:
    """The same, of values less 128, in 16 bits; the bias has the scale of the sums."""
    (batches, gates), depth = graph.tensors[sums].shape, graph.tensors[joined].shape[1]
    state = graph.tensors[op.outputs[1]]
    if affine(state).scale != 2.0**-11:
        raise Refused("quantization", f"{state.name!r} has scale {affine(state).scale}", 2.0**-11)
    weights = constant(graph, op, 2, (gates, depth), {"UINT8"})
    bias = constant(graph, op, 3, (gates,), {"INT32"})
    zero = affine(graph.tensors[op.inputs[2]]).zero
    whole, shift = multiplier(4096 * affine(graph.tensors[op.inputs[3]]).scale)

    def pack() -> NDArray[np.int32]:
        centred = weights.T.astype(np.int32) - zero
        return np.vstack([centred, bias - 128 * centred.sum(0)]).astype(np.int32)

    constants = {"DEPTH": depth, "GATES": gates, "MULTIPLIER": whole, "SHIFT": shift}
    inputs = (Arg("joined", joined), Arg("weights", Const(pack, 4 * (depth + 1) * gates), "int"))
    groups = groups_for(batches * gates, 64, limits)
    return Program("lstm_basic_sums", constants, inputs, sums, groups, includes=("quantized",))
