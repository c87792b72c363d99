"""Conformance cases, a file an op or a few ops that are alike: families (`axes.py`) and lists of cases (`case.py`)."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from axes import Family
from case import Case


@cache
def modules() -> tuple[ModuleType, ...]:
    """Every file of this folder."""
    return tuple(importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))


def families() -> dict[str, Family]:
    """Every family, by file and function."""
    return {
        f"{_file(module)}-{name}": found
        for module in modules()
        for name, found in vars(module).items()
        if isinstance(found, Family)
    }


def listed() -> Iterator[tuple[str, Case]]:
    """Cases of the quick tier, with their files: those that files list, and those in which values of axes meet."""
    for module in modules():
        yield from ((_file(module), found) for found in getattr(module, "CASES", ()))
    for name, family in families().items():
        yield from ((name, found) for found in family.quick)


def more() -> Iterator[tuple[str, Case]]:
    """Cases of the slow tier alone."""
    for name, family in families().items():
        yield from ((name, found) for found in family.more)


def _file(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]
