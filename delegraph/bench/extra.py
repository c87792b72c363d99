"""The packages that benchmarks need beyond the base install."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import DelegraphError


class MissingExtra(DelegraphError, ImportError):
    """A package of an extra is not installed; the message says how to get it."""


def have(package: str) -> bool:
    """Whether a package can be imported."""
    return find_spec(package) is not None


def needed(*packages: str, extra: str = "bench") -> None:
    """Raise MissingExtra unless these packages can be imported."""
    missing = [name for name in packages if not have(name)]
    if missing:
        raise MissingExtra(f"{', '.join(missing)} not installed: pip install 'delegraph[{extra}]'")
