"""Comparisons as one HTML page that needs nothing but itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..partitioner.explain import duration
from .compare import ORDER, CellChange, Comparison, Fleet
from .compare_text import changed, ordered, said, summary, times_of
from .page import rendered
from .words import name_of

HALF = 72  # pixels from no change to the farthest end of an interval
TONES = {"slower": "FAIL", "faster": "PASS"}  # whose colour an interval has; others are grey


def page(comparisons: Sequence[Comparison], view: Fleet | None, title: str = "Comparison") -> str:
    """The page; every name in it is escaped."""
    return rendered(
        "compare.html",
        title=title,
        comparisons=[_comparison(comparison) for comparison in comparisons],
        fleet=_fleet(view) if view is not None else None,
    )


def _comparison(comparison: Comparison) -> dict[str, Any]:
    sentence, rule, *remarks = summary(comparison)
    ends = [abs(math.log(x)) for c in comparison.cells if c.change for x in _bounds(c) if 0 < x < math.inf]
    scale = HALF / max([*ends, math.log(1.02)])
    return {
        "base": comparison.base,
        "new": comparison.new,
        "verdict": comparison.verdict,
        "sentence": sentence.partition(": ")[2],
        "rule": rule,
        "remarks": remarks,
        "sure": f"{1 - comparison.limits.level:.3g}",
        "rows": [_row(cell, scale) for cell in ordered(comparison.cells)],
    }


def _bounds(cell: CellChange) -> tuple[float, float, float]:
    assert cell.change is not None
    return cell.change.ratio.low, cell.change.ratio.value, cell.change.ratio.high


def _row(cell: CellChange, scale: float) -> dict[str, Any]:
    def place(ratio: float) -> float:
        return round(80 + min(max(math.log(ratio) * scale if ratio else -80.0, -80.0), 80.0), 1)

    before, now = times_of(cell)
    row: dict[str, Any] = {
        "model": cell.model,
        "configuration": name_of(cell.configuration),
        "machine": cell.machine,
        "base": cell.base or "",
        "before": before,
        "new": cell.new or "",
        "now": now,
        "change": changed(cell),
        "ratio": "",
        "bar": None,
        "tone": TONES.get(cell.state, "soft"),
        "order": ORDER.index(cell.verdict),
        "verdict": cell.verdict,
        "what": said(cell),
        "p": "" if cell.p is None else f"{cell.p:.2g}",
        "least": "",
        "worth": "",
    }
    if cell.change is not None:
        bar = dict(zip(("low", "value", "high"), map(place, _bounds(cell)), strict=True))
        worth = " and ".join(f"{n:.0f}" for n in cell.change.worth)
        row |= {"ratio": cell.change.ratio.value, "bar": bar, "least": min(cell.change.worth), "worth": worth}
    return row


def _fleet(view: Fleet) -> dict[str, Any]:
    rows = []
    for model, configuration, cells in view.rows:
        times = [c.steady.median if c is not None and c.steady and c.steady.samples else None for c in cells]
        best = min((t for t in times if t is not None), default=None)
        shown = [(t, duration(t) if t is not None else "–", t is not None and t == best) for t in times]
        rows.append({"model": model, "configuration": name_of(configuration), "times": shown})
    return {"columns": [(name, 1) for name in view.machines], "rows": rows}
