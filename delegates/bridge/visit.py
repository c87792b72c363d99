"""What a server does for one client. A connection is one arena, and the programs that work on it."""

from __future__ import annotations

import hashlib
import itertools
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...buffers import HostArena
from ...errors import BridgeError, BridgeMalformed, BridgeTooLarge, DelegateError
from ..base import Executable
from ..engine import Program
from . import wire
from .lent import Budget, Device, Lent, Store
from .wire import Channel, Kind, Note, whole

PROGRAMS = 4096  # of one client
FAR = 1 << 62  # what no offset reaches


@dataclass(frozen=True)
class Limits:
    """What a server gives to its clients: bytes in all, of one program, of programs that are kept; clients; seconds."""

    memory: int = 1 << 30
    program: int = 256 << 20
    kept: int = 256 << 20
    clients: int = 16
    handshake: float = 5.0  # for all of it
    silence: float = 30.0  # within a message


LIMITS = Limits()


@dataclass(frozen=True)
class Announced:
    """A program that a client wants to use: its number, SHA-256 and size, and the places of its tensors.

    Those of variables are in a block of their own, of `block` bytes, in which all are told at once.
    """

    number: int
    digest: str
    nbytes: int
    inputs: list[wire.Place]
    outputs: list[wire.Place]
    variables: list[wire.Place]
    block: int


@dataclass
class Placed:
    """A client's program, which is loaded; its variables by the keys that the executable has for them."""

    executable: Executable
    variables: Mapping[int, wire.Place]
    block: int


