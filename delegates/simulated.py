"""A device that is not here: right results from the CPU runtime, at the speed of the device that is described."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..buffers import Arena, HostArena
from ..graph.model import Graph, Op
from ..tables import read_tables
from .base import Cost, Delegate, Executable, Link, Lowering, Partition, Probe, Rates, Verdict, no, shapes_unknown
from .cpu import CPUDelegate
from .cpu_executable import CPUExecutable
from .edgetpu import rates as edgetpu
from .names import NAMED, imported
from .on_host import HostForms
from .work import roofline

Supports = Callable[[Graph, Op], bool]
SPIN = 1.5e-4  # seconds that sleeping usually overshoots by, and that are waited for awake

# An accelerator of which nothing is said: ten times a CPU core behind a bus.
PLAIN = Rates(2e11, 5e10, 0.0, 2e-5, Link(2e9, 2e-5), Link(2e9, 2e-5), "modelled")
EDGETPU = replace(edgetpu.RATES, upload=edgetpu.USB, download=edgetpu.USB)
KEYS = ("like", "flops", "memory", "bandwidth", "latency", "launch", "run", "supports")


class SimulatedDelegate(HostForms):
    """Runs its sub-models on the CPU, in a space of its own, and takes the time that the described device would.

    Where the CPU itself takes longer than that, so does this.
    """

    holds_state = False
    learns = False

    def __init__(
        self,
        name: str,
        like: str | Delegate | None = None,
        *,
        flops: float | None = None,
        memory: float | None = None,
        bandwidth: float | None = None,
        latency: float | None = None,
        launch: float | None = None,
        run: float | None = None,
        supports: Iterable[str] | Supports | None = None,
        space: str | None = None,
    ) -> None:
        """`like` is "edgetpu", "gpu" or a delegate: where the rates and the ops that it takes come from, unless given.

        `flops` is arithmetic a second, `memory` bytes of its own memory a second; `bandwidth` and `latency` are those
        of the link to it, in bytes a second and seconds a copy; `launch` seconds an op, `run` seconds a partition.
        `supports` are kinds of ops, or a predicate `(graph, op)`; by default all that the CPU takes. Raises ValueError
        for a device that is not known, or a number that is not positive.
        """
        base, self._like = _likeness(like)
        link = _given(name, bandwidth=bandwidth, latency=latency)
        own = _given(name, flops=flops, memory=memory, launch=launch, run=run)
        if "memory" in own:
            own["bandwidth"] = own.pop("memory")
        self.name = name
        self.space = space or name
        self.rates = replace(
            base,
            upload=replace(base.upload, **link),
            download=replace(base.download, **link),
            source="modelled",
            **own,
        )
        self._supports = supports if supports is None or callable(supports) else frozenset(supports)
        self._cpu = CPUDelegate()
        self._busy = threading.Lock()

    def probe(self) -> Probe:
        """Here wherever the CPU's runtime is."""
        probe = self._cpu.probe()
        described = f"simulated: {self.rates.flops:.3g} flop/s, {self.rates.upload.bandwidth:.3g} B/s to and from it"
        return replace(probe, detail=described) if probe.here else probe

    def fingerprint(self) -> str:
        """The description, and the CPU that computes."""
        return f"simulated {self.rates} on {self._cpu.fingerprint()}"

    def supports(self, graph: Graph, op: Op) -> Verdict:
        """By what is described, as far as the CPU's runtime has the op."""
        if isinstance(self._supports, frozenset) and op.label not in self._supports:
            return no("kind", op.label, ", ".join(sorted(self._supports)))
        if callable(self._supports) and not self._supports(graph, op):
            return no("predicate", op.label)
        if self._supports is None and self._like is not None:
            verdict = self._like(graph, op)
            if not verdict.ok:
                return verdict
        unknown = shapes_unknown(graph, op)
        return self._cpu.supports(graph, op) if unknown.ok else unknown

    def estimate(self, graph: Graph, ops: Iterable[int]) -> Cost:
        """What the described device would take."""
        live = (graph.ops[i] for i in ops if i not in graph.folded_ops)
        return Cost(roofline(graph, live, self.rates), "modelled")

    def lower(self, graph: Graph, ops: tuple[int, ...], keep: frozenset[int] = frozenset()) -> Lowering:
        """One launch; its memory is the device's."""
        return replace(self._cpu.lower(graph, ops, keep), held=frozenset())

    def allocate(self, nbytes: int) -> SimulatedArena:
        """Host memory that is as far away as the device's."""
        return SimulatedArena(nbytes, self.rates)

    def compile(
        self,
        graph: Graph,
        partition: Partition,
        arena: Arena,
        offsets: Mapping[int, int],
        keep: frozenset[int] = frozenset(),
    ) -> SimulatedExecutable:
        """Open the partition's sub-model in the CPU's runtime. Raises DelegateError where that refuses it."""
        executable = self._cpu.compile(graph, partition, arena, offsets, keep)
        return SimulatedExecutable(executable, self.estimate(graph, partition.ops).seconds, self._busy)

    def close(self) -> None:
        """Nothing is held between uses."""


