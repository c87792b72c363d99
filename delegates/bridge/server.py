"""The server: listens, and has a thread for each client."""

from __future__ import annotations

import logging
import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ...errors import BridgeError
from ..engine import Site
from .address import Address, prompt
from .handshake import greet
from .lent import Budget, Lent, Store
from .secret import check_secret
from .visit import LIMITS, Limits, Visit
from .wire import Channel

log = logging.getLogger("delegraph.bridge")

EXTRA = 8  # connections beyond the clients' that may be on their way in
# Seconds: where a signal does not end a wait for sockets, Python looks for signals between two waits.
LOOK = 0.5 if sys.platform == "win32" else None
GRACE = 5.0  # seconds that a device gets to finish what it is at when the server ends


class Server:
    """Listens from when it is made; `serve` accepts until `close`, from another thread or a signal, ends it."""

    def __init__(
        self,
        address: Address,
        sites: Mapping[str, Callable[..., Site]],
        secret: str | bytes | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        """Lend `sites` by name. Raises ValueError for a secret that is missing or too short, OSError.

        Only a bridge that no other machine can reach may do without a secret.
        """
        self._secret = check_secret(secret)
        if not self._secret and not address.private:
            raise ValueError(f"a bridge at {address} can be reached from other machines: it needs a secret")
        self._limits = limits
        self._lent = Lent(sites)
        self._store = Store(limits.kept)
        self.budget = Budget(limits.memory)
        self._visits: dict[Visit, threading.Thread] = {}
        self._lock = threading.Lock()
        self._closing = False
        self._listener = address.listen()
        self.address = address if address.path else Address(address.host, self._listener.getsockname()[1])
        self._wake, self._woken = socket.socketpair()

    @property
    def clients(self) -> int:
        """How many connections there are."""
        with self._lock:
            return len(self._visits)

    def serve(self) -> None:
        """Accept clients until `close` is called; then end every connection and give the devices back."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            self._listener.setblocking(False)
            while not self._closing:
                if any(key.fileobj is self._listener for key, _ in selector.select(LOOK)):
                    try:
                        self._accept(*self._listener.accept())
                    except OSError:  # who came has gone again, or too many files are open, which takes a moment
                        time.sleep(0.01)
        self._end()

    def close(self) -> None:
        """Make `serve` return. May be called twice, from a signal handler too."""
        self._closing = True
        with suppress(OSError):
            self._wake.send(b"\0")

    def _accept(self, sock: socket.socket, where: Any) -> None:
        peer = f"{where[0]} port {where[1]}" if isinstance(where, tuple) else "a local client"
        if self.clients >= self._limits.clients + EXTRA:
            sock.close()
            return
        if sock.family != getattr(socket, "AF_UNIX", None):
            prompt(sock)
        sock.settimeout(self._limits.silence)
        visit = Visit(Channel(sock, peer), self._lent, self._store, self.budget, self._limits)
        thread = threading.Thread(target=self._attend, args=(visit,), name=f"bridge {peer}", daemon=True)
        with self._lock:
            self._visits[visit] = thread
        thread.start()

    def _attend(self, visit: Visit) -> None:
        peer = visit.channel.peer
        try:
            full = self.clients > self._limits.clients
            if greet(visit.channel, self._secret, full, self._limits.handshake):
                log.info("%s came", peer)
                visit.stay()
            else:
                log.warning("%s was turned away: another version, another secret, or too many clients", peer)
        except BridgeError as error:
            log.log(logging.INFO if visit.left else logging.WARNING, "%s", error)
        except Exception:
            log.exception("a fault while serving %s", peer)
        finally:
            visit.close()
            with self._lock:
                self._visits.pop(visit, None)

    def _end(self) -> None:
        self._listener.close()
        if self.address.path:
            with suppress(OSError):
                os.unlink(self.address.path)
        with self._lock:
            visits = dict(self._visits)
        for visit in visits:
            visit.hang_up()
        end = time.monotonic() + GRACE
        for thread in visits.values():
            thread.join(max(end - time.monotonic(), 0.0))
        if any(thread.is_alive() for thread in visits.values()):
            log.warning("a device is still at work after %g s: it is left as it is", GRACE)
        else:
            self._lent.close()
        self._wake.close()
        self._woken.close()
