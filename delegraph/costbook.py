"""What was measured on this machine, kept in a file: rates of devices, ways to do ops, times of partitions and plans.

One JSON object a line, appended under a lock, so that processes may write at the same time. A line that is torn or
makes no sense is passed over; the later of two lines about the same thing counts. It is a cache: it may be deleted.
"""

from __future__ import annotations

import json
import logging
import math
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from hashlib import sha256
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import Any

from .delegates.base import Delegate, Link, Rates

try:
    import fcntl
except ImportError:  # no such locks here: lines are appended whole all the same, but for the longest
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger("delegraph")

LIMIT = 8 << 20  # bytes; a larger file is not read, and one of half that size is rewritten without what is out of date
PATIENCE = 2.0  # seconds to wait for another process's lock
BROKEN = (ValueError, TypeError, KeyError, OverflowError, RecursionError, IndexError)

Line = Mapping[str, Any]


def default_path() -> Path:
    """`$XDG_CACHE_HOME/delegraph/costs.jsonl`, else under `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "delegraph" / "costs.jsonl"


class CostBook:
    """Reads the file when first asked; `add_...` counts at once and is written by `save`."""

    def __init__(self, path: Path | None = None) -> None:
        """`path` defaults to `default_path()`; nothing is opened yet."""
        self.path = path or default_path()
        self._devices: dict[int, tuple[Delegate, str]] = {}
        self._fresh: list[Line] = []

    def device(self, delegate: Delegate) -> str:
        """A key for the delegate's device, driver, options and this version of delegraph: 32 hex digits."""
        if id(delegate) not in self._devices:
            text = f"{delegate.fingerprint()}\n{metadata.version('delegraph')}"
            self._devices[id(delegate)] = delegate, sha256(text.encode()).hexdigest()[:32]
        return self._devices[id(delegate)][1]

    def rates(self, delegate: Delegate) -> Rates | None:
        """The rates measured there, if they were."""
        return self._known.rates.get(self.device(delegate))

    def knows(self, delegate: Delegate) -> bool:
        """Whether any partition was timed there."""
        return self.device(delegate) in self._known.partitions

    def partition(self, delegate: Delegate, key: str) -> float | None:
        """Seconds of one run of the partition whose `content_key` is `key`."""
        return self._known.partitions.get(self.device(delegate), {}).get(key)

    def ways(self, delegate: Delegate) -> Mapping[str, str]:
        """`content_key` of an op -> the way to do it that was fastest there."""
        return self._known.ways.get(self.device(delegate), {})

    def plans(self, delegates: Sequence[Delegate], key: str) -> Mapping[tuple[str, ...], float]:
        """Delegates' names, one an op, empty for none -> seconds of one inference so, for the graph with that key."""
        names = {self.device(d): d.name for d in delegates} if key in self._known.plans else {}
        return {
            tuple(names[device] if device else "" for device in chosen): seconds
            for chosen, seconds in self._known.plans.get(key, {}).items()
            if all(device in names for device in chosen if device)
        }

    def add_rates(self, delegate: Delegate, rates: Rates) -> None:
        """Note the rates of a delegate's device."""
        self._add({"device": self.device(delegate), "rates": asdict(rates)})

    def add_partition(self, delegate: Delegate, key: str, seconds: float) -> None:
        """Note what one run of a partition takes."""
        self._add({"device": self.device(delegate), "partition": key, "seconds": seconds})

    def add_way(self, delegate: Delegate, key: str, way: str) -> None:
        """Note the fastest way to do the op whose `content_key` is `key`."""
        self._add({"device": self.device(delegate), "op": key, "way": way})

    def add_plan(self, delegates: Sequence[Delegate], key: str, chosen: Sequence[str], seconds: float) -> None:
        """Note what one inference takes, placed so: a delegate's name an op, empty for none."""
        devices = {d.name: self.device(d) for d in delegates}
        runs = [[devices.get(name, ""), len(list(run))] for name, run in groupby(chosen)]
        self._add({"plan": key, "chosen": runs, "seconds": seconds})

    def _add(self, line: Line) -> None:
        self._known.take(line)
        self._fresh.append(line)

    @cached_property
    def _known(self) -> _Known:
        known = _Known()
        try:
            with _locked(self.path, os.O_RDONLY) as fd:
                known.read(_content(fd), self.path)
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("measured costs are not read: %s: %s", self.path, error.strerror or error)
        return known

    def save(self) -> None:
        """Write what was added. Says so in the log where that cannot be; it counts in this process all the same."""
        if not self._fresh:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT) as fd:
                self._append(fd)
        except OSError as error:
            log.warning("measured costs are not kept: %s: %s", self.path, error.strerror or error)
        self._fresh = []

    def _append(self, fd: int) -> None:
        size = os.fstat(fd).st_size
        if size > LIMIT // 2:
            known = _Known()
            if size <= LIMIT:
                known.read(_content(fd), self.path)
            for line in self._fresh:
                known.take(line)
            os.ftruncate(fd, 0)
            _write(fd, list(known.lines.values())[-10_000:])
            return
        torn = size and _content(fd)[-1:] != b"\n"
        _write(fd, self._fresh, b"\n" if torn else b"")


