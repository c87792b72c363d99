"""Isolated: the site of an engine in a child process, with which it shares the memory of tensors."""

from __future__ import annotations

import itertools
import logging
import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...buffers import Arena
from ...errors import DelegateError
from ..engine import EngineExecutable, Port, Program, Restarts
from .memory import SharedArena, mapped, reserve
from .process import Child, ended

STARTING = 60.0  # seconds until a device has to be open and a program loaded, whatever a run may take

log = logging.getLogger("delegraph")
_numbers = itertools.count(1)


class Isolated:
    """Has its child do everything, one thing after another; where the child is gone, the next use starts another.

    The arena that it allocates is shared memory, so a tensor is copied into it and is where the child reads it.
    """

    def __init__(self, name: str, factory: str, options: Mapping[str, Any], timeout: float) -> None:
        """`factory` ("module:function") makes the engine in there of `options`, which go as JSON.

        A run that takes longer than `timeout` seconds counts as hung. `name` is the space's, and stands in errors.
        """
        self.space = name
        self._factory, self._options = factory, dict(options)
        self.timeout = timeout
        self.busy = threading.RLock()  # held for as long as a question and its answer take
        self.restarts = Restarts()
        self._child: Child | None = None
        self._lost = ""  # what became of the child before, where that was not wanted
        self._owner = os.getpid()

    def child(self) -> Child:
        """The child as it is now, started if there is none. To be called while `busy` is held. Raises DelegateError."""
        if os.getpid() != self._owner:  # what a fork took along belongs to the parent
            self._owner, self._child, self._lost = os.getpid(), None, ""
        if self._child is None or not self._child.alive:
            if self._child is not None:
                self.lose(f"the child process {ended(self._child.code)}")
            self._child = Child(self.space, self._factory, self._options)
            lost, self._lost = self._lost, ""
            if lost:
                log.warning("%s: another child process was started (%d); before: %s", self.space, self._child.pid, lost)
                self.restarts.tell(self.space, f"another child process was started; before: {lost}")
        return self._child

    def lose(self, why: str) -> None:
        """Give the child up: the next use starts another, and tells it. To be called while `busy` is held."""
        self.close()
        self._lost = why

    @property
    def pid(self) -> int | None:
        """The child's process number; None where there is none."""
        return self._child.pid if self._child is not None and self._child.alive else None

    def here(self) -> str:
        """What the device is. Raises DelegateError."""
        with self.busy:
            return str(self.child().ask("here", max(STARTING, self.timeout)))

    def allocate(self, nbytes: int) -> SharedArena:
        """Memory that the child sees as well. Raises DelegateError if there is not enough."""
        return SharedArena(nbytes)

    def load(self, program: Program, arena: Arena, offsets: Mapping[int, int]) -> EngineExecutable:
        """Load it into the child's engine. Raises DelegateError."""
        assert isinstance(arena, SharedArena)
        loaded = InChild(self, program, arena, offsets)
        try:
            with self.busy:
                loaded.ready()
        except BaseException:
            loaded.close()
            raise
        return EngineExecutable(loaded, (), (), program.variables)

    def close(self) -> None:
        """End the child."""
        with self.busy:
            if self._child is not None:
                self._child.close()
            self._child, self._lost = None, ""


class InChild:
    """A program that the child has loaded, and that each child after it loads again."""

    def __init__(self, site: Isolated, program: Program, arena: SharedArena, offsets: Mapping[int, int]) -> None:
        """Its bytes are put where the child can read them. Raises DelegateError."""
        self._site, self._arena = site, arena
        self._number = next(_numbers)
        variables = program.variables
        ends = itertools.accumulate((_padded(port) for port in variables.values()), initial=0)
        self._offsets = dict(zip(variables, ends, strict=False))
        self._variables = SharedArena(sum(map(_padded, variables.values())))
        self._ports = [
            [(port.name, port.shape, port.dtype.str, at.number, places[t]) for t, port in ports.items()]
            for ports, at, places in (
                (program.inputs, arena, offsets),
                (program.outputs, arena, offsets),
                (variables, self._variables, self._offsets),
            )
        ]
        self._nbytes = len(program.content)
        self._content = reserve(self._nbytes)
        mapped(self._content, self._nbytes)[:] = np.frombuffer(program.content, np.uint8)
        self._closed = weakref.finalize(self, os.close, self._content)
        self._child: Child | None = None
        self._remembered = False  # whether the variables' memory here holds what the last run left in them

    def ready(self) -> Child:
        """The child, with this program loaded and what it remembers. To be called while the site is busy with it.

        Raises DelegateError.
        """
        child = self._site.child()
        if child is not self._child:
            memory = self._arena, self._variables
            told = {"nbytes": self._nbytes, "ports": self._ports, "arenas": [(a.number, a.nbytes) for a in memory]}
            descriptors = [self._content, *(a.fd for a in memory)]
            child.ask("load", max(STARTING, self._site.timeout), descriptors, program=self._number, **told)
            if self._remembered:
                child.ask("restore", self._site.timeout, program=self._number)
            self._child = child
        return child

    def run(self, inputs: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]]) -> None:
        """Run once, on what lies in the arena. Raises DelegateError."""
        with self._site.busy:
            try:
                self._ask("run")
            except DelegateError as error:
                self._site.lose(str(error))  # a driver that lost its device does not find it again: the next one's does
                raise
            self._remembered = bool(self._offsets)

    def state(self, values: Sequence[NDArray[Any]]) -> None:
        """Copy the variables' values out. Raises DelegateError."""
        if not self._remembered:
            self._ask("state")
        for value, offset in zip(values, self._offsets.values(), strict=True):
            self._variables.read(offset, value)

    def restore(self, values: Sequence[NDArray[Any]]) -> None:
        """Give the variables these values. Raises DelegateError."""
        for value, offset in zip(values, self._offsets.values(), strict=True):
            self._variables.write(offset, value)
        self._ask("restore")
        self._remembered = True

    def reset(self) -> None:
        """Set the variables back to their start. Raises DelegateError."""
        self._ask("reset")
        self._remembered = False

    def _ask(self, what: str) -> None:
        with self._site.busy:
            self.ready().ask(what, self._site.timeout, program=self._number)

    def close(self) -> None:
        """Unload it, where the child is still there. May be called twice."""
        with self._site.busy:
            child, self._child = self._child, None
            if child is not None and child.alive:
                with suppress(DelegateError):
                    child.ask("unload", self._site.timeout, program=self._number)
            self._variables.close()
            self._closed()


def _padded(port: Port) -> int:
    return -(-port.nbytes // 64) * 64
