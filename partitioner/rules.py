"""What the user demands of a placement, whatever it costs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..delegates.base import Verdict, no
from ..errors import PlacementError
from ..graph.model import Graph, Op
from .capability import Table
from .plan import Plan

Selector = int | str | Callable[[Graph, Op], bool]
Selection = Selector | Collection[Selector]


@dataclass(frozen=True)
class Rules:
    """Ops are selected by index, by type, by the name of a tensor that they write, or by a predicate `(graph, op)`.

    `pin` and `exclude` map a delegate's name to what has to run there, or must not. A plan has at most `max_partitions`
    partitions; every delegate but the last one given, and those in its space, takes only partitions of at least
    `min_partition_ops` ops, where another can have them. The delegates in `require` must get something.
    """

    pin: Mapping[str, Selection] = field(default_factory=dict)
    exclude: Mapping[str, Selection] = field(default_factory=dict)
    max_partitions: int | None = None
    min_partition_ops: int = 1
    require: frozenset[str] = frozenset()

    def check(self, names: Sequence[str]) -> None:
        """Raise ValueError for a delegate that is not there, or a limit that makes no sense."""
        for name in (*self.pin, *self.exclude, *self.require):
            if name not in names:
                raise ValueError(f"there is no delegate {name!r} to place ops on: there are {', '.join(names)}")
        for limit in ("max_partitions", "min_partition_ops"):
            value = getattr(self, limit)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ValueError(f"{limit} is a number of at least 1, not {value!r}")

    def apply(self, graph: Graph, table: Table) -> Table:
        """The capability table with what `pin` and `exclude` rule out turned into refusals.

        Raises ValueError for a selector that names nothing in the graph or an op pinned twice, and PlacementError for
        an op that is pinned to a delegate that refuses it.
        """
        rows = [dict(row) for row in table]
        home: dict[int, str] = {}
        for name, selection in self.pin.items():
            for op in selected(graph, selection):
                if home.setdefault(op, name) != name:
                    raise ValueError(f"op {op} ({graph.ops[op].label}) is pinned to both {home[op]} and {name}")
                if not rows[op][name].ok and op not in graph.folded_ops:
                    why = "; ".join(map(str, rows[op][name].reasons))
                    raise PlacementError(
                        f"op {op} ({graph.ops[op].label}) is pinned to {name}, which refuses it: {why}"
                    )
                ban(rows, [op], set(rows[op]) - {name}, no("pinned", f"to {name}"))
        for name, selection in self.exclude.items():
            ban(rows, selected(graph, selection), {name}, no("excluded"))
        return tuple(rows)


def check_required(plan: Plan, rules: Rules) -> None:
    """Raise PlacementError where a required delegate got nothing, with what it said or what it would have cost."""
    for name in sorted(rules.require - {p.delegate for p in plan.partitions}):
        refused = [
            f"op {d.op} ({d.kind}): {'; '.join(map(str, d.reasons[name]))}" for d in plan.decisions if name in d.reasons
        ]
        dearer = [f"op {d.op} ({d.kind}) would add {d.flips[name]:.3g} s" for d in plan.decisions if name in d.flips]
        said = [*refused[:3], *dearer[:3]]
        more = len(refused) + len(dearer) - len(said)
        raise PlacementError(
            f"delegate {name!r} is required but got nothing: {', '.join(said) or 'the model has no ops'}"
            + (f", and {more} more" if more else "")
        )


def ban(rows: Sequence[dict[str, Verdict]], ops: Iterable[int], names: Iterable[str], why: Verdict) -> None:
    """Turn the verdicts of some delegates on some ops into refusals, but for what is refused already."""
    for op in ops:
        rows[op].update({name: why for name in names if rows[op][name].ok})


def selected(graph: Graph, selection: Selection) -> list[int]:
    """The ops that are meant, ascending. Raises ValueError for a selector that names nothing."""
    selectors = [selection] if isinstance(selection, int | str) or callable(selection) else selection
    return sorted({op for selector in selectors for op in _one(graph, selector)})


def _one(graph: Graph, selector: Selector) -> list[int]:
    if callable(selector):
        return [op.index for op in graph.ops if selector(graph, op)]
    if isinstance(selector, str):
        return _named(graph, selector)
    if isinstance(selector, bool) or not isinstance(selector, int):
        raise ValueError(f"ops are selected by index, type, tensor name or predicate, not by {selector!r}")
    if not 0 <= selector < len(graph.ops):
        raise ValueError(f"there is no op {selector}: the model has ops 0 to {len(graph.ops) - 1}")
    return [selector]


def _named(graph: Graph, name: str) -> list[int]:
    found = [op.index for op in graph.ops if name in (op.label, op.kind)]
    found = found or [op.index for op in graph.ops if any(graph.tensors[t].name == name for t in op.outputs)]
    if not found:
        kinds = sorted({op.label for op in graph.ops})
        made = [graph.tensors[t].name for op in graph.ops for t in op.outputs]
        close = difflib.get_close_matches(name, made, 3)
        near = f"; tensors of nearly that name are {', '.join(map(repr, close))}" if close else ""
        raise ValueError(f"no op is of type, or writes a tensor called, {name!r}: types are {', '.join(kinds)}{near}")
    return found
