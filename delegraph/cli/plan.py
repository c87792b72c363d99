"""`delegraph plan`: which op of a model runs where, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..partitioner.explain import common_reasons, duration, fate, manner, refusals, shorten, summary
from ..partitioner.overlay import node_data
from ..partitioner.page import page
from ..partitioner.plan import Plan
from .console import (
    DelegatesOption,
    JsonOption,
    ModelArgument,
    PlacementOption,
    SimulateOption,
    clean,
    opened,
    say,
    show,
    table,
)


def plan(
    model: ModelArgument,
    delegates: DelegatesOption = "gpu,cpu",
    placement: PlacementOption = None,
    simulate: SimulateOption = None,
    elsewhere: Annotated[
        bool, typer.Option("--elsewhere", help="Plan for a machine that has every device that is named.")
    ] = False,
    op: Annotated[int | None, typer.Option("--op", metavar="N", help="Tell everything about one op.")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the plan as one self-contained HTML page.")
    ] = None,
    model_explorer: Annotated[
        Path | None,
        typer.Option("--model-explorer", metavar="FILE", help="Write per-node data for Google's Model Explorer."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show which op of a model would run where, and why; nothing is run."""
    with opened(model, delegates, placement, simulate) as it:
        made, graph = it.plan_for_elsewhere() if elsewhere else it.plan, it.graph
    if html is not None:
        html.write_text(page(made, graph, model.name), "utf-8")
        say(f"wrote {html}")
    if model_explorer is not None:
        model_explorer.write_text(json.dumps(node_data(made), indent=1), "utf-8")
        say(f"wrote {model_explorer}")
    if as_json:
        print(json.dumps(made.to_json(), indent=1))
    elif op is not None:
        show(made.explain(op, graph))
    else:
        show("\n".join(summary(made)), "", plan_table(made))


def plan_table(plan: Plan) -> Table:
    """A row an op; the reason is what the delegates before the chosen one said, unless they said it of all ops.

    Where they could have run it but costs decided, it is what moving it there alone would add.
    """
    told = common_reasons(plan)
    rows = table("op", "kind", "delegate", "part", "becomes", "reason", right=("op", "part"), long=("reason",))
    for d in plan.decisions:
        chosen = plan.delegates.index(d.delegate) if d.delegate in plan.delegates else len(plan.delegates)
        reasons = [] if d.folded else refusals(d.reasons, but=[*told, *plan.delegates[chosen:]])
        reasons += [
            f"{name} would add {duration(d.flips[name])}" for name in plan.delegates[:chosen] if name in d.flips
        ]
        partition = "" if d.partition is None else str(d.partition)
        becomes = fate(d) or manner(d)
        cells = (str(d.op), clean(shorten(d.kind, 40)), d.delegate, partition, becomes, clean("; ".join(reasons)))
        rows.add_row(*cells, style="dim" if fate(d) else "")
    return rows
