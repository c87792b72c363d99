"""GPU speed against every other runtime that is installed, in one call of under eight minutes and without a network.

    python benchmarks/gpu.py [MODEL.tflite...] [--out FOLDER] [--minutes 7.5] [--python ncnn=VENV/bin/python]

Architectures with random weights are made here, at batch 1 and batch 32, and float models are converted for those peers
that need it (`convert.py`, where PyTorch is). Each model is one interleaved run of `delegraph bench`. Printed last are
tables: the time of each runtime and how many times as long as each peer ours takes, and how far from the floor of the
device we are, with the ops that are furthest from it. FOLDER gets report.json, of the format of `delegraph bench`.
With `--tune` which kernel does an op is measured first, for so many seconds a model and precision, and kept.

On a software renderer images and batches are small, so that it is seen to work.
"""

from __future__ import annotations

import argparse
import math
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from architectures import ARCHITECTURES, written
from rich.console import Console
from rich.table import Table

from delegraph import GPUDelegate, Interpreter
from delegraph.bench.driver import Run
from delegraph.bench.files import write_report
from delegraph.bench.matrix import make_matrix
from delegraph.bench.record import Cell, Report
from delegraph.bench.words import against, models, name_of
from delegraph.fresh import fresh_python

PEERS = {"ncnn": "ncnn", "onnxruntime": "onnxruntime", "litert-gpu": "ai_edge_litert", "torch": "torch"}
CONVERTED = {"ncnn": "ncnn", "onnxruntime": "onnx"}  # peer -> the format that it needs
OURS = (("fp32", "gpu"), ("fp16", "gpu"))
MARKS = {"PASS": "", "WARN": " ?", "FAIL": " !"}
FURTHEST = 3  # ops a model
SPARE = 20.0  # seconds that are kept for tables and files

console = Console(width=max(shutil.get_terminal_size((140, 40)).columns, 100))


@dataclass(frozen=True)
class Scale:
    """How large everything is: images, batches, and the seconds of a cell."""

    size: int
    batches: tuple[int, ...]
    seconds: float


HARDWARE, SOFTWARE = Scale(224, (1, 32), 0.6), Scale(96, (1, 4), 0.4)


class Over(KeyboardInterrupt):
    """The time is over; a run takes it for an interrupt and reports what it has."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise Over inside when the time is over."""

    def over(*_: object) -> None:
        raise Over

    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.1))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def installed(peers: Sequence[str], pythons: dict[str, str]) -> list[str]:
    """The peers whose module their Python has."""
    found = []
    for peer in peers:
        code = f"import importlib.util as u\nsys.exit(u.find_spec({PEERS[peer]!r}) is None)"
        done = subprocess.run(fresh_python(code, python=pythons.get(peer, "")), capture_output=True)
        console.print(f"{peer}: {'here' if done.returncode == 0 else 'not installed, left out'}")
        found += [peer] * (done.returncode == 0)
    return found


def convert(model: Path, peers: Sequence[str], pythons: dict[str, str]) -> None:
    """Make what peers need beside the model; where it cannot be made, their cells say what is missing."""
    wanted = [f"--to={CONVERTED[peer]}" for peer in peers if peer in CONVERTED]
    wanted = [to for to in wanted if not model.with_suffix({"--to=onnx": ".onnx"}.get(to, ".ncnn.param")).is_file()]
    if not wanted:
        return
    code = "import runpy\nsys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    command = fresh_python(
        code, str(Path(__file__).with_name("convert.py")), str(model), *wanted, python=pythons.get("torch", "")
    )
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        console.print(f"{model.name} is not converted: {done.stderr.strip().splitlines()[-1:]}", markup=False)


def measure(
    model: Path, peers: Sequence[str], pythons: dict[str, str], seconds: float, checked: bool
) -> tuple[Report, bool]:
    """One model in every runtime, and whether it was broken off."""
    configurations = [{"delegates": delegates, "precision": precision} for precision, delegates in OURS]
    configurations += [{"peer": peer} for peer in peers]
    values = {
        "models": [str(model)], "configuration": configurations, "seconds": seconds, "sets": int(checked),
        "python": pythons,
    }  # fmt: skip
    run = Run(make_matrix(values), progress=lambda done, what: None)
    try:
        run.carry_out()
    except KeyboardInterrupt:
        return run.report(), True
    return run.report(), False


