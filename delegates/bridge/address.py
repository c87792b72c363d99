"""Where a bridge is: `tcp://host:port`, `tcp://[::1]:port` or `unix:///path`."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import stat
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...errors import BridgeUnreachable

PORT = 7200  # where no other is named
BACKLOG = 16
ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPALIVE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}  # seconds, and how often
FORMS = "tcp://host:7200, tcp://[::1]:7200 or unix:///path/of/a.socket"


@dataclass(frozen=True)
class Address:
    """A host and port, or a `path` in the file system."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        """As it is written."""
        if self.path:
            return f"unix://{self.path}"
        return f"tcp://[{self.host}]:{self.port}" if ":" in self.host else f"tcp://{self.host}:{self.port}"

    @property
    def private(self) -> bool:
        """Whether only this machine can reach it. A host's name is private where all its addresses are."""
        if self.path:
            return True
        try:
            found = {info[4][0] for info in socket.getaddrinfo(self.host or None, self.port, type=socket.SOCK_STREAM)}
        except OSError:
            return False
        return bool(self.host and found) and all(ipaddress.ip_address(str(a).split("%")[0]).is_loopback for a in found)

    def connect(self, timeout: float) -> socket.socket:
        """A connected socket, which goes on with the same time-out. Raises BridgeUnreachable."""
        try:
            if self.path:
                made = socket.socket(_unix())
                try:
                    made.settimeout(timeout)
                    made.connect(self.path)
                except BaseException:
                    made.close()
                    raise
            else:
                made = socket.create_connection((self.host, self.port), timeout)
                prompt(made)
        except OSError as error:
            why = f"no answer in {timeout:g} s" if isinstance(error, TimeoutError) else error.strerror or str(error)
            remedy = "is `delegraph bridge serve` running there, and is the port forwarded (`adb forward`)?"
            raise BridgeUnreachable(f"no bridge at {self}: {why}; {remedy}") from error
        return made

    def listen(self) -> socket.socket:
        """A listening socket. Raises OSError, with a message that names the address."""
        try:
            if self.path:
                return _listen_at(self.path)
            family = socket.getaddrinfo(self.host or None, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            return socket.create_server((self.host, self.port), family=family[0][0], backlog=BACKLOG)
        except OSError as error:
            raise OSError(error.errno, f"cannot listen at {self}: {error.strerror or error}") from error


def prompt(sock: socket.socket) -> None:
    """Have a TCP connection send at once, and notice within a minute that the other end's cable was pulled."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ALIVE.items():
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def parse_address(uri: str) -> Address:
    """An address from its written form. Raises ValueError saying what the forms are."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{uri!r} is no address of a bridge ({error}): say {FORMS}") from None
    rest = parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme == "tcp" and parts.hostname and not rest and parts.path in ("", "/"):
        return Address(parts.hostname, PORT if port is None else port)
    if parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/") and not rest:
        return Address(path=parts.path)
    raise ValueError(f"{uri!r} is no address of a bridge: say {FORMS}")


def _unix() -> socket.AddressFamily:
    """The family of Unix sockets. Raises OSError where there are none (Windows)."""
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("this system has no Unix sockets: say tcp://127.0.0.1:7200")
    return socket.AF_UNIX


def _listen_at(path: str) -> socket.socket:
    """A Unix socket for this user alone; takes the place of one that a dead server left behind."""
    made = socket.socket(_unix())
    try:
        _clear(path)
        before = os.umask(0o177)
        try:
            made.bind(path)
        finally:
            os.umask(before)
        made.listen(BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


def _clear(path: str) -> None:
    """Remove a socket that nobody listens at; whatever else is there stays, and `bind` says so."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode):
            with socket.socket(_unix()) as trial:
                try:
                    trial.connect(path)
                except ConnectionRefusedError:
                    os.unlink(path)
