"""The capability table: for each op, every delegate's verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..delegates.base import Delegate, Verdict, no
from ..errors import Reason
from ..graph.model import NUMPY_TYPES, Graph

Table = tuple[Mapping[str, Verdict], ...]
Failed = Mapping[tuple[int, str], Reason]  # op, delegate -> what went wrong there before


def capability(
    graph: Graph, delegates: Sequence[Delegate], assume_here: bool = False, failed: Failed | None = None
) -> Table:
    """One row an op. A delegate whose device is missing refuses everything, unless `assume_here`; what failed, too."""
    failed = failed or {}
    absent = {}
    for delegate in delegates:
        probe = delegate.probe()
        if not (probe.here or assume_here):
            absent[delegate.name] = no("absent", "; ".join(filter(None, (probe.detail, probe.remedy))))
    state = shared_state(graph)

    def verdict(delegate: Delegate, op: int) -> Verdict:
        if delegate.name in absent:
            return absent[delegate.name]
        if (op, delegate.name) in failed:
            return Verdict((failed[op, delegate.name],))
        if state and not delegate.holds_state:
            return no("state", state, "a graph whose ops share no state")
        return delegate.supports(graph, graph.ops[op])

    return tuple({d.name: verdict(d, op.index) for d in delegates} for op in graph.ops)


def shared_state(graph: Graph) -> str:
    """Why a graph cannot be cut at all, in words; empty if it can.

    Resources and strings live inside one runtime and have no bytes to hand over; several ops may share a variable.
    """
    for t in graph.tensors:
        if t.data is None and t.type not in NUMPY_TYPES:
            return f"tensor {t.name!r} is of type {t.type}, which lives inside one runtime"
        if t.is_variable and len(graph.consumers.get(t.index, ())) > 1:
            return f"several ops share the variable {t.name!r}"
    for op in graph.ops:
        if op.kind == "CALL_ONCE":
            return "CALL_ONCE initialises state inside one runtime"
    return ""
