"""Engines: the part of a delegate that must be where the device is, be that a child process or another machine.

A delegate answers for ops, estimates and lowers here; its engine gets the bytes of a program once (a sub-model, or what
the delegate made of it) and then only arrays. So one engine can be called directly, in a child process through shared
memory, or over a bridge, and the delegate sees no difference. This module needs numpy alone.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..buffers import Arena, HostArena

if TYPE_CHECKING:
    from .base import Executable


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


@dataclass(frozen=True)
class Program:
    """A partition as its engine gets it; ports are found by the tensor's index in the graph, in the program's order."""

    content: bytes
    inputs: Mapping[int, Port]
    outputs: Mapping[int, Port]
    variables: Mapping[int, Port] = field(default_factory=dict)


class Loaded(Protocol):
    """A program that is ready to run on a device."""

    def run(self, inputs: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]]) -> None:
        """Run once: read `inputs`, fill `outputs`, each C-contiguous, in the ports' order. Raises DelegateError."""

    def close(self) -> None:
        """Give back everything it holds. May be called twice."""


class Stateful(Loaded, Protocol):
    """A program with variables: what `load` got ports for, in their order."""

    def state(self, values: Sequence[NDArray[Any]]) -> None:
        """Copy the variables' values out. Raises DelegateError."""

    def restore(self, values: Sequence[NDArray[Any]]) -> None:
        """Give the variables these values. Raises DelegateError."""

    def reset(self) -> None:
        """Set the variables back to their start. Raises DelegateError."""


class Engine(Protocol):
    """A device as its own process sees it."""

    def here(self) -> str:
        """What the device is, with versions. Raises DelegateError, saying why and what helps, where there is none."""

    def load(
        self, program: bytes, inputs: Sequence[Port], outputs: Sequence[Port], variables: Sequence[Port] = ()
    ) -> Loaded:
        """Make a program ready; ports say which of its tensors come and go, and which it remembers.

        Where there are variables what is returned is Stateful. Raises DelegateError.
        """

    def close(self) -> None:
        """Give the device back. May be called twice."""


class Restarts:
    """Those who want to know when what stands behind a site was lost, and another has taken its place."""

    def __init__(self) -> None:
        """Nobody yet."""
        self._listening: list[weakref.WeakMethod[Callable[[str, str], None]]] = []

    def listen(self, told: Callable[[str, str], None]) -> None:
        """Have a method called with the space and what happened, from any thread, for as long as its object lives."""
        self._listening = [*(ref for ref in self._listening if ref() is not None), weakref.WeakMethod(told)]

    def tell(self, space: str, message: str) -> None:
        """Tell everyone."""
        for told in filter(None, (ref() for ref in self._listening)):
            told(space, message)


class Site(Protocol):
    """The place of an engine as its delegate sees it: here (`Near`), or behind a bridge (`bridge.remote.Far`)."""

    space: str  # where what `allocate` gives lies: the delegate's space
    restarts: Restarts

    def here(self) -> str:
        """What the device is. Raises DelegateError, saying why and what helps, where there is none."""

    def allocate(self, nbytes: int) -> Arena:
        """Memory that programs there read and write. Raises DelegateError if there is not enough."""

    def load(self, program: Program, arena: Arena, offsets: Mapping[int, int]) -> Executable:
        """Make a program runnable between places in an arena, by tensor. Raises DelegateError."""

    def close(self) -> None:
        """Give the device back. May be called twice."""


@runtime_checkable
class Sited(Protocol):
    """A delegate whose engine is at `site`, and may be put elsewhere; `space` is that of the site."""

    name: str
    space: str
    site: Site


class Near:
    """An engine that is called here, on host memory."""

    space = "host"

    def __init__(self, engine: Engine) -> None:
        """The engine is closed with this."""
        self._engine = engine
        self.restarts = Restarts()

    def here(self) -> str:
        """What the device is. Raises DelegateError."""
        return self._engine.here()

    def allocate(self, nbytes: int) -> HostArena:
        """Host memory."""
        return HostArena(nbytes)

    def load(self, program: Program, arena: Arena, offsets: Mapping[int, int]) -> EngineExecutable:
        """Load it into the engine. Raises DelegateError."""
        assert isinstance(arena, HostArena)
        inputs, outputs = (
            [arena.view(offsets[t], port.shape, port.dtype) for t, port in ports.items()]
            for ports in (program.inputs, program.outputs)
        )
        ports = ([*kind.values()] for kind in (program.inputs, program.outputs, program.variables))
        return EngineExecutable(self._engine.load(program.content, *ports), inputs, outputs, program.variables)

    def close(self) -> None:
        """Give the device back."""
        self._engine.close()


class EngineExecutable:
    """A partition as a loaded program, between places in an arena of host memory."""

    holding: str | None = None

    def __init__(
        self,
        loaded: Loaded,
        inputs: Sequence[NDArray[Any]],
        outputs: Sequence[NDArray[Any]],
        variables: Mapping[int, Port] | None = None,
    ) -> None:
        """`inputs` and `outputs` are views of the arena, in the order of the program's ports."""
        self._loaded: Loaded | None = loaded
        self._inputs, self._outputs = tuple(inputs), tuple(outputs)
        self._variables = dict(variables or {})

    def run(self) -> None:
        """Run once. Raises DelegateError."""
        assert self._loaded is not None
        self._loaded.run(self._inputs, self._outputs)

    def state(self) -> Mapping[int, NDArray[Any]]:
        """A copy of each variable's value. Raises DelegateError."""
        if not self._variables:
            return {}
        found = {t: np.empty(port.shape, port.dtype) for t, port in self._variables.items()}
        cast(Stateful, self._loaded).state([*found.values()])
        return found

    def restore(self, state: Mapping[int, NDArray[Any]]) -> None:
        """Give its variables, where all are in `state`, these values. Raises DelegateError."""
        if self._variables and self._variables.keys() <= state.keys():
            cast(Stateful, self._loaded).restore([np.ascontiguousarray(state[t]) for t in self._variables])

    def reset_variables(self) -> None:
        """Set its variables back to their start. Raises DelegateError."""
        if self._variables:
            cast(Stateful, self._loaded).reset()

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
