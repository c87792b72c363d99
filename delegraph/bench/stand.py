"""The test stand: one subject, opened, warmed up, and timed turn by turn. It lives in the process of one cell."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .accuracy import compare, judge
from .gauges import Gauge, gauges
from .inputs import load_sets
from .peers import subject
from .record import Accuracy, Configuration, Energy, Memory, OpRecord, Phases, StepRecord, Stream, Thresholds
from .subject import Subject

WINDOW = 10  # inferences; steady are two windows in a row of which the later is not clearly the faster
CALM = 0.02  # of the time
HOT = 0.05  # seconds: an inference that takes longer does not mind that others used the caches before it
DEPTH = 3


@dataclass(frozen=True)
class Ready:
    """A subject that has run once."""

    phases: Phases
    details: dict[str, object]  # the fields `devices`, `plan` and `notes` of the cell


@dataclass(frozen=True)
class Warm:
    """How a warm-up ended: after how many inferences, whether they were steady, and the median of the last."""

    inferences: int
    settled: bool
    median: float


class Stand:
    """What the driver asks of a cell's process, a method a request."""

    def __init__(self) -> None:
        """Nothing is opened."""
        self._subject: Subject | None = None
        self._begun = time.perf_counter()
        self._track: list[tuple[float, int]] = []
        self._gauges: list[Gauge] = []
        self._spent: dict[str, float] = {}
        self._counted, self._seconds = 0, 0.0
        self._before = 0

    def open(self, model: str, configuration: Configuration, inputs: str) -> Ready:
        """Bring a model in a configuration to its first result. Raises what the subject does."""
        self._gauges = gauges()
        sets = load_sets(Path(inputs))
        made = self._subject = subject(Path(model), configuration, [array.shape for array in sets[0]])
        self._before, self._begun = resident(), time.perf_counter()
        self._note()
        seconds = []
        for phase in (made.open, made.load, made.plan, made.compile):
            seconds.append(self._phase(phase))
        made.feed(sets[0])
        seconds.append(self._phase(made.infer))
        return Ready(Phases(*seconds), made.describe())

    def _phase(self, what: Callable[[], object]) -> float:
        start = time.perf_counter()
        what()
        seconds = time.perf_counter() - start
        self._note()
        return seconds

    def _note(self) -> None:
        self._track.append((time.perf_counter() - self._begun, resident()))

    def warm(self, seconds: float) -> Warm:
        """Run until times are steady, or for `seconds`, but twice at least."""
        times: list[float] = []
        end = time.perf_counter() + seconds
        settled = False
        while not settled and (time.perf_counter() < end or len(times) < 2):
            times += self._timed(0.0, 1)
            earlier, later = times[-2 * WINDOW : -WINDOW], times[-WINDOW:]
            if len(earlier) == WINDOW and len(times) % WINDOW == 0:
                settled = statistics.median(later) > (1 - CALM) * statistics.median(earlier)
        self._note()
        return Warm(len(times), settled, statistics.median(times[-WINDOW:]))

    def turn(self, seconds: float, most: int, settle: float, rate: float) -> tuple[float, ...]:
        """The seconds of inferences, one after another (or `rate` a second), for `seconds`, `most` of them at most.

        Before they count, for `settle` seconds but once at least, it runs what others pushed out of the caches in
        again; a slow subject does without. What gauges count goes to the energy of the cell.
        """
        gc.collect()
        gc.disable()
        try:
            before = [gauge.read() for gauge in self._gauges]
            start = time.perf_counter()
            first = self._timed(settle, 10 * most) if settle else []
            samples = self._timed(seconds, most, rate)
            self._seconds += time.perf_counter() - start
            self._counted += len(first) + len(samples)
            for gauge, value in zip(self._gauges, before, strict=True):
                self._spent[gauge.source] = self._spent.get(gauge.source, 0.0) + gauge.since(value)
        finally:
            gc.enable()
        self._note()
        return tuple(samples)

    def _timed(self, seconds: float, most: int, rate: float = 0.0) -> list[float]:
        """Times of single inferences. In this loop nothing but the clock stands between two of them."""
        infer, clock = self._ready().infer, time.perf_counter
        samples: list[float] = []
        keep = samples.append
        begun = clock()
        end = begun + seconds
        while True:
            start = clock()
            infer()
            stop = clock()
            keep(stop - start)
            if stop >= end or len(samples) >= most:
                return samples
            if rate:
                time.sleep(max(begun + len(samples) / rate - clock(), 0.0))

    def bare(self, blocks: int, each: int) -> tuple[float, ...]:
        """Seconds an inference of loops that do nothing else, `each` inferences long: `turn` is held against them.

        As many inferences before do not count.
        """
        infer, clock = self._ready().infer, time.perf_counter
        for _ in range(blocks * each):
            infer()
        found = []
        for _ in range(blocks):
            start = clock()
            for _ in range(each):
                infer()
            found.append((clock() - start) / each)
        return tuple(found)

    def stream(self, seconds: float, median: float, inputs: str) -> Stream | None:
        """Throughput over about `seconds`; None where the subject does not stream."""
        sets = load_sets(Path(inputs))
        count = int(min(max(seconds / median, 2 * DEPTH), 2000))
        for depth in (DEPTH, 1):  # a model that remembers takes frames one by one
            try:
                self._ready().stream(sets[:1] * DEPTH, depth)
            except ValueError:
                continue
            start = time.perf_counter()
            self._ready().stream([sets[k % len(sets)] for k in range(count)], depth)
            self._note()
            return Stream(count, time.perf_counter() - start, depth)
        return None

    def profile(self, repeat: int) -> tuple[tuple[StepRecord, ...], tuple[OpRecord, ...]]:
        """What each step and each op takes."""
        return self._ready().profile(repeat)

    def accuracy(self, inputs: str, reference: str, limits: Thresholds) -> Accuracy:
        """The outputs on all sets against the reference's. Raises ValueError where these are not alike."""
        sets, wanted = load_sets(Path(inputs)), load_sets(Path(reference))
        found: list[list[np.ndarray]] = []
        names: list[str] = []
        for arrays in sets:
            self._ready().feed(arrays)
            self._ready().infer()
            outputs = self._ready().outputs()
            names = list(outputs)
            found.append(list(outputs.values()))
        if len(found[0]) != len(wanted[0]):
            raise ValueError(f"{len(found[0])} outputs, where the reference has {len(wanted[0])}")
        errors = [
            compare(name, [made[k] for made in found], [made[k] for made in wanted]) for k, name in enumerate(names)
        ]
        return judge(errors, len(sets), limits)

    def describe(self) -> dict[str, object]:
        """The fields `devices`, `plan` and `notes` of the cell, as they are by now: runs may change the plan."""
        return self._ready().describe()

    def memory(self) -> Memory:
        """What the process took so far."""
        return Memory(self._before, resident(), peak(), self._ready().device_bytes(), tuple(self._track))

    def energy(self) -> tuple[Energy, ...]:
        """What gauges counted in all turns."""
        return tuple(Energy(name, joules, self._counted, self._seconds) for name, joules in self._spent.items())

    def close(self) -> None:
        """Give the subject back."""
        if self._subject is not None:
            self._subject.close()
            self._subject = None

    def _ready(self) -> Subject:
        if self._subject is None:
            raise RuntimeError("nothing was opened")
        return self._subject


def resident() -> int:
    """Bytes of this process that are in memory now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def peak() -> int:
    """The most bytes of this process that ever were in memory."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    import resource

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) << 10
