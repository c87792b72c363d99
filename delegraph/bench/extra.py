"""The packages that benchmarks need beyond the base install."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import DelegraphError


class MissingExtra(DelegraphError, ImportError):
    """A package of an extra is not installed; the message says how to get it."""


def needed(*packages: str, extra: str = "bench") -> None:
    """Raise MissingExtra unless these packages can be imported."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"{', '.join(missing)} not installed: pip install 'delegraph[{extra}]'")
