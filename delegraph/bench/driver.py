"""Carries a matrix out: one process a cell, those of a model side by side and measured in turn, in random order."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

from .child import Child, ChildError
from .machine import load, this_machine
from .matrix import Matrix
from .record import SCHEMA, Cell, Configuration, ModelRecord, Report, Steady
from .reference import Reference
from .stand import HOT, Stand
from .stats import median
from .words import name_of

TURNS = 20  # that a cell's time is divided into
FEWEST = 10  # turns before a narrow interval may end a cell, so that it is of more than a moment
LEAST = 5  # turns of a cell whose time is over
MOST = 100  # samples of a turn
LONGER = 10  # times a cell's time, for as many samples as were asked for
LOOK = 5  # turns from one look at the interval to the next
WARM = 2.0  # seconds at the most
STREAM = 0.5  # seconds
REPEAT = 5  # inferences timed step by step

Progress = Callable[[float, str], None]  # called with the cells that are done, parts included, and what is done now


@dataclass
class Running:
    """A cell under way: its process, and what was measured so far."""

    cell: Cell
    child: Child
    inputs: str
    reference: str
    median: float = 0.0
    warmup: int = 0
    settled: bool = False
    turns: list[tuple[float, ...]] = field(default_factory=list)
    seconds: float = 0.0
    over: bool = False
    finished: bool = False

    def steady(self, rate: float) -> Steady | None:
        """The latencies so far."""
        return Steady(tuple(self.turns), self.warmup, self.settled, rate) if self.turns else None


class Run:
    """A matrix being measured. `report` may be asked for at any time: what is there by then is in it."""

    def __init__(self, matrix: Matrix, machine: str = "", progress: Progress = lambda done, what: None) -> None:
        """Nothing is started yet."""
        self._matrix, self._settings = matrix, matrix.settings
        self._progress = progress
        self._machine = this_machine(machine)
        self._made = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._cells: list[Cell] = []
        self._running: list[Running] = []
        self._complete = False
        self._rng = random.Random(self._settings.seed)
        self.total = len(matrix.named) * len(matrix.configurations)

    def carry_out(self) -> None:
        """Measure everything. Raises ValueError and OSError for models and inputs that cannot be used, at the start."""
        with TemporaryDirectory(prefix="delegraph-bench-") as folder:
            prepared = [self._prepare(name, path, Path(folder)) for name, path in self._matrix.named.items()]
            for path, model, inputs, references in prepared:
                self._model(path, model, inputs, references)
        self._complete = True

    def report(self) -> Report:
        """What was measured so far."""
        cells = [*self._cells]
        for running in self._running:
            state = "partial" if running.cell.state == "done" and not running.finished else running.cell.state
            cells.append(replace(running.cell, state=state, steady=running.steady(self._settings.rate)))
        gpus = dict.fromkeys(
            text for c in cells for name, text in (c.devices or {}).items() if name not in ("cpu", "host")
        )  # fmt: skip
        machine = replace(self._machine, load=(*self._machine.load, load()), gpus=tuple(gpus))
        return Report(SCHEMA, self._made, self._complete, self._settings, (machine,), tuple(cells))

    def _prepare(self, name: str, path: Path, folder: Path) -> tuple[Path, ModelRecord, dict[int, str], dict[int, str]]:
        """The model's record, and for each batch the files of inputs and of reference outputs, "" without."""
        inputs: dict[int, str] = {}
        references: dict[int, str] = {}
        number = len(list(folder.iterdir()))
        feed = replace(self._matrix.feed, sets=max(self._matrix.feed.sets, 1))
        with _child(Reference) as child:
            for batch in dict.fromkeys(c.batch for c in self._matrix.configurations):
                self._progress(len(self._cells), f"{name}: inputs and reference")
                inputs[batch] = str(folder / f"{number}-{batch}-inputs.npz")
                try:
                    model = child.call("inputs", str(path), name, batch, feed, inputs[batch])
                except ChildError as error:
                    raise ValueError(f"{path}: {error}") from None
                references[batch] = ""
                if self._matrix.feed.sets:
                    target = str(folder / f"{number}-{batch}-outputs.npz")
                    try:
                        child.call("outputs", str(path), batch, inputs[batch], target, timeout=1800.0)
                        references[batch] = target
                    except ChildError:  # a model with an op that no reference kernel has is measured all the same
                        break
        return path, model, inputs, references

    def _model(self, path: Path, model: ModelRecord, inputs: dict[int, str], references: dict[int, str]) -> None:
        """All cells of a model."""
        order = self._rng.sample(self._matrix.configurations, len(self._matrix.configurations))
        with ExitStack() as stack:
            for c in order:
                stack.enter_context(self._opened(path, model, c, inputs[c.batch], references.get(c.batch, "")))
            alive = [r for r in self._running if r.cell.state == "done"]
            self._measure(alive)
            for running in self._rng.sample(alive, len(alive)):
                self._finish(running)
        order_of = {c: k for k, c in enumerate(self._matrix.configurations)}
        done = sorted(self._running, key=lambda r: order_of[r.cell.configuration])
        self._running = []
        self._cells += [replace(r.cell, steady=r.steady(self._settings.rate)) for r in done]

    @contextmanager
    def _opened(
        self, path: Path, model: ModelRecord, configuration: Configuration, inputs: str, reference: str
    ) -> Iterator[None]:
        """A cell's process, brought to its first result and warmed up; it ends with the context."""
        cell = Cell(model, configuration, self._machine.name)
        with _child(Stand, self._matrix.pythons.get(configuration.peer, "")) as child:
            running = Running(cell, child, inputs, reference)
            self._running.append(running)
            self._say(running, "load")
            try:
                ready = child.call("open", str(path), configuration, inputs)
                running.cell = replace(cell, phases=ready.phases, **ready.details)
                self._say(running, "warm up")
                warm = child.call("warm", min(self._settings.seconds, WARM))
                running.median, running.warmup, running.settled = warm.median, warm.inferences, warm.settled
            except ChildError as error:
                _failed(running, error)
            yield

    def _measure(self, cells: Sequence[Running]) -> None:
        """Turns in random order, round by round, until each cell is known well enough or its time is over."""
        active = list(cells)
        while active:
            for running in self._rng.sample(active, len(active)):
                self._say(running, "measure")
                if self._settings.pause:
                    time.sleep(self._settings.pause)
                try:
                    self._turn(running)
                except ChildError as error:
                    _failed(running, error)
            active = [r for r in active if not r.over]

    def _turn(self, running: Running) -> None:
        seconds = self._settings.seconds / TURNS
        settle = seconds / 10 if running.median < HOT else 0.0
        start = time.perf_counter()
        running.turns.append(running.child.call("turn", seconds, MOST, settle, self._settings.rate))
        running.seconds += time.perf_counter() - start
        turns, seconds = len(running.turns), self._settings.seconds
        if sum(map(len, running.turns)) < self._settings.samples and running.seconds < LONGER * seconds:
            return
        if turns >= FEWEST and turns % LOOK == 0:
            running.over = median(running.turns).width <= self._settings.width
        running.over |= turns >= LEAST and running.seconds >= seconds

    def _finish(self, running: Running) -> None:
        """What is measured once, after the latencies: energy, memory, steps and ops, throughput, accuracy."""
        if running.cell.state == "failed":
            return
        child = running.child
        try:
            running.cell = replace(running.cell, energy=child.call("energy"), memory=child.call("memory"))
            self._say(running, "ops")
            steps, ops = child.call("profile", REPEAT if running.median < 1 else 2)
            running.cell = replace(running.cell, steps=steps, ops=ops)
            self._say(running, "throughput")
            typical = running.median or 1.0
            running.cell = replace(
                running.cell, stream=child.call("stream", STREAM, typical, running.inputs), **child.call("describe")
            )
            if running.reference:
                self._say(running, "accuracy")
                limits = self._settings.thresholds
                accuracy = child.call("accuracy", running.inputs, running.reference, limits)
                running.cell = replace(running.cell, accuracy=accuracy)
            running.finished = True
        except ChildError as error:
            running.cell = replace(running.cell, state="partial", problem=str(error))

    def _say(self, running: Running, what: str) -> None:
        done = len(self._cells) + sum(self._part(r) for r in self._running)
        self._progress(done, f"{running.cell.model.name}, {name_of(running.cell.configuration)}: {what}")

    def _part(self, running: Running) -> float:
        """How much of a cell is done, as a part of it."""
        if running.cell.state == "failed":
            return 1.0
        after = 0.1 if running.cell.memory else 0.0
        return min(0.8, 0.8 * running.seconds / self._settings.seconds) if not running.over else 0.8 + after


def _failed(running: Running, error: ChildError) -> None:
    """Note what a cell died of; latencies that it had by then stay."""
    running.over = True
    running.cell = replace(running.cell, state="partial" if running.turns else "failed", problem=str(error))


@contextmanager
def _child(kind: type, python: str = "") -> Iterator[Child]:
    """A child that is let go, or killed where an exception ends the context."""
    child = Child(kind, python)
    try:
        yield child
    except BaseException:
        child.kill()
        raise
    child.close()
