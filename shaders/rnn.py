"""RNN, UNIDIRECTIONAL_SEQUENCE_RNN and BIDIRECTIONAL_SEQUENCE_RNN."""

from __future__ import annotations

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, answering, floats, result, values
from .program import Arg, Limits, Lowered, Program, literal
from .quantized import affine
from .recurrent import Hybrid, Place, Sequence, Terms, activation, both_ways, directions, eight_bits, state, through

OPS = ("RNN", "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN")


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch a direction; weights and biases are constant."""
    source = values(graph, op)
    shape = graph.tensors[source].shape
    if op.kind != "BIDIRECTIONAL_SEQUENCE_RNN":
        if len(shape) != (2 if op.kind == "RNN" else 3):
            raise Refused("shape", list(shape), "(batches, values), or with steps for a sequence")
        sequence = Sequence(shape, op.kind != "RNN" and bool(op.options.time_major))
        units = graph.tensors[op.inputs[3]].size
        place = Place(result(graph, op, limits, (*shape[:-1], units)), units)
        return (cell(graph, op, sequence, (source,), (1, 2, 3, 4), place, limits),)
    sources = both_ways(graph, op, source, 9, ((10,), (11,)))
    if not op.options.time_major and len(sources[1]) == 1:
        sources = (sources[0], (source,))  # where steps are not outermost, TFLite takes nothing but its first input
    if any(graph.tensors[t].shape != shape for t in sources[0]):
        raise Refused("shape", "an auxiliary input of another size", list(shape))
    major, whole = bool(op.options.time_major), graph.tensors[op.inputs[1]].type != "FLOAT32"
    # TFLite takes a sequence as often as it has steps then (`EvalHybrid` in bidirectional_sequence_rnn.cc).
    sequence = Sequence(shape, major, shape[0] if major and whole else 1)
    sizes = [graph.tensors[op.inputs[k]].size for k in (3, 7)]
    places = directions(graph, op, limits, shape, sizes)
    weights = ((1, 2, 3, 4), (5, 6, 7, 8))
    return tuple(
        cell(graph, op, sequence, sources[k], (*weights[k], 10 + k), places[k], limits, backward=bool(k))
        for k in range(2)
    )


def cell(
    graph: Graph,
    op: Op,
    sequence: Sequence,
    sources: tuple[int, ...],
    inputs: tuple[int, ...],
    place: Place,
    limits: Limits,
    backward: bool = False,
) -> Program:
    """One direction; `inputs` are the weights, recurrent weights, bias, state, and weights of the second source."""
    units, depth = graph.tensors[op.inputs[inputs[2]]].size, sequence.shape[-1]
    own, recurrent, bias, remembered, *others = inputs
    weights = [*(k for k, _ in zip((own, *others), sources, strict=False)), recurrent]
    whole = graph.tensors[op.inputs[own]].type != "FLOAT32"
    parts = [(eight_bits if whole else floats)(graph, op, k, (units, depth)) for k in weights[:-1]]
    parts.append((eight_bits if whole else floats)(graph, op, recurrent, (units, units)))
    shape = len(sources) * depth + units, units, 1
    terms = Terms(shape, lambda: np.concatenate(parts, axis=1).T, whole)
    floats(graph, op, bias, (units,))
    parameters = Arg("parameters", op.inputs[bias])
    states = (Arg("output_state", state(graph, op, remembered, sequence.batches * units)),)
    rows = tuple((tensor, depth) for tensor in sources)
    hybrid = None
    if whole:
        scales = (literal(affine(graph.tensors[op.inputs[k]]).single) for k in weights)
        hybrid = Hybrid(bool(op.options.asymmetric_quantize_inputs), tuple(scales), shape[0])
    return through(
        "rnn", activation(op), sequence, rows, terms, (parameters,), states, place, limits, (4 * units, 0), backward,
        hybrid,
    )  # fmt: skip
