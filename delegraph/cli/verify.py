"""`delegraph verify`: a model on delegates, op after op against the reference kernels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..graph.read import read
from ..inputs import arrays_for, inputs_of
from ..partitioner.explain import duration, shorten
from ..verification.difference import Difference, Tolerance
from ..verification.report import OpCheck, Verification
from ..verification.verify import Verifier
from .console import (
    INTERRUPTED,
    DelegatesOption,
    ImageRangeOption,
    InputOption,
    JsonOption,
    ModelArgument,
    PlacementOption,
    SeedOption,
    check_writable,
    clean,
    devices,
    placed,
    progress,
    say,
    show,
    span_of,
    table,
)


def verify(
    model: ModelArgument,
    given: InputOption = None,
    seed: SeedOption = 0,
    image_range: ImageRangeOption = None,
    delegates: DelegatesOption = "gpu,cpu",
    placement: PlacementOption = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", metavar="X", min=0, help="How far floats may be off, of their scale.")
    ] = 1e-4,
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", min=0, help="How far quantised integers may be off, in steps.")
    ] = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Compare outputs only, and look for the op to blame where one is off.")
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save", metavar="FILE.tflite", help="Write the op to blame as a model, and its inputs beside it as .npz."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a model on delegates with TensorFlow Lite's reference kernels, op after op, and name the op to blame.

    The exit code is 0 where nothing is off, else 1; 130 where Ctrl-C ended it.
    """
    check_writable(save)
    with devices(delegates) as made:
        rule = placed(delegates, placement, None)
        verifier = Verifier(read(model), made, rule, Tolerance(tolerance, steps))
        try:
            inputs = arrays_for(inputs_of(verifier.session), given or [], seed, span_of(image_range))
            with progress() as bar:
                task = bar.add_task("verify", total=100)
                found = verifier.run(
                    model.name, inputs, quick,
                    lambda done, what: bar.update(task, completed=int(100 * done), description=what), expect,
                )  # fmt: skip
        finally:
            verifier.close()
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
    else:
        show(*lines(found))
    if save is not None:
        keep(found, save)
    if not found.complete:
        raise typer.Exit(INTERRUPTED)
    if not found.ok:
        raise typer.Exit(1)


def expect(ops: int, seconds: float) -> None:
    """Say what is about to take a while."""
    if seconds > 2:
        say(f"{ops} ops one by one, about {duration(seconds)}; --quick looks at ops only where an output is off")


def keep(found: Verification, path: Path) -> None:
    """Write what is to blame."""
    if found.blame is None:
        say(f"nothing to blame: {path} is not written")
    else:
        beside = found.blame.save(path)
        say(f"wrote {path} and {beside}")


def lines(found: Verification) -> list[Table | str]:
    """All that was found, as tables and words."""
    said: list[Table | str] = [f"{name} is {detail}" for name, detail in found.delegates.items()]
    if found.ops:
        said += ["", ops_table(found)]
    said += ["", outputs_table(found)] if found.outputs else []
    said.append("")
    if found.problem:
        said.append(f"the run failed: {found.problem}")
    if not found.complete:
        said.append(f"broken off after {len(found.ops)} ops")
    if found.blame is not None:
        said.append(f"to blame: {found.blame}")
    said.append(verdict(found))
    return said


def verdict(found: Verification) -> str:
    """The last line."""
    near = f"floats within {found.tolerance.scale:g} of their scale, quantised integers within {found.tolerance.steps}"
    if found.ok:
        return f"{'PASS' if found.complete else 'nothing off so far'}: {near} of the reference kernels"
    ops = sum(op.off for op in found.ops)
    looked = f", {ops} of {len(found.ops)} ops" if found.ops else ""
    return f"FAIL: {len(found.off)} of {len(found.outputs)} outputs{looked} off, wanted {near}"


def ops_table(found: Verification) -> Table:
    """A row an op, in the order in which they run."""
    columns = ("here", "carried", "fused")
    rows = table("op", "kind", "delegate", *columns, "", right=("op", *columns))
    for op in found.ops:
        errors = map(words, (op.here, op.carried, op.fused))
        kind = clean(shorten(op.kind, 40))
        rows.add_row(str(op.op), kind, op.delegate, *errors, clean(remark(op)), style="bold" if op.off else "")
    return rows


def words(difference: Difference | None) -> str:
    """A difference in a cell."""
    return "" if difference is None else str(difference)


def remark(op: OpCheck) -> str:
    """What there is to say of an op besides."""
    if op.problem:
        return shorten(op.problem)
    off = ["OFF"] if op.off else []
    return ", ".join([*off, *([f"fused into op {op.into}"] if op.into is not None else [])])


def outputs_table(found: Verification) -> Table:
    """A row an output of the plan as it runs."""
    rows = table("output", "off by", "at", "got", "wanted", right=("off by",), long=("output",))
    for d in found.outputs:
        at = str(list(d.at)) if d.differing else ""
        rows.add_row(clean(shorten(d.tensor)), str(d), at, clean(d.got), clean(d.wanted))
    return rows
