"""Messages between a process and its child: JSON behind four bytes of length, with file descriptors beside it."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

LARGEST = 16 << 20  # bytes of one message: names of tensors and what went wrong, never tensors
HEAD = struct.Struct(">I")


def send(sock: socket.socket, message: Any, descriptors: Sequence[int] = ()) -> None:
    """Send a message whole. Raises OSError where the other end is gone, TimeoutError where it takes nothing."""
    body = json.dumps(message).encode()
    head = HEAD.pack(len(body))
    if descriptors:
        sent = socket.send_fds(sock, [head], descriptors)
        sock.sendall(head[sent:] + body)
    else:
        sock.sendall(head + body)


def receive(sock: socket.socket, seconds: float | None = None) -> tuple[Any, list[int]]:
    """The next message, and the descriptors that came with it, which are the caller's to close.

    Raises EOFError where the other end is gone, TimeoutError where it is silent for `seconds`.
    """
    until = None if seconds is None else time.monotonic() + seconds
    sock.settimeout(seconds)
    try:
        head, descriptors, _, _ = socket.recv_fds(sock, HEAD.size, 4)
    except ConnectionError as error:
        raise EOFError(str(error)) from None
    head += _exactly(sock, HEAD.size - len(head), until) if head else b""
    if not head:
        raise EOFError("the other end is closed")
    (nbytes,) = HEAD.unpack(head)
    if nbytes > LARGEST:
        raise EOFError(f"a message of {nbytes} bytes is none")
    return json.loads(_exactly(sock, nbytes, until)), descriptors


def _exactly(sock: socket.socket, nbytes: int, until: float | None) -> bytes:
    """So many bytes, no fewer."""
    found = bytearray()
    while len(found) < nbytes:
        if until is not None:
            sock.settimeout(max(until - time.monotonic(), 1e-3))
        try:
            piece = sock.recv(nbytes - len(found))
        except ConnectionError as error:
            raise EOFError(str(error)) from None
        if not piece:
            raise EOFError("the other end closed in the middle of a message")
        found += piece
    return bytes(found)
