"""Where tensors live: arenas of bytes in a space, and the manager that keeps track of which copy is valid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Bytes(Protocol):
    """A run of bytes in one space, addressed by offset."""

    def write(self, offset: int, data: NDArray[Any]) -> None:
        """Copy a C-contiguous host array in, at a byte offset."""

    def read(self, offset: int, out: NDArray[Any]) -> None:
        """Copy bytes out into a C-contiguous host array."""


class Arena(Bytes, Protocol):
    """The bytes that a plan has in one space."""

    nbytes: int

    def wait(self) -> None:
        """Until all that was launched on this memory's device is done."""

    def close(self) -> None:
        """Free the memory. May be called twice."""


class Outside(Protocol):
    """Memory of the caller's own on a device, from which an input is taken or into which an output is put."""

    space: str

    def to_arena(self, arena: Arena, offset: int) -> None:
        """Copy the tensor into an arena of that space, on the device."""

    def from_arena(self, arena: Arena, offset: int) -> None:
        """Copy the tensor out of an arena of that space, on the device."""

    def download(self, out: NDArray[Any]) -> None:
        """The tensor's value into a C-contiguous host array of its shape and type."""

    def upload(self, value: NDArray[Any]) -> None:
        """A host array's value into the caller's memory."""


@dataclass(frozen=True)
class Form:
    """How a tensor lies in a space: in `nbytes` bytes, which are the host's own unless there is a way there and back.

    `encode` makes of a host array the array that is to lie there; `decode` makes of those bytes what the host array
    gets.
    """

    nbytes: int
    encode: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    decode: Callable[[NDArray[np.uint8]], NDArray[Any]] | None = None

    def write(self, arena: Bytes, offset: int, data: NDArray[Any]) -> None:
        """Copy the tensor from the host into an arena, at a byte offset."""
        arena.write(offset, np.ascontiguousarray(data if self.encode is None else self.encode(data)))

    def read(self, arena: Bytes, offset: int, out: NDArray[Any]) -> None:
        """Copy the tensor out into a C-contiguous host array."""
        if self.decode is None:
            return arena.read(offset, out)
        raw = np.empty(self.nbytes, np.uint8)
        arena.read(offset, raw)
        np.copyto(out, self.decode(raw).reshape(out.shape), casting="unsafe")


class HostArena:
    """Host memory, 64-byte aligned, of which numpy views are handed out.

    `loose` holds what has no fixed size: the tensors whose shape depends on data, by tensor index. `held` finds those
    that lie in memory of an executable's own, where they are now.
    """

    def __init__(self, nbytes: int) -> None:
        """Reserve `nbytes` bytes; pages are committed when first touched."""
        self.nbytes = nbytes
        self.loose: dict[int, NDArray[Any]] = {}
        self.held: dict[int, Callable[[], NDArray[Any]]] = {}
        raw = np.empty(nbytes + 64, np.uint8)
        start = -raw.ctypes.data % 64
        self._bytes = raw[start : start + nbytes]

    def view(self, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """A writable array over the arena's own bytes."""
        nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        return self._bytes[offset : offset + nbytes].view(dtype).reshape(shape)

    def write(self, offset: int, data: NDArray[Any]) -> None:
        """Copy a C-contiguous host array in, at a byte offset."""
        self._bytes[offset : offset + data.nbytes] = data.reshape(-1).view(np.uint8)

    def read(self, offset: int, out: NDArray[Any]) -> None:
        """Copy bytes out into a C-contiguous host array."""
        out.reshape(-1).view(np.uint8)[:] = self._bytes[offset : offset + out.nbytes]

    def wait(self) -> None:
        """Nothing to wait for: what runs here returns when it is done."""

    def close(self) -> None:
        """Free the memory once no view of it is left."""
        self.held.clear()
        self._bytes = np.empty(0, np.uint8)
