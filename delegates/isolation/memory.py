"""Memory that two processes see: it has no name anywhere, so nothing of it is left when both are gone."""

from __future__ import annotations

import itertools
import mmap
import os
import tempfile
import weakref

import numpy as np
from numpy.typing import NDArray

from ...buffers import HostArena
from ...errors import DelegateError


def reserve(nbytes: int) -> int:
    """A descriptor of new memory, of at least a byte. Raises DelegateError where there is not enough."""
    try:
        if hasattr(os, "memfd_create"):
            fd = os.memfd_create("delegraph", os.MFD_CLOEXEC)
        else:
            with tempfile.TemporaryFile() as file:
                fd = os.dup(file.fileno())
        try:
            os.truncate(fd, max(nbytes, 1))
        except BaseException:
            os.close(fd)
            raise
    except OSError as error:
        raise DelegateError(f"no {nbytes} bytes of shared memory: {error}") from error
    return fd


def mapped(fd: int, nbytes: int) -> NDArray[np.uint8]:
    """The memory behind a descriptor; it stays as long as the array does, whoever closes the descriptor."""
    return np.frombuffer(mmap.mmap(fd, max(nbytes, 1)), np.uint8)[:nbytes]


_numbers = itertools.count(1)


class SharedArena(HostArena):
    """Host memory that a child process has mapped as well: what is written here is what it reads, with no copy."""

    def __init__(self, nbytes: int) -> None:
        """Reserve `nbytes` bytes. Raises DelegateError where there is not enough."""
        super().__init__(0)
        self.number = next(_numbers)
        self.nbytes = nbytes
        self.fd = reserve(nbytes)
        self._descriptor = weakref.finalize(self, os.close, self.fd)
        self._bytes = mapped(self.fd, nbytes)

    def close(self) -> None:
        """Give the memory up, which is gone when no view of it is left. May be called twice."""
        self._descriptor()
        super().close()
