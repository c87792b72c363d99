"""A question to a device: which of some programs' operations it takes, as bytes that travel as a program does."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from .program import InvalidProgram, Program

MAGIC = b"DGNQ"


def asks(content: bytes) -> bool:
    """Whether these bytes are a question."""
    return content[:4] == MAGIC


def question(about: Sequence[Program]) -> bytes:
    """The question which operations of these programs are taken; of none, what the feature level is."""
    parts = [program.write() for program in about]
    return MAGIC + b"".join(struct.pack("<I", len(part)) + part for part in parts)


def programs(content: bytes) -> list[Program]:
    """The programs that a question is about. Raises InvalidProgram."""
    found, at = [], len(MAGIC)
    while at < len(content):
        if at + 4 > len(content):
            raise InvalidProgram("a question ends within a length")
        (length,) = struct.unpack_from("<I", content, at)
        if at + 4 + length > len(content):
            raise InvalidProgram(f"a question has {len(content) - at - 4} bytes for a program of {length}")
        found.append(Program.read(content[at + 4 : at + 4 + length]))
        at += 4 + length
    return found