@dataclass(eq=False)
class Visit:
    """One client's connection: what it opened, its arena and its programs."""

    channel: Channel
    lent: Lent
    store: Store
    budget: Budget
    limits: Limits
    left: bool = False  # whether it went between two messages
    device: Device | None = None
    arena: HostArena | None = None
    programs: dict[int, Placed] = field(default_factory=dict)
    awaited: Announced | None = None

    def stay(self) -> None:
        """Answer messages until the client goes. Raises BridgeError where it breaks the protocol, having told it."""
        while True:
            self.left = True
            self._pause()
            try:
                kind, note, nbytes = self.channel.head()
                self.left = False
                if nbytes and kind not in WITH_BYTES:
                    raise BridgeTooLarge(f"{nbytes} bytes were announced behind {kind.name}, where none belong")
                ANSWERS.get(kind, Visit._stray)(self, note, nbytes)
            except BridgeError as error:
                with suppress(BridgeError):
                    self._failed(error)
                raise
            except DelegateError as error:
                self._failed(error)

    def _pause(self) -> None:
        """Wait for the next message, for as long as it takes."""
        self.channel.sock.settimeout(None)
        with suppress(OSError):  # reading the message says so
            self.channel.sock.recv(1, socket.MSG_PEEK)
        self.channel.sock.settimeout(self.limits.silence)

    def _failed(self, error: DelegateError) -> None:
        self.channel.send(Kind.FAILED, {"error": type(error).__name__, "message": str(error)[:2000]})

    def _stray(self, note: Note, nbytes: int) -> None:
        raise BridgeMalformed("that is a message of the server's")

    def open(self, note: Note, nbytes: int) -> None:
        """Choose the device."""
        if self.device is not None:
            raise BridgeMalformed("a connection opens one device")
        device = self.lent.device(wire.text(note, "engine", 64), wire.options(note))
        with device.calling() as site:
            detail = site.here()
        self.device = device
        self.channel.send(Kind.DONE, {"device": detail[:4096]})

    def allocate(self, note: Note, nbytes: int) -> None:
        """Make the arena."""
        if self.device is None or self.arena is not None:
            raise BridgeMalformed("a connection has one arena, after it opened a device")
        wanted = whole(note, "nbytes", FAR)
        self.budget.take(wanted, "an arena")
        try:
            with self.device.calling() as site:
                arena = site.allocate(wanted)
            assert isinstance(arena, HostArena)  # what a server lends works on host memory
            self.arena = arena
        except BaseException:
            self.budget.give(wanted)
            raise
        self.channel.send(Kind.DONE)

    def _held(self) -> tuple[Device, HostArena]:
        if self.device is None or self.arena is None:
            raise BridgeMalformed("there is no arena yet")
        return self.device, self.arena

    def load(self, note: Note, nbytes: int) -> None:
        """Take a program in, if its bytes are here; else they are the next message."""
        _, arena = self._held()
        number, size = whole(note, "program", PROGRAMS - 1), whole(note, "size", self.limits.program)
        if number in self.programs or self.awaited is not None:
            raise BridgeMalformed(f"program {number} is there already, or another is awaited")
        inputs, outputs = (wire.places(note, key, arena.nbytes) for key in ("inputs", "outputs"))
        block = whole(note, "block", self.limits.program)
        variables = wire.places(note, "variables", block)
        digest = wire.text(note, "sha256", 64)
        announced = Announced(number, digest, size, inputs, outputs, variables, block)
        content = self.store.get(digest)
        if content is None:
            self.awaited = announced
        else:
            self._place(announced, content)
        self.channel.send(Kind.DONE, {"have": content is not None})

    def program(self, note: Note, nbytes: int) -> None:
        """The bytes of the program that was announced."""
        awaited, self.awaited = self.awaited, None
        if awaited is None or (whole(note, "program", FAR), nbytes) != (awaited.number, awaited.nbytes):
            raise BridgeMalformed(f"{nbytes} bytes of a program came that was not announced so")
        with self.budget.room(nbytes, "a program"):
            raw = bytearray(nbytes)
            self.channel.take(raw, "a program")
            content = bytes(raw)
            if hashlib.sha256(content).hexdigest() != awaited.digest:
                raise BridgeMalformed("a program is not the one that was announced: its SHA-256 differs")
            self.store.put(awaited.digest, content)
            self._place(awaited, content)
        self.channel.send(Kind.DONE)

    def _place(self, program: Announced, content: bytes) -> None:
        """Load a program between its places. Raises DelegateError."""
        device, arena = self._held()
        numbers = itertools.count()
        inputs, outputs, variables = (
            {next(numbers): place for place in kind} for kind in (program.inputs, program.outputs, program.variables)
        )
        made = Program(content, *({k: port for k, (port, _) in kind.items()} for kind in (inputs, outputs, variables)))
        with device.calling() as site:
            executable = site.load(made, arena, {k: at for k, (_, at) in (inputs | outputs).items()})
        self.programs[program.number] = Placed(executable, variables, program.block)

    def _placed(self, note: Note) -> tuple[Device, Placed]:
        device, _ = self._held()
        placed = self.programs.get(whole(note, "program", FAR))
        if placed is None:
            raise BridgeMalformed("that program is not loaded")
        return device, placed

    def unload(self, note: Note, nbytes: int) -> None:
        """Let go of a program."""
        device, placed = self._placed(note)
        del self.programs[note["program"]]
        with device.calling():
            placed.executable.close()

    def _within(self, at: int, nbytes: int) -> NDArray[np.uint8]:
        """Bytes of the arena. Raises BridgeTooLarge where they do not lie in it."""
        _, arena = self._held()
        if at + nbytes > arena.nbytes:
            raise BridgeTooLarge(f"{nbytes} bytes at {at} do not lie in the arena of {arena.nbytes} bytes")
        return arena.view(at, (nbytes,), np.dtype(np.uint8))

    def write(self, note: Note, nbytes: int) -> None:
        """Put bytes into the arena."""
        self.channel.take(self._within(whole(note, "at", FAR), nbytes), "a tensor")

    def read(self, note: Note, nbytes: int) -> None:
        """Tell bytes of the arena."""
        self.channel.send(Kind.DATA, {}, self._within(whole(note, "at", FAR), whole(note, "nbytes", FAR)))

    def run(self, note: Note, nbytes: int) -> None:
        """Run a program, and tell what it made, as far as that is asked for."""
        device, placed = self._placed(note)
        parts = [self._within(*pair) for pair in wire.pairs(note, "fetch")]
        with device.calling():
            placed.executable.run()
        self.channel.send(Kind.DONE, hold=bool(parts))
        for part in parts:
            self.channel.send(Kind.DATA, {}, part, hold=part is not parts[-1])

    def state(self, note: Note, nbytes: int) -> None:
        """Tell the values of a program's variables."""
        device, placed = self._placed(note)
        with self.budget.room(placed.block, "variables"):
            block = HostArena(placed.block)
            with device.calling():
                values = placed.executable.state()
            for key, (_, at) in placed.variables.items():
                block.write(at, np.ascontiguousarray(values[key]))
            self.channel.send(Kind.DATA, {}, block.view(0, (block.nbytes,), np.dtype(np.uint8)))

    def restore(self, note: Note, nbytes: int) -> None:
        """Give a program's variables values."""
        device, placed = self._placed(note)
        if nbytes != placed.block:
            raise BridgeMalformed(f"the variables of that program take {placed.block} bytes, not {nbytes}")
        with self.budget.room(placed.block, "variables"):
            block = HostArena(placed.block)
            self.channel.take(block.view(0, (block.nbytes,), np.dtype(np.uint8)), "variables")
            with device.calling():
                values = {k: block.view(at, p.shape, p.dtype) for k, (p, at) in placed.variables.items()}
                placed.executable.restore(values)
        self.channel.send(Kind.DONE)

    def reset(self, note: Note, nbytes: int) -> None:
        """Set a program's variables back to their start."""
        device, placed = self._placed(note)
        with device.calling():
            placed.executable.reset_variables()
        self.channel.send(Kind.DONE)

    def ping(self, note: Note, nbytes: int) -> None:
        """Nothing but an answer."""
        self.channel.send(Kind.DONE)

    def hang_up(self) -> None:
        """End the connection, from another thread: whoever waits at it wakes up."""
        with suppress(OSError):
            self.channel.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give back all that the client had."""
        self.channel.close()
        if self.device is not None and self.programs:
            with self.device.calling():
                for placed in self.programs.values():
                    placed.executable.close()
        self.programs = {}
        if self.arena is not None:
            self.budget.give(self.arena.nbytes)
            self.arena.close()
            self.arena = None


WITH_BYTES = {Kind.WRITE, Kind.PROGRAM, Kind.RESTORE}
ANSWERS: Mapping[Kind, Callable[[Visit, Note, int], None]] = {
    Kind.OPEN: Visit.open,
    Kind.ALLOCATE: Visit.allocate,
    Kind.LOAD: Visit.load,
    Kind.PROGRAM: Visit.program,
    Kind.UNLOAD: Visit.unload,
    Kind.WRITE: Visit.write,
    Kind.RUN: Visit.run,
    Kind.READ: Visit.read,
    Kind.STATE: Visit.state,
    Kind.RESTORE: Visit.restore,
    Kind.RESET: Visit.reset,
    Kind.PING: Visit.ping,
}
