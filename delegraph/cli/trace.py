"""`delegraph trace`: inferences as a timeline that Perfetto opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..partitioner.explain import count, duration
from .console import (
    INTERRUPTED,
    DelegatesOption,
    ImageRangeOption,
    InputOption,
    ModelArgument,
    PlacementOption,
    SeedOption,
    SimulateOption,
    check_writable,
    fitted,
    opened,
    say,
    show,
    span_of,
)


def trace(
    model: ModelArgument,
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="Where to write the trace.")] = Path(
        "trace.json"
    ),
    given: InputOption = None,
    seed: SeedOption = 0,
    image_range: ImageRangeOption = None,
    delegates: DelegatesOption = "gpu,cpu",
    placement: PlacementOption = None,
    simulate: SimulateOption = None,
    frames: Annotated[int, typer.Option("--frames", metavar="N", min=1, help="How many inferences.")] = 1,
    depth: Annotated[int, typer.Option("--depth", metavar="N", min=1, help="How many of them at once.")] = 1,
    warmup: Annotated[int, typer.Option("--warmup", metavar="N", min=0, help="How many before, left out.")] = 1,
) -> None:
    """Write who did what when in an inference, for ui.perfetto.dev or chrome://tracing."""
    check_writable(output)
    with opened(model, delegates, placement, simulate) as it:
        arrays = fitted(it, given, seed, span_of(image_range))
        found = it.trace([[*arrays.values()]] * frames, depth, warmup)
    output.write_text(json.dumps(found.to_json()), "utf-8")
    done = [span for span in found.spans if span.step is None]
    launches = sum(len(span.launches) for span in found.spans)
    took = duration(sum(span.end - span.start for span in done) / 1e9 / len(done)) if done else "-"
    show(
        f"{count(len(done), 'inference')}, {took} each, {count(len(found.spans) - len(done), 'step')}, "
        f"{count(launches, 'launch', 'launches')}, {count(len({s.thread for s in found.spans}), 'thread')}"
    )
    say(f"wrote {output}: open it at https://ui.perfetto.dev, or in chrome://tracing")
    if not found.complete:
        say("broken off: this is what ran until then")
        raise typer.Exit(INTERRUPTED)
