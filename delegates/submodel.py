"""Partitions that are handed over as a sub-model, a .tflite of just their ops."""

from __future__ import annotations

from collections.abc import Iterable

from ..graph.fold import FOLDABLE
from ..graph.model import Graph
from .base import Lowering, Partition, Use
from .engine import Port, Program


def one_launch(graph: Graph, ops: tuple[int, ...], keep: frozenset[int] = frozenset()) -> Lowering:
    """The whole partition as one launch; what runs it expands constants itself."""
    inputs, outputs = graph.boundary(ops, keep)
    folded = frozenset(i for i in graph.folded_ops.intersection(ops) if graph.ops[i].kind not in FOLDABLE)
    return Lowering((Use(inputs, outputs),), folded=folded)


def submodel_program(graph: Graph, partition: Partition, keep: frozenset[int] = frozenset()) -> Program:
    """The partition's sub-model; ports have its tensors' names in there."""
    names = graph.submodel_names(partition.ops, keep)

    def ports(tensors: Iterable[int]) -> dict[int, Port]:
        return {t: Port(names[t], graph.tensors[t].shape, graph.tensors[t].dtype) for t in tensors}

    variables = ports(t for t in names if graph.tensors[t].is_variable)
    content = graph.submodel(partition.ops, keep)
    return Program(content, ports(partition.inputs), ports(partition.outputs), variables)
