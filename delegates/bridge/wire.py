"""Messages: a header of 16 bytes, a note in JSON, and bytes. Nothing is unpickled, and no claim of size is believed.

    header  kind u16, zero u16, bytes of the note u32, bytes that follow it u64, little-endian
    note    a JSON object in UTF-8, at most 64 KiB

The receiver looks at both sizes before it takes memory or reads on. What follows is read straight into its place.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, NoReturn

import numpy as np

from ...errors import BridgeCut, BridgeMalformed, BridgeTooLarge, BridgeUnreachable
from ..engine import Port

HEADER = struct.Struct("<HHIQ")
NOTE = 64 << 10  # bytes of a note
TOGETHER = 16 << 10  # bytes that are copied and sent at once, rather than message by message
TENSORS = 4096  # ports of a program, at the most
NUMBERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
TYPES = frozenset(
    ("bool", *NUMBERS, "float16", "float32", "float64", "complex64", "complex128")
)  # dtypes of tensors, by numpy's names

Note = Mapping[str, Any]
Buffer = Any  # bytes, or an array of them


class Kind(IntEnum):
    """Of a message; below 64 the client's, the rest the server's."""

    OPEN = 1  # {engine}; done: {device}
    ALLOCATE = 2  # {nbytes}; done: {}
    LOAD = 3  # {program, sha256, size, inputs, outputs, variables, block}; done: {have}
    PROGRAM = 4  # {program} and its bytes, where the server does not have them; done: {}
    UNLOAD = 5  # {program}; no answer
    WRITE = 6  # {at} and bytes; no answer
    RUN = 7  # {program, fetch}; done: {}, then data for each [at, nbytes] of fetch
    READ = 8  # {at, nbytes}; data
    PING = 9  # {}; done: {}
    STATE = 10  # {program}; data: the block in which its variables lie
    RESTORE = 11  # {program} and that block; done: {}
    RESET = 12  # {program}; done: {}
    DONE = 64
    DATA = 65  # {} and bytes
    FAILED = 66  # {error, message}: the device's (it may go on), or the client's own (the connection ends)


class Channel:
    """One end of a connection. Every wait for the other end is bounded by the socket's time-out."""

    def __init__(self, sock: socket.socket, peer: str) -> None:
        """`peer` names the other end in errors."""
        self.sock = sock
        self.peer = peer
        self._held = bytearray()

    def send(self, kind: Kind, note: Note | None = None, data: Buffer = b"", hold: bool = False) -> None:
        """Send a message; with `hold`, a small one goes together with the next, if nobody waits for it before.

        Raises BridgeCut, and BridgeUnreachable where the other end takes nothing in.
        """
        text = json.dumps(note or {}, separators=(",", ":")).encode()
        view = memoryview(data)
        self._held += HEADER.pack(kind, 0, len(text), view.nbytes) + text
        small = len(self._held) + view.nbytes <= TOGETHER
        if small:
            self._held += view
        if not (small and hold):
            self.put(self._held)
            self._held = bytearray()
            if not small:
                self.put(view)

    def put(self, data: Buffer) -> None:
        """Send bytes as they are."""
        left = memoryview(data)
        try:
            while left:
                left = left[self.sock.send(left) :]
        except OSError as error:
            self._lost(error, "took nothing in")

    def take(self, into: Buffer, what: str, end: float | None = None) -> None:
        """Fill a buffer. Raises BridgeCut where the connection ends before, and BridgeUnreachable after the time-out.

        By default each part of it has to come in time; with `end` (of time.monotonic) all of it.
        """
        left = memoryview(into)
        size = left.nbytes
        try:
            while left:
                if end is not None:
                    self.sock.settimeout(max(end - time.monotonic(), 1e-3))
                count = self.sock.recv_into(left)
                if not count:
                    got = size - left.nbytes
                    half = f" after {got} of the {size} bytes of {what}" if got or what != "a header" else ""
                    raise BridgeCut(f"{self.peer} closed the connection{half}")
                left = left[count:]
        except OSError as error:
            self._lost(error, f"sent nothing of {what}")

    def _lost(self, error: OSError, did: str) -> NoReturn:
        if isinstance(error, TimeoutError):
            raise BridgeUnreachable(f"{self.peer} {did} for {self.sock.gettimeout():g} s") from error
        raise BridgeCut(f"the connection to {self.peer} is gone: {error.strerror or error}") from error

    def head(self) -> tuple[Kind, Note, int]:
        """The next message up to its bytes: kind, note, and how many bytes follow. Raises BridgeMalformed besides."""
        raw = bytearray(HEADER.size)
        self.take(raw, "a header")
        number, zero, size, nbytes = HEADER.unpack(raw)
        if zero or number not in Kind.__members__.values():
            raise BridgeMalformed(f"{self.peer} sent what is no message (kind {number})")
        if size > NOTE:
            raise BridgeTooLarge(f"{self.peer} announced a note of {size} bytes; {NOTE} are allowed")
        text = bytearray(size)
        self.take(text, "a note")
        try:
            note = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BridgeMalformed(f"{self.peer} sent a note that is no JSON: {error}") from None
        if not isinstance(note, dict):
            raise BridgeMalformed(f"{self.peer} sent a note that is no JSON object")
        return Kind(number), note, nbytes

    def close(self) -> None:
        """End the connection. May be called twice."""
        self.sock.close()


