"""What is measured and how: models by configurations, from options or from a file; what is misspelt is named."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

from ..known import ALL, make_delegates
from ..partitioner.planner import PLACEMENTS
from ..tables import read_tables
from .inputs import Feed
from .peers import PEERS
from .record import Configuration, Settings, Thresholds

PRECISIONS = ("fp32", "fp16")
HALF_PEERS = ("litert-gpu", "ncnn", "torch")  # that can be told to compute in half
AXES = {"delegates": str, "precision": str, "threads": int, "batch": int, "placement": str}
NUMBERS = {"seconds": float, "samples": int, "width": float, "pause": float, "rate": float, "seed": int, "sets": int}
# Without another wish: so many find 5 % in one of 24 cells that vary by that, in 97 of 100 (docs/compare.md).
SAMPLES = 80


@dataclass(frozen=True)
class Matrix:
    """Models by configurations, what they are fed, and how long they are measured."""

    models: tuple[Path, ...]
    configurations: tuple[Configuration, ...]
    feed: Feed
    settings: Settings
    pythons: Mapping[str, str] = field(default_factory=dict)  # peer -> interpreter that has it, where it is another

    @property
    def named(self) -> dict[str, Path]:
        """The models by the names that reports call them: their files', with as many folders as tell them apart."""
        paths = list(dict.fromkeys(path.resolve() for path in self.models))
        depth = 1
        while len({_name(path, depth) for path in paths}) < len(paths):
            depth += 1
        return {_name(path, depth): path for path in paths}


def _name(path: Path, depth: int) -> str:
    return "/".join(path.with_suffix("").parts[-depth:])


def make_matrix(values: Mapping[str, Any], file: Path | None = None) -> Matrix:
    """The matrix of a file's values, of which those in `values` that are not None take the place.

    Every axis is a list or one value: `delegates`, `precision`, `threads`, `batch`, `placement`; the configurations are
    their product, what makes no difference left out, then `[[configuration]]` tables and `peer`s. Raises ValueError
    naming what is unknown or makes no sense, and where it stands; OSError for files that are not there.
    """
    merged = merged_values(values, file)
    where = f"{file}: " if file is not None else ""
    models = tuple(Path(model) for model in _listed(merged.get("models"), str, "models", where))
    if not models:
        raise ValueError(f"{where}no model is named")
    for model in models:
        with model.open("rb"):
            pass
    single = [_table(table, where) for table in merged.get("configuration", ())]
    axes = {name: merged.get(name) for name in AXES}
    made = [*([] if single and not any(axes.values()) else _product(axes, where)), *single]
    peers = _listed(merged.get("peer"), str, "peer", where)
    batches = _listed(merged.get("batch"), int, "batch", where) or [1]
    threads = _listed(merged.get("threads"), int, "threads", where) or [0]
    precisions = _listed(merged.get("precision"), str, "precision", where) or ["fp32"]
    for peer, precision, batch, thread in product(peers, precisions, batches, threads):
        kept = precision if peer in HALF_PEERS else "fp32"
        made.append(Configuration("", kept, thread, batch, peer=peer))
    numbers = {name: _number(merged.get(name), kind, name, where) for name, kind in NUMBERS.items()}
    seed, sets = int(numbers.get("seed") or 0), numbers.get("sets")
    feed = Feed(
        tuple(_listed(merged.get("input"), str, "input", where)), seed, 3 if sets is None else int(sets),
        merged.get("span"),
    )  # fmt: skip
    settings = Settings(
        _or(numbers["seconds"], 2.0), _or(numbers["width"], 0.01), _or(numbers["pause"], 0.0),
        _or(numbers["rate"], 0.0), seed, str(feed), _thresholds(merged.get("thresholds", {}), where),
        int(_or(numbers["samples"], SAMPLES if numbers["seconds"] is None else 0)),
    )  # fmt: skip
    pythons = _pythons(merged.get("python", {}), where)
    return Matrix(models, tuple(dict.fromkeys(checked(c, where) for c in made)), feed, settings, pythons)


def merged_values(values: Mapping[str, Any], file: Path | None) -> dict[str, Any]:
    """The values of a file, with those given that are not None in their place. Raises what `make_matrix` does."""
    told = _read(file) if file is not None else {}
    return {**told, **{key: value for key, value in values.items() if value is not None}}


def _read(file: Path) -> dict[str, Any]:
    told = read_tables(file)
    if not isinstance(told, dict):
        raise ValueError(f"{file}: it holds no table")
    known = ("models", "configuration", "peer", "python", "input", "thresholds", *AXES, *NUMBERS)
    for key in told:
        unknown(key, known, f"{file}: ")
    base = file.parent  # paths are those of the file, wherever it is read from
    if "models" in told:
        told["models"] = [str(base / model) for model in _listed(told["models"], str, "models", f"{file}: ")]
    if isinstance(told.get("python"), Mapping):
        told["python"] = {peer: _beside(base, path) for peer, path in told["python"].items()}
    return told


def _beside(base: Path, program: Any) -> Any:
    """A program's path relative to a folder; one without a folder is looked for where programs are."""
    plain = not isinstance(program, str) or Path(program).name == program
    return program if plain else str(base / Path(program).expanduser())


