"""Engines: the part of a delegate that must be where the device is, be that a child process or another machine.

A delegate answers for ops, estimates and lowers here; its engine gets the bytes of a program once (a sub-model, or what
the delegate made of it) and then only arrays. So one engine can be called directly, in a child process through shared
memory, or over a bridge, and the delegate sees no difference. This module needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Port:
    """A tensor at the border of a program: its name in there, shape and dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """What it takes in memory, in bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


class Loaded(Protocol):
    """A program that is ready to run on a device."""

    def run(self, inputs: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]]) -> None:
        """Run once: read `inputs`, fill `outputs`, each C-contiguous, in the ports' order. Raises DelegateError."""

    def close(self) -> None:
        """Give back everything it holds. May be called twice."""


class Engine(Protocol):
    """A device as its own process sees it."""

    def here(self) -> str:
        """What the device is, with versions. Raises DelegateError, saying why and what helps, where there is none."""

    def load(self, program: bytes, inputs: Sequence[Port], outputs: Sequence[Port]) -> Loaded:
        """Make a program ready; ports say which of its tensors come and go. Raises DelegateError."""

    def close(self) -> None:
        """Give the device back. May be called twice."""


class EngineExecutable:
    """A partition as a loaded program, between places in an arena of host memory. It remembers nothing between runs."""

    holding: str | None = None

    def __init__(self, loaded: Loaded, inputs: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]]) -> None:
        """`inputs` and `outputs` are views of the arena, in the order of the program's ports."""
        self._loaded: Loaded | None = loaded
        self._inputs, self._outputs = tuple(inputs), tuple(outputs)

    def run(self) -> None:
        """Run once. Raises DelegateError."""
        assert self._loaded is not None
        self._loaded.run(self._inputs, self._outputs)

    def state(self) -> Mapping[int, NDArray[Any]]:
        """Nothing: there are no variables."""
        return {}

    def restore(self, state: Mapping[int, NDArray[Any]]) -> None:
        """There are no variables."""

    def reset_variables(self) -> None:
        """There are no variables."""

    def suspend(self) -> None:
        """Nothing is compiled that could be kept."""
        self.close()

    def take_over(self, former: Any) -> None:
        """There are no resources."""

    def close(self) -> None:
        """Unload the program and let go of the arena."""
        if self._loaded is not None:
            self._loaded.close()
        self._loaded = None
        self._inputs = self._outputs = ()
