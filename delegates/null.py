"""A delegate without a device: it claims what it is told to and runs nothing, so planning is tested on any machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..buffers import Arena
from ..errors import DelegateError
from ..graph.model import Graph, Op
from .base import Cost, Executable, Link, Lowering, Partition, Probe, Rates, Use, Verdict, no, shapes_unknown
from .on_host import HostForms

# A link like PCI Express, for planning.
RATES = Rates(1e12, 1e11, upload=Link(1e10, 1e-5), download=Link(1e10, 1e-5), source="modelled")


class NullDelegate(HostForms):
    """Claims ops by kind or by predicate, in a space of its own; refuses to compile."""

    holds_state = False
    learns = False

    def __init__(
        self,
        kinds: Iterable[str] | None = None,
        predicate: Callable[[Graph, Op], bool] | None = None,
        name: str = "null",
        space: str | None = None,
        seconds_per_op: float | Callable[[Graph, Op], float] = 1e-6,
        rates: Rates = RATES,
    ) -> None:
        """`kinds` (all if None) and `predicate` (always true if None) must both agree; `space` defaults to the name.

        `seconds_per_op` may be a number or a function; of `rates`, transfers and the cost of a run count.
        """
        self.name = name
        self.space = space or name
        self._kinds = None if kinds is None else frozenset(kinds)
        self._predicate = predicate
        self._seconds_per_op = seconds_per_op
        self.rates = rates

    def probe(self) -> Probe:
        """Always here: there is nothing to be missing."""
        return Probe(True, "plans only, runs nothing")

    def supports(self, graph: Graph, op: Op) -> Verdict:
        """Yes for the kinds and by the predicate given."""
        if self._kinds is not None and op.kind not in self._kinds:
            return no("kind", op.kind, ", ".join(sorted(self._kinds)))
        if self._predicate is not None and not self._predicate(graph, op):
            return no("predicate", op.label)
        return shapes_unknown(graph, op)

    def fingerprint(self) -> str:
        """Its name: nothing is ever measured here."""
        return f"null {self.name}"

    def estimate(self, graph: Graph, ops: Iterable[int]) -> Cost:
        """The time told for each op, and that of a run."""
        told = self._seconds_per_op
        return self.rates.cost(self.rates.run + sum(told(graph, graph.ops[i]) if callable(told) else told for i in ops))

    def lower(self, graph: Graph, ops: tuple[int, ...], keep: frozenset[int] = frozenset()) -> Lowering:
        """One launch an op; folded ops vanish."""
        live = [graph.ops[i] for i in ops if i not in graph.folded_ops]
        uses = tuple(Use(tuple(t for t in op.inputs if t >= 0 and not graph.is_constant(t)), op.outputs) for op in live)
        return Lowering(uses, folded=frozenset(ops) & graph.folded_ops)

    def allocate(self, nbytes: int) -> Arena:
        """Raises DelegateError: there is no memory here."""
        raise DelegateError("the null delegate plans only: it has no memory to allocate")

    def compile(
        self,
        graph: Graph,
        partition: Partition,
        arena: Arena,
        offsets: Mapping[int, int],
        keep: frozenset[int] = frozenset(),
    ) -> Executable:
        """Raises DelegateError: nothing runs here."""
        raise DelegateError("the null delegate plans only: it cannot run ops")

    def close(self) -> None:
        """Nothing to give back."""
