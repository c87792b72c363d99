"""What a server lends: sites of engines, one caller at a time on each, and the programs that clients brought."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ...errors import BridgeTooLarge, DelegateError
from ..engine import Site
from ..names import NAMED, imported

log = logging.getLogger("delegraph.bridge")

MOST = 32  # devices that are open at once: of each name one for every choice of its options


def make_site(name: str, **options: str | int) -> Site:
    """The site of a name. Raises DelegateError where what it needs is not installed, or an option cannot be."""
    if strange := [key for key in options if key not in NAMED[name].there]:
        known = f": there are {', '.join(NAMED[name].there)}" if NAMED[name].there else ""
        raise DelegateError(f"{name} is lent with no option {strange[0][:64]!r}{known}")
    try:
        made: Site = imported(NAMED[name].lender)(**options)
    except ImportError as error:
        raise DelegateError(f"{name} cannot be lent: {error}; install it there") from error
    except (ValueError, TypeError) as error:
        raise DelegateError(f"{name} cannot be lent so: {error}") from error
    return made


class Budget:
    """Bytes that all clients together may have the server keep."""

    def __init__(self, nbytes: int) -> None:
        """`nbytes` in all."""
        self.nbytes = self.left = nbytes
        self._lock = threading.Lock()

    def take(self, nbytes: int, what: str) -> None:
        """Set bytes aside. Raises BridgeTooLarge where there are not as many left."""
        with self._lock:
            if nbytes > self.left:
                left = f"the bridge has {self.left} of {self.nbytes} bytes left"
                raise BridgeTooLarge(
                    f"{what} of {nbytes} bytes was asked for, but {left}; serve with a larger --memory"
                )
            self.left -= nbytes

    def give(self, nbytes: int) -> None:
        """Give bytes back."""
        with self._lock:
            self.left += nbytes

    @contextmanager
    def room(self, nbytes: int, what: str) -> Iterator[None]:
        """Bytes that are set aside for a while. Raises BridgeTooLarge."""
        self.take(nbytes, what)
        try:
            yield
        finally:
            self.give(nbytes)


class Store:
    """Programs by their SHA-256, so that none is sent twice; the longest unused go when they are too many."""

    def __init__(self, nbytes: int) -> None:
        """Keep `nbytes` bytes at the most."""
        self._most = nbytes
        self._held = 0
        self._programs: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: str) -> bytes | None:
        """A program that is here."""
        with self._lock:
            if digest in self._programs:
                self._programs.move_to_end(digest)
            return self._programs.get(digest)

    def put(self, digest: str, program: bytes) -> None:
        """Keep a program, where it is not too large for that."""
        with self._lock:
            if digest in self._programs or len(program) > self._most:
                return
            self._programs[digest] = program
            self._held += len(program)
            while self._held > self._most:
                self._held -= len(self._programs.popitem(last=False)[1])


@dataclass
class Device:
    """A site, which has one caller at a time."""

    site: Site
    _busy: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def calling(self) -> Iterator[Site]:
        """The site, for one caller. Whatever it raises is a DelegateError."""
        with self._busy:
            try:
                yield self.site
            except DelegateError:
                raise
            except Exception as error:
                log.exception("a fault of a device")
                raise DelegateError(f"{type(error).__name__}: {error}") from error


class Lent:
    """The devices of a server, each opened when first asked for."""

    def __init__(self, makers: Mapping[str, Callable[..., Site]]) -> None:
        """By name, what makes a site, given a client's options."""
        self._makers = makers
        self._devices: dict[tuple[Any, ...], Device] = {}
        self._lock = threading.Lock()

    def device(self, name: str, options: Mapping[str, str | int]) -> Device:
        """The device of a name with these options. Raises DelegateError where it is not lent, or cannot be."""
        key = name, *sorted(options.items())
        with self._lock:
            if name not in self._makers:
                raise DelegateError(
                    f"{name!r} is not lent here, but {', '.join(self._makers)}; serve with --lend {name}"
                )
            if key not in self._devices:
                if len(self._devices) >= MOST:
                    raise DelegateError(f"{MOST} devices are open here already: serve it anew, or ask as others did")
                self._devices[key] = Device(self._makers[name](**options))
            return self._devices[key]

    def close(self) -> None:
        """Give all devices back."""
        with self._lock:
            for device in self._devices.values():
                with device.calling() as site:
                    site.close()
            self._devices = {}
