"""The charts of a report, a figure a model (or a cell): SVG that `figure` draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..partitioner.explain import duration, size
from .figure import CARD, INK, LINE, SOFT, colour, drawing
from .record import Cell
from .stats import Interval, summary
from .words import times

ROW = 46  # pixels of a row with its name above
DOTS = 120  # samples of a cell that are drawn
FAR = 12.0  # times: from there on an axis of times is logarithmic
KINDS = 7  # of ops that have a colour of their own
MIB = 1 << 20
EXACT = 1e-9  # where an error of 0 is drawn

Named = Sequence[tuple[int, str, Cell]]  # cells with the slots of their colours and the names of their configurations


def distributions(model: str, cells: Named) -> str:
    """Where latencies lie: a dot a sample, the middle half, the median and its interval."""
    shown = [(slot, name, c) for slot, name, c in cells if c.steady and c.steady.samples]
    rng = np.random.default_rng(0)
    with drawing(f"latencies of {model}", 44 + ROW * len(shown)) as d:
        for row, (slot, name, cell) in enumerate(shown):
            assert cell.steady is not None
            samples, s = np.array(cell.steady.samples), summary(cell.steady)
            drawn = rng.choice(samples, DOTS, replace=False) if samples.size > DOTS else samples
            low, high = np.percentile(samples, [25, 75])
            y, c = -row - 0.12, colour(slot)
            dots = d.axes.scatter(drawn, y + rng.uniform(-0.17, 0.17, drawn.size), s=7, color=c, alpha=0.45, lw=0)
            d.mark(dots, f"{name}: {s.count} samples, {duration(s.min)} to {duration(s.max)}")
            d.axes.plot([low, high], [y, y], color=c, lw=9, alpha=0.35, solid_capstyle="butt")
            d.axes.plot([s.median.low, s.median.high], [y, y], color=INK, lw=1.6)
            (middle,) = d.axes.plot([s.median.value] * 2, [y - 0.25, y + 0.25], color=INK, lw=2.2)
            d.mark(middle, f"{name}: median {_with_bounds(s.median)}, p95 {duration(s.p95)}, p99 {duration(s.p99)}")
            d.above(y + 0.29, name, duration(s.median.value))
        _times(d.axes, [x for _, _, c in shown if c.steady for x in _most(c.steady.samples)])
        d.axes.set(ylim=(-len(shown) + 0.45, 0.7), yticks=[])
    return d.svg


def _with_bounds(interval: Interval) -> str:
    return f"{duration(interval.value)} ({duration(interval.low)} to {duration(interval.high)})"


def _most(samples: Sequence[float]) -> tuple[float, float]:
    """All but the farthest samples: one that took a hundred times as long would leave the others no room."""
    low, high = np.percentile(samples, [0, 99])
    return float(low), float(high)


def _times(ax: Any, values: Sequence[float], zero: bool = False) -> None:
    """An axis of seconds, logarithmic where values lie far from each other."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    low, high = min(values), max(values)
    if not zero and high / low > FAR:
        ax.set_xscale("log")
        ax.set_xlim(low / 1.25, high * 1.25)
        ax.xaxis.set_major_locator(LogLocator(numticks=6))
        ax.xaxis.set_minor_locator(NullLocator())
    else:
        room = 0.06 * (high - low) or 0.05 * high
        ax.set_xlim(0 if zero else max(low - room, 0), high + room * (0 if zero else 1))
        ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: duration(x) if x else "0"))


