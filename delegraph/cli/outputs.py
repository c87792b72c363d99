"""What a model gave: as a table, and saved."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from rich.table import Table

from ..inputs import shown
from ..outputs import Output, write_arrays
from ..partitioner.explain import shorten
from .console import clean, table

TOP = 5


def outputs_table(outputs: list[Output]) -> Table:
    """A row an output, in real values."""
    rows = table("output", "shape", "type", "min", "max", "mean", right=("min", "max", "mean"), long=("output",))
    for o in outputs:
        numbers = ["-"] * 3
        if o.array.size and o.array.dtype.kind in "fiub":
            numbers = [f"{f(o.real):.6g}" for f in (np.min, np.max, np.mean)]
        rows.add_row(clean(shorten(o.name)), shown(o.array.shape), str(o.array.dtype), *numbers)
    return rows


def best(output: Output) -> str:
    """The largest entries of a vector of at least five, best first; empty for any other shape."""
    longer = [d for d in output.array.shape if d != 1]
    if len(longer) != 1 or longer[0] < TOP or output.array.dtype.kind not in "fiu":
        return ""
    values = output.real.reshape(-1)
    order = np.argsort(-values, kind="stable")[:TOP]
    return f"top {TOP} of {shorten(output.name)!r}: " + ", ".join(f"{i} ({values[i]:.4g})" for i in order)


def save(outputs: list[Output], target: Path) -> list[Path]:
    """Write one .npz with the outputs under their names, or a folder with one .npy each. Returns the files written."""
    if target.suffix.lower() == ".npz":
        write_arrays(target, {o.name: o.array for o in outputs})
        return [target]
    target.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for position, o in enumerate(outputs):
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", o.name)[:80] or "output"
        path = target / f"{stem}.npy"
        written.append(path if path not in written else target / f"{stem}_{position}.npy")
        np.save(written[-1], o.array, allow_pickle=False)
    return written
