"""A report in words: names of configurations, numbers as people read them, and who wins by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..partitioner.explain import duration
from .record import Cell, Configuration, Report, Settings
from .stats import Interval, mean_ratio, ratio


def name_of(c: Configuration) -> str:
    """A configuration in a few words; what is usual goes without saying."""
    usual = "fastest" if c.delegates.strip() == "auto" else "priority"
    said: list[Any] = [c.peer or c.delegates]
    said += [c.precision] * (c.precision != "fp32")
    said += [f"{c.threads} thread{'s' * (c.threads > 1)}"] * bool(c.threads)
    said += [f"batch {c.batch}"] * (c.batch != 1)
    said += [c.placement] * (not c.peer and c.placement != usual)
    return " ".join(said[:1]) if len(said) == 1 else f"{said[0]} ({', '.join(map(str, said[1:]))})"


def cell_name(report: Report, cell: Cell) -> str:
    """A cell's configuration, and its machine where there are several."""
    name = name_of(cell.configuration)
    return name if len(report.machines) == 1 else f"{name} on {cell.machine}"


def measured_by(settings: Settings) -> str:
    """How it was measured, in a sentence."""
    until = f"until the 95 % interval of the median is within {settings.width:.1%} of it, or for {settings.seconds:g} s"
    rate = f", {settings.rate:g} frames a second" if settings.rate else ""
    pause = f", {settings.pause:g} s of rest before each turn" if settings.pause else ""
    return (
        f"Each cell in its own process, in turn and in random order, {until}{rate}{pause}; inputs: {settings.inputs}."
    )


@dataclass(frozen=True)
class Finding:
    """What one model's cells say: the cells from fast to slow, and a sentence."""

    model: str
    ranking: tuple[Cell, ...]
    sentence: str


def timed(cells: Sequence[Cell]) -> list[Cell]:
    """Those with latencies, from fast to slow by the item."""
    return sorted((c for c in cells if c.steady and c.steady.samples), key=_item)


def _item(cell: Cell) -> float:
    """The median seconds of an item."""
    return cell.steady.median / cell.configuration.batch if cell.steady else 0.0


def models(report: Report) -> dict[str, list[Cell]]:
    """Model -> its cells, in the report's order."""
    found: dict[str, list[Cell]] = {}
    for cell in report.cells:
        found.setdefault(cell.model.name, []).append(cell)
    return found


def findings(report: Report) -> list[Finding]:
    """One for each model."""
    found = []
    for model, cells in models(report).items():
        ranking = timed(cells)
        found.append(Finding(model, tuple(ranking), _sentence(report, ranking)))
    return found


def each(cell: Cell) -> tuple[tuple[float, ...], ...]:
    """The samples of a cell's turns, by the item of its batch: what a bigger batch takes in all is no loss."""
    batch = cell.configuration.batch
    return tuple(tuple(s / batch for s in turn) for turn in cell.steady.turns) if cell.steady else ()


def against(cell: Cell, base: Cell) -> Interval | None:
    """How many times as long an item takes in a cell as in another; None where they cannot be held so."""
    if cell is base:
        return None
    try:
        return ratio(each(cell), each(base))
    except ValueError:
        return None


def _sentence(report: Report, ranking: Sequence[Cell]) -> str:
    if not ranking:
        return "nothing could be measured."
    best = ranking[0]
    assert best.steady is not None
    name = cell_name(report, best)
    took = duration(_item(best)) + (" an item" if any(c.configuration.batch != 1 for c in ranking) else "")
    said = f"{name} is the fastest with {took}"
    if len(ranking) == 1:
        said = f"{name} takes {took}"
    else:
        gap = against(ranking[1], best)
        other = cell_name(report, ranking[1])
        if gap is None or gap.low <= 1:
            said += f", no faster than {other} as far as is clear"
        else:
            said += f", {times(gap)} as fast as {other}"
        last = ranking[-1]
        far = against(last, best)
        if len(ranking) > 2 and far is not None and far.low > 1:
            said += f" and {times(far)} as fast as {cell_name(report, last)}"
    if best.accuracy is not None and best.accuracy.verdict != "PASS":
        said += f", but accuracy says {best.accuracy.verdict}: {best.accuracy.why}"
    if best.notes:
        said += f"; {'; '.join(best.notes)}"
    return f"{said}."


def against_floor(report: Report, cells: Sequence[Cell]) -> list[str]:
    """How far cells are from what their devices could do, of those of which that is known."""
    said = []
    for cell in cells:
        if cell.floor and cell.steady is not None and cell.steady.samples:
            most = [f"{c.flops / 1e9:.3g} GFLOP/s and {c.bandwidth / 1e9:.3g} GB/s" for c in cell.ceilings.values()]
            factor = f"{cell.steady.median / cell.floor:.3g} times its floor of {duration(cell.floor)}"
            said.append(f"{cell_name(report, cell)} takes {factor}, by {', '.join(most)} that its device does at most")
    return said


def overall(report: Report) -> list[str]:
    """How configurations compare over all models that each pair of them has in common; against the report's first."""
    by_model = models(report)
    names = list(dict.fromkeys((cell.configuration, cell.machine) for cell in report.cells))
    if len(by_model) < 2 or len(names) < 2:
        return []
    said = []
    base, others = names[0], names[1:]
    for other in others:
        pairs = []
        for cells in by_model.values():
            found = {(c.configuration, c.machine): c for c in timed(cells)}
            if base in found and other in found:
                pairs.append((each(found[base]), each(found[other])))
        if not pairs:
            continue
        gain = mean_ratio(pairs)
        ours, theirs = (
            cell_name(report, next(c for c in report.cells if (c.configuration, c.machine) == key))
            for key in (other, base)
        )
        over = "all" if len(pairs) == len(by_model) else f"{len(pairs)} of {len(by_model)}"
        if gain.low <= 1 <= gain.high:
            said.append(f"Over {over} models {ours} is as fast as {theirs}, as far as is clear ({bounds(gain)}).")
        elif gain.value > 1:
            said.append(f"Over {over} models {ours} is {times(gain)} as fast as {theirs}, by the geometric mean.")
        else:
            loss = Interval(1 / gain.value, 1 / gain.high, 1 / gain.low)
            said.append(f"Over {over} models {ours} takes {times(loss)} as long as {theirs}, by the geometric mean.")
    return said


def times(interval: Interval) -> str:
    """A factor with its interval: "2.1 times (2.0 to 2.2)"."""
    return f"{interval.value:.3g} times ({bounds(interval)})"


def bounds(interval: Interval) -> str:
    """The bounds of a factor."""
    return f"{interval.low:.3g} to {interval.high:.3g}"
