"""The capability table: for each op, every delegate's verdict."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..delegates.base import Delegate, Verdict, no
from ..errors import Reason
from ..graph.model import Graph
from ..graph.ties import Tie

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
    home = {tie: _home(graph, tie, delegates, absent) for tie in dict.fromkeys(graph.ties.values())}

    def verdict(delegate: Delegate, op: int) -> Verdict:
        if delegate.name in absent:
            return absent[delegate.name]
        if (op, delegate.name) in failed:
            return Verdict((failed[op, delegate.name],))
        tie = graph.ties.get(op)
        if tie is not None and delegate.name != home[tie]:
            return no("state", f"one of {len(tie.ops)} ops around {tie.shared}", "an op that shares no state")
        return delegate.supports(graph, graph.ops[op])

    return tuple({d.name: verdict(d, op.index) for d in delegates} for op in graph.ops)


def _home(graph: Graph, tie: Tie, delegates: Sequence[Delegate], absent: Collection[str]) -> str:
    """The delegate for ops that are tied: of those that hold state the first that takes all of them, or the last."""
    able = [d for d in delegates if d.holds_state and d.name not in absent]
    whole = [d for d in able if all(d.supports(graph, graph.ops[op]).ok for op in tie.ops)]
    return next((d.name for d in (*whole, *reversed(able))), "")
