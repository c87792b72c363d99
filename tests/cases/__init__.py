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
        f"{module.__name__.rpartition('.')[2]}.{name}": found
        for module in modules()
        for name, found in vars(module).items()
        if isinstance(found, Family)
    }


def listed() -> Iterator[Case]:
    """Cases of the quick tier: those that files list, and those in which values of axes meet."""
    for module in modules():
        yield from getattr(module, "CASES", ())
    for found in families().values():
        yield from found.quick


def more() -> Iterator[Case]:
    """Cases of the slow tier alone."""
    for found in families().values():
        yield from found.more