def tuned(model: Path, seconds: float) -> None:
    """Measure which ways to do ops are the fastest here; whatever plans from then on in another process knows."""
    for precision, _ in OURS:
        with Interpreter(model, delegates=[GPUDelegate(precision=precision)]) as it:
            it.tune(seconds)
            decisions = [d for d in it.plan.decisions if d.way]
        console.print(f"{model.stem} {precision}: {sum(d.tuned for d in decisions)} of {len(decisions)} ops measured")


def plan(folder: Path, scale: Scale, only: Sequence[str], given: Sequence[Path]) -> Iterator[tuple[Path, int]]:
    """Models with their batches, the most telling first; each is made when it is due."""
    for batch in scale.batches:
        for name in only:
            yield written(folder, name, batch, scale.size), batch
        if batch == 1:
            for model in given:
                copy = folder / model.name
                for file in model.parent.glob(f"{model.stem}.*"):  # with its conversions
                    shutil.copy(file, folder)
                yield copy, 1


def milliseconds(cell: Cell | None) -> str:
    if cell is None or cell.steady is None or not cell.steady.samples:
        return "-"
    return f"{cell.steady.median * 1e3:.3g}{mark(cell)}{' *' if cell.notes else ''}"


def mark(cell: Cell) -> str:
    """What stands behind a time whose outputs are off."""
    return MARKS[cell.accuracy.verdict] if cell.accuracy else ""


def speed_table(report: Report) -> tuple[Table, list[str]]:
    """Milliseconds of each runtime and how many times as long as each peer ours takes; and why cells are missing."""
    configurations = dict.fromkeys(c.configuration for c in report.cells)
    names = [name_of(c) for c in sorted(configurations, key=lambda c: (c.peer != "", c.peer, c.precision != "fp32"))]
    peers = [name for name in names if name in PEERS]
    table = Table(title="milliseconds, and ours (fp32) over each peer")
    for column in ("model", *names, *(f"/ {peer}" for peer in peers)):
        table.add_column(column, justify="left" if column == "model" else "right")
    ratios: dict[str, list[float]] = {peer: [] for peer in peers}
    said = []
    for model, cells in models(report).items():
        found = {name_of(c.configuration): c for c in cells}
        ours, row = found.get("gpu"), [model, *(milliseconds(found.get(name)) for name in names)]
        for peer in peers:
            gain = against(ours, found[peer]) if ours and peer in found else None
            row.append(f"{gain.value:.2f} ({gain.low:.2f}-{gain.high:.2f})" if gain else "-")
            if (
                gain
                and found[peer].notes == ()
                and (found[peer].accuracy is None or found[peer].accuracy.verdict != "FAIL")
            ):
                ratios[peer].append(gain.value)
        table.add_row(*row)
        said += [f"{model}, {name}: {c.problem}" for name, c in found.items() if c.problem]
        said += [f"{model}, {name} *: {'; '.join(c.notes)}" for name, c in found.items() if c.notes]
        said += [
            f"{model}, {name}{mark(c)}: {c.accuracy.why}" for name, c in found.items() if c.accuracy and c.accuracy.why
        ]
    means = [
        f"{math.exp(statistics.fmean(map(math.log, ratios[peer]))):.2f}" if ratios[peer] else "-" for peer in peers
    ]
    table.add_row("geometric mean", *[""] * len(names), *means, end_section=True)
    return table, said


