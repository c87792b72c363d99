"""RemoteDelegate: any delegate whose device is at another machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...buffers import Arena
from ...errors import DelegateError
from ...graph.model import Graph, Model, Op
from ..base import (
    Accompanied,
    Cost,
    Delegate,
    Executable,
    Lowering,
    Partition,
    Probe,
    Rates,
    SelfTesting,
    Verdict,
    shapes_unknown,
)
from ..engine import Sited
from ..names import NAMED, imported
from ..on_host import HostForms
from ..submodel import one_launch, submodel_program
from .remote import TIMEOUT, Far, over_a_bridge


class RemoteDelegate(HostForms):
    """Plans as the delegate that it is named after does, here; what is planned runs on the device behind a bridge."""

    self_test: Callable[[], str]  # where the delegate that plans has one

    def __init__(
        self,
        uri: str,
        delegate: str = "cpu",
        *,
        secret: str | bytes | None = None,
        name: str | None = None,
        timeout: float = TIMEOUT,
        **options: Any,
    ) -> None:
        """`uri` is where `delegraph bridge serve` listens: tcp://host:7200, tcp://[::1]:7200 or unix:///path.

        `delegate` is what to borrow there ("cpu", "gpu", ...); `options` are those of the delegate of that name, which
        plans here, and what of them is for the device goes there, too: `device="usb:1"` is the second stick there.
        `secret` is that of the bridge, at least 16 bytes ($DELEGRAPH_BRIDGE_SECRET where it is None); `name` is this
        delegate's own ("remote-cpu"). `timeout` is how many seconds the other end may be silent. Nothing is connected
        yet. Raises ValueError for an address, a delegate, an option or a secret that cannot be.
        """
        if delegate not in NAMED:
            raise ValueError(f"no delegate {delegate!r} can be borrowed over a bridge: there are {', '.join(NAMED)}")
        named = NAMED[delegate]
        for option in options:
            if option in named.near:
                raise ValueError(
                    f"{option} of {delegate!r} is for whoever serves the bridge to say, not for its clients"
                )
        there = {option: options[option] for option in named.there if options.get(option) is not None}
        for option, value in there.items():
            if not isinstance(value, str | int):
                raise ValueError(f"{option} of {delegate!r} is one word or number over a bridge, not {value!r}")
        self.name = self.space = name or f"remote-{delegate}"
        self.site = Far(uri, delegate, self.space, secret, timeout, there)
        self._what = f"{delegate} at {self.site.dialer.address}"
        self._plans: Delegate = imported(named.delegate)(**options)
        self._sited = isinstance(self._plans, Sited)
        if isinstance(self._plans, Sited):
            self._plans.site = self.site
            self._plans.name, self._plans.space = self.name, self.space
        if isinstance(self._plans, SelfTesting):
            self.self_test = self._plans.self_test
        self.holds_state = self._sited and self._plans.holds_state
        self.learns = self._sited and self._plans.learns
        self.rates = over_a_bridge(self._plans.rates)

    @property
    def rates(self) -> Rates:
        """Of the device there, and of the way to it."""
        return self._plans.rates

    @rates.setter
    def rates(self, rates: Rates) -> None:
        self._plans.rates = rates

    def probe(self) -> Probe:
        """Here where the bridge answers and its device does. Raises nothing."""
        if self._sited:  # it may have more to ask there
            return self._plans.probe()
        try:
            return Probe(True, f"{self._what}: {self.site.here()}")
        except DelegateError as error:
            message, _, remedy = str(error).rpartition("; ")
            return Probe(False, message or remedy, remedy if message else "")

    def fingerprint(self) -> str:
        """Where it is, what it is, and how it is planned for."""
        return f"{self.probe().detail}, {self._plans.name}"

    def company(self, model: Model, cpu: Delegate) -> Sequence[Delegate]:
        """What the delegate that plans brings along, such as a CPU twin. Raises what that does."""
        return self._plans.company(model, cpu) if isinstance(self._plans, Accompanied) else ()

    def supports(self, graph: Graph, op: Op) -> Verdict:
        """As the delegate there says, of what has a shape."""
        unknown = shapes_unknown(graph, op)
        return self._plans.supports(graph, op) if unknown.ok else unknown

    def estimate(self, graph: Graph, ops: Iterable[int]) -> Cost:
        """As the delegate there, by what is known of the device and the way to it."""
        return self._plans.estimate(graph, ops)

    def lower(self, graph: Graph, ops: tuple[int, ...], keep: frozenset[int] = frozenset()) -> Lowering:
        """One launch, as seen from here."""
        return self._plans.lower(graph, ops, keep) if self._sited else one_launch(graph, ops, keep)

    def allocate(self, nbytes: int) -> Arena:
        """Memory at the other end. Raises DelegateError."""
        return self.site.allocate(nbytes)

    def compile(
        self,
        graph: Graph,
        partition: Partition,
        arena: Arena,
        offsets: Mapping[int, int],
        keep: frozenset[int] = frozenset(),
    ) -> Executable:
        """Bring the partition there, unless it is there already. Raises DelegateError."""
        if self._sited:
            return self._plans.compile(graph, partition, arena, offsets, keep)
        return self.site.load(submodel_program(graph, partition, keep), arena, offsets)

    def close(self) -> None:
        """Close the delegate that plans; connections belong to interpreters."""
        self._plans.close()
        self.site.close()
