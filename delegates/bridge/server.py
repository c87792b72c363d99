"""The server: lends engines to clients, a thread each. A connection is one arena, and the programs that work on it."""

from __future__ import annotations

import hashlib
import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...buffers import HostArena
from ...errors import BridgeError, BridgeMalformed, BridgeTooLarge, DelegateError
from ..engine import Engine
from . import wire
from .address import Address
from .handshake import greet
from .lent import Book, Budget, Device, Key, Lent, room
from .secret import check_secret
from .wire import Channel, Kind, Note, whole

log = logging.getLogger("delegraph.bridge")

PROGRAMS = 256  # of one client
EXTRA = 8  # connections beyond the clients' that may be on their way in
GRACE = 5.0  # seconds that a device gets to finish what it is at when the server ends
FAR = 1 << 62  # what no offset reaches


@dataclass(frozen=True)
class Limits:
    """What a server gives to its clients: bytes in all, of one program, of programs kept unused; clients; seconds."""

    memory: int = 1 << 30
    program: int = 256 << 20
    kept: int = 256 << 20
    clients: int = 16
    handshake: float = 5.0  # for all of it
    silence: float = 30.0  # within a message


LIMITS = Limits()


class Server:
    """Listens from when it is made; `serve` accepts until `close`, from another thread or a signal, ends it."""

    def __init__(
        self,
        address: Address,
        engines: Mapping[str, Callable[[], Engine]],
        secret: str | bytes | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        """Lend `engines` by name. Raises ValueError for a secret that is missing or too short, OSError.

        Only a bridge that no other machine can reach may do without a secret.
        """
        self._secret = check_secret(secret)
        if not self._secret and not address.private:
            raise ValueError(f"a bridge at {address} can be reached from other machines: it needs a secret")
        self._limits = limits
        self._budget = Budget(limits.memory)
        self._lent = Lent(engines, self._budget, limits.kept)
        self._visits: dict[Visit, threading.Thread] = {}
        self._lock = threading.Lock()
        self._closing = False
        self._listener = address.listen()
        self.address = address if address.path else Address(address.host, self._listener.getsockname()[1])
        self._wake, self._woken = socket.socketpair()

    @property
    def clients(self) -> int:
        """How many connections there are."""
        with self._lock:
            return len(self._visits)

    def serve(self) -> None:
        """Accept clients until `close` is called; then end every connection and give the devices back."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            self._listener.setblocking(False)
            while not self._closing:
                if any(key.fileobj is self._listener for key, _ in selector.select()):
                    with suppress(OSError):  # who has gone again meanwhile; too many files, which passes
                        self._accept(*self._listener.accept())
        self._end()

    def close(self) -> None:
        """Make `serve` return. May be called twice, from a signal handler too."""
        self._closing = True
        with suppress(OSError):
            self._wake.send(b"\0")

    def _accept(self, sock: socket.socket, where: Any) -> None:
        peer = f"{where[0]} port {where[1]}" if isinstance(where, tuple) else "a local client"
        if self.clients >= self._limits.clients + EXTRA:
            sock.close()
            return
        if sock.family != getattr(socket, "AF_UNIX", None):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a peer whose cable was pulled says no goodbye
        sock.settimeout(self._limits.silence)
        visit = Visit(Channel(sock, peer), self._lent, self._budget, self._limits)
        thread = threading.Thread(target=self._attend, args=(visit,), name=f"bridge {peer}", daemon=True)
        with self._lock:
            self._visits[visit] = thread
        thread.start()

    def _attend(self, visit: Visit) -> None:
        peer = visit.channel.peer
        try:
            full = self.clients > self._limits.clients
            if greet(visit.channel, self._secret, full, self._limits.handshake):
                log.info("%s came", peer)
                visit.stay()
            else:
                log.warning("%s was turned away: another version, another secret, or too many clients", peer)
        except BridgeError as error:
            log.log(logging.INFO if visit.left else logging.WARNING, "%s", error)
        except Exception:
            log.exception("a fault while serving %s", peer)
        finally:
            visit.close()
            with self._lock:
                self._visits.pop(visit, None)

    def _end(self) -> None:
        self._listener.close()
        if self.address.path:
            with suppress(OSError):
                os.unlink(self.address.path)
        with self._lock:
            visits = dict(self._visits)
        for visit in visits:
            visit.hang_up()
        end = time.monotonic() + GRACE
        for thread in visits.values():
            thread.join(max(end - time.monotonic(), 0.0))
        if any(thread.is_alive() for thread in visits.values()):
            log.warning("a device is still at work after %g s: it is left as it is", GRACE)
        else:
            self._lent.close()
        self._wake.close()
        self._woken.close()


@dataclass
class Placed:
    """A client's program: the places of its tensors, by offset and size too."""

    device: Device
    book: Book
    inputs: list[NDArray[Any]]
    outputs: list[NDArray[Any]]

    def run(self) -> float:
        """Run once; the seconds that it took. Raises DelegateError."""
        start = time.perf_counter()
        self.device.run(self.book, lambda: self.book.loaded.run(self.inputs, self.outputs))
        return time.perf_counter() - start


@dataclass(frozen=True)
class Announced:
    """A program that a client wants to use: its number, SHA-256 and size, and the places of its tensors."""

    number: int
    digest: str
    nbytes: int
    inputs: list[wire.Place]
    outputs: list[wire.Place]

    @property
    def key(self) -> Key:
        """What it is, whoever uses it."""
        return self.digest, tuple(port for port, _ in self.inputs), tuple(port for port, _ in self.outputs)


@dataclass(eq=False)
class Visit:
    """One client's connection: what it opened, its arena and its programs."""

    channel: Channel
    lent: Lent
    budget: Budget
    limits: Limits
    left: bool = False  # whether it went between two messages
    device: Device | None = None
    arena: HostArena | None = None
    programs: dict[int, Placed] = field(default_factory=dict)
    awaited: Announced | None = None

    def stay(self) -> None:
        """Answer messages until the client goes. Raises BridgeError where it breaks the protocol, having told it."""
        answers = {
            Kind.OPEN: self._open, Kind.ALLOCATE: self._allocate, Kind.LOAD: self._load, Kind.PROGRAM: self._program,
            Kind.UNLOAD: self._unload, Kind.WRITE: self._write, Kind.RUN: self._run, Kind.READ: self._read,
            Kind.PING: self._ping,
        }  # fmt: skip
        while True:
            self.left = True
            self._pause()
            kind, note, nbytes = self.channel.head()
            self.left = False
            try:
                if kind not in answers:
                    raise BridgeMalformed(f"{self.channel.peer} sent {kind.name}, which only a server does")
                if nbytes and kind not in (Kind.WRITE, Kind.PROGRAM):
                    raise BridgeTooLarge(
                        f"{self.channel.peer} announced {nbytes} bytes behind {kind.name}; none belong there"
                    )
                answers[kind](note, nbytes)
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

    def _open(self, note: Note, nbytes: int) -> None:
        if self.device is not None:
            raise BridgeMalformed("a connection opens one device")
        device = self.lent.device(wire.text(note, "engine", 64))
        detail = device.here()
        self.device = device
        self.channel.send(Kind.DONE, {"device": detail})

    def _allocate(self, note: Note, nbytes: int) -> None:
        if self.device is None or self.arena is not None:
            raise BridgeMalformed("a connection has one arena, after it opened a device")
        wanted = whole(note, "nbytes", FAR)
        self.budget.take(wanted, "an arena")
        try:
            self.arena = HostArena(wanted)
        except MemoryError:
            self.budget.give(wanted)
            raise BridgeTooLarge(f"there is no memory for an arena of {wanted} bytes") from None
        self.channel.send(Kind.DONE)

    def _held(self) -> tuple[Device, HostArena]:
        if self.device is None or self.arena is None:
            raise BridgeMalformed("there is no arena yet")
        return self.device, self.arena

    def _load(self, note: Note, nbytes: int) -> None:
        device, arena = self._held()
        number, size = whole(note, "program", PROGRAMS - 1), whole(note, "size", self.limits.program)
        inputs, outputs = (wire.places(note, key, arena.nbytes) for key in ("inputs", "outputs"))
        if number in self.programs or self.awaited is not None:
            raise BridgeMalformed(f"program {number} is there already, or another is awaited")
        announced = Announced(number, wire.text(note, "sha256", 64), size, inputs, outputs)
        book = device.borrow(announced.key)
        if book is None:
            self.awaited = announced
        else:
            self._place(announced, book)
        self.channel.send(Kind.DONE, {"have": book is not None})

    def _place(self, program: Announced, book: Book) -> None:
        """Take a program in, between its places."""
        device, arena = self._held()
        inputs, outputs = (
            [arena.view(at, port.shape, port.dtype) for port, at in places]
            for places in (program.inputs, program.outputs)
        )
        self.programs[program.number] = Placed(device, book, inputs, outputs)

    def _program(self, note: Note, nbytes: int) -> None:
        device, _ = self._held()
        awaited, self.awaited = self.awaited, None
        if awaited is None or (whole(note, "program", FAR), nbytes) != (awaited.number, awaited.nbytes):
            raise BridgeMalformed(f"{self.channel.peer} sent {nbytes} bytes of a program that was not announced so")
        with room(self.budget, nbytes, "a program"):
            content = bytearray(nbytes)
            self.channel.take(content, "a program")
            if hashlib.sha256(content).hexdigest() != awaited.digest:
                raise BridgeMalformed("a program is not the one that was announced: its SHA-256 differs")
            book = device.load(awaited.key, bytes(content))
        self._place(awaited, book)
        self.channel.send(Kind.DONE)

    def _unload(self, note: Note, nbytes: int) -> None:
        placed = self.programs.pop(whole(note, "program", FAR), None)
        if placed is not None:
            placed.device.give_back(placed.book)

    def _within(self, at: int, nbytes: int) -> NDArray[np.uint8]:
        """Bytes of the arena. Raises BridgeMalformed where they do not lie in it."""
        _, arena = self._held()
        if at + nbytes > arena.nbytes:
            raise BridgeTooLarge(f"{nbytes} bytes at {at} do not lie in the arena of {arena.nbytes} bytes")
        return arena.view(at, (nbytes,), np.dtype(np.uint8))

    def _write(self, note: Note, nbytes: int) -> None:
        self.channel.take(self._within(whole(note, "at", FAR), nbytes), "a tensor")

    def _read(self, note: Note, nbytes: int) -> None:
        self.channel.send(Kind.DATA, {}, self._within(whole(note, "at", FAR), whole(note, "nbytes", FAR)))

    def _run(self, note: Note, nbytes: int) -> None:
        placed = self.programs.get(whole(note, "program", FAR))
        fetch = note.get("fetch")
        if placed is None or not isinstance(fetch, list) or len(fetch) > wire.TENSORS:
            raise BridgeMalformed("a run names a program that is loaded, and what to fetch")
        parts = [self._within(*self._pair(pair)) for pair in fetch]
        self.channel.send(Kind.DONE, {"seconds": placed.run()})
        for part in parts:
            self.channel.send(Kind.DATA, {}, part)

    @staticmethod
    def _pair(pair: Any) -> tuple[int, int]:
        match pair:
            case [int(at), int(nbytes)] if 0 <= at < FAR and 0 <= nbytes < FAR:
                return at, nbytes
        raise BridgeMalformed("what to fetch is told as [offset, bytes]")

    def _ping(self, note: Note, nbytes: int) -> None:
        self.channel.send(Kind.DONE)

    def hang_up(self) -> None:
        """End the connection, from another thread: whoever waits at it wakes up."""
        with suppress(OSError):
            self.channel.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give back all that the client had."""
        self.channel.close()
        for placed in self.programs.values():
            placed.device.give_back(placed.book)
        self.programs = {}
        if self.arena is not None:
            self.budget.give(self.arena.nbytes)
            self.arena.close()
            self.arena = None
