"""A report as one HTML page that needs nothing but itself: no script of others, no font, no picture, no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from ..partitioner.explain import count, duration, plain, size
from . import charts
from .extra import needed
from .figure import SLOTS
from .record import Cell, Report
from .stats import summary
from .words import against, against_floor, cell_name, findings, measured_by, models, overall

TOP = 20  # ops in a table
CLOCKS = {"device": "the device's clock", "host": "the host's clock", "alone": "run alone, scaled", "": ""}


def page(report: Report, title: str = "Benchmark") -> str:
    """The page of a report; every name in it is escaped. Raises MissingExtra without `delegraph[bench]`."""
    needed("matplotlib")
    found = findings(report)
    by_model = models(report)
    names = list(dict.fromkeys(cell_name(report, cell) for cell in report.cells))
    base = names[0] if names else ""
    slots = delegate_slots(report)
    relative = _relative(report, names)
    return rendered(
        "report.html",
        title=title,
        report=report,
        machines=", ".join(f"{m.name} ({m.cpu})" for m in report.machines),
        overall=overall(report),
        findings=found,
        measured=measured_by(report.settings),
        base=base,
        others=names[1:],
        relative=charts.relative(relative, base) if relative else "",
        rows=[_row(report, cell, names, by_model[cell.model.name][0]) for cell in report.cells],
        models=[_model(report, f.model, by_model[f.model], f.sentence, names, slots) for f in found],
        names=[cell_name(report, cell) for cell in report.cells],
        slots=slots,
    )


def rendered(template: str, **values: Any) -> str:
    """A template of this package, on the base that all pages share. Its one script is allowed by its hash."""
    loader = FunctionLoader(lambda name: resources.files(__package__).joinpath(name).read_text("utf-8"))
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    environment.filters |= {"duration": duration, "size": size}
    environment.finalize = lambda value: plain(value) if type(value) is str and "\n" not in value else value
    script = environment.from_string("{% include 'base.html' %}").render(title="", script_hash="")
    script = script.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(script_hash=digest, **values)


def delegate_slots(report: Report) -> dict[str, int]:
    """Delegate -> the slot of its colour."""
    used = (op.delegate for cell in report.cells for op in cell.ops if op.delegate)
    return {name: k % SLOTS for k, name in enumerate(sorted(dict.fromkeys(used), key=lambda n: (n != "cpu", n)))}


def _relative(report: Report, names: list[str]) -> list[tuple[str, list[tuple[int, str, Any]]]]:
    """For each model how many times as fast as its first cell the others are."""
    rows = []
    for model, cells in models(report).items():
        gains = []
        for cell in cells[1:]:
            gain = against(cells[0], cell)
            if gain is not None:
                name = cell_name(report, cell)
                gains.append((names.index(name), name, gain))
        if gains:
            rows.append((model, gains))
    return rows


def _row(report: Report, cell: Cell, names: list[str], base: Cell) -> dict[str, Any]:
    name = cell_name(report, cell)
    return {
        "model": cell.model.name,
        "name": name,
        "slot": names.index(name) % SLOTS,
        "numbers": _numbers(cell, base),
        "verdict": cell.accuracy.verdict if cell.accuracy else "",
        "why": cell.accuracy.why if cell.accuracy else "",
        "errors": _errors(cell),
        "where": cell.problem or "; ".join(filter(None, (where(cell), *cell.notes))),
    }


def _numbers(cell: Cell, base: Cell) -> list[tuple[float | None, str]]:
    """(what a column is sorted by, what it says) for latencies, throughput, startup, memory, transfers, energy."""

    def seconds(value: float | None) -> tuple[float | None, str]:
        return value, "" if value is None else duration(value)

    def nbytes(value: int | None) -> tuple[float | None, str]:
        return value, "" if value is None else size(value)

    found: list[tuple[float | None, str]] = [(None, "")] * 10
    if cell.steady is not None and cell.steady.samples:
        s = summary(cell.steady)
        interval = f"{duration(s.median.low)} to {duration(s.median.high)}"
        found = [seconds(s.median.value), (s.median.high - s.median.low, interval)]
        found += [seconds(value) for value in (s.min, s.mean, s.p90, s.p95, s.p99, s.max, s.deviation)]
        unsettled = "" if cell.steady.settled else ", never steady"
        found.append((s.count, f"{s.count} after {cell.steady.warmup}{unsettled}"))
    gain = against(cell, base)
    factor = f"{gain.value:.3g}x ({gain.low:.3g} to {gain.high:.3g})" if gain else "1x"
    found.append((gain.value if gain else 1.0 if cell is base else None, factor))
    rate = cell.stream.rate if cell.stream else None
    found.append((rate, f"{rate:.4g}/s" if rate else ""))
    found += [seconds(cell.phases.total if cell.phases else None), seconds(cell.startup)]
    m = cell.memory
    found += [nbytes(m.resident if m else None), nbytes(m.peak if m else None)]
    found.append(nbytes(sum(m.device.values()) if m else None))
    moved = sum(step.seconds for step in cell.transfers)
    said = f"{size(sum(step.nbytes for step in cell.transfers))}, {duration(moved)}" if cell.transfers else "none"
    found.append((moved if cell.steps else None, said))
    joules = sum(e.joules / e.inferences for e in cell.energy if e.inferences)
    found.append((joules if cell.energy else None, f"{joules * 1e3:.3g} mJ"))
    return found


def _errors(cell: Cell) -> list[tuple[float | None, str]]:
    """Relative and greatest error, NaNs, cosine, top-1 and top-5 agreement: the worst of any output."""
    outputs = cell.accuracy.outputs if cell.accuracy else ()
    if not outputs:
        return [(None, "")] * 6
    found: list[tuple[float | None, str]] = []
    for name in ("relative", "max_error", "nans"):
        value = max(getattr(o, name) for o in outputs)
        found.append((value, f"{value:.2g}"))
    for name, form in (("cosine", "{:.6f}"), ("top1", "{:.0%}"), ("top5", "{:.0%}")):
        values = [getattr(o, name) for o in outputs if getattr(o, name) is not None]
        found.append((min(values), form.format(min(values))) if values else (None, ""))
    return found


def where(cell: Cell) -> str:
    """How many ops run on each delegate."""
    tally: dict[str, int] = {}
    for op in cell.ops:
        if op.fate != "folded":
            tally[op.delegate] = tally.get(op.delegate, 0) + 1
    parts = f" in {count(cell.plan.partitions, 'partition')}" if cell.plan and cell.plan.partitions > 1 else ""
    return ", ".join(f"{n} on {name}" for name, n in tally.items()) + parts


def _model(
    report: Report, name: str, cells: list[Cell], said: str, names: list[str], slots: Mapping[str, int]
) -> dict[str, Any]:
    called = [cell_name(report, cell) for cell in cells]
    named = [(names.index(n) % SLOTS, n, cell) for n, cell in zip(called, cells, strict=True)]
    m = cells[0].model
    return {
        "name": name,
        "note": f"{count(m.ops, 'op')}, {size(m.nbytes)}",
        "sentence": said,
        "floors": against_floor(report, cells),
        "names": [(slot, n) for slot, n, _ in named],
        "figures": _figures(name, named, slots),
        "maps": [_map(n, c, slots) for _, n, c in named if c.ops],
        "tables": [{"name": n, "ops": c.ranking[:TOP], "clocks": CLOCKS} for _, n, c in named if c.ranking],
    }


def _figures(model: str, named: charts.Named, slots: Mapping[str, int]) -> list[dict[str, Any]]:
    """The model's charts, of what was measured."""
    found: list[dict[str, Any]] = []

    def add(kind: str, title: str, note: str, svg: str, legend: Any = ()) -> None:
        found.append({"id": kind, "title": title, "note": note, "svg": svg, "legend": list(legend)})

    if any(c.steady and c.steady.samples for _, _, c in named):
        note = "A dot a sample; the band is the middle half, the line the median with its 95 % interval."
        add("latencies", "Latency", note, charts.distributions(model, named))
    if any(c.steady and c.accuracy and c.accuracy.outputs for _, _, c in named):
        note = "Lower and further left is better. Circle: PASS, diamond: WARN, cross: FAIL."
        add("accuracy", "Speed against accuracy", note, charts.speed_and_accuracy(model, named))
    if any(c.ranking for _, _, c in named):
        kinds = charts.kinds_of(named)
        legend: list[tuple[int | None, str]] = [*enumerate(kinds), (None, "others")]
        add("ops", "Time by kind of op", "Of all ops' time; how long that is stands at the right.",
            charts.op_bars(model, named, kinds), legend)  # fmt: skip
    if any(c.phases for _, _, c in named):
        note = "Once each, from nothing to the first result."
        add("first", "Time to the first result", note, charts.first_result(model, named),
            enumerate(("open devices", "load", "plan", "compile", "first inference")))  # fmt: skip
    for _, name, cell in named:
        if len(cell.steps) > 1:
            note = f"{name}. Each step waited for, so all together may take longer than a latency."
            legend = [(slots[d], d) for d in dict.fromkeys(s.delegate for s in cell.steps if s.delegate) if d in slots]
            add("timeline", "One inference", note, charts.timeline(name, cell, slots), legend)
    if any(c.memory and c.memory.track for _, _, c in named):
        add("memory", "Memory over time", "Resident bytes of each cell's own process.", charts.memory(model, named))
    return found


def _map(name: str, cell: Cell, slots: Mapping[str, int]) -> dict[str, Any]:
    ops, before = [], None
    for op in cell.ops:
        gap = op.partition is not None and before is not None and op.partition != before
        before = op.partition if op.partition is not None else before
        time = f", {duration(op.seconds)}" if op.seconds is not None else ""
        fate = {"launched": "", "fused": f", fused into {op.into}", "folded": ", folded away"}[op.fate]
        ops.append(
            {"gap": gap, "fate": op.fate, "slot": slots.get(op.delegate) if op.fate != "folded" else None,
             "title": f"{op.index} {op.kind} on {op.delegate or 'nothing'}{fate}{time}"}
        )  # fmt: skip
    return {"name": name, "note": where(cell), "ops": ops}
