"""Custom ops: what the user registered to run them, on a GPU and on the host."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray

from ..graph.custom import CustomOptions

HostFunction: TypeAlias = Callable[[list[NDArray[Any]], CustomOptions], Sequence[NDArray[Any]]]


class GPUKernel(Protocol):
    """A module (or an object) that is the first of a pair of files; `shaders/program.py` says what it answers."""

    lower: Callable[..., Any]


@dataclass(frozen=True)
class Registered:
    """What runs one custom op; None where nothing was registered for a place."""

    gpu: GPUKernel | None = None
    host: HostFunction | None = None


_lock = threading.Lock()
_registered: Mapping[str, Registered] = {}  # replaced as a whole, so readers need no lock
_changes = 0


def register_custom_op(name: str, *kernels: GPUKernel | HostFunction, overwrite: bool = False) -> None:
    """Have the custom op `name` run by kernels of your own, at most one for each place, before any that is shipped.

    For the GPU, a module with `lower(graph, op, limits)`, like those in `delegraph.shaders`, beside the .glsl file of
    its body; `TYPES` and `RESULTS` there say which types it takes. For the host, a function
    `(inputs, options) -> outputs`: lists of numpy arrays of the shapes and types that the model declares (None for an
    input that is absent; inputs are read-only), and the op's CustomOptions.

    Registering the same again changes nothing. Plans that are made already stay as they are. Raises ValueError where
    another kernel has that place and `overwrite` is not set, TypeError for what is no kernel.
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"a custom op's name is a text, not {name!r}")
    if not kernels:
        raise TypeError(f"no kernel is given for the custom op {name!r}")
    with _lock:
        entry = _registered.get(name, Registered())
        given: dict[str, Any] = {}
        for kernel in kernels:
            place = place_of(kernel)
            held = given.get(place, getattr(entry, place))
            if place in given or (held not in (None, kernel) and not overwrite):
                raise ValueError(f"{name!r} has a kernel for the {place} already: {held!r}")
            given[place] = kernel
        _set({**_registered, name: replace(entry, **given)})


def unregister_custom_op(name: str) -> None:
    """Forget what was registered for a custom op; what is shipped counts again. Raises ValueError if nothing was."""
    with _lock:
        if name not in _registered:
            raise ValueError(f"nothing is registered for the custom op {name!r}")
        _set({other: entry for other, entry in _registered.items() if other != name})


def place_of(kernel: object) -> str:
    """Where a kernel runs: "gpu" or "host". Raises TypeError for what is no kernel."""
    if callable(getattr(kernel, "lower", None)):
        return "gpu"
    if callable(kernel):
        return "host"
    raise TypeError(f"a kernel is a module with a function `lower` (GPU) or a function (host), not {kernel!r}")


def _set(entries: Mapping[str, Registered]) -> None:
    """Replace what is registered, and then count it: who counts first and reads then has nothing older than counted."""
    global _registered, _changes
    if entries != _registered:
        _registered = entries
        _changes += 1


def registered() -> Mapping[str, Registered]:
    """All that is registered, by name."""
    return _registered


def changes() -> int:
    """How often what is registered has changed: answers that depend on it hold as long as this is the same."""
    return _changes
