"""Reports held against each other: which cells changed, what is said of them, and pages that names cannot break."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from delegraph.bench.compare import Comparison, Limits, compare, fleet, merged
from delegraph.bench.compare_page import page
from delegraph.bench.compare_text import markdown, summary
from delegraph.bench.files import write_report
from delegraph.bench.record import Accuracy, Cell, Report
from delegraph.cli import app

from .browser import Browser
from .browser import found as found_browser
from .kit import CONFIGURATIONS, cell, machine, report, steady


def changed(made: Report, number: int, **parts: object) -> Report:
    """A report with other parts of one cell."""
    cells = list(made.cells)
    cells[number] = replace(cells[number], **parts)  # type: ignore[arg-type]
    return replace(made, cells=tuple(cells))


def slower(made: Report, number: int, by: float, spread: float = 0.02) -> Report:
    now = made.cells[number].steady
    assert now is not None
    return changed(made, number, steady=steady(now.median * (1 + by), spread, seed=99))


def states(found: Comparison) -> list[str]:
    return [c.state for c in found.cells]


def test_another_run_of_the_same_is_no_change() -> None:
    found = compare(report(seed=0), report(seed=5000))
    assert states(found) == ["no change"] * 8 and found.verdict == "PASS"
    assert all(c.change is not None and 0 < c.change.smallest < 0.1 and c.p is not None for c in found.cells)
    assert "8 cells, 8 no change" in summary(found)[0]


@pytest.mark.parametrize(
    ("by", "state", "verdict"), [(0.2, "slower", "FAIL"), (0.03, "slower", "WARN"), (-0.2, "faster", "PASS")]
)
def test_a_change_counts_by_how_large_it_is(by: float, state: str, verdict: str) -> None:
    then = changed(report(), 2, steady=steady(0.01, 0.02, seed=1))
    found = compare(then, slower(then, 2, by))
    assert (states(found).count(state), states(found).count("no change")) == (1, 7)
    cell = found.cells[2]
    assert (cell.state, cell.verdict, found.verdict) == (state, verdict, verdict)
    assert cell.change is not None and cell.change.ratio.low < 1 + by < cell.change.ratio.high


def test_a_change_that_may_be_none_is_no_more_than_noise() -> None:
    """Ten samples that vary by 30 % say nothing of 10 %; it says what they would have said."""
    then = changed(report(), 0, steady=steady(0.01, 0.3, 2, 5, seed=1))
    now = changed(then, 0, steady=steady(0.011, 0.3, 2, 5, seed=2))
    found = compare(then, now)
    assert found.cells[0].state == "no change" and found.verdict == "PASS"
    assert found.cells[0].change is not None and found.cells[0].change.smallest > 0.3
    assert "within the noise" in markdown([found], None)


def test_what_is_not_a_latency_counts_too() -> None:
    then = report()
    worse = Accuracy("FAIL", (), 3, "scores: relative error 0.2 above 0.05")
    cells = changed(then, 1, accuracy=worse)
    cells = changed(cells, 2, state="failed", problem="the device is gone", steady=None)
    cells = replace(cells, cells=(*cells.cells[:6], cell(9, CONFIGURATIONS[0], 0.01)))
    found = compare(then, cells)
    by_state = {c.state: c for c in found.cells}
    assert states(found) == ["no change"] * 2 + ["failed"] + ["no change"] * 3 + ["added", "gone", "gone"]
    assert by_state["failed"].verdict == "FAIL" and by_state["failed"].notes[0] == "failed: the device is gone"
    assert by_state["gone"].verdict == "WARN" and by_state["added"].verdict == "PASS"
    assert found.cells[1].verdict == "FAIL" and "accuracy went from PASS to FAIL: scores" in found.cells[1].notes[0]
    back = compare(cells, then)
    assert states(back)[2] == "mended" and back.cells[1].verdict == "PASS"


def test_nothing_to_compare_is_no_success() -> None:
    then = report(models=1)
    found = compare(then, replace(then, cells=()))
    assert found.verdict == "FAIL" and "Nothing of it could be compared" in summary(found)[0]


def test_one_machine_under_another_name_is_compared_and_several_are_told_apart() -> None:
    here = report(models=1)
    there = replace(here, machines=(machine("other"),), cells=tuple(replace(c, machine="other") for c in here.cells))
    found = compare(here, there)
    assert states(found) == ["no change"] * 4 and found.cells[0].machine == "bench / other"
    assert "another machine" in found.cells[0].notes
    both = merged([here, there])
    assert len(both.cells) == 8 and [m.name for m in both.machines] == ["bench", "other"]
    apart = compare(both, slower(both, 5, 0.5))
    assert [c.machine for c in apart.cells if c.state == "slower"] == ["other"]
    view = fleet(both)
    assert view.machines == ("bench", "other") and len(view.rows) == 4
    assert all(len(cells) == 2 and None not in cells for _, _, cells in view.rows)
    assert "| model | configuration | bench | other |" in markdown([apart], view)


def test_a_machine_that_was_otherwise_is_remarked_on() -> None:
    then = report(models=1)
    now = replace(machine(), load=(5.0,), governors={"powersave": 2}, versions={"delegraph": "0.2.0"})
    found = compare(then, replace(then, machines=(now,)))
    assert found.remarks == (
        "bench: load of 0.3 then and 5 now, on 2 processors",
        "bench: frequency governor performance then and powersave now",
        "bench: delegraph 0.1.0 then and 0.2.0 now",
        "bench: numpy 2.0 then and none now",
    )
    assert found.verdict == "PASS" and all(text in summary(found) for text in found.remarks)
    assert "- bench: load of 0.3 then" in markdown([found], None) and "powersave now</li>" in page([found], None)
    assert compare(then, then).remarks == ()


def test_thresholds_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="WARN's"):
        Limits(warn=0.1, fail=0.05)
    with pytest.raises(ValueError, match="between 0 and 1"):
        Limits(level=0.0)


def hostile() -> Report:
    made = report(models=1)
    evil = '</script><img src=x onerror="alert(1)">|`[x](y)\x1b[31m'

    def named(c: Cell) -> Cell:
        return replace(c, model=replace(c.model, name=evil))

    return replace(made, cells=tuple(map(named, made.cells)))


def test_names_cannot_break_out() -> None:
    then = hostile()
    found = compare(then, slower(then, 1, 0.3), ("<b>", "*new*"))
    html = page([found], fleet(then))
    assert "<img" not in html and "\x1b" not in html and html.count("<script>") == 1
    assert not re.search(r"https?://", html)
    (hash_,) = re.findall(r"script-src 'sha256-([^']+)'", html)
    assert len(hash_) == 44 and html.count('class="interval"') == 4
    text = markdown([found], None)
    assert not re.search(r"(?<!\\)<", text) and "\\|" in text and "\x1b" not in text
    assert all(line.replace("\\|", "").count("|") == 8 for line in text.splitlines() if line.startswith("|"))


def call(*args: object) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, args)])


def test_the_command_for_continuous_integration(tmp_path: Path) -> None:
    base, same, worse = (tmp_path / f"{name}.json" for name in ("base", "same", "worse"))
    write_report(report(), base)
    write_report(report(seed=5000), same)
    write_report(slower(report(), 3, 0.4), worse)
    fine = call(base, same)
    assert fine.exit_code == 0 and "PASS: same.json against base.json: 8 cells, 8 no change." in fine.stdout
    bad = call(base, same, worse, "--html", tmp_path / "c.html", "--markdown", tmp_path / "c.md", "--json")
    found = json.loads(bad.stdout)
    assert bad.exit_code == 1 and [c["verdict"] for c in found] == ["PASS", "FAIL"]
    assert [c["state"] for c in found[1]["cells"]].count("slower") == 1
    assert (tmp_path / "c.html").read_text("utf-8").count('<section class="comparison">') == 2
    assert "## ❌ FAIL: worse.json against base.json" in (tmp_path / "c.md").read_text("utf-8")
    assert call(base, worse, "--warn", 0.5, "--fail", 0.9).exit_code == 0


def test_bad_input_gets_one_line(tmp_path: Path) -> None:
    base, newer, broken = (tmp_path / f"{name}.json" for name in ("base", "newer", "broken"))
    write_report(report(models=1), base)
    newer.write_text(json.dumps({**json.loads(base.read_text("utf-8")), "schema": 99}), "utf-8")
    broken.write_text("{", "utf-8")

    def line(*args: object) -> str:
        done = call(*args)
        assert done.exit_code == 1 and not done.stdout and len(done.stderr.strip().splitlines()) == 1, done.output
        return done.stderr

    assert "newer.json has the newer schema 99; this version reads 1" in line(base, newer)
    assert "broken.json is no report" in line(broken, base)
    assert "absent.json: No such file" in line(base, tmp_path / "absent.json")
    assert "absent: No such file" in line(base, base, "--html", tmp_path / "absent" / "c.html")
    assert "WARN's" in line(base, base, "--warn", 0.5)


@pytest.mark.skipif(found_browser() is None, reason="no browser here: apt-get install chromium")
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    here = report(models=2)
    there = replace(here, machines=(machine("other"),), cells=tuple(replace(c, machine="other") for c in here.cells))
    path = tmp_path / "compare.html"
    path.write_text(page([compare(here, slower(here, 2, 0.3))], fleet(merged([here, there]))), "utf-8")
    browser = Browser()
    try:
        browser.open(path)
        asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
        assert asked == [path.as_uri()]
        assert not [e for e in browser.events if e["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")]
        drawn = browser.run(
            "[...document.querySelectorAll('svg.interval .mark')].map(m => m.getBoundingClientRect().width)"
        )
        assert len(drawn) == 8 and all(width > 1 for width in drawn)
        assert browser.run("document.querySelector('tbody tr').innerText").startswith("model_0")
        assert "slower" in browser.run("document.querySelector('tbody tr').innerText")  # the worst comes first
        click = (
            "(() => {{ const t = document.querySelectorAll('table.sortable')[{0}], h = t.tHead.rows[0].cells[{1}];"
            " h.querySelector('button').click(); return [...t.tBodies[0].rows].map(r => +r.cells[{1}].dataset.key);"
            " }})()"
        )
        for table, column in ((0, 3), (0, 5), (1, 2)):
            values = browser.run(click.format(table, column))
            assert len(values) == 8 and values == sorted(values)
    finally:
        browser.close()
