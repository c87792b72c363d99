"""FlexBuffers, the format in which custom ops keep named options, to Python's own values: every byte is checked first.

Format: https://flatbuffers.dev/flatbuffers_internals/#flexbuffers. A root stands at the end, its type before the last
byte; a value that does not fit beside its type is found a number of bytes before the place that names it. So values may
be shared, and vectors that share vectors would unfold without end: what may be read is in proportion to the bytes.
"""

from __future__ import annotations

import struct
from typing import Any

DEEPEST = 32
SHARED = 64  # how often each byte may be looked at, on average: options repeat their keys

NULL, INT, UINT, FLOAT, KEY, STRING, INDIRECT_INT, INDIRECT_UINT, INDIRECT_FLOAT, MAP, VECTOR = range(11)
TYPED, FIXED, BLOB, BOOL, TYPED_BOOL = range(11, 16), range(16, 25), 25, 26, 36
INLINE = {INT: "bhiq", UINT: "BHIQ", FLOAT: " efd", BOOL: "BHIQ"}  # struct codes by log2 of the width
POINTED = {INDIRECT_INT: INT, INDIRECT_UINT: UINT, INDIRECT_FLOAT: FLOAT}


def decode(data: bytes, errors: str = "strict") -> Any:
    """The root of a FlexBuffer: numbers, bools, None, str, bytes, lists, and dicts by name.

    `errors` is how texts are decoded that are not UTF-8, as in `bytes.decode`. Raises ValueError for bytes that are not
    a FlexBuffer.
    """
    if len(data) < 3:
        raise ValueError(f"{len(data)} bytes are too few for a FlexBuffer")
    width = data[-1]
    if width not in (1, 2, 4, 8):
        raise ValueError(f"no FlexBuffer: its root is {width} bytes wide")
    return _Reader(data, errors).value(len(data) - 2 - width, width, data[-2], DEEPEST)


class _Reader:
    def __init__(self, data: bytes, errors: str) -> None:
        self.data, self.errors = data, errors
        self.left = SHARED * len(data)

    def spend(self, nbytes: int) -> None:
        """Count bytes that are looked at."""
        self.left -= nbytes
        if self.left < 0:
            raise ValueError("no FlexBuffer: its values overlap too often")

    def number(self, kind: int, at: int, width: int) -> Any:
        """A number where it stands."""
        code = INLINE[kind][width.bit_length() - 1]
        if code == " " or not 0 <= at <= len(self.data) - width:
            raise ValueError(f"no FlexBuffer: a value of {width} bytes at {at} of {len(self.data)}")
        self.spend(width)
        found = struct.unpack_from(f"<{code}", self.data, at)[0]
        return bool(found) if kind == BOOL else found

    def target(self, at: int, width: int) -> int:
        """Where an offset leads, which is back from where it stands."""
        found = at - int(self.number(UINT, at, width))
        if found < 0:
            raise ValueError(f"no FlexBuffer: the offset at {at} leads out of it")
        return found

    def text(self, at: int, size: int | None) -> str:
        """UTF-8 text of so many bytes; a key, which ends at a zero, without a size."""
        end = self.data.find(b"\0", at) if size is None else at + size
        if not at <= end <= len(self.data):
            raise ValueError(f"no FlexBuffer: a text at {at} does not end in it")
        self.spend(end - at + 1)
        return self.data[at:end].decode("utf-8", self.errors)  # UnicodeDecodeError is a ValueError

    def value(self, at: int, width: int, packed: int, deep: int) -> Any:
        """The value that stands, or is pointed to, at a place of this width."""
        kind, wide = packed >> 2, 1 << (packed & 3)
        if kind == NULL:
            return None
        if kind in INLINE:
            return self.number(kind, at, width)
        if not deep:
            raise ValueError(f"no FlexBuffer: more than {DEEPEST} values inside each other")
        at = self.target(at, width)
        if kind in POINTED:
            return self.number(POINTED[kind], at, wide)
        if kind == KEY:
            return self.text(at, None)
        if kind in FIXED:
            count, element = (kind - FIXED[0]) // 3 + 2, (kind - FIXED[0]) % 3 + 1
            return [self.number(element, at + k * wide, wide) for k in range(count)]
        size = int(self.number(UINT, at - wide, wide))
        if size > len(self.data) - at:
            raise ValueError(f"no FlexBuffer: {size} elements at {at} of {len(self.data)} bytes")
        if kind == STRING:
            return self.text(at, size)
        if kind == BLOB:
            self.spend(size)
            return self.data[at : at + size]
        if kind in TYPED or kind == TYPED_BOOL:
            element = BOOL if kind == TYPED_BOOL else kind - VECTOR
            return [self.value(at + k * wide, wide, element << 2, deep - 1) for k in range(size)]
        if kind not in (MAP, VECTOR):
            raise ValueError(f"no FlexBuffer: there is no type {kind}")
        types = at + size * wide
        if types + size > len(self.data):
            raise ValueError(f"no FlexBuffer: {size} elements at {at} of {len(self.data)} bytes")
        found = [self.value(at + k * wide, wide, self.data[types + k], deep - 1) for k in range(size)]
        return dict(zip(self.keys(at, wide, size), found, strict=True)) if kind == MAP else found

    def keys(self, at: int, width: int, size: int) -> list[str]:
        """The names of a map's values, which stand before it."""
        names, wide = self.target(at - 3 * width, width), int(self.number(UINT, at - 2 * width, width))
        if wide not in (1, 2, 4, 8):
            raise ValueError(f"no FlexBuffer: keys {wide} bytes wide")
        return [self.text(self.target(names + k * wide, wide), None) for k in range(size)]
