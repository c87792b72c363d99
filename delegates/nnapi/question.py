"""A question to a device: which of some programs' operations it takes, as bytes that travel as a program does."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from .program import InvalidProgram, Program, name_in

MAGIC = b"DGNQ"


def asks(content: bytes) -> bool:
    """Whether these bytes are a question."""
    return content[:4] == MAGIC


def question(device: str, about: Sequence[Program]) -> bytes:
    """What a device's feature level is, and which operations of these programs it takes; "" is any device."""
    parts = [device.encode(), *(program.write() for program in about)]
    return MAGIC + b"".join(struct.pack("<I", len(part)) + part for part in parts)


def asked(content: bytes) -> tuple[str, list[Program]]:
    """The device that a question is about, and the programs. Raises InvalidProgram."""
    first, *rest = _parts(content)
    return name_in(first, 0, len(first)), [Program.read(part) for part in rest]


def _parts(content: bytes) -> list[bytes]:
    found, at = [], len(MAGIC)
    while at < len(content):
        if at + 4 > len(content):
            raise InvalidProgram("a question ends within a length")
        (length,) = struct.unpack_from("<I", content, at)
        if at + 4 + length > len(content):
            raise InvalidProgram(f"a question has {len(content) - at - 4} bytes for a part of {length}")
        found.append(content[at + 4 : at + 4 + length])
        at += 4 + length
    if not found:
        raise InvalidProgram("a question about no device")
    return found
