"""`delegraph compare`: reports of `delegraph bench` against a base, for people and for continuous integration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ..bench.extra import needed
from .console import JsonOption, check_writable, clean, say, show, table

STYLES = {"PASS": "", "WARN": "yellow", "FAIL": "bold red"}


def compare(
    base: Annotated[Path, typer.Argument(metavar="BASE.json", help="What was before.", show_default=False)],
    new: Annotated[
        list[Path], typer.Argument(metavar="NEW.json...", help="What is now; each against BASE.", show_default=False)
    ],
    also: Annotated[
        list[Path] | None,
        typer.Option("--base", metavar="FILE", help="Another report that belongs to BASE, as of another machine."),
    ] = None,
    warn: Annotated[float, typer.Option(metavar="PART", min=0, help="Slower by this is WARN.")] = 0.02,
    fail: Annotated[float, typer.Option(metavar="PART", min=0, help="Slower by this is FAIL.")] = 0.05,
    level: Annotated[
        float, typer.Option(metavar="PART", help="How many of the changes that are called so may be none.")
    ] = 0.01,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write it for a pull request.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write it as one self-contained page.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say which cells of a benchmark became slower or faster, and which changes are no more than noise.

    The exit code is 1 where anything is FAIL: slower by more than a threshold and surely so, failing, less accurate, or
    not to be compared at all.
    """
    needed("numpy", "scipy", "pydantic")
    from ..bench import compare as comparing
    from ..bench.compare_page import page
    from ..bench.compare_text import markdown as as_markdown
    from ..bench.files import read_report, write_whole

    limits = comparing.Limits(warn, fail, level)
    for path in (markdown, html):
        check_writable(path)
    before = comparing.merged([read_report(path) for path in (base, *(also or []))])
    now = [read_report(path) for path in new]
    names = [_name(path, [base, *new]) for path in (base, *new)]
    found = [
        comparing.compare(before, report, (names[0], name), limits) for report, name in zip(now, names[1:], strict=True)
    ]
    view = comparing.fleet(comparing.merged([before, *now]))
    several = view if len(view.machines) > 1 else None
    if as_json:
        print(json.dumps([comparison.to_json() for comparison in found], indent=1))
    else:
        show(*_lines(found, several))
    for path, text in ((markdown, as_markdown), (html, page)):
        if path is not None:
            write_whole(path, text(found, several))
            say(f"wrote {path}")
    if any(comparison.verdict == "FAIL" for comparison in found):
        raise typer.Exit(1)


def _name(path: Path, others: list[Path]) -> str:
    """A report's name: the file's, with its folder where several are called alike."""
    return path.name if [other.name for other in others].count(path.name) == 1 else str(path)


def _lines(found: list[Any], view: Any) -> list[Table | str]:
    from ..bench.compare_text import summary

    lines: list[Table | str] = []
    for comparison in found:
        lines += [changes_table(comparison), "", *summary(comparison), ""]
    return [*lines, fleet_table(view)] if view is not None else lines[:-1]


def changes_table(comparison: Any) -> Table:
    """A row a cell, the worst first."""
    from ..bench.compare_text import changed, ordered, said, times_of
    from ..bench.words import name_of

    right = ("before", "now", "change")
    rows = table(
        "model", "configuration", "machine", *right, "", "what", right=right, long=("what", "model", "machine")
    )
    for cell in ordered(comparison.cells):
        names = clean(cell.model), clean(name_of(cell.configuration)), clean(cell.machine)
        rows.add_row(
            *names, *times_of(cell), changed(cell), cell.verdict, clean(said(cell)), style=STYLES[cell.verdict]
        )
    return rows


def fleet_table(view: Any) -> Table:
    """A row a model and configuration, a column a machine."""
    from ..bench.words import name_of
    from ..partitioner.explain import duration

    names = [str(clean(name)) for name in view.machines]
    rows = table("model", "configuration", *names, right=tuple(names), long=("model",))
    for model, configuration, cells in view.rows:
        times = [duration(c.steady.median) if c is not None and c.steady and c.steady.samples else "-" for c in cells]
        rows.add_row(clean(model), clean(name_of(configuration)), *times)
    return rows
