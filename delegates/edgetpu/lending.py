"""The Edge TPU as a bridge lends it."""

from __future__ import annotations

from ..engine import Site
from .delegate import EdgeTPUDelegate


def edgetpu(device: str | None = None) -> Site:
    """A device, any that is here by default, in a child process: what ends that does not end the bridge.

    Raises UnknownDevice (a ValueError).
    """
    return EdgeTPUDelegate(device).site
