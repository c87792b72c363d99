"""Memory that is shared with drivers: an anonymous file that holds a program's constants."""

from __future__ import annotations

import ctypes
import mmap
import os
from contextlib import ExitStack
from ctypes import c_void_p

from ...errors import DelegateError
from .library import Library


def anonymous_file(nbytes: int) -> int | None:
    """A file descriptor of so many bytes that a driver can map; None where this system has no way to one.

    Android has ASharedMemory_create from API level 26 (libandroid.so), Linux memfd_create.
    """
    try:
        create = ctypes.CDLL("libandroid.so").ASharedMemory_create
        create.argtypes, create.restype = (ctypes.c_char_p, ctypes.c_size_t), ctypes.c_int
        if (fd := int(create(b"delegraph", nbytes))) >= 0:
            return fd
    except (OSError, AttributeError):
        pass
    if not hasattr(os, "memfd_create"):
        return None
    try:
        fd = os.memfd_create("delegraph", os.MFD_CLOEXEC)
    except OSError:
        return None
    try:
        os.ftruncate(fd, nbytes)
    except OSError as error:
        os.close(fd)
        raise DelegateError(f"nnapi: no {nbytes} bytes for weights: {error}") from error
    return fd


def shared(library: Library, stack: ExitStack, content: bytes) -> c_void_p | None:
    """A memory object that holds some bytes, which the stack frees; None where there is no way to one."""
    fd = anonymous_file(len(content)) if content else None
    if fd is None:
        return None
    try:
        with mmap.mmap(fd, len(content)) as view:
            view[:] = content
        return library.make(stack, "Memory_createFromFd", len(content), mmap.PROT_READ | mmap.PROT_WRITE, fd, 0)
    finally:
        os.close(fd)
