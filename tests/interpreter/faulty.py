"""A delegate around another one that fails when it is told to: at any call that reaches the device."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
from numpy.typing import NDArray

from delegraph import DelegateError
from delegraph.delegates.base import Delegate, Executable, Partition
from delegraph.graph.model import Graph


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Have so much time pass for whoever waits to try a device again."""
    now = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + seconds)


class Faulty:
    """Counts the calls that reach the device; those whose numbers are in `failing` raise DelegateError.

    `dead` makes every call fail from now on.
    """

    def __init__(self, inner: Delegate, name: str | None = None) -> None:
        self._inner = inner
        self.name = name or inner.name
        self.failing: set[int] = set()
        self.dead = False
        self.calls = 0
        self.open = 0  # arenas and executables that are not closed

    def reach(self, what: str) -> None:
        self.calls += 1
        if self.dead or self.calls in self.failing:
            raise DelegateError(f"{self.name}: {what} failed at call {self.calls}")

    def allocate(self, nbytes: int) -> Any:
        self.reach("allocate")
        self.open += 1
        return FaultyArena(self, self._inner.allocate(nbytes))

    def compile(
        self,
        graph: Graph,
        partition: Partition,
        arena: Any,
        offsets: Mapping[int, int],
        keep: frozenset[int] = frozenset(),
    ) -> Any:
        self.reach("compile")
        inner = arena.inner if isinstance(arena, FaultyArena) else arena  # the host's is no delegate's own
        made = FaultyExecutable(self, self._inner.compile(graph, partition, inner, offsets, keep))
        self.open += 1
        return made

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Held:
    """Something of a faulty delegate's that is closed once."""

    def __init__(self, owner: Faulty, inner: Any) -> None:
        self.owner, self.inner, self._closed = owner, inner, False

    def close(self) -> None:
        self.inner.close()
        self.owner.open -= not self._closed
        self._closed = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class FaultyArena(_Held):
    def write(self, offset: int, data: NDArray[Any]) -> None:
        self.owner.reach("write")
        self.inner.write(offset, data)

    def read(self, offset: int, out: NDArray[Any]) -> None:
        self.owner.reach("read")
        self.inner.read(offset, out)


class FaultyExecutable(_Held):
    inner: Executable

    def run(self) -> None:
        self.owner.reach("run")
        self.inner.run()