def relative(rows: Sequence[tuple[str, Sequence[tuple[int, str, Interval]]]], base: str) -> str:
    """Over models: how many times as fast as the first configuration each of the others is."""
    most = max(len(gains) for _, gains in rows)
    with drawing(f"times as fast as {base}", 44 + (18 + 11 * most) * len(rows)) as d:
        values, top = [1.0], 0.0
        for model, gains in rows:
            d.above(top - 14, model)
            for k, (slot, name, gain) in enumerate(gains):
                y, c = top - 22 - 11 * k, colour(slot)
                d.axes.plot([1, gain.value], [y, y], color=c, lw=1, alpha=0.5)
                d.axes.plot([gain.low, gain.high], [y, y], color=c, lw=5, alpha=0.45, solid_capstyle="butt")
                (dot,) = d.axes.plot([gain.value], [y], "o", color=c, ms=6)
                d.mark(dot, f"{model}, {name}: {times(gain)} as fast as {base}")
                values += [gain.low, gain.high]
            d.axes.plot([1, 1], [top - 17, top - 27 - 11 * (most - 1)], color=SOFT, lw=1.4)
            top -= 18 + 11 * most
        _factors(d.axes, values)
        d.axes.set(ylim=(top - 6, 2), yticks=[])
    return d.svg


def _factors(ax: Any, values: Sequence[float]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    ax.set_xscale("log")
    low, high = min(values), max(values)
    ax.set_xlim(low / 1.15, high * 1.15)
    wide = high / low > 30
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0), numticks=9))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}x"))


def speed_and_accuracy(model: str, cells: Named) -> str:
    """Median latency against the greatest relative error of any output; an error of 0 lies on the lowest line."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    shown = [
        (slot, name, c) for slot, name, c in cells if c.steady and c.accuracy and c.accuracy.outputs
    ]  # fmt: skip
    with drawing(f"speed and accuracy of {model}", 210, left=58, bottom=40) as d:
        values, errors = [], []
        for slot, name, cell in shown:
            assert cell.steady is not None and cell.accuracy is not None
            error = max(o.relative for o in cell.accuracy.outputs)
            x, y = cell.steady.median, max(error, EXACT)
            sign = {"PASS": "o", "WARN": "D", "FAIL": "X"}[cell.accuracy.verdict]
            (dot,) = d.axes.plot([x], [y], sign, color=colour(slot), ms=9, mec=CARD, mew=1, clip_on=False, zorder=3)
            said = "exact" if not error else f"relative error {error:.2g}"
            d.mark(dot, f"{name}: {duration(x)}, {said}, {cell.accuracy.verdict}")
            values.append(x)
            errors.append(y)
        room = (math.log10(max(values) / min(values)) or 0.1) * 0.2
        _times(d.axes, [min(values) * 10**-room, max(values) * 10**room])
        d.axes.set_yscale("log")
        d.axes.set_ylim(EXACT / 2, max(10 * max(errors), 1e-5))
        d.axes.yaxis.set_major_locator(LogLocator(numticks=6))
        d.axes.yaxis.set_minor_locator(NullLocator())
        d.axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: "exact" if y <= EXACT * 1.01 else f"{y:.0e}"))
        d.axes.grid(True, axis="y")
        d.axes.set(xlabel="median latency", ylabel="relative error")
    return d.svg


def first_result(model: str, cells: Named) -> str:
    """From nothing to the first result: its phases, one after another."""
    parts = ("open", "load", "plan", "compile", "first")
    shown = [(name, c.phases) for _, name, c in cells if c.phases]
    with drawing(f"time to the first result of {model}", 40 + 38 * len(shown)) as d:
        for row, (name, phases) in enumerate(shown):
            left = 0.0
            for slot, part in enumerate(parts):
                seconds = getattr(phases, part)
                (bar,) = d.axes.barh([-row], [seconds], 0.36, left=left, color=colour(slot), edgecolor=CARD, lw=0.6)
                d.mark(bar, f"{name}: {part} {duration(seconds)}")
                left += seconds
            d.above(-row + 0.24, name, duration(left))
        _times(d.axes, [0, max(p.total for _, p in shown)], zero=True)
        d.axes.set(ylim=(-len(shown) + 0.6, 0.72), yticks=[])
    return d.svg


def kinds_of(cells: Named) -> list[str]:
    """The kinds of op that take the most of any cell's time, the first of them first; they have colours."""
    shares: dict[str, float] = {}
    for _, _, cell in cells:
        for op, share, _ in cell.ranking:
            shares[op.kind] = shares.get(op.kind, 0.0) + share
    return sorted(shares, key=lambda kind: -shares[kind])[:KINDS]


