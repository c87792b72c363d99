"""What a benchmark found, as frozen data: a `Report` of `Cell`s. Seconds, bytes and joules throughout.

Nothing here measures or draws. `files.py` reads and writes it as JSON; docs/bench.md tells what each field means.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import Literal

from ..delegates.base import Ceiling

SCHEMA = 1  # raised when what a field means changes, or one goes

Verdict = Literal["PASS", "WARN", "FAIL"]
State = Literal["done", "partial", "failed"]
Fate = Literal["launched", "fused", "folded"]


@dataclass(frozen=True)
class ModelRecord:
    """The model: `name` as the report shows it, `sha256` of the file, its bytes and ops."""

    name: str
    sha256: str
    nbytes: int
    ops: int


@dataclass(frozen=True)
class Configuration:
    """How a model was run. `peer` names another runtime that ran it, "" where delegraph did.

    `delegates` is the list as it was asked for ("gpu,cpu"); `threads` 0 is the runtime's own choice.
    """

    delegates: str
    precision: str = "fp32"
    threads: int = 0
    batch: int = 1
    placement: str = "priority"
    peer: str = ""


@dataclass(frozen=True)
class Phases:
    """Seconds of what comes before the steady state, once each.

    `open`: finding and opening the devices. `load`: reading and checking the file. `plan`: deciding what runs where.
    `compile`: compiling, packing and uploading constants, reserving memory. `first`: the first inference.
    """

    open: float
    load: float
    plan: float
    compile: float
    first: float

    @property
    def total(self) -> float:
        """From nothing to the first result."""
        return self.open + self.load + self.plan + self.compile + self.first


@dataclass(frozen=True)
class Steady:
    """Latencies of inferences, once they no longer change.

    `turns` holds the samples of each turn that the configuration had, one after another, while others waited.
    `warmup` inferences before did not count; `settled` is whether they ended because times had become steady.
    `rate` is how many frames a second were sent, 0 where one followed the other at once.
    """

    turns: tuple[tuple[float, ...], ...]
    warmup: int = 0
    settled: bool = True
    rate: float = 0.0

    @property
    def samples(self) -> tuple[float, ...]:
        """All samples, in the order in which they were taken."""
        return tuple(chain.from_iterable(self.turns))

    @property
    def median(self) -> float:
        """The median sample."""
        return statistics.median(self.samples)


@dataclass(frozen=True)
class Stream:
    """Throughput: `frames` inferences in `seconds`, `depth` of them under way at once."""

    frames: int
    seconds: float
    depth: int

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds


@dataclass(frozen=True)
class Memory:
    """Bytes of the process that ran the cell, and nothing else.

    `before`: resident before the model was loaded. `resident`: in the steady state. `peak`: the most that ever was.
    `device`: what the plan reserves on devices with memory of their own, by space; constants that were packed for them
    included. `track`: (seconds since the process began to load, resident bytes).
    """

    before: int
    resident: int
    peak: int
    device: dict[str, int]
    track: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True)
class StepRecord:
    """One step of an inference: a partition run by `delegate`, or a transfer of `nbytes` from `source` to `target`.

    `label` names the tensor of a transfer, or says which ops are run. `seconds` is the median that it took by itself.
    """

    kind: Literal["run", "transfer"]
    label: str
    seconds: float
    delegate: str = ""
    partition: int | None = None
    source: str = ""
    target: str = ""
    nbytes: int = 0


@dataclass(frozen=True)
class OpRecord:
    """One op: where it ran, and the median seconds that it took.

    `seconds` is None where its time can not be told from its partition's. `timing` says where it is from: "device" by
    the device's own clock, "host" by the host's around each launch, "alone" by running the op by itself, scaled so that
    a partition's ops add up to what the partition took. An op that was fused counts in the op named by `into`.
    `floor` is the least that it could take by the `ceilings` of the cell; None where these are not known. `way` is how
    it is done, and what chose that, where its delegate knows several ways.
    """

    index: int
    kind: str
    delegate: str
    partition: int | None
    fate: Fate = "launched"
    into: int | None = None
    seconds: float | None = None
    timing: Literal["", "device", "host", "alone"] = ""
    floor: float | None = None
    way: str = ""


@dataclass(frozen=True)
class OutputError:
    """How far one output is from that of the reference kernels, in real values, over all inputs that were tried.

    `relative` is the mean of |difference| over the mean of |reference|. None where a number is undefined: `cosine` of
    zeros, `top1` and `top5` (the share of rows whose best, and whose five best, agree) of what is no vector of scores.
    """

    name: str
    max_error: float
    mean_error: float
    relative: float
    nans: int
    cosine: float | None = None
    top1: float | None = None
    top5: float | None = None


@dataclass(frozen=True)
class Accuracy:
    """The outputs against LiteRT's reference kernels on the same `inputs` (how many), and what the thresholds say.

    `why` names the threshold that decided, empty for PASS.
    """

    verdict: Verdict
    outputs: tuple[OutputError, ...]
    inputs: int
    why: str = ""


@dataclass(frozen=True)
class Energy:
    """What a gauge (`source`: "rapl:package-0", "nvml:0", "battery:BAT0") counted while `inferences` were run.

    It counts the whole part of the machine that it stands for, idle power included.
    """

    source: str
    joules: float
    inferences: int
    seconds: float


@dataclass(frozen=True)
class PlanRecord:
    """The plan that was carried out: `hash` is the SHA-256 of what it decides, without times."""

    hash: str
    placement: str
    delegates: tuple[str, ...]
    partitions: int
    launches: int
    arenas: dict[str, int]
    expected: float


@dataclass(frozen=True)
class Cell:
    """One model in one configuration on one machine.

    `state`: "done"; "partial" where the run was broken off, so that parts are missing; "failed" for `problem`.
    What was not measured is None or empty. `notes` say what has to be known of the times, such as that a GPU runtime
    ran a part of the model on the CPU. `ceilings` are what devices could do at
    most (delegate -> rates, measured there).
    """

    model: ModelRecord
    configuration: Configuration
    machine: str
    state: State = "done"
    problem: str = ""
    notes: tuple[str, ...] = ()
    devices: dict[str, str] | None = None
    plan: PlanRecord | None = None
    ceilings: dict[str, Ceiling] = field(default_factory=dict)
    phases: Phases | None = None
    steady: Steady | None = None
    stream: Stream | None = None
    memory: Memory | None = None
    steps: tuple[StepRecord, ...] = ()
    ops: tuple[OpRecord, ...] = ()
    energy: tuple[Energy, ...] = ()
    accuracy: Accuracy | None = None

    @property
    def key(self) -> tuple[str, Configuration, str]:
        """What a cell of another report has to have in common with this one to be compared with it."""
        return self.model.name, self.configuration, self.machine

    @property
    def transfers(self) -> tuple[StepRecord, ...]:
        """The steps that copy."""
        return tuple(step for step in self.steps if step.kind == "transfer")

    @property
    def startup(self) -> float | None:
        """Seconds from nothing to the first result beyond what an inference takes."""
        if self.phases is None or self.steady is None or not self.steady.samples:
            return None
        return max(self.phases.total - self.steady.median, 0.0)

    @property
    def floor(self) -> float | None:
        """The least seconds that all ops together could take; None unless it is known of each that is launched."""
        found = [op.floor for op in self.ops if op.fate == "launched"]
        known = [seconds for seconds in found if seconds is not None]
        return sum(known) if known and len(known) == len(found) else None

    @property
    def ranking(self) -> tuple[tuple[OpRecord, float, float], ...]:
        """Ops by time, the longest first: each with its share of all ops' time, and that of it and those before."""
        timed = sorted((op for op in self.ops if op.seconds is not None), key=lambda op: -(op.seconds or 0.0))
        total = sum(op.seconds or 0.0 for op in timed) or 1.0
        shares = [(op.seconds or 0.0) / total for op in timed]
        return tuple(zip(timed, shares, accumulate(shares), strict=True))


