"""The delegates that are asked for by name, and where each is told of. Nothing is imported before it is needed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Named:
    """A delegate's class, and what lends its engine over a bridge, both as "module:name".

    `there` are options that are for the engine, wherever that is; `near` those that mean nothing behind a bridge, where
    the one who serves it has said so already. All others are for planning.
    """

    delegate: str
    lender: str
    there: tuple[str, ...] = ()
    near: tuple[str, ...] = ()


# In the order of preference where none is asked for. A new delegate is one line here.
NAMED: Mapping[str, Named] = {
    "gpu": Named(
        "delegraph.delegates.gpu.delegate:GPUDelegate", "delegraph.lending:gpu",
        ("device", "api", "quantized", "precision"), ("context", "limits", "cache_dir"),
    ),
    "edgetpu": Named(
        "delegraph.delegates.edgetpu.delegate:EdgeTPUDelegate", "delegraph.delegates.edgetpu.lending:edgetpu",
        ("device",), ("isolate", "library"),
    ),
    "nnapi": Named(
        "delegraph.delegates.nnapi.delegate:NNAPIDelegate", "delegraph.delegates.nnapi.lending:nnapi",
        near=("library", "cache_dir", "bridge", "secret"),
    ),
    "cpu": Named("delegraph.delegates.cpu:CPUDelegate", "delegraph.lending:cpu", ("num_threads",)),
}  # fmt: skip


def imported(home: str) -> Any:
    """What "module:name" names. Raises ImportError."""
    module, _, name = home.partition(":")
    return getattr(importlib.import_module(module), name)
