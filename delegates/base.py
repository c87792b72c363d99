"""The delegate protocol: what a device has to answer before it may run a part of a graph."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from numpy.typing import NDArray

from ..buffers import Arena, Form, Outside
from ..errors import Reason
from ..graph.model import Graph, Model, Op


@dataclass(frozen=True)
class Verdict:
    """A delegate's answer for one op: yes when there are no reasons against; `note` is what to know where it runs."""

    reasons: tuple[Reason, ...] = ()
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether the delegate takes the op."""
        return not self.reasons


YES = Verdict()


def no(code: str, met: object = "", wanted: object = "") -> Verdict:
    """A refusal with one reason."""
    return Verdict((Reason(code, str(met), str(wanted)),))


# What the host delegate says of all that is not a custom op; not worth telling of each.
NOT_CUSTOM = Verdict((Reason("builtin", wanted="a custom op"),))

# Of offsets in arenas but the host's: the largest that OpenGL lets a driver ask of a storage buffer (table 23.64).
ALIGNMENT = 256

Source = Literal["measured", "modelled", "guessed"]


@dataclass(frozen=True)
class Cost:
    """Seconds, and where the number is from.

    measured: it was timed. modelled: derived from what was timed, or from the description of a device. guessed: work
    and bytes over a device's rates.
    """

    seconds: float
    source: Source = "guessed"


@dataclass(frozen=True)
class Link:
    """A way for bytes to or from a device: bytes a second, and the seconds that each copy takes besides."""

    bandwidth: float = math.inf
    latency: float = 0.0

    def seconds(self, nbytes: int) -> float:
        """How long one copy takes."""
        return self.latency + nbytes / self.bandwidth


@dataclass(frozen=True)
class Rates:
    """What a device gets done, for estimates.

    `flops` is arithmetic a second (a multiply-add counts two), `bandwidth` bytes of its own memory a second, `launch`
    the seconds that each launch costs besides, `run` those of each run of a partition; `upload` leads from the host to
    the device, `download` back. `source`: guessed until measured on this device; modelled where they describe a device
    and are not to be measured.
    """

    flops: float
    bandwidth: float
    launch: float = 0.0
    run: float = 0.0
    upload: Link = Link()
    download: Link = Link()
    source: Source = "guessed"

    def seconds(self, flops: float, nbytes: float) -> float:
        """One launch: the longer of arithmetic and memory traffic (the roofline), and what launching costs."""
        return self.launch + max(flops / self.flops, nbytes / self.bandwidth)

    def cost(self, seconds: float) -> Cost:
        """A number of seconds that follows from these rates."""
        return Cost(seconds, "modelled" if self.source == "modelled" else "guessed")


@dataclass(frozen=True)
class Probe:
    """Whether a delegate's device is here: `detail` names it, or says why not; `remedy` says what would mend it.

    `note` is what `doctor` tells besides.
    """

    here: bool
    detail: str
    remedy: str = ""
    note: str = ""


@dataclass(frozen=True)
class Use:
    """One launch inside a partition: the activations it reads and those it writes."""

    reads: tuple[int, ...]
    writes: tuple[int, ...]


@dataclass(frozen=True)
class Lowering:
    """What a delegate will really do with a partition, known without hardware; memory is planned from it.

    `uses` are its launches in order. `fused` maps an op to the op it was merged into. `aliases` maps a tensor to the
    one whose bytes it shares, always one that is not an alias itself, and to the byte of that at which it begins: 0 for
    a reshape, more for what a concatenation puts behind something else. `folded` ops were computed
    from constants and run nowhere. `held` are border tensors for which the executable has memory of its own, `found`
    those that it looks for where another one holds them: what is held, and has no other needs, gets no place in a plan.
    `ways` names how an op is done, where the delegate knows several ways.
    """

    uses: tuple[Use, ...]
    fused: Mapping[int, int] = field(default_factory=dict)
    aliases: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    folded: frozenset[int] = frozenset()
    held: frozenset[int] = frozenset()
    found: frozenset[int] = frozenset()
    ways: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Partition:
    """A convex run of ops on one delegate, with the activations that cross its border."""

    index: int
    delegate: str
    ops: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Executable(Protocol):
    """A compiled partition, bound to its places in the arena of its delegate's space.

    `holding` stands for the resources (variables, hash tables) that live in it, and for what it runs; None where there
    are none.
    """

    holding: str | None

    def run(self) -> None:
        """Run once, from the inputs' places to the outputs'. Raises DelegateError on failure."""

    def state(self) -> Mapping[int, NDArray[Any]]:
        """A copy of each variable tensor's value. Raises DelegateError where its ops remember what cannot be read."""

    def restore(self, state: Mapping[int, NDArray[Any]]) -> None:
        """Give its variable tensors, of those in `state`, these values."""

    def reset_variables(self) -> None:
        """Set what its ops remember from one run to the next back to its start."""

    def suspend(self) -> None:
        """Give back memory, but neither what makes compiling the same again quick nor resources. `run` is over."""

    def take_over(self, former: Executable) -> None:
        """Go on with the resources of an executable with the same `holding`, which then is of no use."""

    def close(self) -> None:
        """Give back everything it holds. May be called twice."""


