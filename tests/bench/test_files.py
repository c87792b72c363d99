"""Reports as files: what is written is read again, and what is none is refused in one line that says where."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.kit import report
from delegraph.bench.files import InvalidReport, from_json, read_report, to_json, write_report
from delegraph.bench.record import SCHEMA


def test_a_report_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_report(report(), path)
    read = read_report(path)
    assert to_json(read) == path.read_text() and from_json(to_json(read)) == read
    assert [c.key for c in read.cells] == [c.key for c in report().cells]
    for cell, made in zip(read.cells, report().cells, strict=True):
        assert cell.steady is not None and made.steady is not None
        assert cell.steady.samples == pytest.approx(made.steady.samples, rel=1e-8)
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def broken(change: str, value: Any) -> str:
    data = json.loads(to_json(report()))
    *path, last = [int(part) if part.isdigit() else part for part in change.split(".")]
    at = data
    for part in path:
        at = at[part]
    if value is KeyError:
        del at[last]
    else:
        at[last] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    "change, value, said",
    [
        ("schema", SCHEMA + 1, f"has the newer schema {SCHEMA + 1}; this version reads {SCHEMA}: update"),
        ("schema", -1, "unknown schema -1"),
        ("schema", "1", "no number under 'schema'"),
        ("cells.0.steady.turns.3.1", "0.1", r"cells\.0\.steady\.turns\.3\.1: .*number"),
        ("cells.0.steady.turns.3.1", 0.0, r"cells\.0\.steady\.turns: a latency is not above 0"),
        ("cells.0.steady.warmup", 1.5, r"cells\.0\.steady\.warmup: .*integer"),
        ("cells.1.phases.plan", float("inf"), r"cells\.1\.phases\.plan: .*finite"),
        ("cells.1.phases.plan", float("nan"), r"cells\.1\.phases\.plan: .*finite"),
        ("cells.1.phases.plan", True, r"cells\.1\.phases\.plan: .*number"),
        ("cells.1.speed", 3, r"cells\.1\.speed: "),
        ("cells.1.model", KeyError, r"cells\.1\.model: .*required"),
        ("cells.2.accuracy.verdict", "FINE", r"cells\.2\.accuracy\.verdict: .*PASS"),
        ("cells.2.machine", "elsewhere", r"cells\.2\.machine: 'elsewhere' is not among"),
        ("machines", {}, r"machines: "),
        ("machines.0.name", "a\nb\x1b[31m", r"cells\.0\.machine"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: str, value: Any, said: str) -> None:
    path = tmp_path / "some.json"
    path.write_text(broken(change, value))
    with pytest.raises(InvalidReport, match=rf"some\.json.*{said}") as caught:
        read_report(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "null", '"x"', "\0", "[" * 100_000, '{"schema": 1}', "\udc80"])
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InvalidReport, match=r"some\.json"):
        read_report(path)


def test_a_cell_stands_once() -> None:
    made = report()
    with pytest.raises(InvalidReport, match=r"cells\.8: the report has this cell twice"):
        from_json(to_json(replace(made, cells=(*made.cells, made.cells[0]))))


def test_a_failed_write_leaves_the_former_report(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_report(report(1), path)
    bad = replace(report(), made=float("nan"))  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        write_report(bad, path)
    assert len(read_report(path).cells) == 4
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