def op_bars(model: str, cells: Named, kinds: Sequence[str]) -> str:
    """What part of the time of all ops each kind takes, a bar a configuration."""
    shown = [(name, c) for _, name, c in cells if c.ranking]
    with drawing(f"time by kind of op of {model}", 40 + 38 * len(shown)) as d:
        for row, (name, cell) in enumerate(shown):
            totals = _by_kind(cell, kinds)
            whole, left = sum(totals.values()), 0.0
            for kind, seconds in totals.items():
                c = colour(kinds.index(kind)) if kind in kinds else SOFT
                part = seconds / whole if whole else 0.0
                (bar,) = d.axes.barh([-row], [part], 0.36, left=left, color=c, edgecolor=CARD, lw=0.6)
                d.mark(bar, f"{name}: {kind} {part:.1%}, {duration(seconds)}")
                left += part
            d.above(-row + 0.24, name, duration(whole))
        d.axes.set(xlim=(0, 1), ylim=(-len(shown) + 0.6, 0.72), yticks=[], xticks=[0, 0.25, 0.5, 0.75, 1])
        d.axes.set_xticklabels(["0", "25 %", "50 %", "75 %", "100 %"])
    return d.svg


def _by_kind(cell: Cell, kinds: Sequence[str]) -> dict[str, float]:
    totals = dict.fromkeys(kinds, 0.0)
    for op, _, _ in cell.ranking:
        kind = op.kind if op.kind in totals else "others"
        totals[kind] = totals.get(kind, 0.0) + (op.seconds or 0.0)
    return {kind: seconds for kind, seconds in totals.items() if seconds}


def timeline(name: str, cell: Cell, slots: Mapping[str, int]) -> str:
    """One inference: a lane a delegate, and one for what is copied between them."""
    lanes = list(dict.fromkeys([s.delegate or "copies" for s in cell.steps if s.kind == "run"]))
    lanes += ["copies"] * bool(cell.transfers)
    with drawing(f"one inference of {cell.model.name} by {name}", 40 + 34 * len(lanes)) as d:
        for row, lane in enumerate(lanes):
            d.above(-row + 0.2, lane)
            d.axes.plot([0, 1], [-row, -row], color=LINE, lw=1, transform=d.axes.get_yaxis_transform(), zorder=0)
        start = 0.0
        for step in cell.steps:
            lane = step.delegate if step.kind == "run" else "copies"
            c = colour(slots[lane]) if lane in slots else SOFT
            (bar,) = d.axes.barh(
                [-lanes.index(lane)], [step.seconds], 0.34, left=start, color=c, edgecolor=CARD, lw=0.4
            )
            what = f"{step.source} → {step.target}, {size(step.nbytes)}: " if step.kind == "transfer" else f"{lane}: "
            d.mark(bar, f"{what}{step.label}, {duration(step.seconds)}")
            start += step.seconds
        _times(d.axes, [0, start or 1.0], zero=True)
        d.axes.set(ylim=(-len(lanes) + 0.6, 0.75), yticks=[])
    return d.svg


def memory(model: str, cells: Named) -> str:
    """What of each cell's process was in memory, from when it began to load."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    shown = [(slot, name, c.memory) for slot, name, c in cells if c.memory and c.memory.track]
    with drawing(f"memory of {model} over time", 190, left=58) as d:
        for slot, name, found in shown:
            seconds, nbytes = zip(*found.track, strict=True)
            (line,) = d.axes.plot(
                seconds, [n / MIB for n in nbytes], color=colour(slot), lw=1.8, drawstyle="steps-post"
            )
            d.mark(
                line, f"{name}: {size(found.before)} before, {size(found.resident)} steady, {size(found.peak)} at most"
            )
        d.axes.set_ylim(0, 1.08 * max(max(n for _, n in found.track) for _, _, found in shown) / MIB)
        d.axes.grid(True, axis="y")
        d.axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g} MiB"))
        d.axes.yaxis.set_major_locator(MaxNLocator(5))
        d.axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g} s"))
        d.axes.xaxis.set_major_locator(MaxNLocator(5))
    return d.svg