def floor_table(report: Report) -> Table:
    """How far each model is from what the device could do, and its ops that lose the most time to that."""
    table = Table(title="the floor: arithmetic or bytes at the rates that the device does at most")
    for column in (
        "model",
        "precision",
        "GFLOP/s",
        "GB/s",
        "floor ms",
        "ms",
        "times",
        "ops that lose the most: ms, times",
    ):
        table.add_column(column, justify="left" if column in ("model", "precision") or "ops" in column else "right")
    for cell in report.cells:
        if not cell.floor or cell.steady is None or not cell.steady.samples:
            continue
        most = next(iter(cell.ceilings.values()), None)  # missing where time was over before all was told
        timed = [op for op in cell.ops if op.seconds is not None and op.floor]
        worst = sorted(timed, key=lambda op: (op.floor or 0) - (op.seconds or 0))[:FURTHEST]
        ops = ", ".join(
            f"{op.index} {op.kind} {(op.seconds or 0) * 1e3:.2g}, {(op.seconds or 0) / (op.floor or 1):.2g}x"
            for op in worst
        )
        median = cell.steady.median
        rates = (f"{most.flops / 1e9:.4g}", f"{most.bandwidth / 1e9:.4g}") if most is not None else ("", "")
        table.add_row(
            cell.model.name, cell.configuration.precision, *rates,
            f"{cell.floor * 1e3:.3g}", f"{median * 1e3:.3g}", f"{median / cell.floor:.3g}", ops,
        )  # fmt: skip
    return table


def told() -> Any:
    parser = argparse.ArgumentParser(description="GPU speed against the runtimes that are installed.")
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL.tflite", help="besides the architectures")
    parser.add_argument("--out", type=Path, default=Path("gpu-report"))
    parser.add_argument("--minutes", type=float, default=7.5)
    parser.add_argument("--only", choices=ARCHITECTURES, action="append")
    parser.add_argument("--peer", choices=PEERS, action="append", help="default: all that are installed")
    parser.add_argument("--python", action="append", default=[], metavar="PEER=PYTHON", help="where a peer is")
    parser.add_argument("--batch", type=int, action="append", help="default: 1 and 32, on a software renderer 1 and 4")
    parser.add_argument("--size", type=int, help="of images; default: 224, on a software renderer 96")
    parser.add_argument("--seconds", type=float, help="of each cell")
    parser.add_argument(
        "--tune", type=float, default=0.0, help="seconds of tuning a model and precision; default: none"
    )
    return parser.parse_args()


def main() -> None:
    begun, options = time.perf_counter(), told()
    gpu = GPUDelegate()
    software, name = gpu.device.software, gpu.fingerprint()
    gpu.close()
    scale = SOFTWARE if software else HARDWARE
    scale = Scale(options.size or scale.size, tuple(options.batch or scale.batches), options.seconds or scale.seconds)
    console.print(f"{name}: images of {scale.size}, batches {scale.batches}, {scale.seconds:g} s a cell", markup=False)
    pythons = dict(text.partition("=")[::2] for text in options.python)
    usual = [peer for peer in PEERS if not (software and peer == "torch")]  # which has no software GPU, only the CPU
    peers = installed(options.peer or usual, pythons)
    options.out.mkdir(parents=True, exist_ok=True)
    reports: list[Report] = []
    with tempfile.TemporaryDirectory() as folder, within(60 * options.minutes - SPARE):
        try:
            for model, batch in plan(Path(folder), scale, options.only or [*ARCHITECTURES], options.models):
                able = [peer for peer in peers if batch == 1 or peer != "ncnn"]  # ncnn has no batches
                convert(model, able, pythons)
                if options.tune:
                    tuned(model, options.tune)
                report, broken = measure(model, able, pythons, scale.seconds, batch == 1)
                reports.append(report)
                console.print(f"{model.stem}: {time.perf_counter() - begun:.0f} s since the start", markup=False)
                if broken:
                    break
        except KeyboardInterrupt:  # while a model was made or converted
            pass
    if not reports:
        sys.exit("nothing was measured within the time")
    cells = tuple(cell for report in reports for cell in report.cells)
    whole = replace(reports[-1], cells=cells, made=reports[0].made)
    write_report(whole, options.out / "report.json")
    table, said = speed_table(whole)
    console.print(floor_table(whole), *said, table, sep="\n", markup=False)
    console.print(f"wrote {options.out / 'report.json'} after {time.perf_counter() - begun:.0f} s", markup=False)


if __name__ == "__main__":
    main()
