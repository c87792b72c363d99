"""How an interpreter's plans are made: the placement, the user's rules, what was measured, or a plan that was saved."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .calibrate import calibrate
from .costbook import CostBook
from .delegates.base import Delegate
from .errors import InvalidPlan
from .graph.model import Graph
from .partitioner.capability import Failed
from .partitioner.plan import Plan
from .partitioner.planner import PLACEMENTS, Planner
from .partitioner.rules import Rules
from .ways import known_ways

log = logging.getLogger("delegraph")

LARGEST = 64 << 20  # bytes of a saved plan that are read


@dataclass(frozen=True)
class Placing:
    """Makes plans, one a subgraph that is entered; a saved plan, and rules on single ops, are for the main one."""

    placement: str = "priority"
    rules: Rules = field(default_factory=Rules)
    saved: Plan | None = None
    book: CostBook = field(default_factory=CostBook)

    def __post_init__(self) -> None:
        """Raise ValueError for a placement that is not known."""
        if self.placement not in PLACEMENTS:
            raise ValueError(f"unknown placement {self.placement!r}: one of {', '.join(PLACEMENTS)}")

    def planner(
        self,
        graph: Graph,
        delegates: Sequence[Delegate],
        keep: frozenset[int] = frozenset(),
        failed: Failed | None = None,
        assume_here: bool = False,
    ) -> Planner:
        """What plans a graph, by the rates of the devices that are here. Raises what Planner does."""
        self.rate(delegates)
        rules = self.rules if graph.index == 0 else replace(self.rules, pin={}, exclude={}, require=frozenset())
        return Planner(graph, delegates, keep, assume_here, rules, self.book, failed)

    def plan(
        self,
        graph: Graph,
        delegates: Sequence[Delegate],
        keep: frozenset[int] = frozenset(),
        failed: Failed | None = None,
    ) -> Plan:
        """The plan of a graph. Raises what Planner does, and InvalidPlan where a saved plan does not fit.

        A saved plan holds until something of it has `failed`.
        """
        planner = self.planner(graph, delegates, keep, failed)
        if self.saved is not None and graph.index == 0 and not failed:
            return planner.saved(self.saved)
        return planner.plan(self.placement)

    def tuned(self, graph: Graph, delegates: Sequence[Delegate]) -> Graph:
        """A graph whose ops are done in the ways that were measured to be fastest here, or that a saved plan names."""
        if self.saved is not None and graph.index == 0:
            return graph.with_ways({op: d.way for op, d in enumerate(self.saved.decisions) if d.tuned})
        return graph.with_ways(known_ways(graph, delegates, self.book))

    def rate(self, delegates: Sequence[Delegate], measure: bool = False) -> None:
        """Give delegates the rates that were measured here; measure them first if asked to, or where costs decide."""
        for delegate in delegates:
            if delegate.rates.source != "guessed" or not delegate.probe().here:
                continue
            known = self.book.rates(delegate)
            if known is None and (measure or self.placement == "fastest"):
                log.info("measuring what %s gets done, once on this machine", delegate.name)
                known = calibrate(delegate)
                if known.source == "measured":
                    self.book.add_rates(delegate, known)
                    self.book.save()
            if known is not None:
                delegate.rates = known


def load_plan(source: Plan | Mapping[str, Any] | str | os.PathLike[str]) -> Plan:
    """A plan, or one from JSON data or a JSON file. Raises InvalidPlan for what is none, OSError for no such file."""
    if isinstance(source, Plan):
        return source
    if isinstance(source, Mapping):
        return Plan.from_json(source)
    path = Path(source)
    if path.stat().st_size > LARGEST:
        raise InvalidPlan(f"{path} is no plan: it has more than {LARGEST} bytes")
    try:
        data = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidPlan(f"{path} is no plan: {error}") from None
    if not isinstance(data, dict):
        raise InvalidPlan(f"{path} is no plan: it holds no JSON object")
    return Plan.from_json(data)
