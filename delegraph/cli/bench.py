"""`delegraph bench`: models by configurations, measured in turn, and reports of it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ..bench.extra import needed
from ..bench.peers import PEERS
from ..known import ALL
from ..partitioner.explain import duration, size
from .console import INTERRUPTED, ImageRangeOption, clean, say, show, span_of, table, timed_progress

SHARE = 100  # of a cell, what the bar counts in


def bench(
    models: Annotated[list[Path] | None, typer.Argument(metavar="MODEL...", show_default=False)] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE.toml", help="The matrix in a file; options stand before what it says."),
    ] = None,
    delegates: Annotated[
        list[str] | None,
        typer.Option(
            "--delegates",
            metavar="LIST",
            help=f"A list such as gpu,cpu ({', '.join(ALL)}, auto); again for more. \\[default: cpu and auto]",
        ),
    ] = None,
    precision: Annotated[list[str] | None, typer.Option(help="fp32 or fp16, of the GPU; again for more.")] = None,
    threads: Annotated[list[int] | None, typer.Option(help="Of the CPU; again for more.")] = None,
    batch: Annotated[list[int] | None, typer.Option(help="How much at once; again for more.")] = None,
    placement: Annotated[list[str] | None, typer.Option(help="priority or fastest; again for more.")] = None,
    peer: Annotated[
        list[str] | None, typer.Option(help=f"Another runtime that is installed ({', '.join(PEERS)}); again for more.")
    ] = None,
    python: Annotated[
        list[str] | None,
        typer.Option(
            "--python", metavar="PEER=PYTHON", help="Where a peer lives in another virtual environment; again for more."
        ),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--input", metavar="NAME=FILE", help="A .npy file, a picture, or a folder of such. \\[default: noise]"
        ),
    ] = None,
    image_range: ImageRangeOption = None,
    sets: Annotated[
        int | None, typer.Option(min=0, help="Inputs that accuracy is judged by; 0 leaves it out. \\[default: 3]")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.01, help="The most for each cell. \\[default: 2]")] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=0, help="As many of each cell, up to ten times its seconds. \\[default: 80; with --seconds none]"
        ),
    ] = None,
    width: Annotated[
        float | None, typer.Option(min=0.0, help="Enough is a 95 % interval within this part. \\[default: 0.01]")
    ] = None,
    pause: Annotated[float | None, typer.Option(min=0.0, help="Seconds of rest before each turn.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.0, help="Frames a second, as a camera sends them.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the order of turns, and of noise.")] = None,
    hosts: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Measure on the machines of a fleet, through Ray.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Write report.html, .json, .md and .csv there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON and nothing else.")] = False,
) -> None:
    """Measure models in several configurations, in turn, and say who wins by how much.

    Each configuration runs in a process of its own. Ctrl-C ends it; what was measured until then is reported.
    """
    needed("psutil", "pydantic", "matplotlib")
    from ..bench.driver import Run
    from ..bench.files import to_json
    from ..bench.matrix import make_matrix

    values = {
        "models": [str(model) for model in models or []], "delegates": delegates, "precision": precision,
        "threads": threads, "batch": batch, "placement": placement, "peer": peer, "python": python,
        "input": given, "span": span_of(image_range), "sets": sets, "seconds": seconds, "samples": samples,
        "width": width, "pause": pause, "rate": rate, "seed": seed,
    }  # fmt: skip
    told = {key: None if value == [] else value for key, value in values.items()}
    matrix = make_matrix(told, config)
    if report is not None:
        _writable(report)
    with timed_progress() as bar:
        task = bar.add_task("start", total=SHARE)

        def progress(done: float, what: str) -> None:
            bar.update(task, completed=SHARE * done, description=what)

        run = Run(matrix, progress=progress) if hosts is None else _fleet(matrix, told, config, hosts, progress)
        bar.update(task, total=SHARE * run.total)
        with interruptible():
            broken = _carried_out(run)
    made = run.report()
    if broken:
        say("broken off: this is what was measured until then")
    if as_json:
        print(to_json(made), end="")
    else:
        _show(made)
    if report is not None:
        _write(made, report)
    if broken:
        raise typer.Exit(INTERRUPTED)


def _fleet(matrix: Any, told: dict[str, Any], config: Path | None, hosts: Path, progress: Any) -> Any:
    """The run on the hosts of a fleet. Raises MissingExtra without Ray, ValueError for a file that makes no sense."""
    needed("ray", extra="ray")
    from ..bench.fleet import FleetRun, read_fleet
    from ..bench.matrix import merged_values

    return FleetRun(matrix, merged_values(told, config), read_fleet(hosts), progress)


def _carried_out(run: Any) -> bool:
    """Measure; whether it was broken off."""
    try:
        run.carry_out()
    except KeyboardInterrupt:
        return True
    return False


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM ends what is under way as Ctrl-C does."""
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _writable(folder: Path) -> None:
    """Make the folder, and see that files can be written there, before anything is measured. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".delegraph"
    probe.write_bytes(b"")
    probe.unlink()


def _write(made: Any, folder: Path) -> None:
    from ..bench.files import to_json, write_whole
    from ..bench.page import page
    from ..bench.text import csv_text, markdown

    # The data first, so that it is there whatever becomes of what is drawn from it.
    for name, written in (("json", to_json), ("md", markdown), ("csv", csv_text), ("html", page)):
        path = folder / f"report.{name}"
        write_whole(path, written(made))
        say(f"wrote {path}")


def _show(made: Any) -> None:
    from ..bench.words import against_floor, findings, models, overall

    for name, cells in models(made).items():
        show(f"{name}:", cells_table(made, cells), *against_floor(made, cells), "")
    show(*overall(made), *(f"{f.model}: {f.sentence}" for f in findings(made)))


def cells_table(made: Any, cells: list[Any]) -> Table:
    """A row a configuration."""
    from ..bench.stats import summary
    from ..bench.text import said_of
    from ..bench.words import against, bounds, cell_name

    right = ("median", "95 % interval", "p95", "against the first", "first result", "peak")
    rows = table("configuration", *right, "accuracy", right=right, long=("accuracy",))
    for cell in cells:
        name = clean(cell_name(made, cell))
        if cell.steady is None:
            rows.add_row(name, *["-"] * 6, clean(cell.problem or cell.state, "red"))
            continue
        s, gain = summary(cell.steady), against(cell, cells[0])
        rows.add_row(
            name, duration(s.median.value), f"{duration(s.median.low)} to {duration(s.median.high)}", duration(s.p95),
            f"{gain.value:.3g}x ({bounds(gain)})" if gain else "", duration(cell.phases.total) if cell.phases else "-",
            size(cell.memory.peak) if cell.memory else "-", clean(said_of(cell)),
        )  # fmt: skip
    return rows
