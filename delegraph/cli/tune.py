"""`delegraph tune`: times what could be chosen for a model, so that later plans know."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from ..partitioner.explain import count, duration, expectation
from ..partitioner.plan import Plan
from ..tune import Raced
from .console import (
    DelegatesOption,
    ModelArgument,
    Placement,
    SimulateOption,
    clean,
    opened,
    progress,
    say,
    show,
    table,
)


def tune(
    model: ModelArgument,
    delegates: DelegatesOption = "auto",
    simulate: SimulateOption = None,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="N", min=0.1, help="About how long to measure.")
    ] = 10.0,
) -> None:
    """Time kernels, pieces and plans of a model on the delegates, and keep what is found for plans on this machine."""
    with opened(model, delegates, Placement.fastest, simulate) as it:
        with progress() as bar:
            task = bar.add_task("tune", total=100)
            raced = it.tune(seconds, lambda done, what: bar.update(task, completed=int(100 * done), description=what))
        plan, book = it.plan, it.book
    if not raced:
        show("nothing to choose: no plan could be timed")
        return
    show(raced_table(raced), "", f"the plan now: {expectation(plan)}", *measured_ways(plan))
    say(f"kept in {book}")


def measured_ways(plan: Plan) -> list[str]:
    """How many of the ops that can be done in several ways are done in one that was measured to be the fastest."""
    tuned = [d.tuned for d in plan.decisions if d.way]
    return [f"done as measured: {sum(tuned)} of {count(len(tuned), 'op')}"] if tuned else []


def raced_table(raced: list[Raced]) -> Table:
    """A row a plan, the fastest first."""
    rows = table("plan", "median", "runs", "expected", "", right=("median", "runs", "expected"), long=("plan",))
    for r in raced:
        ops: dict[str, int] = {}
        for p in r.plan.partitions:
            ops[p.delegate] = ops.get(p.delegate, 0) + len(p.ops)
        where = ", ".join(f"{n} on {name}" for name, n in ops.items())
        what = f"{where} in {count(len(r.plan.partitions), 'partition')}"
        verdict = "slower" if r.lost else "fastest" if r is raced[0] else "as fast, as far as is clear"
        rows.add_row(clean(what), duration(r.seconds), str(r.runs), duration(r.plan.expected.seconds), verdict)
    return rows
