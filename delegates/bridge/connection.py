"""The client's end: dialling with back-off, and one connection with what is under way on it."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import errors
from ...errors import BridgeError, BridgeMalformed, DelegateError
from ..engine import Program
from .address import Address
from .handshake import introduce
from .wire import Channel, Kind, Note, Place, written

FIRST, LONGEST = 0.1, 10.0  # seconds until it is dialled again after a failure, and what that doubles up to
LONGER = 4  # times the usual silence while a device is opened or a program loaded, which some compile then
DIALLING = 5.0  # seconds until somebody answers, at the most

Span = tuple[int, int]  # bytes of an arena: offset, count


@dataclass
class Dialer:
    """How to reach one engine behind a bridge. Where that fails it is not tried again at once, whoever asks."""

    address: Address
    engine: str
    options: Mapping[str, str | int]  # for the engine
    secret: bytes
    timeout: float  # seconds of silence, the device's work included
    _failures: int = 0
    _not_before: float = 0.0
    _problem: BridgeError | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def dial(self) -> tuple[Connection, str]:
        """A connection on which the engine is open, and what its device is. Raises BridgeError and DelegateError."""
        with self._lock:
            left = self._not_before - time.monotonic()
            if self._problem is not None and left > 0:
                raise type(self._problem)(f"{self._problem}; tried again in {left:.1f} s")
            try:
                made = self._dial()
            except BridgeError as problem:
                self._failures += 1
                delay = min(FIRST * 2.0 ** (self._failures - 1), LONGEST) * random.uniform(0.5, 1.0)
                self._not_before, self._problem = time.monotonic() + delay, problem
                raise
            self._failures, self._problem = 0, None
            return made

    def _dial(self) -> tuple[Connection, str]:
        sock = self.address.connect(min(self.timeout, DIALLING))
        try:
            channel = Channel(sock, f"the bridge at {self.address}")
            introduce(channel, self.secret, min(self.timeout, DIALLING))
            sock.settimeout(self.timeout)
            made = Connection(channel)
            return made, made.open(self.engine, self.options)
        except BaseException:
            sock.close()
            raise


class Connection:
    """Requests in order, each answered in order. A run is not waited for before something depends on it."""

    def __init__(self, channel: Channel) -> None:
        """Over a channel whose handshake is done."""
        self.channel = channel
        self._running = False  # whether a run is under way
        self._coming: deque[Span] = deque()  # what was fetched with it
        self._kept: dict[Span, NDArray[np.uint8]] = {}  # what came before it was read

    def ask(self, kind: Kind, note: Note, data: Any = b"") -> Note:
        """A request that is answered by a note. Raises BridgeError, and DelegateError with the other end's message."""
        self._settle()
        self.channel.send(kind, note, data)
        return self._answer()

    def _answer(self) -> Note:
        kind, note, nbytes = self.channel.head()
        if kind is Kind.FAILED:
            raise self._error(note)
        if kind is not Kind.DONE or nbytes:
            raise BridgeMalformed(f"{self.channel.peer} answered with {kind.name} and {nbytes} bytes")
        return note

    def _error(self, note: Note) -> DelegateError:
        """What the other end says went wrong."""
        known = getattr(errors, str(note.get("error", "")), None)
        kind = known if isinstance(known, type) and issubclass(known, BridgeError) else DelegateError
        return kind(f"{self.channel.peer}: {str(note.get('message', ''))[:4000]}")

    def open(self, engine: str, options: Mapping[str, str | int]) -> str:
        """Choose the device; what it is. Raises BridgeError, and DelegateError where it is not there."""
        with self._patience():
            return str(self.ask(Kind.OPEN, {"engine": engine, "options": dict(options)}).get("device", ""))

    def load(self, number: int, program: Program, places: Mapping[str, Sequence[Place]], block: int) -> None:
        """Bring a program there, its bytes only where they are not. Raises BridgeError and DelegateError.

        `places` are those of "inputs", "outputs" and, in a block of `block` bytes, "variables".
        """
        digest = hashlib.sha256(program.content).hexdigest()
        about = {"program": number, "sha256": digest, "size": len(program.content), "block": block}
        about |= {kind: written(some) for kind, some in places.items()}
        with self._patience():
            if self.ask(Kind.LOAD, about).get("have") is not True:
                self.channel.send(Kind.PROGRAM, {"program": number}, program.content)
                self._answer()

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """More of it than usual."""
        usual = self.channel.sock.gettimeout() or 0.0
        self.channel.sock.settimeout(usual * LONGER)
        try:
            yield
        finally:
            self.channel.sock.settimeout(usual)

    def unload(self, number: int) -> None:
        """Let go of a program."""
        self._settle()
        self.channel.send(Kind.UNLOAD, {"program": number})

    def write(self, at: int, data: NDArray[np.uint8]) -> None:
        """Put bytes into the arena there."""
        self._settle()
        self._forget([(at, data.nbytes)])
        self.channel.send(Kind.WRITE, {"at": at}, data, hold=True)

    def run(self, number: int, makes: Sequence[Span], fetch: Sequence[Span]) -> None:
        """Start a run of a program that writes the spans `makes`, of which those in `fetch` come by themselves."""
        self._settle()
        self._forget(makes)
        self.channel.send(Kind.RUN, {"program": number, "fetch": fetch})
        self._running, self._coming = True, deque(fetch)

    def read(self, at: int, out: NDArray[np.uint8]) -> None:
        """Bytes of the arena there. Raises DelegateError where the run before failed."""
        span = at, out.nbytes
        self.finish()
        while span in self._coming:
            came = self._coming.popleft()
            if came == span:
                return self._receive(out)
            self._kept[came] = np.empty(came[1], np.uint8)
            self._receive(self._kept[came])
        if span in self._kept:
            out[:] = self._kept.pop(span)
            return
        self._settle()
        self.channel.send(Kind.READ, {"at": at, "nbytes": out.nbytes})
        self._receive(out)

    def _receive(self, out: NDArray[np.uint8]) -> None:
        kind, note, nbytes = self.channel.head()
        if kind is Kind.FAILED:
            raise self._error(note)
        if kind is not Kind.DATA or nbytes != out.nbytes:
            raise BridgeMalformed(f"{self.channel.peer} sent {kind.name} and {nbytes} bytes, not {out.nbytes} of data")
        self.channel.take(out, "a tensor")

    def state(self, number: int, block: NDArray[np.uint8]) -> None:
        """The variables of a program, into the block in which they lie."""
        self._settle()
        self.channel.send(Kind.STATE, {"program": number})
        self._receive(block)

    def finish(self) -> None:
        """Wait for the run that is under way. Raises DelegateError where it failed."""
        if self._running:
            self._running = False
            try:
                self._answer()
            except BaseException:
                self._coming.clear()
                raise

    def wait(self) -> None:
        """Until all that was asked for is done."""
        if self._running:
            self.finish()
        elif not self._coming:
            self.ask(Kind.PING, {})

    def _settle(self) -> None:
        """Take in all that is on its way, so that neither end waits for the other to read."""
        self.finish()
        while self._coming:
            span = self._coming.popleft()
            self._kept[span] = np.empty(span[1], np.uint8)
            self._receive(self._kept[span])

    def _forget(self, spans: Sequence[Span]) -> None:
        """What is kept of bytes that are about to change."""
        self._kept = {
            (at, n): data
            for (at, n), data in self._kept.items()
            if not any(at < other + m and other < at + n for other, m in spans)
        }

    def close(self) -> None:
        """End it. May be called twice."""
        self.channel.close()
