"""Constants that are not in the file: what DEQUANTIZE and DENSIFY make of those that are, when first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .model import NUMPY_TYPES, Graph, Op, Tensor
from .sparse import densify

FOLDABLE = ("DEQUANTIZE", "DENSIFY")
DEQUANTIZED = ("FLOAT16", "INT8", "UINT8", "INT16", "INT4")
DENSIFIED = ("FLOAT32", "FLOAT16", "INT8")


class Folded(Mapping[int, Tensor]):
    """Tensor index -> dense constant, for results that are known ahead and no outputs of the graph.

    Values are bit-identical to the runtimes'. Expansions are computed once, at their first lookup.
    """

    def __init__(self, graph: Graph) -> None:
        """Nothing yet."""
        self._graph = graph
        self._ops: dict[int, Op | None] = {}
        self._done: dict[int, Tensor] = {}

    def expands(self, op: Op) -> bool:
        """Take up a DEQUANTIZE or DENSIFY of a constant; false for other ops."""
        if op.kind not in FOLDABLE or op.outputs[0] in self._graph.outputs:
            return False
        source, result = self._graph.tensors[op.inputs[0]], self._graph.tensors[op.outputs[0]]
        if not (source.is_constant or source.index in self) or source.shape != result.shape:
            return False
        if op.kind == "DENSIFY":
            folds = source.is_sparse and source.type in DENSIFIED and result.type == source.type
        else:
            known = source.type == "FLOAT16" or source.quantization is not None
            folds = not source.is_sparse and source.type in DEQUANTIZED and known and result.type == "FLOAT32"
        if folds:
            self._ops[result.index] = op
        return folds

    def add(self, tensor: int, value: NDArray[np.generic]) -> None:
        """Take up a value that was worked out."""
        self._ops[tensor] = None
        self._done[tensor] = with_value(self._graph.tensors[tensor], value)

    def turn_to(self, graph: Graph) -> None:
        """Go on with the same graph, in which some shapes are other ones."""
        self._graph = graph

    def __getitem__(self, tensor: int) -> Tensor:
        op = self._ops[tensor]
        if tensor not in self._done and op is not None:
            source = self._graph.tensors[op.inputs[0]]
            value = (
                densified(self._graph, source) if op.kind == "DENSIFY" else dequantized(self.get(source.index, source))
            )
            self._done[tensor] = with_value(self._graph.tensors[tensor], value)
        return self._done[tensor]

    def __iter__(self) -> Iterator[int]:
        return iter(self._ops)

    def __len__(self) -> int:
        return len(self._ops)

    def __contains__(self, tensor: object) -> bool:
        return tensor in self._ops


def with_value(tensor: Tensor, value: NDArray[Any]) -> Tensor:
    """The tensor as a constant of this value, which is of its type."""
    return replace(tensor, data=np.ascontiguousarray(value).reshape(-1).view(np.uint8).data.toreadonly())


def dequantized(source: Tensor) -> NDArray[np.float32]:
    """The reals that a dense constant stands for: scale * (q - zero point), in float32 as the kernels do.

    Half floats are only widened.
    """
    value = source.array
    if source.type == "FLOAT16":
        return value.astype(np.float32)
    q = source.quantization
    assert q is not None
    along = [1] * len(source.shape)
    if len(q.scales) > 1:
        along[q.axis] = len(q.scales)
    zeros = q.zero_points.reshape(along if len(q.zero_points) > 1 else [1] * len(along))
    shifted = (value.astype(np.int64) - zeros).astype(np.float32)
    return np.ascontiguousarray(shifted * q.scales.reshape(along), np.float32).reshape(source.shape)


def densified(graph: Graph, tensor: Tensor) -> NDArray[np.generic]:
    """A sparse constant, dense."""
    table = graph.model.tables["subgraphs"][graph.index]["tensors"][tensor.index]
    assert tensor.data is not None
    return densify(table["sparsity"], tensor.shape, np.frombuffer(tensor.data, NUMPY_TYPES[tensor.type]))
