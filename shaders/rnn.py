"""RNN, UNIDIRECTIONAL_SEQUENCE_RNN and BIDIRECTIONAL_SEQUENCE_RNN.

Refuses inputs of another rank than 2 (3 for a sequence), auxiliary inputs of other sizes.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Arg, Limits, Lowered, Program
from .quantized import EIGHT_BITS, affine
from .recurrent import Hybrid, Place, Sequence, Terms, both_ways, directions, state, taken, through, told_activation
from .types import FLOAT

OPS = ("RNN", "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN")
TYPES, RESULTS = FLOAT | EIGHT_BITS, FLOAT  # weights of 8 bits may be computed


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """A launch a direction, and those that lay out weights which are computed."""
    source = values(graph, op)
    shape = graph.tensors[source].shape
    if op.kind != "BIDIRECTIONAL_SEQUENCE_RNN":
        if len(shape) != (2 if op.kind == "RNN" else 3):
            raise Refused("shape", list(shape), "(batches, values), or with steps for a sequence")
        sequence = Sequence(shape, op.kind != "RNN" and bool(op.options.time_major))
        units = graph.tensors[op.inputs[3]].size
        place = Place(result(graph, op, limits, (*shape[:-1], units)), units)
        return cell(graph, op, sequence, (source,), (1, 2, 3, 4), place, limits)
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
        program
        for k in range(2)
        for program in cell(graph, op, sequence, sources[k], (*weights[k], 10 + k), places[k], limits, bool(k))
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
) -> tuple[Program, ...]:
    """One direction; `inputs` are the weights, recurrent weights, bias, state, and weights of the second source."""
    units, depth = graph.tensors[op.inputs[inputs[2]]].size, sequence.shape[-1]
    own, recurrent, bias, remembered, *others = inputs
    weights = [*(k for k, _ in zip((own, *others), sources, strict=False)), recurrent]
    whole = graph.tensors[op.inputs[own]].type != "FLOAT32"
    computed = any(graph.constant(op.inputs[k]) is None for k in weights)
    take = partial(taken, graph, op, types=EIGHT_BITS if whole else FLOAT)
    parts = [take(k, (units, units if k == recurrent else depth)) for k in weights]
    shape = len(sources) * depth + units, units, 1
    terms = Terms(shape, lambda: np.concatenate(parts, axis=1).T[:, :, None], whole, computed)
    if graph.tensors[values(graph, op, bias)].shape != (units,):
        raise Refused("shape", f"a bias of shape {list(graph.tensors[op.inputs[bias]].shape)}", [units])
    parameters = Arg("parameters", op.inputs[bias])
    states = (Arg("output_state", state(graph, op, remembered, sequence.batches * units)),)
    rows = tuple((tensor, depth) for tensor in sources)
    hybrid = None
    if whole:
        scales = (np.array([affine(graph.tensors[op.inputs[k]]).single]) for k in weights)
        hybrid = Hybrid(bool(op.options.asymmetric_quantize_inputs), tuple(scales), shape[0])
    return through(
        "rnn", told_activation(op), sequence, rows, terms, ((parameters, ()),), states, place, limits, (4 * units, 0),
        backward, hybrid, sizes=("ACTIVATION",),
    )  # fmt: skip
