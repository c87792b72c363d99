"""`delegraph bench` from end to end, on small models: whole, broken off, and with what cannot work."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.dying import Dying
from delegraph import data
from delegraph.bench.child import Child, ChildError
from delegraph.bench.driver import Run
from delegraph.bench.files import read_report
from delegraph.bench.matrix import make_matrix
from delegraph.bench.stand import Stand
from delegraph.bench.text import COLUMNS
from delegraph.cli import app

COMMAND = [sys.executable, "-c", "from delegraph.cli import app; app()", "bench"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "digits.tflite"
    path.write_bytes(data.digits("f32"))
    return path


def command(*arguments: object) -> list[str]:
    return [*COMMAND, *map(str, arguments)]


def test_a_run_reports_every_part(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = subprocess.run(
        command(model, "--delegates", "cpu", "--threads", 1, "--threads", 2, "--seconds", 0.2, "--report", out),
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = read_report(out / "report.json")
    assert report.complete and [c.configuration.threads for c in report.cells] == [1, 2]
    for cell in report.cells:
        assert cell.state == "done" and cell.problem == ""
        assert cell.steady is not None and len(cell.steady.turns) >= 5 and min(cell.steady.samples) > 0
        assert cell.phases is not None and cell.phases.total > cell.steady.median
        assert cell.memory is not None and cell.memory.peak >= cell.memory.resident > cell.memory.before > 0
        assert cell.stream is not None and cell.stream.rate > 0
        assert cell.accuracy is not None and cell.accuracy.verdict == "PASS" and cell.accuracy.inputs == 3
        assert [step.kind for step in cell.steps] == ["run"] and cell.plan is not None
        shares = [share for _, share, _ in cell.ranking]
        assert len(cell.ops) == cell.model.ops and sum(shares) == pytest.approx(1) and shares == sorted(shares)[::-1]
    assert report.cells[0].plan == report.cells[1].plan
    text = (out / "report.md").read_text()
    assert "cpu (2 threads)" in text and "| PASS" in text and "digits" in done.stdout
    rows = list(csv.DictReader(io.StringIO((out / "report.csv").read_text())))
    assert len(rows) == 2 and tuple(rows[0]) == COLUMNS and float(rows[0]["median_s"]) > 0


@pytest.mark.slow
def test_broken_off_it_leaves_what_was_measured(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = command(model, "--delegates", "cpu", "--width", 0, "--seconds", 600, "--sets", 0, "--report", out)
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen(arguments, stdout=file, stderr=subprocess.STDOUT, cwd=tmp_path)
    try:
        end = time.monotonic() + 60
        while process.poll() is None and not children(process.pid, Stand) and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(2)
        mine = children(process.pid)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(20) == 130, log.read_text()
    finally:
        process.kill()
    report = read_report(out / "report.json")
    assert not report.complete and [c.state for c in report.cells] == ["partial"]
    assert {p.name for p in out.iterdir()} == {f"report.{kind}" for kind in ("json", "md", "csv", "html")}
    assert "broken off" in log.read_text() and "Broken off" in (out / "report.md").read_text()
    assert "Broken off" in (out / "report.html").read_text()
    assert mine and not any(Path(f"/proc/{pid}").exists() for pid in mine)


def children(pid: int, kind: type | None = None) -> list[int]:
    """The processes that a process started, of those that serve `kind`."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True
    ).stdout
    return [int(row.split()[0]) for row in listed.splitlines() if kind is None or kind.__name__ in row]


def test_what_cannot_work_is_one_line(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(model.read_bytes()[:2000])
    closed = tmp_path / "file"
    closed.write_text("")
    for arguments, said in (
        ([tmp_path / "gone.tflite"], "gone.tflite: No such file"),
        ([broken, "--delegates", "cpu"], "broken.tflite: invalid model"),
        ([model, "--delegates", "gpux"], "unknown delegate 'gpux'; did you mean 'gpu'"),
        ([model, "--report", closed / "out"], "file/out: Not a directory"),
        ([], "no model is named"),
    ):
        done = CliRunner().invoke(app, ["bench", *map(str, arguments)])
        assert done.exit_code == 1 and said in done.stderr, done.stderr
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_without_the_extra_it_says_what_to_install(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delegraph.bench.extra.have", lambda package: package != "matplotlib")
    done = CliRunner().invoke(app, ["bench", str(model)])
    assert done.exit_code == 1 and "matplotlib" in done.stderr and "pip install 'delegraph[bench]'" in done.stderr


def test_a_cell_that_fails_does_not_stop_the_others(model: Path) -> None:
    values = {"models": [str(model)], "delegates": ["gpu:no such thing,cpu", "cpu"], "seconds": 0.05, "sets": 1}
    run = Run(make_matrix(values))
    run.carry_out()
    failed, done = run.report().cells
    assert (failed.state, done.state) == ("failed", "done") and "no such thing" in failed.problem


def test_a_child_that_dies_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    child = Child(Dying)
    assert child.call("noisy") == 7
    with pytest.raises(ChildError, match=r"^what is wrong$"):
        child.call("raises")
    with pytest.raises(ChildError, match="died of SIGSEGV: a driver says why"):
        child.call("crash")
    with pytest.raises(ChildError, match="died of SIGSEGV"):
        child.call("noisy")
    child.close()
    late = Child(Dying)
    with pytest.raises(ChildError, match="no answer within"):
        late.call("late", timeout=0.2)
    late.close()
