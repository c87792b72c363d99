"""`delegraph doctor`: which delegates are here, and whether they compute."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from .console import JsonOption, clean, show, table

if TYPE_CHECKING:
    from ..doctor import Checkup


def doctor(
    delegates: Annotated[
        str,
        typer.Option(
            "--delegates", metavar="LIST", help="These alone, such as remote:tcp://host:7200/cpu over a bridge."
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Look for every delegate, compute a sum on each that is here, and say what would mend the others.

    The exit code is 0 where every delegate that is here computes rightly, and all that are asked for are here, else 1.
    """
    from ..doctor import check_all, custom_ops, versions  # which needs the GPU's kernels, as no other command does

    found = check_all(delegates)
    if as_json:
        checked = [asdict(c) for c in found]
        print(json.dumps({"versions": versions(), "delegates": checked, "custom_ops": custom_ops()}, indent=1))
    else:
        show(", ".join(f"{name} {version}" for name, version in versions().items()), "", checkup_table(found))
        if mending := [f"{c.delegate}: to mend it, {c.remedy}" for c in found if c.remedy]:
            show("", *mending)
        known = (f"{name} ({', '.join(places)})" for name, places in custom_ops().items())
        show("", f"custom ops: {', '.join(known)}")
    if not all(c.well and (c.here or not delegates) for c in found):
        raise typer.Exit(1)


def checkup_table(found: list[Checkup]) -> Table:
    """A row a delegate."""
    rows = table("delegate", "here", "device", "sum", long=("device", "sum"))
    for c in found:
        style = "green" if c.here and c.well else "red" if c.sum else ""
        rows.add_row(c.delegate, "yes" if c.here else "no", clean(c.detail), clean(c.sum or "-", style))
    return rows