class _Known:
    """What the lines say."""

    def __init__(self) -> None:
        self.rates: dict[str, Rates] = {}
        self.partitions: dict[str, dict[str, float]] = {}
        self.ways: dict[str, dict[str, str]] = {}
        self.plans: dict[str, dict[tuple[str, ...], float]] = {}
        self.lines: dict[str, Line] = {}  # the latest about each thing

    def read(self, content: bytes, path: Path) -> None:
        """Take what makes sense, and say how much did not."""
        broken = 0
        for text in content.splitlines():
            try:
                self.take(json.loads(text))
            except BROKEN:
                broken += bool(text.strip())
        if broken:
            log.warning("%d lines of %s make no sense and are passed over", broken, path)

    def take(self, line: Line) -> None:
        """Take one line. Raises one of BROKEN where it makes no sense."""
        if "rates" in line:
            self.rates[_text(line["device"])] = _rates(line["rates"])
            about = f"rates {line['device']}"
        elif "partition" in line:
            seconds = _number(line["seconds"])
            self.partitions.setdefault(_text(line["device"]), {})[_text(line["partition"])] = seconds
            about = f"{line['device']} {line['partition']}"
        elif "way" in line:
            self.ways.setdefault(_text(line["device"]), {})[_text(line["op"])] = _text(line["way"])
            about = f"{line['device']} way {line['op']}"
        else:
            runs = [(_text(device), int(count)) for device, count in line["chosen"]]
            if any(count < 1 for _, count in runs) or sum(count for _, count in runs) > 1_000_000:
                raise ValueError("not a number of ops")
            chosen = tuple(device for device, count in runs for _ in range(count))
            self.plans.setdefault(_text(line["plan"]), {})[chosen] = _number(line["seconds"])
            about = f"plan {line['plan']} {line['chosen']}"
        self.lines.pop(about, None)
        self.lines[about] = line


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 64:
        raise TypeError("not a short text")
    return value


def _number(value: Any, zero: bool = False, endless: bool = False) -> float:
    number = float(value)
    allowed = 0 < number < math.inf or (zero and number == 0) or (endless and number == math.inf)
    if isinstance(value, str) or not allowed:
        raise ValueError("not a positive number")
    return number


def _rates(data: Mapping[str, Any]) -> Rates:
    def link(name: str) -> Link:
        return Link(_number(data[name]["bandwidth"], endless=True), _number(data[name]["latency"], zero=True))

    flops, bandwidth = _number(data["flops"]), _number(data["bandwidth"])
    launch, run = _number(data["launch"], zero=True), _number(data["run"], zero=True)
    return Rates(flops, bandwidth, launch, run, link("upload"), link("download"), "measured")


@contextmanager
def _locked(path: Path, flags: int) -> Iterator[int]:
    """A regular file, open and locked. Raises OSError."""
    for name in ("O_CLOEXEC", "O_NONBLOCK", "O_BINARY"):
        flags |= getattr(os, name, 0)
    fd = os.open(path, flags, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(f"{path} is not a file")
        if fcntl is not None:
            _wait(lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB))
        yield fd
    finally:
        os.close(fd)  # gives the lock back


def _wait(lock: Callable[[], None]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return lock()
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def _content(fd: int) -> bytes:
    size = os.fstat(fd).st_size
    if size > LIMIT:
        raise OSError(f"{size} bytes are more than the {LIMIT} that are read")
    os.lseek(fd, 0, os.SEEK_SET)  # Windows has no pread
    return b"".join(iter(lambda: os.read(fd, LIMIT), b""))


def _write(fd: int, lines: Sequence[Line], first: bytes = b"") -> None:
    left = memoryview(first + b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    while left:
        left = left[os.write(fd, left) :]
