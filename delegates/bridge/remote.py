"""The far site: an engine behind a bridge, with memory there that a plan's transfers reach."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...buffers import Arena, HostArena
from ...errors import BridgeCut, BridgeError, DelegateError
from ..base import Link, Rates
from ..engine import Program, Restarts
from .address import parse_address
from .connection import Connection, Dialer, Span
from .secret import SECRET, check_secret
from .wire import Kind

TIMEOUT = 30.0  # seconds of silence after which the other end counts as gone
# Until it is measured: USB 2.0 through adb, or a good wireless network.
LINK = Link(3e7, 2e-5)
ROUND_TRIP = 1e-3


def over_a_bridge(rates: Rates) -> Rates:
    """The rates of a device, as they are guessed to be from the other end of a bridge."""
    return replace(rates, run=rates.run + ROUND_TRIP, upload=LINK, download=LINK, source="guessed")


class Far:
    """The site of an engine behind a bridge. Nothing is connected before it is needed."""

    def __init__(
        self,
        uri: str,
        engine: str,
        space: str,
        secret: str | bytes | None = None,
        timeout: float = TIMEOUT,
        options: Mapping[str, str | int] = MappingProxyType({}),
    ) -> None:
        """`space` is the name of the delegate's space, `options` are for the engine there.

        `secret` is the bridge's, that of $DELEGRAPH_BRIDGE_SECRET where it is None. `timeout` is how many seconds the
        other end may be silent, which includes one run of the device. Raises ValueError for no address, a secret that
        is too short, or no such time.
        """
        if not timeout > 0:
            raise ValueError(f"timeout is a number of seconds above 0, not {timeout!r}")
        self.space = space
        secret = os.environ.get(SECRET) if secret is None else secret
        self.dialer = Dialer(parse_address(uri), engine, dict(options), check_secret(secret), timeout)
        self.restarts = Restarts()
        self._known: str | None = None

    def here(self) -> str:
        """What the device there is; asked again only after something went wrong. Raises DelegateError."""
        if self._known is None:
            connection, self._known = self.dialer.dial()
            connection.close()
        return self._known

    def allocate(self, nbytes: int) -> FarArena:
        """Memory there, over a connection of its own, so that several frames do not wait for each other's copies."""
        return FarArena(self, nbytes)

    def load(self, program: Program, arena: Arena, offsets: Mapping[int, int]) -> FarExecutable:
        """Bring a program to the arena's connection. Raises DelegateError."""
        assert isinstance(arena, FarArena)
        return arena.load(program, offsets)

    def connect(self) -> Connection:
        """A new connection. Raises DelegateError."""
        connection, self._known = self.dialer.dial()
        return connection

    def doubt(self) -> None:
        """Something went wrong: ask again before the device counts as here."""
        self._known = None

    def close(self) -> None:
        """Nothing is held: connections belong to arenas."""


class FarArena:
    """Memory behind a bridge. Where the connection is lost, so are its contents: the next write makes another one."""

    def __init__(self, far: Far, nbytes: int) -> None:
        """Reserve `nbytes` bytes there. Raises DelegateError."""
        self.nbytes = nbytes
        self._far = far
        self._lock = threading.RLock()
        self._numbers = itertools.count()
        self._loaded: dict[int, FarExecutable] = {}
        self._makers: dict[Span, FarExecutable] = {}  # who wrote what last, of that which programs write
        self._link: Connection | None = None
        self._cut = False  # whether there was a connection that is lost
        self._closed = False
        self.do(lambda link: None, connect=True)

    def do(self, action: Callable[[Connection], object], connect: bool = False) -> None:
        """Do something over the connection, which is given up where it may be out of step. Raises DelegateError."""
        with self._lock:
            if self._closed:
                raise BridgeCut("this memory was given back")
            if self._link is None and not connect:
                raise BridgeCut(f"the connection to {self._far.dialer.address} was lost, and what was there with it")
            try:
                if self._link is None:
                    self._connect()
                assert self._link is not None
                action(self._link)
            except BaseException as error:  # a Ctrl-C may have come in the middle of a message
                if isinstance(error, BridgeError) or not isinstance(error, DelegateError):
                    self._give_up()
                self._far.doubt()
                raise

    def _connect(self) -> None:
        self._link = self._far.connect()
        self._link.ask(Kind.ALLOCATE, {"nbytes": self.nbytes})
        for executable in self._loaded.values():
            executable.bring(self._link)
        if self._cut:
            self._far.restarts.tell(self._far.space, f"connected to {self._far.dialer.address} again, after it was cut")
        self._cut = False

    def _give_up(self) -> None:
        if self._link is not None:
            self._link.close()
            self._cut = True
        self._link = None
        self._makers = {}

    def write(self, offset: int, data: NDArray[Any]) -> None:
        """Copy a C-contiguous host array in, at a byte offset. Raises DelegateError."""
        raw = data.reshape(-1).view(np.uint8)
        self.do(lambda link: link.write(offset, raw), connect=True)

    def read(self, offset: int, out: NDArray[Any]) -> None:
        """Copy bytes out into a C-contiguous host array. Raises DelegateError."""
        span = offset, out.nbytes
        with self._lock:
            if span in self._makers:
                self._makers[span].wanted.add(span)
            self.do(lambda link: link.read(offset, out.reshape(-1).view(np.uint8)))

    def wait(self) -> None:
        """Until all that was asked of the other end is done. Raises DelegateError."""
        self.do(lambda link: link.wait())

    def load(self, program: Program, offsets: Mapping[int, int]) -> FarExecutable:
        """A program between places in here. Raises DelegateError."""
        executable = FarExecutable(self, next(self._numbers), program, offsets)
        self.do(executable.bring, connect=True)
        self._loaded[executable.number] = executable
        return executable

    def run(self, executable: FarExecutable) -> None:
        """Run a program. Raises DelegateError."""
        with self._lock:
            self.do(executable.start, connect=not executable.fed)
            self._makers.update(dict.fromkeys(executable.makes, executable))

    def unload(self, executable: FarExecutable) -> None:
        """Let go of a program; that the connection is lost does not matter then."""
        if self._loaded.pop(executable.number, None) is not None and self._link is not None:
            with suppress(BridgeError):
                self.do(lambda link: link.unload(executable.number))

    def close(self) -> None:
        """Give the memory back, and with it the connection."""
        with self._lock:
            self._give_up()
            self._closed = True


