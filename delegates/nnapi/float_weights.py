"""Quantised weights under floats (dynamic-range models), which NNAPI does not have, as the floats that they stand for.

TFLite's kernels quantise what meets such weights, row by row. Here nothing is: results are those of the model in floats
with these weights, from which TFLite's own differ by what that rounding costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...graph.fold import dequantized, with_value
from ...graph.model import Graph, Op

KEY = "delegates.nnapi.float_weights"
KINDS = frozenset({
    "BATCH_MATMUL", "BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN", "CONV_2D", "DEPTHWISE_CONV_2D",
    "EMBEDDING_LOOKUP", "FULLY_CONNECTED", "LSTM", "RNN", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
})  # fmt: skip
TYPES = ("INT8", "INT4")


def with_float_weights(graph: Graph) -> Graph:
    """The graph with floats for these weights."""
    kept = vars(graph)  # beside its cached properties, so that it goes when the graph does
    if KEY not in kept:
        found = {t for op in graph.ops for t in hybrid(graph, op)}
        tensors = [
            with_value(replace(t, type="FLOAT32", quantization=None), dequantized(t)) if t.index in found else t
            for t in graph.tensors
        ]
        kept[KEY] = replace(graph, tensors=tuple(tensors))
    made: Graph = kept[KEY]
    return made


def hybrid(graph: Graph, op: Op) -> Iterator[int]:
    """The weights of an op that are quantised, where what it makes is not; none that another op has for integers."""
    if op.kind not in KINDS or graph.tensors[op.outputs[0]].type != "FLOAT32":
        return
    for t in op.inputs:
        found = graph.tensors[t] if t >= 0 else None
        if found is None or found.type not in TYPES or found.quantization is None or found.data is None:
            continue
        others = (graph.ops[i] for i in graph.consumers[t])
        if not found.is_sparse and all(
            o.kind in KINDS and graph.tensors[o.outputs[0]].type == "FLOAT32" for o in others
        ):
            yield t
