"""Memory of the caller's own beside a plan's: what is copied to it and from it, on the device or by way of the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from numpy.typing import NDArray

from .buffers import Arena, Outside
from .graph.model import Graph
from .partitioner.plan import Plan, Transfer
from .partitioner.transfers import HOST, far

Copy = Callable[[], None]
Place = Callable[[int], Callable[[], NDArray[Any]]]  # finds a tensor in host memory


class Outsides:
    """The caller's memory for some inputs and outputs of a plan."""

    def __init__(self, graph: Graph, plan: Plan, outside: Mapping[int, Outside], spaces: Mapping[str, str]) -> None:
        """`spaces` is delegate -> space."""
        self._graph, self._plan, self._outside, self._spaces = graph, plan, outside, spaces

    def __contains__(self, tensor: int) -> bool:
        return tensor in self._outside

    def download(self, tensor: int, out: NDArray[Any]) -> None:
        """A tensor's value into a C-contiguous host array of its shape and type."""
        self._outside[tensor].download(out)

    def instead(self, step: Transfer, arena: Arena, offset: int, plain: Copy) -> Copy:
        """What carries out a transfer whose `plain` copy is between the host and an offset in an arena."""
        outside = self._outside.get(step.tensor)
        if outside is None or outside.space != far(step):
            return plain
        copy = partial(outside.to_arena if step.src == HOST else outside.from_arena, arena, offset)
        if step.src == HOST or not self._read_on_host(step.tensor):
            return copy

        def to_both() -> None:
            copy()
            plain()

        return to_both

    def by_way_of_the_host(self, place: Place) -> tuple[list[Copy], list[Copy]]:
        """What is done before the first step and after the last, where the host has to reach the caller's memory."""
        first: list[Copy] = []
        last: list[Copy] = []
        for tensor, outside in self._outside.items():
            copies = (s for s in self._plan.steps if isinstance(s, Transfer) and s.tensor == tensor)
            reached = any(outside.space in (s.src, s.dst) for s in copies)
            if tensor in self._graph.inputs and (not reached or self._read_on_host(tensor)):
                first.append(partial(_on, place(tensor), outside.download))
            if tensor in self._graph.outputs and not reached:
                last.append(partial(_on, place(tensor), outside.upload))
        return first, last

    def _read_on_host(self, tensor: int) -> bool:
        """Whether a step needs the host's copy of a tensor: one that runs there, or brings it to another space."""
        return any(
            step.src == HOST and step.tensor == tensor and step.dst != self._outside[tensor].space
            if isinstance(step, Transfer)
            else tensor in self._plan.partitions[step.partition].inputs
            and self._spaces[self._plan.partitions[step.partition].delegate] == HOST
            for step in self._plan.steps
        )


def _on(place: Callable[[], NDArray[Any]], copy: Callable[[NDArray[Any]], None]) -> None:
    copy(place())