class FarExecutable:
    """A program behind a bridge. Outputs that were read after a run come by themselves with the next."""

    holding: str | None = None

    def __init__(self, arena: FarArena, number: int, program: Program, offsets: Mapping[int, int]) -> None:
        """Number `number` on the connection of `arena`."""
        self.number = number
        self._arena, self._program = arena, program
        ends = itertools.accumulate((-(-port.nbytes // 64) * 64 for port in program.variables.values()), initial=0)
        *starts, self._block = ends
        self._variables = dict(zip(program.variables, starts, strict=True))
        self._places = {
            "inputs": [(port, offsets[t]) for t, port in program.inputs.items()],
            "outputs": [(port, offsets[t]) for t, port in program.outputs.items()],
            "variables": [(port, self._variables[t]) for t, port in program.variables.items()],
        }
        self.makes: list[Span] = [(at, port.nbytes) for port, at in self._places["outputs"]]
        self.wanted: set[Span] = set()
        self._tried = self._brought = self._lost = False

    @property
    def fed(self) -> bool:
        """Whether it reads anything that has to be written first."""
        return bool(self._program.inputs)

    def bring(self, link: Connection) -> None:
        """Load it over a connection; over a second one its variables begin anew, which must not go unseen."""
        link.load(self.number, self._program, self._places, self._block)
        self._lost = self._brought and bool(self._variables)
        self._brought, self._tried = True, False

    def start(self, link: Connection) -> None:
        """Ask for a run. The first is waited for, so that what cannot run at all fails by itself, not what reads it."""
        self._check()
        link.run(self.number, self.makes, [span for span in self.makes if span in self.wanted])
        self.wanted = set()
        if not self._tried:
            link.finish()
            self._tried = True

    def _check(self) -> None:
        if self._lost:
            raise DelegateError(
                "what these ops remember was lost with the connection to the bridge; reset_all_variables() begins anew"
            )

    def run(self) -> None:
        """Run once. Raises DelegateError."""
        self._arena.run(self)

    def state(self) -> Mapping[int, NDArray[Any]]:
        """A copy of each variable's value. Raises DelegateError."""
        if not self._variables:
            return {}
        block = HostArena(self._block)

        def ask(link: Connection) -> None:
            self._check()
            link.state(self.number, block.view(0, (self._block,), np.dtype(np.uint8)))

        self._arena.do(ask)
        ports = self._program.variables
        return {t: block.view(at, ports[t].shape, ports[t].dtype) for t, at in self._variables.items()}

    def restore(self, state: Mapping[int, NDArray[Any]]) -> None:
        """Give its variables, where all are in `state`, these values. Raises DelegateError."""
        if not self._variables or not self._variables.keys() <= state.keys():
            return
        block = HostArena(self._block)
        for t, at in self._variables.items():
            block.write(at, np.ascontiguousarray(state[t]))
        raw = block.view(0, (self._block,), np.dtype(np.uint8))
        self._begin_anew(lambda link: link.ask(Kind.RESTORE, {"program": self.number}, raw))

    def reset_variables(self) -> None:
        """Set its variables back to their start. Raises DelegateError."""
        if self._variables:
            self._begin_anew(lambda link: link.ask(Kind.RESET, {"program": self.number}))

    def _begin_anew(self, action: Callable[[Connection], object]) -> None:
        self._arena.do(action, connect=True)
        self._lost = False

    def suspend(self) -> None:
        """Let go of it: the other end keeps its bytes for a while."""
        self.close()

    def take_over(self, former: Any) -> None:
        """There are no resources."""

    def close(self) -> None:
        """Let go of it."""
        self._arena.unload(self)
