"""A report as Markdown, for a pull request, and as CSV, for a spreadsheet: a row a cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict

from ..partitioner.explain import duration, plain, size
from .record import Cell, Report
from .stats import summary
from .words import against, against_floor, cell_name, findings, measured_by, models, overall


def markdown(report: Report) -> str:
    """A summary in words, a table a model, and the machine. Names cannot break out of their cells."""
    lines = ["## Benchmark", ""]
    if not report.complete:
        lines += ["**Broken off: what was measured until then.**", ""]
    lines += [f"- {escaped(text)}" for text in overall(report)]
    lines += [f"- **{escaped(f.model)}**: {escaped(f.sentence)}" for f in findings(report)]
    for model, cells in models(report).items():
        lines += ["", f"### {escaped(model)}", "", *_table(report, cells)]
        lines += ["", *(f"- {escaped(text)}" for text in against_floor(report, cells))]
    lines += ["", escaped(measured_by(report.settings)), ""]
    for m in report.machines:
        versions = ", ".join(f"{name} {version}" for name, version in m.versions.items())
        parts = [m.name, m.cpu, size(m.memory), m.system, *m.gpus, versions, m.commit and f"commit {m.commit}"]
        lines.append(f"- {escaped('; '.join(filter(None, parts)))}")
    return "\n".join(lines) + "\n"


def _table(report: Report, cells: Sequence[Cell]) -> list[str]:
    head = (
        "configuration",
        "median",
        "95 % interval",
        "p95",
        "against first",
        "first result",
        "memory",
        "accuracy",
    )
    rows = [head, ("---", *["---:"] * 6, "---")]
    rows += [_row(report, cell, cells[0]) for cell in cells]
    return ["| " + " | ".join(escaped(text) if k != 1 else text for text in row) + " |" for k, row in enumerate(rows)]


def _row(report: Report, cell: Cell, base: Cell) -> tuple[str, ...]:
    name = cell_name(report, cell)
    if cell.steady is None or not cell.steady.samples:
        return (name, "-", "-", "-", "-", "-", "-", cell.problem or cell.state)
    s = summary(cell.steady)
    gain = against(cell, base)
    return (
        name,
        duration(s.median.value),
        f"{duration(s.median.low)} to {duration(s.median.high)}",
        duration(s.p95),
        f"{gain.value:.3g}x ({gain.low:.3g} to {gain.high:.3g})" if gain else "1",
        duration(cell.phases.total) if cell.phases else "-",
        size(cell.memory.peak) if cell.memory else "-",
        said_of(cell),
    )


def said_of(cell: Cell) -> str:
    """The verdict on a cell's accuracy, its greatest errors, what has to be known of its times, what went wrong."""
    said = []
    if cell.accuracy is not None:
        relative = max((o.relative for o in cell.accuracy.outputs), default=0.0)
        largest = max((o.max_error for o in cell.accuracy.outputs), default=0.0)
        said.append(f"{cell.accuracy.verdict} (relative {relative:.2g}, at most {largest:.2g})")
    return "; ".join([*said, *cell.notes, *filter(None, [cell.problem])]) or "-"


def escaped(text: str) -> str:
    """Text that means nothing to Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in plain(text))


COLUMNS = (
    "machine", "model", "delegates", "precision", "threads", "batch", "placement", "peer", "state", "problem", "notes",
    "samples", "min_s", "median_s", "median_low_s", "median_high_s", "mean_s", "p90_s", "p95_s", "p99_s", "max_s",
    "deviation_s", "open_s", "load_s", "plan_s", "compile_s", "first_s", "startup_s", "floor_s", "stream_per_s",
    "resident_bytes", "peak_bytes", "device_bytes", "transferred_bytes", "transfer_s", "joules_per_inference",
    "verdict", "max_error", "mean_error", "relative_error", "nans", "cosine", "top1", "top5", "plan_hash",
)  # fmt: skip


def csv_text(report: Report) -> str:
    """A line a cell, all that is one number of it; what was not measured is empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_numbers(cell) for cell in report.cells)
    return out.getvalue()


def _numbers(cell: Cell) -> dict[str, object]:
    row: dict[str, object] = {"machine": cell.machine, "model": cell.model.name, **asdict(cell.configuration)}
    row |= {"state": cell.state, "problem": cell.problem, "notes": "; ".join(cell.notes)}
    if cell.steady is not None and cell.steady.samples:
        s = summary(cell.steady)
        row |= {f"{name}_s": getattr(s, name) for name in ("min", "mean", "p90", "p95", "p99", "max", "deviation")}
        row |= {"samples": s.count, "median_s": s.median.value}
        row |= {"median_low_s": s.median.low, "median_high_s": s.median.high}
    if cell.phases is not None:
        row |= {f"{name}_s": seconds for name, seconds in asdict(cell.phases).items()} | {"startup_s": cell.startup}
    if cell.floor is not None:
        row["floor_s"] = cell.floor
    if cell.stream is not None:
        row["stream_per_s"] = cell.stream.rate
    if cell.memory is not None:
        row |= {"resident_bytes": cell.memory.resident, "peak_bytes": cell.memory.peak}
        row["device_bytes"] = sum(cell.memory.device.values())
    if cell.steps:
        row["transferred_bytes"] = sum(step.nbytes for step in cell.transfers)
        row["transfer_s"] = sum(step.seconds for step in cell.transfers)
    if cell.energy:
        row["joules_per_inference"] = sum(e.joules / e.inferences for e in cell.energy if e.inferences)
    if cell.accuracy is not None:
        worst = max(cell.accuracy.outputs, key=lambda o: o.relative, default=None)
        row["verdict"] = cell.accuracy.verdict
        if worst is not None:
            row |= {"max_error": worst.max_error, "mean_error": worst.mean_error, "relative_error": worst.relative}
            row |= {"nans": worst.nans, "cosine": worst.cosine, "top1": worst.top1, "top5": worst.top5}
    if cell.plan is not None:
        row["plan_hash"] = cell.plan.hash
    return {key: _safe(value) for key, value in row.items()}


def _safe(value: object) -> object:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
