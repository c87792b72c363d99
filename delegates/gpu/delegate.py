"""GPUDelegate: compute shaders of OpenGL or OpenGL ES, through moderngl and EGL, with no window."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import moderngl

from ...buffers import Form
from ...errors import DelegateError, Learned
from ...graph.model import Graph, Op
from ...shaders.program import ES_LIMITS, Limits
from ...shaders.types import half
from ..base import YES, Ceiling, Cost, Link, Lowering, Partition, Probe, Rates, Verdict
from ..custom import changes
from ..work import arithmetic, constant_bytes
from .arena import GLArena
from .ceiling import measured_ceiling
from .context import APIS, NoGL
from .device import Device, open_device
from .executable import GLExecutable
from .forms import form
from .halves import Precision, checked, in_halves, misfit
from .kernels import Refusal, kernels
from .launches import Launch, lower
from .lowering import Whole, lower_op, tensors_of, ways
from .outside import GLOutside
from .peaks import MOST
from .programs import Programs
from .reals import InReals, note

log = logging.getLogger("delegraph.gpu")

# Guessed rates of a small GPU on a bus; what reads back has to wait for the GPU.
RATES = Rates(
    flops=1e12, bandwidth=5e10, launch=1e-5, run=2e-5, upload=Link(5e9, 1e-5), download=Link(5e9, 3e-5)
)  # fmt: skip

QUANTIZED = ("exact", "float")


class GPUDelegate:
    """Runs ops as compute shaders on one GL device. Made when first needed; give it back with `close()`.

    A context that was lost (the GPU was reset, its driver restarted) is made anew when it is next needed: what was
    compiled in the old one fails, and interpreters with `on_failure="replan"` go on with the new one.
    """

    name = "gpu"
    space = "gl"
    holds_state = False

    def __init__(
        self,
        device: int | str | None = None,
        *,
        api: str | None = None,
        limits: Limits | None = None,
        quantized: Literal["exact", "float"] = "exact",
        precision: str | Precision = "fp32",
        context: moderngl.Context | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        """`device` is an EGL device index, or part of a renderer's name; by default the first that is not software.

        `api` is "gl" (desktop OpenGL), "gles" (OpenGL ES), or None: the first of these that has compute shaders here.
        `limits` are those of another device, to launch as for that one, as far as this one allows.

        `quantized` says how ops of quantised integers run: "exact", in integers and with the bits of TensorFlow Lite's
        reference kernels, or "float", dequantised inside as TensorFlow Lite's GPU delegate has them: each result within
        a step or so of the integer that it should be.

        `precision` is "fp32", or "fp16": what ops of floats make, and their weights, are stored in half. They compute
        in float32, but for products where the driver has arithmetic in half, of which 32 may be added up in it before
        they are added in float32. A mapping says it op by op, by an op's index, by the name of a tensor that it writes,
        by its type, or for all others: {"default": "fp16", "SOFTMAX": "fp32", 12: "fp32"}. An op whose values leave
        half's range is kept in float32: for its constants, or because a run met such values; it is then started over.

        `context` is one of the caller's own to work in, so that buffers of it may be bound (`Interpreter.bind_input`);
        it is made current while it is used, must not be current in another thread meanwhile, and stays open.

        `cache_dir` is the folder where what the driver made of shaders is kept from one process to the next, by default
        $DELEGRAPH_GPU_CACHE, else `delegraph/gpu` in the user's cache, though not for Mesa, which has its own; "off"
        keeps nothing.
        """
        if api is not None and api not in APIS:
            raise ValueError(f"api is {' or '.join(map(repr, APIS))} or None, not {api!r}")
        if quantized not in QUANTIZED:
            raise ValueError(f"quantized is {' or '.join(map(repr, QUANTIZED))}, not {quantized!r}")
        if isinstance(device, bool) or not isinstance(device, (int, str, type(None))):
            raise TypeError(f"device is an index, part of a name or None, not {device!r}")
        self._wanted = device
        self._api = api
        self._limits = limits
        self._quantized = quantized
        self._context = context
        self._cache = cache_dir
        self._precision = checked(precision)
        self.learns = "fp16" in self._precision.values()
        self._wide: dict[tuple[str, int], dict[int, str]] = {}  # by model and subgraph: what half cannot have, and why
        self.rates = RATES
        self._lock = threading.RLock()
        self._device: Device | None = None
        self._problem: NoGL | None = None
        self._programs: Programs | None = None
        self._ceiling: Ceiling | None = None
        self._closed = False
        self._reopens = False  # whether a context was lost
        self._lowered: dict[Any, tuple[tuple[Launch, ...], Lowering]] = {}
        self._verdicts: dict[int, Verdict] = {}
        self._wholes: dict[tuple[int, tuple[int, ...]], Whole | Refusal] = {}
        self._graph: Graph | None = None
        self._view: Graph | None = None  # the same as this delegate holds it
        self._changes = changes()
        self._notes: dict[int, str] = {}
        self.check_each = False

    def probe(self) -> Probe:
        """Whether there is a GL device: its name, or why not."""
        try:
            device = self._open()
        except NoGL as error:
            return Probe(False, error.args[0], error.args[1])
        except DelegateError as error:
            return Probe(False, str(error))
        what = f"{device.name}, {APIS[device.api].rpartition(' ')[0]}"
        what = f"{what} (software: the CPU computes)" if device.software else what
        return Probe(True, what, note=str(self._shaders().binaries))

    def fingerprint(self) -> str:
        """The device, its driver and what was asked for; why there is none, without one."""
        options = "" if self._quantized == "exact" else f", quantized={self._quantized}"
        options += f", {self._limits}" if self._limits else ""
        options += f", precision={dict(self._precision)}" if self.learns else ""
        try:
            return f"{self.device.name}, {self.device.version}{options}"
        except DelegateError as error:
            return str(error)

    def supports(self, graph: Graph, op: Op) -> Verdict:
        """Whether a kernel takes the op; ops that fold away are taken too."""
        with self._lock:
            view = self._view_of(graph)
            if op.index not in self._verdicts:
                self._verdicts[op.index] = YES if op.index in graph.folded_ops else self._verdict(view, op)
            return self._verdicts[op.index]

    def _verdict(self, view: Graph, op: Op) -> Verdict:
        lowered = self._each(view, op, self.limits)
        if isinstance(lowered, Refusal):
            return Verdict(lowered.reasons)
        return Verdict(note=", ".join(filter(None, (note(view, op), self._notes.get(op.index)))))

    def estimate(self, graph: Graph, ops: Iterable[int]) -> Cost:
        """A guess: the larger of arithmetic and memory time of each launch, and what launching costs."""
        launches, _ = self._lower(graph, tuple(ops), frozenset())
        seconds = self.rates.run
        for launch in launches:
            op = graph.ops[launch.op]
            touched = dict.fromkeys(tensors_of(launch.program))
            nbytes = sum(self.form(graph, t).nbytes for t in touched) + constant_bytes(graph, op)
            seconds += self.rates.seconds(arithmetic(graph, op), nbytes)
        return self.rates.cost(seconds)

    def lower(self, graph: Graph, ops: tuple[int, ...], keep: frozenset[int] = frozenset()) -> Lowering:
        """The launches that these ops become, what was fused into what, and what only renames bytes."""
        return self._lower(graph, ops, keep)[1]

    def ways(self, graph: Graph, op: Op) -> Mapping[str, float]:
        """The ways of an op's kernel, each with its time beside the others by the kernel's rules; the best first."""
        with self._lock:
            return ways(self._view_of(graph), op, self.limits)

    def form(self, graph: Graph, tensor: int) -> Form:
        """How a tensor lies in GL."""
        with self._lock:
            return form(self._view_of(graph).tensors[tensor], partial(self._learn, graph))

    def outside(self, graph: Graph, tensor: int, buffer: Any, offset: int = 0) -> GLOutside:
        """A buffer of the caller's as the place of an input or output. Raises ValueError where it cannot be that.

        From then on the tensor is not held in half: a caller's floats are float32.
        """
        with self._lock:
            if half(self._view_of(graph).tensors[tensor]):
                self._widen(graph, [tensor], "is bound to a buffer of the caller's")
        return GLOutside(self.device, buffer, offset, self.form(graph, tensor))

    def allocate(self, nbytes: int) -> GLArena:
        """GPU memory. Raises DelegateError if there is not enough, or no GPU."""
        return GLArena(self.device, nbytes)

    def compile(
        self,
        graph: Graph,
        partition: Partition,
        arena: Any,
        offsets: Mapping[int, int],
        keep: frozenset[int] = frozenset(),
    ) -> GLExecutable:
        """Compile the shaders, pack the constants, prepare the calls. Raises DelegateError on failure."""
        if not isinstance(arena, GLArena) or arena.device is not self.device:
            raise DelegateError("the arena is not this GPU delegate's own")
        launches, lowering = self._lower(graph, partition.ops, keep)
        with self._lock:
            view, limits, learn = self._view_of(graph), self.limits, partial(self._learn, graph)
            shapes, known = tuple(t.shape for t in graph.tensors), frozenset(self._wide.get(key_of(graph), ()))
            ways = tuple(sorted(lowering.ways.items()))
            key = (*key_of(graph), shapes, known, partition.ops, keep, self._changes, ways)
            return GLExecutable(
                self._shaders(), view, launches, lowering, arena, offsets, limits, key, learn, self.check_each
            )

    def held_bytes(self) -> int:
        """Bytes of packed constants on the GPU."""
        with self._lock:
            return self._programs.weights.nbytes if self._programs is not None else 0

    def ceiling(self) -> Ceiling:
        """What the device could do at most, measured when first asked for. Raises DelegateError where there is none."""
        with self._lock:
            if self._ceiling is None:
                self._ceiling = measured_ceiling(self.device)
            return self._ceiling

    def close(self) -> None:
        """Destroy the context, and with it all shaders and buffers. May be called twice."""
        with self._lock:
            self._closed = True
            device, self._device, self._programs = self._device, None, None
            self._lowered, self._verdicts, self._wholes, self._graph, self._view = {}, {}, {}, None, None
            if device is not None:
                device.close()

    def _shaders(self) -> Programs:
        """What this device's executables share. Raises DelegateError where there is none."""
        with self._lock:
            if self._programs is None:
                self._programs = Programs(self.device, self.limits, self._cache)
            return self._programs

    @property
    def device(self) -> Device:
        """The open device. Raises DelegateError where there is none."""
        try:
            return self._open()
        except NoGL as error:
            raise DelegateError(f"no GPU: {error.args[0]}; {error.args[1]}") from None

    @property
    def limits(self) -> Limits:
        """The device's limits, or what planning assumes without one; and those asked for, where these are less."""
        try:
            limits = self._open().limits
        except (NoGL, DelegateError):
            limits = ES_LIMITS if self._api == "gles" else Limits()
        return limits.within(self._limits) if self._limits else limits

    def _open(self) -> Device:
        with self._lock:
            if self._closed:
                raise DelegateError("this GPU delegate is closed")
            if self._problem is not None:
                raise self._problem
            if self._device is not None and self._device.lost:
                self._forget()
            if self._device is None:
                # The driver's libraries load without Python's lock: meanwhile kernels do.
                loading = threading.Thread(target=kernels)
                loading.start()
                try:
                    self._device = (
                        Device(self._context, own=False)
                        if self._context is not None
                        else open_device(self._wanted, self._api)
                    )
                except NoGL as problem:
                    self._problem = None if self._reopens else problem  # a device that was here may come back
                    raise
                finally:
                    loading.join()
            self._device.check_process()
            return self._device

    def _forget(self) -> None:
        """Let go of a context that is lost. Raises DelegateError where it is the caller's own."""
        assert self._device is not None
        if self._context is not None:
            raise DelegateError("the context that was given is lost: give a new one to a new GPUDelegate")
        log.warning("the OpenGL context on %s is lost: opening another", self._device.name)
        self._device.close()
        self._device, self._programs, self._view, self._reopens = None, None, None, True

    def _view_of(self, graph: Graph) -> Graph:
        """A graph as it is held here.

        Answers are kept for one graph at a time, so that a delegate does not hold on to every model it saw; and as long
        as no kernel is registered or forgotten.
        """
        now = changes()
        if self._view is None or graph is not self._graph or now != self._changes:
            self._graph, self._changes = graph, now
            self._lowered, self._verdicts, self._wholes = {}, {}, {}
            view: Graph = InReals.of(graph) if self._quantized == "float" else graph
            notes: dict[int, str] = {}
            if self.learns:
                view, notes = in_halves(view, self._precision, self._wide.get(key_of(graph), {}))
            self._view, self._notes = view, notes
        return self._view

    def _learn(self, graph: Graph, tensors: Sequence[int]) -> Learned:
        """Keep tensors in float32 from now on; the error that says so."""
        with self._lock:
            self._widen(graph, tensors, f"went beyond half's {MOST:g}")
        names = ", ".join(repr(graph.tensors[t].name) for t in tensors)
        return Learned(f"gpu: {names} went beyond half's {MOST:g}, and will be kept in float32 by a new plan")

    def measured(self, graph: Graph, peaks: Mapping[int, float]) -> None:
        """Keep in float32 what was measured to be outside half's range, from the next plan on."""
        with self._lock:
            for t, peak in peaks.items():
                if why := misfit(peak):
                    self._widen(graph, [t], why)

    def _widen(self, graph: Graph, tensors: Iterable[int], why: str) -> None:
        self._wide.setdefault(key_of(graph), {}).update(dict.fromkeys(tensors, why))
        self._view = None

    def _each(self, view: Graph, op: Op, limits: Limits) -> Whole | Refusal:
        """What becomes of one op, asked once: planning asks for it alone, in pairs, and in its partition."""
        key = op.index, op.inputs
        if key not in self._wholes:
            self._wholes[key] = lower_op(view, op, limits)
        return self._wholes[key]

    def _lower(self, graph: Graph, ops: tuple[int, ...], keep: frozenset[int]) -> tuple[tuple[Launch, ...], Lowering]:
        with self._lock:
            view = self._view_of(graph)
            key = (ops, keep)
            if key not in self._lowered:
                self._lowered[key] = lower(view, ops, keep, self.limits, self._each)
            return self._lowered[key]


def key_of(graph: Graph) -> tuple[str, int]:
    """What a graph is known by, whatever the shapes of its inputs."""
    return graph.model.fingerprint, graph.index
