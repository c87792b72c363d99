"""Reports as JSON files: written whole or not at all, and read as what may come from anybody."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import DelegraphError
from ..partitioner.explain import plain, shorten
from .extra import needed
from .record import SCHEMA, Report

LARGEST = 256 << 20  # bytes of a report that are read


class InvalidReport(DelegraphError, ValueError):
    """A file is no report that can be read here; the message names the file, the field and what is wrong with it."""


def to_json(report: Report) -> str:
    """The report as JSON text; numbers to nine digits."""
    return json.dumps(_rounded(asdict(report)), indent=1, allow_nan=False) + "\n"


def write_report(report: Report, path: Path) -> None:
    """Write the report to `path`, which holds the former content until the new one is complete. Raises OSError."""
    write_whole(path, to_json(report))


def write_whole(path: Path, text: str) -> None:
    """Replace a text file in one go, so that whoever is interrupted leaves a whole one. Raises OSError."""
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(scratch, 0o666 & ~_umask())
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise


def read_report(path: Path) -> Report:
    """The report in a file. Raises InvalidReport saying what is wrong and where, OSError where there is none."""
    size = path.stat().st_size
    if size > LARGEST:
        raise InvalidReport(f"{path} is no report: it has {size} bytes, more than {LARGEST}")
    return from_json(path.read_bytes(), str(path))


def from_json(text: bytes | str, name: str = "the report") -> Report:
    """The report that `to_json` wrote; `name` is what errors call it.

    Raises InvalidReport for what is none, is of a newer schema, or has a field that is missing, unknown or not of its
    type.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidReport(f"{name} is no report: {_line(error)}") from None
    if not isinstance(data, dict) or not isinstance(data.get("schema"), int):
        raise InvalidReport(f"{name} is no report of `delegraph bench`: it has no number under 'schema'")
    if data["schema"] != SCHEMA:
        age = "newer" if data["schema"] > SCHEMA else "unknown"
        mend = "update delegraph to read it" if age == "newer" else "run the benchmark again"
        raise InvalidReport(f"{name} has the {age} schema {data['schema']}; this version reads {SCHEMA}: {mend}")
    needed("pydantic")
    from pydantic import ValidationError

    try:
        report: Report = _reader().validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        more = error.error_count() - 1
        where = ".".join(map(str, first["loc"]))
        said = f"{name}: {where}: {first['msg']}" + (f" (and {more} more)" if more else "")
        raise InvalidReport(_line(said)) from None
    _check(report, name)
    return report


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a report. Raises MissingExtra without `delegraph[bench]`."""
    needed("pydantic")
    schema: dict[str, Any] = _reader().json_schema()
    return schema


@cache
def _reader() -> Any:
    from pydantic import ConfigDict, TypeAdapter, with_config

    strict = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    return TypeAdapter(with_config(strict)(Report))


def _check(report: Report, name: str) -> None:
    """What types alone do not say: times are not negative, machines are known, no cell stands twice."""
    machines = {machine.name for machine in report.machines}
    seen = set()
    for number, cell in enumerate(report.cells):
        where = f"{name}: cells.{number}"
        if cell.machine not in machines:
            raise InvalidReport(_line(f"{where}.machine: {cell.machine!r} is not among the machines"))
        if cell.key in seen:
            raise InvalidReport(_line(f"{where}: the report has this cell twice"))
        seen.add(cell.key)
        if cell.steady is not None and not all(sample > 0 for sample in cell.steady.samples):
            raise InvalidReport(f"{where}.steady.turns: a latency is not above 0")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value


def _line(what: object) -> str:
    """One line that a terminal can show, of what came from a file."""
    return shorten(plain(str(what)), 500)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