def unknown(key: str, known: Iterable[str], where: str, what: str = "setting") -> None:
    """Raise ValueError for a key that is not known, with the one that was probably meant."""
    known = tuple(known)
    if key in known:
        return
    near = difflib.get_close_matches(key, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f": there are {', '.join(known)}"
    raise ValueError(f"{where}unknown {what} {key!r}{hint}")


def _product(axes: Mapping[str, Any], where: str) -> list[Configuration]:
    lists = {name: _listed(axes[name], kind, name, where) for name, kind in AXES.items()}
    delegates = lists["delegates"] or ["cpu", "auto"]
    found = product(
        delegates, lists["precision"] or ["fp32"], lists["threads"] or [0], lists["batch"] or [1],
        lists["placement"] or [""],
    )  # fmt: skip
    return [_plain(Configuration(d, p, t, b, place)) for d, p, t, b, place in found]


def _plain(c: Configuration) -> Configuration:
    """What makes no difference taken out: the precision where no GPU is asked for, the placement of the CPU alone."""
    names = set(_names(c.delegates))
    alone = names == {"cpu"}
    placement = "priority" if alone else c.placement or ("fastest" if names == {"auto"} else "priority")
    return replace(c, precision=c.precision if names & {"gpu", "auto"} else "fp32", placement=placement)


def _names(delegates: str) -> list[str]:
    """The names in a list of delegates, without devices and options."""
    parts = [part.strip() for part in delegates.split(",") if part.strip()]
    return [part.partition(":")[0] for part in parts if "=" not in part.partition(":")[0]]


def _table(table: Any, where: str) -> Configuration:
    if not isinstance(table, Mapping) or not isinstance(table.get("delegates", ""), str):
        raise ValueError(f'{where}[[configuration]] is a table with delegates = "gpu,cpu" and more')
    for key in table:
        unknown(key, (*AXES, "peer"), f"{where}[[configuration]]: ")
    for key, value in table.items():
        _number(value, AXES.get(key, str), f"[[configuration]] {key}", where)
    made = Configuration(table.get("delegates", "" if "peer" in table else "cpu"), placement="")
    made = replace(made, **{key: value for key, value in table.items() if key != "delegates"})
    return replace(made, placement="priority") if made.peer else _plain(made)


def checked(c: Configuration, where: str = "") -> Configuration:
    """The configuration itself. Raises ValueError for what is unknown or makes no sense."""
    unknown(c.precision, PRECISIONS, where, "precision")
    unknown(c.placement, PLACEMENTS, where, "placement")
    if c.peer:
        unknown(c.peer, PEERS, where, "peer")
    elif c.delegates.strip() != "auto":
        for name in _names(c.delegates):
            unknown(name, (*ALL, "auto"), where, "delegate")
        try:
            made = make_delegates(c.delegates)
        except ValueError as error:
            raise ValueError(f"{where}{error}") from None
        for delegate in made:
            delegate.close()
    for name, least in (("threads", 0), ("batch", 1)):
        if getattr(c, name) < least:
            raise ValueError(f"{where}{name} is a number of at least {least}, not {getattr(c, name)}")
    return c


def _listed(value: Any, kind: type, name: str, where: str) -> list[Any]:
    values = [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
    return [_number(item, kind, name, where) for item in values]


def _number(value: Any, kind: type[Any], name: str, where: str) -> Any:
    """A value of a kind; a whole number is a real one, too. Numbers are not negative."""
    if value is None or (kind is str and isinstance(value, str)):
        return value
    fits = isinstance(value, int | float if kind is float else kind) and not isinstance(value, bool)
    if not fits or not 0 <= value < 1e9:
        said = "text" if kind is str else "a whole number from 0" if kind is int else "a number from 0"
        raise ValueError(f"{where}{name} is {said}, not {value!r}")
    return kind(value)


def _or(value: float | None, default: float) -> float:
    return default if value is None else float(value)


def _pythons(told: Any, where: str) -> dict[str, str]:
    """The interpreters of peers, by name: a table, or a list of NAME=PATH. Raises ValueError for what is not there."""
    if isinstance(told, Mapping):
        pairs = list(told.items())
    else:
        pairs = [text.partition("=")[::2] for text in _listed(told, str, "python", where)]
    found = {}
    for peer, path in pairs:
        unknown(peer, PEERS, where, "peer of a python")
        python = shutil.which(str(Path(path).expanduser())) if isinstance(path, str) and path else None
        if python is None:
            raise ValueError(f"{where}python of {peer}: {str(path)!r} is no program; say {peer}=VENV/bin/python")
        found[peer] = python
    return found


def _thresholds(table: Any, where: str) -> Thresholds:
    if not isinstance(table, Mapping):
        raise ValueError(f"{where}thresholds is a table")
    names: Sequence[str] = [field.name for field in fields(Thresholds)]
    for key, value in table.items():
        unknown(key, names, f"{where}[thresholds]: ")
        _number(value, float, f"[thresholds] {key}", where)
    return Thresholds(**{key: float(value) for key, value in table.items()})
