"""The child process: it holds one engine and does what it is told until the process that started it is gone."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...errors import DelegraphError
from ..engine import Engine, Loaded, Port, Stateful
from .memory import mapped
from .wire import receive, send

try:
    import fcntl
except ImportError:  # Windows, where no engine is in a child process yet
    fcntl = None  # type: ignore[assignment]

Place = list[Any]  # name, shape, dtype, arena, offset


def main(factory: str, options: dict[str, Any], commands: int, lifeline: int) -> None:
    """Serve an engine that `factory` ("module:function") makes of `options`, over the descriptor of a socket."""
    die_with(lifeline)
    module, _, name = factory.partition(":")
    with socket.socket(fileno=commands) as sock:
        Service(getattr(importlib.import_module(module), name)(**options)).serve(sock)


def die_with(lifeline: int) -> None:
    """Be killed when the other end of a pipe closes, even where native code hangs and holds Python's lock."""
    if not hasattr(fcntl, "F_SETSIG"):
        return  # then only where it waits for the next command
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC | os.O_NONBLOCK)
    try:
        os.read(lifeline, 1)
    except BlockingIOError:
        return
    sys.exit()  # it closed before anyone was told


@dataclass(frozen=True)
class Held:
    """A loaded program, its tensors in shared memory, and the arenas that these lie in."""

    loaded: Loaded
    inputs: list[NDArray[Any]]
    outputs: list[NDArray[Any]]
    variables: list[NDArray[Any]]
    arenas: frozenset[int]


class Service:
    """An engine, its programs by number, and the memory that is shared."""

    def __init__(self, engine: Engine) -> None:
        """Nothing is opened before it is asked for."""
        self._engine = engine
        self._programs: dict[int, Held] = {}
        self._arenas: dict[int, NDArray[np.uint8]] = {}

    def serve(self, sock: socket.socket) -> None:
        """Answer commands until the other end is gone."""
        while True:
            try:
                message, descriptors = receive(sock)
            except EOFError:
                break
            try:
                command: Callable[..., Any] = getattr(self, f"do_{message.pop('do')}")
                answer = {"ok": command(*descriptors, **message)}
            except DelegraphError as error:
                answer = {"error": type(error).__name__, "message": str(error)}
            except Exception as error:  # whatever a driver's binding raises is told, and the next command is heard
                answer = {"error": "DelegateError", "message": f"{type(error).__name__}: {error}"}
            finally:
                for fd in descriptors:
                    os.close(fd)
            send(sock, answer)
        for held in self._programs.values():
            held.loaded.close()
        self._engine.close()

    def do_here(self) -> str:
        """What the device is."""
        return self._engine.here()

    def do_load(
        self, content: int, *shared: int, program: int, nbytes: int, ports: list[list[Place]], arenas: list[list[int]]
    ) -> None:
        """Load a program that lies in memory of its own, and map the arenas that its tensors lie in."""
        made = [[Port(name, tuple(shape), np.dtype(dtype)) for name, shape, dtype, _, _ in kind] for kind in ports]
        loaded = self._engine.load(mapped(content, nbytes).tobytes(), *made)
        for fd, (number, size) in zip(shared, arenas, strict=True):
            if number not in self._arenas:
                self._arenas[number] = mapped(fd, size)
        inputs, outputs, variables = ([self._array(*place) for _, *place in kind] for kind in ports)
        used = frozenset(number for number, _ in arenas)
        self._programs[program] = Held(loaded, inputs, outputs, variables, used)

    def do_unload(self, program: int) -> None:
        """Unload a program, and let go of the arenas that no other needs."""
        held = self._programs.pop(program, None)
        if held is not None:
            held.loaded.close()
            used = frozenset[int]().union(*(other.arenas for other in self._programs.values()))
            self._arenas = {number: memory for number, memory in self._arenas.items() if number in used}

    def do_run(self, program: int) -> None:
        """Run a program once, and copy its variables out, for another child to go on with if this one dies."""
        held = self._programs[program]
        held.loaded.run(held.inputs, held.outputs)
        if held.variables:
            self.do_state(program)

    def do_state(self, program: int) -> None:
        """Copy variables out."""
        held = self._programs[program]
        cast(Stateful, held.loaded).state(held.variables)

    def do_restore(self, program: int) -> None:
        """Copy variables in."""
        held = self._programs[program]
        cast(Stateful, held.loaded).restore(held.variables)

    def do_reset(self, program: int) -> None:
        """Set variables back to their start."""
        cast(Stateful, self._programs[program].loaded).reset()

    def _array(self, shape: list[int], dtype: str, arena: int, offset: int) -> NDArray[Any]:
        kind = np.dtype(dtype)
        nbytes = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
        return self._arenas[arena][offset : offset + nbytes].view(kind).reshape(shape)