def whole(note: Note, key: str, most: int) -> int:
    """A number from 0 to `most` out of a note. Raises BridgeMalformed, and BridgeTooLarge for a larger one."""
    value = note.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BridgeMalformed(f"{key} is no whole number")
    if value > most:
        raise BridgeTooLarge(f"{key} is {value}; at most {most} is allowed")
    return value


def text(note: Note, key: str, most: int = 4096) -> str:
    """A short text out of a note. Raises BridgeMalformed."""
    value = note.get(key)
    if not isinstance(value, str) or len(value) > most:
        raise BridgeMalformed(f"{key} is no text of at most {most} characters")
    return value


def options(note: Note) -> dict[str, str | int]:
    """What was said of an engine. Raises BridgeMalformed for what is not a few words and numbers by name."""
    value = note.get("options", {})
    if not isinstance(value, dict) or len(value) > 16:
        raise BridgeMalformed("options is no object of at most 16 members")
    for key, said in value.items():
        if not ((isinstance(said, str) and len(said) <= 256) or (type(said) is int and abs(said) < 1 << 31)):
            raise BridgeMalformed(f"option {key[:64]!r} is neither a short text nor a number")
    return value


Place = tuple[Port, int]  # a port, and the offset of its tensor in the arena


def written(places: Sequence[Place]) -> list[Any]:
    """Places as a note has them: name, shape, dtype and offset of each."""
    return [[port.name, list(port.shape), port.dtype.name, at] for port, at in places]


def places(note: Note, key: str, nbytes: int) -> list[Place]:
    """Places in an arena of `nbytes` bytes out of a note. Raises BridgeMalformed for what does not lie in there."""
    value = note.get(key)
    if not isinstance(value, list) or len(value) > TENSORS:
        raise BridgeMalformed(f"{key} is no list of at most {TENSORS} tensors")
    return [_place(entry, f"{key}[{k}]", nbytes) for k, entry in enumerate(value)]


def pairs(note: Note, key: str) -> list[tuple[int, int]]:
    """Pairs of an offset and a number of bytes out of a note. Raises BridgeMalformed."""
    value = note.get(key)
    if not isinstance(value, list) or len(value) > TENSORS:
        raise BridgeMalformed(f"{key} is no list of at most {TENSORS} pairs")
    for pair in value:
        whole_pair = isinstance(pair, list) and len(pair) == 2 and all(type(n) is int and n >= 0 for n in pair)
        if not whole_pair:
            raise BridgeMalformed(f"{key} holds what is no pair of an offset and a number of bytes")
    return [(at, nbytes) for at, nbytes in value]


def _place(entry: Any, what: str, nbytes: int) -> Place:
    match entry:
        case [str(name), list(shape), str(kind), int(at)] if kind in TYPES and at >= 0:
            dtype = np.dtype(kind)
        case _:
            raise BridgeMalformed(f"{what} is no tensor: [name, shape, dtype, offset]")
    size = dtype.itemsize
    for n in shape:
        if not isinstance(n, int) or isinstance(n, bool) or n < 0 or len(shape) > 32:
            raise BridgeMalformed(f"{what}: {name[:64]!r} has no such shape")
        size *= min(n, 1 << 40)
        size = min(size, 1 << 40)
    if at % dtype.itemsize or at + size > nbytes:
        raise BridgeMalformed(f"{what}: {name[:64]!r} does not lie in the arena of {nbytes} bytes")
    return Port(name, tuple(shape), dtype), at
