"""`delegraph run`: one model, real inputs, and what it makes of them."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Annotated

import typer

from ..interpreter import Interpreter
from ..outputs import outputs_of
from ..partitioner.explain import duration, tallies
from .console import (
    DelegatesOption,
    ImageRangeOption,
    InputOption,
    ModelArgument,
    PlacementOption,
    fitted,
    opened,
    progress,
    say,
    show,
    span_of,
)
from .outputs import best, outputs_table, save


def run(
    model: ModelArgument,
    given: InputOption = None,
    seed: Annotated[
        int | None, typer.Option("--random", metavar="SEED", min=0, help="Fill inputs that are not given with noise.")
    ] = None,
    image_range: ImageRangeOption = None,
    delegates: DelegatesOption = "gpu,cpu",
    placement: PlacementOption = None,
    output: Annotated[Path | None, typer.Option("--output", metavar="DIR|FILE.npz", help="Save the outputs.")] = None,
    repeat: Annotated[
        int, typer.Option("--repeat", metavar="N", min=1, help="Run N times, for the time it takes.")
    ] = 1,
) -> None:
    """Run a model on files or noise, and show or save what comes out."""
    span = span_of(image_range)
    with opened(model, delegates, placement) as it:
        arrays = fitted(it, given, seed, span)
        with progress() as bar:
            task = bar.add_task("compile", total=None)
            it.allocate_tensors()
            for index, array in arrays.items():
                it.set_tensor(index, array)
            bar.update(task, description="run", total=repeat)
            seconds = []
            for _ in range(repeat):
                start = time.perf_counter()
                it.invoke()
                seconds.append(time.perf_counter() - start)
                bar.advance(task)
        outputs, where = outputs_of(it), _where(it)
    show(outputs_table(outputs), "", *filter(None, map(best, outputs)))
    show(f"{where}; {_times(seconds)}")
    if output is not None:
        for path in save(outputs, output):
            say(f"wrote {path}")


def _where(it: Interpreter) -> str:
    counts = ", ".join(f"{t.ops} on {t.delegate}" for t in tallies(it.plan))
    folded = sum(d.folded for d in it.plan.decisions)
    return f"{len(it.plan.decisions)} ops: {counts}" + (f", {folded} folded" if folded else "")


def _times(seconds: list[float]) -> str:
    if len(seconds) == 1:
        return f"one run took {duration(seconds[0])}"
    median, least = statistics.median(seconds), min(seconds)
    return f"{len(seconds)} runs: median {duration(median)}, fastest {duration(least)}, first {duration(seconds[0])}"
