"""Other runtimes that run the same model in the same benchmark, each behind the protocol of a `Subject`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..record import Configuration
from ..subject import Own, Subject

Shapes = Sequence[tuple[int, ...]]

# Name -> what makes one, importing what it needs. A new peer is one file here and one line.
PEERS: Mapping[str, Callable[[Path, Configuration, Shapes], Subject]] = {}


def subject(model: Path, configuration: Configuration, shapes: Shapes) -> Subject:
    """What runs a model in a configuration: a peer where one is named, else delegraph."""
    made = PEERS[configuration.peer] if configuration.peer else Own
    return made(model, configuration, shapes)