class SimulatedArena(HostArena):
    """Memory that takes its time to be reached."""

    def __init__(self, nbytes: int, rates: Rates) -> None:
        """Reserve `nbytes` bytes behind the links of `rates`."""
        super().__init__(nbytes)
        self._rates = rates

    def write(self, offset: int, data: NDArray[Any]) -> None:
        """Copy a C-contiguous host array in, at a byte offset."""
        done = time.perf_counter() + self._rates.upload.seconds(data.nbytes)
        super().write(offset, data)
        wait_until(done)

    def read(self, offset: int, out: NDArray[Any]) -> None:
        """Copy bytes out into a C-contiguous host array."""
        done = time.perf_counter() + self._rates.download.seconds(out.nbytes)
        super().read(offset, out)
        wait_until(done)


class SimulatedExecutable:
    """A partition on the CPU that takes at least a given time; one at a time on one device."""

    holding: str | None = None

    def __init__(self, executable: CPUExecutable, seconds: float, busy: threading.Lock) -> None:
        """`busy` is held while it runs."""
        self._executable = executable
        self._seconds = seconds
        self._busy = busy

    def run(self) -> None:
        """Run once. Raises DelegateError on failure."""
        with self._busy:
            done = time.perf_counter() + self._seconds
            self._executable.run()
            wait_until(done)

    def state(self) -> Mapping[int, NDArray[Any]]:
        """As the CPU has them."""
        return self._executable.state()

    def restore(self, state: Mapping[int, NDArray[Any]]) -> None:
        """To the CPU."""
        self._executable.restore(state)

    def reset_variables(self) -> None:
        """Set the partition's variable tensors back to zero."""
        self._executable.reset_variables()

    def suspend(self) -> None:
        """Nothing is compiled that could be kept."""
        self.close()

    def take_over(self, former: Executable) -> None:
        """There are no resources here."""

    def close(self) -> None:
        """Free the runtime's interpreter."""
        self._executable.close()


def wait_until(moment: float) -> None:
    """Sleep until `time.perf_counter()` reaches a moment; awake at the end, so that it is met to a microsecond."""
    left = moment - time.perf_counter()
    if left > SPIN:
        time.sleep(left - SPIN)
    while time.perf_counter() < moment:
        pass


def eight_bit(graph: Graph, op: Op) -> Verdict:
    """Whether all that an op reads and writes is 8-bit, as the Edge TPU has it; constants may be int32 biases."""
    for t in (*op.inputs, *op.outputs):
        if t >= 0 and not graph.is_constant(t) and graph.tensors[t].type not in ("INT8", "UINT8"):
            return no("type", f"{graph.tensors[t].name!r} is {graph.tensors[t].type}", "INT8 or UINT8")
    return Verdict()


def _given(name: str, **numbers: float | None) -> dict[str, float]:
    """Those that are not None. Raises ValueError for one that cannot be."""
    found = {key: value for key, value in numbers.items() if value is not None}
    for key, value in found.items():
        number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
        if not number or (value == 0 and key in ("flops", "memory", "bandwidth")):
            raise ValueError(f"{key} of simulated device {name!r} is a positive number, not {value!r}")
    return found


def _likeness(like: str | Delegate | None) -> tuple[Rates, Callable[[Graph, Op], Verdict] | None]:
    if like is None:
        return PLAIN, None
    if like == "edgetpu":
        return EDGETPU, eight_bit
    if like == "gpu":
        like = imported(NAMED["gpu"].delegate)()
    if isinstance(like, str) or not hasattr(like, "supports"):
        raise ValueError(f"no device {like!r} to be like: say edgetpu, gpu, or give a delegate")
    return like.rates, like.supports


def read_devices(path: str | Path) -> list[SimulatedDelegate]:
    """Simulated delegates from a TOML file, one a table: its name is the delegate's, its keys are the arguments.

        [npu]
        like = "edgetpu"
        flops = 2e12
        supports = ["CONV_2D", "ADD"]

    A file whose name ends in .json holds the same as JSON. Raises ValueError naming what is wrong, and OSError.
    """
    path = Path(path)
    tables = read_tables(path)
    if not isinstance(tables, dict) or not tables:
        raise ValueError(f"{path} describes no device: it needs a table for each, such as [npu]")
    made = []
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ValueError(f"{path}: {name!r} stands outside a table: begin with the device's name, such as [npu]")
        unknown = sorted(set(table) - set(KEYS))
        if unknown:
            raise ValueError(f"{path}: device {name!r} has no {unknown[0]!r}: there are {', '.join(KEYS)}")
        try:
            made.append(SimulatedDelegate(name, **table))
        except TypeError as error:
            raise ValueError(f"{path}: device {name!r}: {error}") from None
    return made
