"""A small op of each kind and type that the mapping takes: to ask a device about, and to tell levels by."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from ...errors import InvalidModel
from ...graph.builder import GraphBuilder
from ...graph.model import Graph
from ...graph.read import read
from .node import mappings

TYPES = ("FLOAT32", "FLOAT16", "UINT8", "INT8", "INT32", "BOOL")
QUANTIZED = {"UINT8": (0.5, 128), "INT8": (0.5, 0)}
FIXED = {  # results that are quantised in one way alone
    **{kind: {"UINT8": (1 / 256, 0), "INT8": (1 / 256, -128)} for kind in ("LOGISTIC", "SOFTMAX")},
    **{kind: {"UINT8": (1 / 128, 128), "INT8": (1 / 128, 0)} for kind in ("TANH", "L2_NORMALIZATION")},
}
# An input: a shape (computed, of the type asked for), a list (a constant of INT32), or one of these with another type.
WEIGHTS, BIAS, PLACES, CHOICE, STATE, MEMORY = "weights", "bias", "places", "choice", "state", "memory"
Input = tuple[int, ...] | list[Any] | tuple[str, tuple[int, ...]] | None
Sample = tuple[Sequence[Input], Sequence[tuple[int, ...]], Mapping[str, Any]]

IMAGE, ROWS = (1, 4, 4, 2), (2, 4)
SLIDE = {"stride_h": 1, "stride_w": 1, "padding": "SAME"}
TWICE = {"stride_h": 2, "stride_w": 2, "padding": "SAME"}
WINDOW = {**SLIDE, "filter_height": 2, "filter_width": 2}
UNARY = (
    "ABS", "CAST", "CEIL", "DEQUANTIZE", "ELU", "EXP", "FLOOR", "GELU", "HARD_SWISH", "L2_NORMALIZATION", "LEAKY_RELU",
    "LOG", "LOGICAL_NOT", "LOGISTIC", "LOG_SOFTMAX", "NEG", "QUANTIZE", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1",
    "RSQRT", "SIN", "SOFTMAX", "SQRT", "SQUARE", "TANH",
)  # fmt: skip
BINARY = (
    "ADD", "ADD_N", "DIV", "EQUAL", "FLOOR_DIV", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "LOGICAL_AND",
    "LOGICAL_OR", "MAXIMUM", "MINIMUM", "MUL", "NOT_EQUAL", "POW", "PRELU", "SQUARED_DIFFERENCE", "SUB",
)  # fmt: skip
REDUCED = ("MEAN", "REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM")
OPTIONS = {"SOFTMAX": {"beta": 1.0}, "LEAKY_RELU": {"alpha": 0.5}}
COMPARED = ("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL")

CELL: list[Input] = [(WEIGHTS, (4, 3)), (WEIGHTS, (4, 4)), (WEIGHTS, (4,)), (STATE, (2, 4))]
GATES: list[Input] = [
    *[(WEIGHTS, (4, 3))] * 4, *[(WEIGHTS, (4, 4))] * 4, *[None] * 3, *[(WEIGHTS, (4,))] * 4, None, None,
    *[(STATE, (2, 4))] * 2,
]  # fmt: skip

WHOLE_GATES: list[Input] = [  # of INT8: the cell's state is INT16
    *[(WEIGHTS, (4, 3))] * 4, *[(WEIGHTS, (4, 4))] * 4, *[None] * 3, *[(BIAS, (4,))] * 4, None, None,
    (STATE, (2, 4)), (MEMORY, (2, 4)),
]  # fmt: skip
BOTH_WAYS = {"time_major": False, "merge_outputs": False}

SAMPLES: Mapping[str, Sample] = {
    **{kind: ([IMAGE], [IMAGE], OPTIONS.get(kind, {})) for kind in UNARY},
    **{kind: ([ROWS, ROWS], [ROWS], {}) for kind in BINARY},
    **{kind: ([ROWS, [1]], [(2, 1)], {"keep_dims": True}) for kind in REDUCED},
    **{kind: ([IMAGE], [IMAGE], WINDOW) for kind in ("AVERAGE_POOL_2D", "L2_POOL_2D", "MAX_POOL_2D")},
    **{kind: ([IMAGE, [8, 8]], [(1, 8, 8, 2)], {}) for kind in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")},
    **{kind: ([ROWS, [1]], [(2,)], {"output_type": "INT32"}) for kind in ("ARG_MAX", "ARG_MIN")},
    **{kind: ([(CHOICE, ROWS), ROWS, ROWS], [ROWS], {}) for kind in ("SELECT", "SELECT_V2")},
    "BATCH_MATMUL": ([(1, 2, 3), (1, 3, 2)], [(1, 2, 2)], {}),
    "BATCH_TO_SPACE_ND": ([(4, 2, 2, 1), [2, 2], [[0, 0], [0, 0]]], [(1, 4, 4, 1)], {}),
    "BIDIRECTIONAL_SEQUENCE_LSTM": (
        [(2, 5, 3), *GATES[:17], *GATES, *[(STATE, (2, 4))] * 2, *[None] * 9],
        [(2, 5, 4), (2, 5, 4)], {"fused_activation_function": "TANH", **BOTH_WAYS},
    ),
    "BIDIRECTIONAL_SEQUENCE_RNN": ([(2, 5, 3), *CELL, *CELL, *[None] * 3], [(2, 5, 4), (2, 5, 4)], BOTH_WAYS),
    "BROADCAST_TO": ([(1, 4), [2, 4]], [ROWS], {"op_version": 2}),
    "CONCATENATION": ([ROWS, ROWS], [(4, 4)], {"axis": 0}),
    "CONV_2D": ([IMAGE, (WEIGHTS, (2, 3, 3, 2)), (BIAS, (2,))], [IMAGE], SLIDE),
    "CUSTOM Convolution2DTransposeBias": (
        [IMAGE, (WEIGHTS, (2, 3, 3, 2)), (BIAS, (2,))], [(1, 8, 8, 2)],
        {"custom_options": struct.pack("<3i", 1, 2, 2)},  # padding like SAME, strides
    ),
    "DEPTHWISE_CONV_2D": ([IMAGE, (WEIGHTS, (1, 3, 3, 2)), (BIAS, (2,))], [IMAGE], {**SLIDE, "depth_multiplier": 1}),
    "DEPTH_TO_SPACE": ([(1, 2, 2, 4)], [(1, 4, 4, 1)], {"block_size": 2}),
    "EMBEDDING_LOOKUP": ([(PLACES, (3,)), ROWS], [(3, 4)], {}),
    "EXPAND_DIMS": ([ROWS, [0]], [(1, 2, 4)], {}),
    "FILL": ([[2, 4], (WEIGHTS, ())], [ROWS], {}),
    "FULLY_CONNECTED": ([ROWS, (WEIGHTS, (3, 4)), (BIAS, (3,))], [(2, 3)], {}),
    "GATHER": ([ROWS, (PLACES, (3,))], [(3, 4)], {"axis": 0}),
    "GATHER_ND": ([ROWS, (PLACES, (3, 1))], [(3, 4)], {}),
    "HASHTABLE_LOOKUP": ([(PLACES, (3,)), (PLACES, (2,)), ROWS], [(3, 4), (3,)], {}),
    "LOCAL_RESPONSE_NORMALIZATION": ([IMAGE], [IMAGE], {"radius": 1, "bias": 1.0, "alpha": 1.0, "beta": 0.5}),
    "LSTM": ([(2, 3), *GATES], [(2, 4)], {"fused_activation_function": "TANH"}),
    "MIRROR_PAD": ([ROWS, [[0, 0], [1, 1]]], [(2, 6)], {"mode": "REFLECT"}),
    "PACK": ([(4,), (4,)], [ROWS], {"axis": 0, "values_count": 2}),
    "PAD": ([ROWS, [[0, 0], [1, 1]]], [(2, 6)], {}),
    "PADV2": ([ROWS, [[0, 0], [1, 1]], (WEIGHTS, ())], [(2, 6)], {}),
    "RESHAPE": ([ROWS, [8]], [(8,)], {}),
    "REVERSE_V2": ([ROWS, [1]], [ROWS], {}),
    "RNN": ([(2, 3), *CELL], [(2, 4)], {}),
    "SLICE": ([ROWS, [0, 1], [2, 2]], [(2, 2)], {}),
    "SPACE_TO_BATCH_ND": ([(1, 4, 4, 1), [2, 2], [[0, 0], [0, 0]]], [(4, 2, 2, 1)], {}),
    "SPACE_TO_DEPTH": ([(1, 4, 4, 1)], [(1, 2, 2, 4)], {"block_size": 2}),
    "SPLIT": ([[1], ROWS], [(2, 2), (2, 2)], {"num_splits": 2}),
    "SPLIT_V": ([ROWS, [1, 3], [1]], [(2, 1), (2, 3)], {"num_splits": 2}),
    "SQUEEZE": ([(1, 2, 4)], [ROWS], {"squeeze_dims": [0]}),
    "STRIDED_SLICE": ([ROWS, [0, 0], [2, 4], [1, 2]], [(2, 2)], {}),
    "SVDF": (
        [(2, 3), (WEIGHTS, (8, 3)), (WEIGHTS, (8, 5)), (WEIGHTS, (4,)), (STATE, (2, 40))], [(2, 4)], {"rank": 2},
    ),
    "TILE": ([ROWS, [2, 1]], [(4, 4)], {}),
    "TOPK_V2": ([ROWS, [2]], [(2, 2), (2, 2)], {}),
    "TRANSPOSE": ([ROWS, [1, 0]], [(4, 2)], {}),
    "TRANSPOSE_CONV": ([[1, 8, 8, 2], (WEIGHTS, (2, 3, 3, 2)), IMAGE], [(1, 8, 8, 2)], TWICE),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ([(2, 5, 3), *GATES], [(2, 5, 4)], {"fused_activation_function": "TANH"}),
    "UNIDIRECTIONAL_SEQUENCE_RNN": ([(2, 5, 3), *CELL], [(2, 5, 4)], {}),
    "UNPACK": ([ROWS], [(4,), (4,)], {"axis": 0, "num": 2}),
}  # fmt: skip


INTEGERS: Mapping[str, Sample] = {
    "LSTM": ([(2, 3), *WHOLE_GATES], [(2, 4)], {"fused_activation_function": "TANH"}),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ([(2, 5, 3), *WHOLE_GATES], [(2, 5, 4)], {"fused_activation_function": "TANH"}),
}


def sample(kind: str, type: str) -> Graph:
    """A graph of one op of a kind, on tensors of a type."""
    whole = type == "INT8" and kind in INTEGERS
    inputs, shapes, options = INTEGERS[kind] if whole else SAMPLES[kind]
    b = GraphBuilder()
    tensors = [_input(b, value, type, kind) for value in inputs]
    results = [_result(kind, type, k) for k in range(len(shapes))]
    made = [b.tensor(shape, made, quantization=q) for shape, (made, q) in zip(shapes, results, strict=True)]
    between = [b.tensor((1,), type, quantization=QUANTIZED[type]) for _ in range(5)] if whole else None
    kind, _, code = kind.partition(" ")
    b.op(kind, tensors, outputs=made, intermediates=between, custom_code=code, **options)
    b.output(*made)
    return read(b.build()).graphs[0]


def _input(b: GraphBuilder, value: Input, type: str, kind: str) -> int:
    quantization = QUANTIZED.get(type) if kind != "CAST" else None
    if value is None:
        return -1
    if isinstance(value, list):
        return b.constant(np.array(value, np.int32))
    if not value or isinstance(value[0], int):
        return b.input(value, type, quantization=quantization)
    what, shape = value
    if what == BIAS:
        return b.constant(np.zeros(shape), "INT32" if quantization else type)
    if what == STATE:
        return b.variable(shape, type, quantization=quantization)
    if what == MEMORY:
        return b.variable(shape, "INT16", quantization=(2.0**-11, 0))
    if what == WEIGHTS:
        return b.constant(np.ones(shape), type, quantization=quantization)
    return b.input(shape, "BOOL" if what == CHOICE else "INT32")


def _result(kind: str, type: str, k: int) -> tuple[str, tuple[float, int] | None]:
    """(type, quantisation) of a result."""
    made = type
    if kind in COMPARED:
        made = "BOOL"
    elif kind.startswith("ARG_") or (kind == "TOPK_V2" and k == 1):
        made = "INT32"
    elif kind == "DEQUANTIZE":
        made = "FLOAT32"
    elif kind == "QUANTIZE":
        made = "UINT8" if type in ("FLOAT32", "FLOAT16") else "FLOAT32"
    elif kind == "HASHTABLE_LOOKUP" and k == 1:
        return "UINT8", None
    return made, FIXED.get(kind, QUANTIZED).get(made) if kind != "CAST" else None


@cache
def samples() -> tuple[tuple[str, str, Graph], ...]:
    """(kind, type, graph of one such op), of all kinds and types that a file may have; not all of them are taken."""
    return tuple(_samples())


def _samples() -> Iterator[tuple[str, str, Graph]]:
    for kind in sorted(mappings()):
        for type in TYPES:
            try:
                yield kind, type, sample(kind, type)
            except InvalidModel:
                continue
