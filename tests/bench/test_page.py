"""The page of 6 models by 4 configurations in a real browser: no error, no request, every chart drawn, tables sort."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.browser import Browser, found
from bench.kit import CONFIGURATIONS, machine, report
from delegraph.bench.page import page
from delegraph.bench.record import Configuration, Report

needs_browser = pytest.mark.skipif(found() is None, reason="no browser here: apt-get install chromium")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page(report(6)), "utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    made = Browser()
    yield made
    made.close()


def test_a_page_refers_to_nothing_else(written: Path) -> None:
    text = written.read_text("utf-8")
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#)|url\((?!#)|@import|<link|<iframe""", text)
    assert "default-src 'none'" in text and len(text) < 2 << 20
    assert "<td>tiles of 4 by 16, measured</td>" in text, "how an op is done, and what chose that"


@needs_browser
def test_the_page_in_a_browser(written: Path, browser: Browser) -> None:
    browser.open(written)
    assert troubles(browser) == []
    asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
    assert asked == [written.as_uri()]
    charts = browser.run(
        "[...document.querySelectorAll('svg.chart')].map(s => [s.getAttribute('aria-label'),"
        " [...s.querySelectorAll('.mark')].filter(m => m.getBoundingClientRect().width > 0.5 &&"
        " m.querySelector('title').textContent).length, s.getBoundingClientRect().width])"
    )
    assert len(charts) == 1 + 6 * 7  # over all; six of a model's and one more inference across delegates
    assert all(marks >= 4 and width > 200 for _, marks, width in charts), charts
    assert browser.run("document.querySelectorAll('.map .cell').length") == 6 * 4 * 4
    words = browser.run("document.querySelector('#summary').innerText")
    assert "model_5: gpu,cpu (fp16, fastest) is the fastest with 14.9 ms" in words
    assert re.search(r"gpu,cpu is 3(\.\d+)? times \([\d.]+ to [\d.]+\) as fast as cpu \(1 thread\)", words)


@pytest.mark.slow
@needs_browser
def test_tables_sort(written: Path, browser: Browser) -> None:
    browser.open(written)
    count = browser.run("document.querySelector('#cells').tHead.rows[0].cells.length")
    for column in range(count):
        for up in (True, False):
            keys = browser.run(
                f"(() => {{ const t = document.querySelector('#cells'), h = t.tHead.rows[0].cells[{column}];"
                f" h.querySelector('button').click();"
                f" return [h.ariaSort, ...[...t.tBodies[0].rows].map(r => {{ const c = r.cells[{column}];"
                f" return c.dataset.key ?? c.textContent; }})]; }})()"
            )
            assert keys[0] == ("ascending" if up else "descending") and len(keys) == 25
            values: list[Any] = keys[1:]
            with suppress(ValueError):
                values = [float(key) for key in values]
            assert values == sorted(values, reverse=not up), column
    assert troubles(browser) == []


@pytest.mark.slow
@needs_browser
def test_it_follows_the_readers_screen(written: Path, browser: Browser) -> None:
    browser.open(written)
    colours = (
        "[document.body, document.querySelector('svg.chart text')]"
        ".map(e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).fill])"
    )
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    light = browser.run(colours)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    dark = browser.run(colours)
    assert light[0][0] == "rgb(255, 255, 255)" and dark[0][0] == "rgb(13, 17, 23)" and light[1][1] != dark[1][1]
    browser.call(
        "Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=2, mobile=True
    )  # fmt: skip
    assert browser.run("document.documentElement.scrollWidth") <= 390
    sizes = browser.run(
        "[...document.querySelectorAll('svg.chart text')].filter(t => t.textContent.trim())"
        ".map(t => t.getBoundingClientRect().height)"
    )
    assert min(sizes) > 8  # CSS pixels: as wide as the phone, the text keeps its size
    browser.call("Emulation.clearDeviceMetricsOverride")
    browser.call("Emulation.setEmulatedMedia", features=[])
    assert len(browser.call("Page.printToPDF")["data"]) > 50_000


def hostile() -> Report:
    """A report whose every name is markup, script, or as long as a line."""
    evil = "</script><script>console.error('out')</script><img src=http://x.invalid/a>&\"'\x1b[31m$\\frac{" + "n" * 200
    made = report(1, (Configuration(evil), CONFIGURATIONS[2]))
    cells = tuple(
        replace(
            c, model=replace(c.model, name=evil), machine=evil, problem=evil, devices={evil: evil},
            steps=tuple(replace(s, label=evil, delegate=s.delegate and evil) for s in c.steps),
            ops=tuple(replace(op, kind=evil, delegate=evil, way=evil) for op in c.ops),
        )
        for c in made.cells
    )  # fmt: skip
    return replace(made, machines=(machine(evil),), cells=cells, made=evil)


def partial() -> Report:
    """A report that was broken off: of one cell latencies only, of others nothing."""
    made = report(2, CONFIGURATIONS[:3])
    bare = [replace(c, phases=None, stream=None, memory=None, steps=(), ops=(), energy=(), accuracy=None, plan=None,
                    devices=None, state="partial") for c in made.cells]  # fmt: skip
    bare[1:] = [replace(c, steady=None, state="failed", problem="the process died of SIGSEGV") for c in bare[1:]]
    return replace(made, complete=False, cells=tuple(bare))


@pytest.mark.parametrize("make", [hostile, partial, lambda: replace(report(1), cells=())])
def test_odd_reports_make_whole_pages(make: Any, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = tmp_path / "odd.html"
    path.write_text(page(make()), "utf-8")
    assert path.read_text("utf-8").count("<script>") == 1
    if found() is None:
        pytest.skip("no browser here: apt-get install chromium")
    browser = request.getfixturevalue("browser")
    browser.open(path)
    assert troubles(browser) == []
    assert [e for e in browser.events if e["method"] == "Network.requestWillBeSent"][1:] == []
    browser.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=2, mobile=True)
    assert browser.run("document.documentElement.scrollWidth") <= 390
    browser.call("Emulation.clearDeviceMetricsOverride")


def troubles(browser: Browser) -> list[Any]:
    """Exceptions, and errors and warnings on the console."""
    kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    return [event for event in browser.events if event["method"] in kinds]
