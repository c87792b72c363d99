"""Signed bytes as unsigned ones, for phones below feature level 30, which know no others.

A quantised INT8 tensor is the same numbers in UINT8 with 128 added to its bytes and to its zero point. Weights with a
scale for each channel stay as they are: these NNAPI has signed alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...graph.model import Graph, Quantization, Tensor
from .abi import L4, SIGN

KEY = "delegates.nnapi.unsigned"


def at_level(graph: Graph, level: int) -> Graph:
    """The graph as a phone of some level can have it: from level 30 on as it is."""
    if level >= L4:
        return graph
    kept = vars(graph)  # beside its cached properties, so that it goes when the graph does
    if KEY not in kept:
        kept[KEY] = replace(graph, tensors=tuple(map(_unsigned, graph.tensors)))
    found: Graph = kept[KEY]
    return found


def _unsigned(tensor: Tensor) -> Tensor:
    q = tensor.quantization
    if tensor.type != "INT8" or q is None or (q.scales.size, q.zero_points.size) != (1, 1) or tensor.is_sparse:
        return tensor
    shifted = Quantization(q.scales, q.zero_points + SIGN, q.axis)
    data = tensor.data
    if data is not None:
        data = memoryview((np.frombuffer(data, np.uint8) ^ SIGN).tobytes())
    return replace(tensor, type="UINT8", quantization=shifted, data=data)