@dataclass(frozen=True)
class Machine:
    """What the cells ran on. `load` is the load average of the last minute, when the run began and when it ended.

    `governors` counts processors by frequency governor; `temperatures` (sensor -> degrees Celsius), empty where the
    machine does not tell.
    """

    name: str
    system: str
    cpu: str
    cores: int
    memory: int
    governors: dict[str, int]
    load: tuple[float, ...]
    temperatures: dict[str, float]
    gpus: tuple[str, ...]
    versions: dict[str, str]
    commit: str = ""


@dataclass(frozen=True)
class Thresholds:
    """From when on accuracy is WARN or FAIL: `relative` error at most, `cosine` and `top1` at least. A NaN fails."""

    relative_warn: float = 1e-3
    relative_fail: float = 5e-2
    cosine_warn: float = 0.9999
    cosine_fail: float = 0.99
    top1_warn: float = 1.0
    top1_fail: float = 0.5


@dataclass(frozen=True)
class Settings:
    """How it was measured: until `seconds` a cell, or until the 95 % interval is within `width` of the median.

    Where that is fewer than `samples`, a cell goes on to as many, for ten times `seconds` at the most. `pause` is the
    seconds of rest before each turn, `rate` the frames a second (0: at once), `seed` that of the order of turns and
    of random inputs; `inputs` says where inputs are from.
    """

    seconds: float
    width: float
    pause: float
    rate: float
    seed: int
    inputs: str
    thresholds: Thresholds = Thresholds()
    samples: int = 0


@dataclass(frozen=True)
class Report:
    """All cells of a run. `complete` is False where it was broken off; `made` is when it began (ISO 8601, UTC)."""

    schema: int
    made: str
    complete: bool
    settings: Settings
    machines: tuple[Machine, ...]
    cells: tuple[Cell, ...]
