"""A comparison in words, and as Markdown for a pull request."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ..partitioner.explain import count, duration
from .compare import CellChange, Comparison, Fleet
from .text import escaped
from .words import name_of

HEAD = ("model", "configuration", "before", "now", "change", "", "")
MARKS = {"PASS": "✅", "WARN": "⚠️", "FAIL": "❌"}


def percent(ratio: float) -> str:
    """A factor as a change: 1.05 is +5.0 %."""
    return "?" if not math.isfinite(ratio) else f"{ratio - 1:+.1%}".replace("%", " %")


def changed(cell: CellChange) -> str:
    """The change with its interval: "+5.1 % (+3.0 to +7.2)"; empty where there is none to tell."""
    if cell.change is None:
        return ""
    r = cell.change.ratio
    low, high = (percent(x).removesuffix(" %") for x in (r.low, r.high))
    return f"{percent(r.value)} ({low} to {high})"


def said(cell: CellChange) -> str:
    """What became of a cell, in words."""
    words = [str(cell.state)]
    if cell.change is not None and cell.state == "no change":
        smallest = cell.change.smallest
        found = f"{smallest:.1%}".replace("%", " %") if math.isfinite(smallest) else "nothing, for want of samples"
        words = [f"within the noise; {found} would have been found"]
    return "; ".join([*words, *cell.notes])


def times_of(cell: CellChange) -> tuple[str, str]:
    """The medians before and now."""
    before, now = (duration(x) if x is not None else "-" for x in (cell.base, cell.new))
    return before, now


def summary(comparison: Comparison) -> list[str]:
    """How many cells became what, the worst first, by which rule, and what else may be behind it."""
    cells = comparison.cells
    states = ("failed", "slower", "gone", "not timed", "faster", "mended", "added", "no change")
    counts = [
        f"{sum(c.state == state for c in cells)} {state}" for state in states if any(c.state == state for c in cells)
    ]
    limits = comparison.limits
    rule = (
        f"A change is one that is seen at a level of {limits.level:.2g}; "
        f"slower by {limits.warn:.0%} is WARN, by {limits.fail:.0%} FAIL."
    ).replace("%", " %")
    what = f"{comparison.new} against {comparison.base}: {count(len(cells), 'cell')}, {', '.join(counts) or 'none'}."
    if not any(c.change for c in cells):
        what += " Nothing of it could be compared."
    return [f"{comparison.verdict}: {what}", rule, *comparison.remarks]


def ordered(cells: Iterable[CellChange]) -> list[CellChange]:
    """Cells with the worst verdict first, else as they stand."""
    return sorted(cells, key=lambda c: -("PASS", "WARN", "FAIL").index(c.verdict))


def markdown(comparisons: Sequence[Comparison], view: Fleet | None) -> str:
    """A table a comparison, and the fleet's where there are several machines. Names cannot break out of their cells."""
    lines: list[str] = []
    for comparison in comparisons:
        verdict, *rest = summary(comparison)
        mark = MARKS[comparison.verdict]
        lines += [
            f"## {mark} {escaped(verdict)}",
            "",
            *_rows(comparison),
            "",
            *(f"- {escaped(line)}" for line in rest),
            "",
        ]
    if view is not None:
        lines += ["## Machines", "", *_fleet_rows(view), ""]
    return "\n".join(lines)


def _rows(comparison: Comparison) -> list[str]:
    several = len({cell.machine for cell in comparison.cells}) > 1
    head = [*HEAD[:2], *["machine"] * several, *HEAD[2:]]
    rows = [head, ["---", "---", *["---"] * several, "---:", "---:", "---:", "---", "---"]]
    for cell in ordered(comparison.cells):
        where = [escaped(cell.machine)] * several
        what = [changed(cell), f"{MARKS[cell.verdict]} {cell.verdict}", escaped(said(cell))]
        rows.append([escaped(cell.model), escaped(name_of(cell.configuration)), *where, *times_of(cell), *what])
    return ["| " + " | ".join(row) + " |" for row in rows]


def _fleet_rows(view: Fleet) -> list[str]:
    rows = [["model", "configuration", *map(escaped, view.machines)], ["---", "---", *["---:"] * len(view.machines)]]
    for model, configuration, cells in view.rows:
        times = [duration(c.steady.median) if c is not None and c.steady and c.steady.samples else "-" for c in cells]
        rows.append([escaped(model), escaped(name_of(configuration)), *times])
    return ["| " + " | ".join(row) + " |" for row in rows]
