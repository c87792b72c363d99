"""Two benchmark reports held against each other, cell by cell; and reports of several machines side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from .record import Cell, Configuration, Report, Verdict
from .significance import Change, adjusted, change

SCHEMA = 1

State = Literal["slower", "faster", "no change", "not timed", "failed", "mended", "gone", "added"]
ORDER: tuple[Verdict, ...] = ("PASS", "WARN", "FAIL")
BUSY = 0.5  # load averages of a processor that two runs may differ by without a word
FEWEST = 2  # samples that a change takes


@dataclass(frozen=True)
class Limits:
    """From which slow-down on a change is WARN or FAIL (0.05: by 5 %), and how sure it has to be.

    `level` is the part of the changes that are called so and are none, on average.
    """

    warn: float = 0.02
    fail: float = 0.05
    level: float = 0.01

    def __post_init__(self) -> None:
        """Raise ValueError for numbers that say nothing."""
        if not 0 <= self.warn <= self.fail:
            raise ValueError(
                f"thresholds are at least 0, and WARN's ({self.warn}) is no more than FAIL's ({self.fail})"
            )
        if not 0 < self.level < 1:
            raise ValueError(f"the level is a part between 0 and 1, not {self.level}")


@dataclass(frozen=True)
class CellChange:
    """One model in one configuration, then and now.

    `machine` is the new cell's, with the base's before it where that is another. `change` is None where there are no
    latencies of both, and `p` is its p value as it is read together with those of the other cells. `notes` tell what
    else differs, why the verdict is what it is, and how many samples it would take.
    """

    model: str
    configuration: Configuration
    machine: str
    state: State
    verdict: Verdict
    change: Change | None = None
    p: float | None = None
    base: float | None = None
    new: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """All cells of a report against a base, by their names; `remarks` are what else may be behind a change."""

    base: str
    new: str
    limits: Limits
    cells: tuple[CellChange, ...]
    remarks: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of the cells'; FAIL where not one of them could be compared."""
        if not any(cell.change for cell in self.cells):
            return "FAIL"
        return max((cell.verdict for cell in self.cells), key=ORDER.index)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data; what is infinite is None."""
        data = {"schema": SCHEMA, "verdict": self.verdict, **asdict(self)}
        for cell in data["cells"]:
            if cell["change"] is not None:
                cell["change"] = _finite(cell["change"])
        return data


def compare(
    base: Report, new: Report, names: tuple[str, str] = ("base", "new"), limits: Limits | None = None
) -> Comparison:
    """Each cell of `new` against that of the same model, configuration and machine in `base`.

    Where each report is of a single machine, and these have other names, they are compared all the same, and it says
    so: the machines of a build service are called otherwise every time.
    """
    limits = limits or Limits()
    pairs = list(_pairs(base, new))
    found = [_paired(then, now) for then, now in pairs]
    timed = [k for k, cell in enumerate(found) if cell.state == "no change"]
    changes = [change(_samples(pairs[k][0]), _samples(pairs[k][1]), limits.level, len(timed)) for k in timed]
    for k, made, p in zip(timed, changes, adjusted([c.p for c in changes]), strict=True):
        found[k] = _judged(replace(found[k], change=made, p=p), limits)
    return Comparison(*names, limits, tuple(found), tuple(_remarks(base, new)))


def _remarks(base: Report, new: Report) -> Iterator[str]:
    """What differs between then and now on each machine: how busy it was, its governors, and what is installed."""
    one = len(base.machines) == len(new.machines) == 1
    before = {machine.name: machine for machine in base.machines}
    for now in new.machines:
        then = base.machines[0] if one else before.get(now.name)
        if then is None:
            continue
        was, load = (max(m.load, default=0.0) for m in (then, now))
        if abs(load / max(now.cores, 1) - was / max(then.cores, 1)) > BUSY:
            yield f"{now.name}: load of {was:.2g} then and {load:.2g} now, on {now.cores} processors"
        if then.governors != now.governors:
            governors = [", ".join(sorted(m.governors)) or "unknown" for m in (then, now)]
            yield f"{now.name}: frequency governor {governors[0]} then and {governors[1]} now"
        for name in sorted(then.versions.keys() | now.versions.keys()):
            versions = [m.versions.get(name, "none") for m in (then, now)]
            if versions[0] != versions[1]:
                yield f"{now.name}: {name} {versions[0]} then and {versions[1]} now"


def _samples(cell: Cell | None) -> tuple[float, ...]:
    return cell.steady.samples if cell is not None and cell.steady is not None else ()


def _pairs(base: Report, new: Report) -> Iterator[tuple[Cell | None, Cell | None]]:
    """Cells that belong together, in the new report's order; then those that it has not."""
    one = len(base.machines) == len(new.machines) == 1

    def key(cell: Cell) -> tuple[object, ...]:
        return cell.model.name, cell.configuration, None if one else cell.machine

    then = {key(cell): cell for cell in base.cells}
    for cell in new.cells:
        yield then.pop(key(cell), None), cell
    for cell in then.values():
        yield cell, None