class Delegate(Protocol):
    """A device, or a way to reach one. Everything up to `compile` works where the device is not."""

    name: str
    space: str
    holds_state: bool  # whether ops that share resources or variables may run here, in one partition
    learns: bool  # whether a run may raise Learned
    rates: Rates  # behind `estimate`, and the price of what is copied to and from `space`; replaced when measured

    def probe(self) -> Probe:
        """Is the device here, and if not, why. Raises nothing."""

    def fingerprint(self) -> str:
        """All that times measured here depend on: the device, its driver or runtime with versions, options."""

    def supports(self, graph: Graph, op: Op) -> Verdict:
        """Whether this op can run here. Pure: the same answer with and without the hardware."""

    def estimate(self, graph: Graph, ops: Iterable[int]) -> Cost:
        """What one run of these ops would cost here as one partition, `rates.run` included, transfers left out."""

    def lower(self, graph: Graph, ops: tuple[int, ...], keep: frozenset[int] = frozenset()) -> Lowering:
        """What these ops become here. Pure. `keep` lists tensors that must exist in memory (no fusing across them)."""

    def form(self, graph: Graph, tensor: int) -> Form:
        """How a tensor of a graph lies in this delegate's space. Pure."""

    def allocate(self, nbytes: int) -> Arena:
        """Memory in this delegate's space. Raises DelegateError if there is not enough."""

    def compile(
        self,
        graph: Graph,
        partition: Partition,
        arena: Arena,
        offsets: Mapping[int, int],
        keep: frozenset[int] = frozenset(),
    ) -> Executable:
        """Make a partition runnable. `offsets` gives each tensor of its lowering a byte offset in `arena`."""

    def close(self) -> None:
        """Give the device back. May be called twice."""


@runtime_checkable
class Lender(Protocol):
    """A delegate that works on memory of the caller's own."""

    def outside(self, graph: Graph, tensor: int, buffer: Any, offset: int = 0) -> Outside:
        """A buffer of the caller's as the place of an input or output. Raises ValueError where it cannot be that."""


@runtime_checkable
class Learner(Protocol):
    """A delegate that stores values in fewer bits where these hold them."""

    def measured(self, graph: Graph, peaks: Mapping[int, float]) -> None:
        """Take up how far from 0 the values of tensors go, by index; a new plan heeds it."""


@dataclass(frozen=True)
class Ceiling:
    """The most that a device does in a second: `flops` of float32 (a multiply-add counts two), bytes of its memory."""

    flops: float
    bandwidth: float

    def seconds(self, flops: float, nbytes: float) -> float:
        """The least time that so much work can take: the longer of arithmetic and traffic (the roofline)."""
        return max(flops / self.flops, nbytes / self.bandwidth)


@runtime_checkable
class Bounded(Protocol):
    """A delegate that can tell what its device could do at most."""

    def ceiling(self) -> Ceiling:
        """Measured once, by work that is nothing else. Raises DelegateError where there is no device."""


@runtime_checkable
class Holder(Protocol):
    """A delegate that holds more in its space than the arenas that plans count."""

    def held_bytes(self) -> int:
        """Bytes of packed constants, of all that is compiled now."""


@dataclass(frozen=True)
class LaunchTime:
    """What one launch took, of the op that it is for, by the clock of the device or of the host around it."""

    op: int
    seconds: float
    clock: Literal["device", "host"]


@runtime_checkable
class Versatile(Protocol):
    """A delegate that knows several ways to do some ops, all with the same results; `Op.way` asks for one."""

    def ways(self, graph: Graph, op: Op) -> Mapping[str, float]:
        """The ways to do an op that it supports, each with the time it should take beside the others, its own first.

        Pure. Empty where there is no choice.
        """


@runtime_checkable
class Timed(Protocol):
    """An executable that can tell what each of its launches takes."""

    def timed(self) -> list[LaunchTime]:
        """One run, as `run`, timed launch by launch. Raises DelegateError on failure."""


@runtime_checkable
class SelfTesting(Protocol):
    """A delegate whose device takes no sum of floats to show that it works."""

    def self_test(self) -> str:
        """Say "ok: " and what was tried, or what went wrong. Raises nothing."""


@runtime_checkable
class Accompanied(Protocol):
    """A delegate that brings others along for a model."""

    def company(self, model: Model, cpu: Delegate) -> Sequence[Delegate]:
        """What stands behind all delegates; `cpu` has the runtime's options. Raises DelegraphError where it cannot."""


def accompanied(delegates: Sequence[Delegate], model: Model, cpu: Delegate) -> list[Delegate]:
    """Delegates, and their company behind them all. Raises what `company` does."""
    company = (other for d in delegates if isinstance(d, Accompanied) for other in d.company(model, cpu))
    return [*delegates, *company]


def shapes_unknown(graph: Graph, op: Op) -> Verdict:
    """Refusal of an op that reads or writes a tensor whose shape depends on data, else yes."""
    for t in (*op.inputs, *op.outputs):
        if t in graph.dynamic:
            return no("dynamic_shape", f"the shape of {graph.tensors[t].name!r} depends on data", "a static shape")
    return YES
