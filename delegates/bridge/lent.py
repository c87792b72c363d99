"""What a server lends: its engines, one at a time on each, and the programs that are loaded into them."""

from __future__ import annotations

import importlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ...errors import BridgeTooLarge, DelegateError
from ..engine import Engine, Loaded, Port

log = logging.getLogger("delegraph.bridge")

# Name -> where the engine is, imported when first asked for: each needs what the others may do without.
ENGINES: Mapping[str, str] = {
    "cpu": "delegraph.lending:cpu_engine",
    "gpu": "delegraph.lending:gpu_engine",
}

Key = tuple[str, tuple[Port, ...], tuple[Port, ...]]  # SHA-256 of the program, and its ports


def make_engine(name: str) -> Engine:
    """The engine of a name. Raises DelegateError where it is not known or what it needs is not installed."""
    module, _, attribute = ENGINES[name].partition(":")
    try:
        made: Engine = getattr(importlib.import_module(module), attribute)()
    except ImportError as error:
        raise DelegateError(f"{name} cannot be lent: {error}; install it there") from error
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
                raise BridgeTooLarge(
                    f"{what} takes {nbytes} bytes, and {self.left} of the bridge's {self.nbytes} are left: "
                    "serve with a larger --memory"
                )
            self.left -= nbytes

    def give(self, nbytes: int) -> None:
        """Give bytes back."""
        with self._lock:
            self.left += nbytes


@dataclass
class Book:
    """A loaded program, how large it is, and how many use it."""

    loaded: Loaded
    nbytes: int
    users: int = 0
    broken: bool = False


@dataclass
class Device:
    """An engine, which has one caller at a time, and its programs; those that nobody uses any more are kept a while."""

    engine: Engine
    budget: Budget
    kept: int
    busy: threading.Lock = field(default_factory=threading.Lock)
    books: OrderedDict[Key, Book] = field(default_factory=OrderedDict)

    @contextmanager
    def _engine(self) -> Iterator[Engine]:
        """The engine, for one caller. Whatever it raises is a DelegateError."""
        with self.busy:
            try:
                yield self.engine
            except DelegateError:
                raise
            except Exception as error:
                log.exception("a fault of a device")
                raise DelegateError(f"{type(error).__name__}: {error}") from error

    def here(self) -> str:
        """What the device is. Raises DelegateError."""
        with self._engine() as engine:
            return engine.here()

    def borrow(self, key: Key) -> Book | None:
        """A program that is loaded already."""
        with self.busy:
            book = self.books.get(key)
            if book is None:
                return None
            self.books.move_to_end(key)
            book.users += 1
            return book

    def load(self, key: Key, content: bytes) -> Book:
        """Load a program. Raises DelegateError, and BridgeTooLarge."""
        with self._engine() as engine:
            if key not in self.books:
                self._make_room(len(content))
                self.budget.take(len(content), "a program")
                try:
                    self.books[key] = Book(engine.load(content, *key[1:]), len(content))
                except BaseException:
                    self.budget.give(len(content))
                    raise
            self.books[key].users += 1
            return self.books[key]

    def give_back(self, book: Book) -> None:
        """One user less."""
        with self.busy:
            book.users -= 1
            self._make_room(0)

    def run(self, book: Book, call: Callable[[], None]) -> None:
        """Call with the device; a program that failed is loaded anew by who asks for it next. Raises DelegateError."""
        with self._engine():
            try:
                call()
            except BaseException:
                book.broken = True
                raise

    def _make_room(self, nbytes: int) -> None:
        """Unload what nobody uses, the longest unused first: what broke, and as much as is beyond what is kept."""
        idle = [key for key, book in self.books.items() if not book.users]
        held = sum(self.books[key].nbytes for key in idle) + nbytes
        for key in idle:
            if self.books[key].broken or held > self.kept:
                held -= self.books[key].nbytes
                self._unload(key)

    def _unload(self, key: Key) -> None:
        book = self.books.pop(key)
        self.budget.give(book.nbytes)
        book.loaded.close()

    def close(self) -> None:
        """Unload everything and give the device back."""
        with self.busy:
            for key in list(self.books):
                self._unload(key)
            self.engine.close()


class Lent:
    """The devices of a server, each opened when first asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], Engine]], budget: Budget, kept: int) -> None:
        """`kept` bytes of programs that nobody uses stay loaded on each device."""
        self._makers = makers
        self._budget, self._kept = budget, kept
        self._devices: dict[str, Device] = {}
        self._lock = threading.Lock()

    def device(self, name: str) -> Device:
        """The device of a name. Raises DelegateError where it is not lent, or cannot be."""
        with self._lock:
            if name not in self._makers:
                raise DelegateError(f"{name!r} is not lent here: there are {', '.join(self._makers)}")
            if name not in self._devices:
                self._devices[name] = Device(self._makers[name](), self._budget, self._kept)
            return self._devices[name]

    def close(self) -> None:
        """Give all devices back."""
        with self._lock:
            for device in self._devices.values():
                device.close()
            self._devices = {}


@contextmanager
def room(budget: Budget, nbytes: int, what: str) -> Iterator[None]:
    """Bytes that are set aside for a while. Raises BridgeTooLarge."""
    budget.take(nbytes, what)
    try:
        yield
    finally:
        budget.give(nbytes)