def _paired(then: Cell | None, now: Cell | None) -> CellChange:
    """What there is to say before latencies are compared; "no change" where they are still to be."""
    cell = now or then
    assert cell is not None
    machine = cell.machine if then is None or then.machine == cell.machine else f"{then.machine} / {cell.machine}"
    before, after = (
        c.steady.median if c is not None and c.steady is not None and _samples(c) else None for c in (then, now)
    )
    notes, verdict = _besides(then, now) if then is not None and now is not None else ([], "PASS")
    state: State = "no change"
    if then is None or now is None:
        state, verdict = ("added", "PASS") if then is None else ("gone", "WARN")
        if now is not None and now.problem:
            notes = [f"failed: {now.problem}"]
    elif now.state == "failed" and then.state != "failed":
        state, verdict, notes = "failed", "FAIL", [f"failed: {now.problem}", *notes]
    elif then.state == "failed" and now.state != "failed":
        state, notes = "mended", [f"failed before: {then.problem}", *notes]
    elif min(len(_samples(c)) for c in (then, now)) < FEWEST:
        state, notes = "not timed", [f"failed in both: {now.problem}" if now.problem else "too few samples", *notes]
    return CellChange(
        cell.model.name, cell.configuration, machine, state, verdict, None, None, before, after, tuple(notes)
    )  # fmt: skip


def _besides(then: Cell, now: Cell) -> tuple[list[str], Verdict]:
    """What else differs, and the verdict on that: accuracy that got worse counts."""
    notes: list[str] = []
    verdict: Verdict = "PASS"
    if then.machine != now.machine:
        notes.append("another machine")
    if then.model.sha256 != now.model.sha256:
        notes.append("another model file")
    if then.plan is not None and now.plan is not None and then.plan.hash != now.plan.hash:
        notes.append("another plan")
    before, after = (c.accuracy.verdict if c.accuracy is not None else None for c in (then, now))
    if before and after and ORDER.index(after) > ORDER.index(before):
        assert now.accuracy is not None
        verdict = after
        notes.append(f"accuracy went from {before} to {after}: {now.accuracy.why}")
    return notes, verdict


def _judged(cell: CellChange, limits: Limits) -> CellChange:
    """With what the p value and the thresholds say."""
    assert cell.change is not None and cell.p is not None
    slower = cell.change.ratio.value - 1
    if cell.p >= limits.level or not slower:
        wanted = cell.change.needed(limits.fail) if cell.change.smallest > limits.fail > 0 else None
        told = () if wanted is None else (f"--samples {wanted} would find {100 * limits.fail:.3g} %",)
        return replace(cell, notes=(*told, *cell.notes))
    verdict: Verdict = "FAIL" if slower >= limits.fail else "WARN" if slower >= limits.warn else "PASS"
    state: State = "slower" if slower > 0 else "faster"
    return replace(cell, state=state, verdict=max(verdict, cell.verdict, key=ORDER.index))


def merged(reports: Sequence[Report]) -> Report:
    """One report of the cells of several. Where a machine was measured twice, the later cell of a kind counts.

    Raises ValueError for none.
    """
    if not reports:
        raise ValueError("there is no report to merge")
    machines = {m.name: m for report in reports for m in report.machines}
    cells = {cell.key: cell for report in reports for cell in report.cells}
    last = max(reports, key=lambda report: report.made)
    return replace(
        last, complete=all(report.complete for report in reports), machines=tuple(machines.values()),
        cells=tuple(cells.values()),
    )  # fmt: skip


@dataclass(frozen=True)
class Fleet:
    """What machines take side by side: for each model and configuration a cell a machine, None where it has none."""

    machines: tuple[str, ...]
    rows: tuple[tuple[str, Configuration, tuple[Cell | None, ...]], ...]


def fleet(report: Report) -> Fleet:
    """The cells of a report by machine."""
    names = tuple(machine.name for machine in report.machines)
    found: dict[tuple[str, Configuration], dict[str, Cell]] = {}
    for cell in report.cells:
        found.setdefault((cell.model.name, cell.configuration), {})[cell.machine] = cell
    return Fleet(names, tuple((*key, tuple(cells.get(name) for name in names)) for key, cells in found.items()))


def _finite(change: dict[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        return None if isinstance(value, float) and abs(value) == float("inf") else value

    found: dict[str, Any] = plain(change)
    return found
