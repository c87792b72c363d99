"""LSTM, the basic kernel: one step, its states handed over from step to step or kept."""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .convolution import bias_of
from .product import Product
from .program import Arg, Limits, Lowered, Program, Stage, groups_for
from .strided_copy import View, copy
from .weights import Weights

OPS = ("LSTM",)

# The state and the activation after a step, `beside` being the state before it and after it; the gates are input, cell,
# forget and output (`LstmCell` in tensorflow/lite/kernels/internal/reference/reference_ops.h).
STATE = "logistic(gate(0u)) * hyperbolic_tangent(gate(1u)) + logistic(gate(2u)) * beside(i)"
ACTIVATION = "logistic(gate(3u)) * hyperbolic_tangent(beside(i))"


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """Input and the last activation are put beside each other and multiplied; then the gates do their work."""
    if op.options.kernel_type != "BASIC" or len(op.inputs) != 5 or len(op.outputs) != 4:
        raise Refused("kernel", op.options.kernel_type, "BASIC, five inputs and four outputs")
    source, before, weights, _, state = (values(graph, op, k) for k in range(5))
    shape, last, matrix, remembered = (graph.tensors[t].shape for t in (source, before, weights, state))
    if len(shape) != 2 or len(last) != 2 or shape[0] != last[0] or remembered != last:
        raise Refused("shape", f"{list(shape)}, {list(last)} and {list(remembered)}", "(batches, values)")
    batches, units = last
    depth, gates = shape[1] + units, 4 * units
    if matrix != (gates, depth):
        raise Refused("shape", f"weights {list(matrix)}", [gates, depth])
    shapes = (last, last, (batches, depth), (batches, gates))
    activation, after, joined, sums = (result(graph, op, limits, made, k) for k, made in enumerate(shapes))
    for t in (before, state):  # TFLite writes what comes of them over them
        if graph.is_constant(t) or t in graph.outputs or graph.consumers[t] != (op.index,):
            raise Refused("state", f"{graph.tensors[t].name!r} has other readers", "a tensor of the op's own")

    def part(tensor: int, start: int) -> Program:
        n = graph.tensors[tensor].shape[1]
        return copy(graph, limits, View.of(graph, tensor), View.of(graph, joined).slice(1, start, n))

    def cell(output: int, beside: int, made: str) -> Program:
        inputs = (Arg("sums", sums), Arg("beside", beside))
        groups = groups_for(batches * units, 64, limits)
        return Program("lstm_basic", {"UNITS": units, "RESULT": made}, inputs, output, groups, includes=("math",))

    right = Weights(weights, (1, 1, depth, gates), (0, 0, 1, depth))
    kept = [(now, t) for now, t in ((activation, before), (after, state)) if graph.tensors[t].is_variable]
    return (
        part(source, 0),
        part(before, shape[1]),
        Product(joined, right, sums, batches, (Stage("x + y", bias_of(graph, op, 3, gates), gates),)).program(
            graph, limits
        ),
        cell(after, state, STATE),
        cell(activation, after, ACTIVATION),
        *(copy(graph, limits, View.of(graph, now), View.of(graph, t)) for now, t in kept),
    )
