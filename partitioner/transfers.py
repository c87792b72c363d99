"""Transfers: what has to be copied before each partition, so that everything is where it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..delegates.base import Partition
from ..graph.model import Graph
from .plan import Run, Step, Transfer

HOST = "host"


def far(step: Transfer) -> str:
    """The space at that end of a copy which is not the host's."""
    return step.dst if step.src == HOST else step.src


def steps_of(graph: Graph, partitions: Sequence[Partition], spaces: Mapping[str, str]) -> tuple[Step, ...]:
    """Each partition after the transfers that it needs; a tensor goes to a space at most once, by way of the host.

    `spaces` gives each delegate's.
    """
    steps: list[Step] = []
    valid: dict[int, set[str]] = {t: {HOST} for t in (*graph.inputs, *graph.dynamic)}

    def bring(tensor: int, space: str) -> None:
        have = valid.setdefault(tensor, {HOST})
        if space in have:
            return
        if HOST not in have:
            steps.append(Transfer(tensor, min(have), HOST, graph.tensors[tensor].nbytes))
            have.add(HOST)
        if space != HOST:
            steps.append(Transfer(tensor, HOST, space, graph.tensors[tensor].nbytes))
            have.add(space)

    for partition in partitions:
        for tensor in partition.inputs:
            bring(tensor, spaces[partition.delegate])
        steps.append(Run(partition.index))
        for tensor in partition.outputs:
            if tensor not in graph.dynamic:
                valid[tensor] = {spaces[partition.delegate]}
    for tensor in graph.outputs:
        bring(tensor, HOST)
    return tuple(steps)
