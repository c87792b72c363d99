"""What is here and whether it works: every delegate probed, and made to compute a sum."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib import metadata

import numpy as np

from .delegates.base import Delegate, SelfTesting
from .delegates.custom import registered
from .delegates.gpu.kernels import custom_kernels
from .delegates.host_functions import FUNCTIONS
from .delegates.runtime import PACKAGES
from .graph.builder import GraphBuilder
from .interpreter import Interpreter
from .known import FACTORIES, make_delegates

VERSIONS = ("delegraph", *PACKAGES.values(), "moderngl", "numpy")


@dataclass(frozen=True)
class Checkup:
    """One delegate's state. `sum` is "ok", or what went wrong when it computed one; empty without its device.

    Behind "ok: " stands what was tried in place of a sum.
    """

    delegate: str
    here: bool
    detail: str
    remedy: str = ""
    sum: str = ""

    @property
    def well(self) -> bool:
        """Whether nothing is wrong; a device that is not here is no fault."""
        return not self.here or self.sum.partition(":")[0] == "ok"


def check_all(delegates: str = "") -> list[Checkup]:
    """A checkup of every delegate that is looked for by itself, or of those named. Raises ValueError for bad names."""
    made = make_delegates(delegates) if delegates else [make("") for make in FACTORIES.values()]
    return [check(delegate) for delegate in made]


def check(delegate: Delegate) -> Checkup:
    """Probe one delegate and, where its device is here, add two vectors on it. Closes the delegate. Raises nothing."""
    try:
        probe = delegate.probe()
        if not probe.here:
            return Checkup(delegate.name, False, probe.detail, probe.remedy)
        tried = delegate.self_test() if isinstance(delegate, SelfTesting) else _sum(delegate)
        detail = "; ".join(filter(None, (probe.detail, probe.note)))
        return Checkup(delegate.name, True, detail, probe.remedy, tried)
    finally:
        delegate.close()


def _sum(delegate: Delegate) -> str:
    """Say "ok" where ADD of two vectors on this delegate gives what numpy gives, else what happened instead."""
    builder = GraphBuilder()
    builder.output(builder.op("ADD", [builder.input((1, 7)), builder.input((1, 7))], (1, 7)))
    x, y = np.arange(14, dtype=np.float32).reshape(2, 1, 7) / 4
    try:
        with Interpreter(model_content=builder.build(), delegates=[delegate]) as it:
            took = it.plan.decisions[0]
            if took.delegate != delegate.name:
                return f"refused the sum: {'; '.join(map(str, took.reasons.get(delegate.name, ())))}"
            it.allocate_tensors()
            for detail, value in zip(it.get_input_details(), (x, y), strict=True):
                it.set_tensor(detail["index"], value)
            it.invoke()
            found = it.get_tensor(it.get_output_details()[0]["index"])
    except Exception as error:  # whatever a driver or a runtime raises is the finding
        return f"failed: {type(error).__name__}: {error}"
    return "ok" if np.array_equal(found, x + y) else f"wrong: {x.tolist()} + {y.tolist()} gave {found.tolist()}"


def versions() -> dict[str, str]:
    """Package -> installed version, Python first; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for package in VERSIONS:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def custom_ops() -> dict[str, list[str]]:
    """The custom ops that are known, shipped or registered in this process -> where each can run: "gpu", "host"."""
    own = registered()
    on = {
        "gpu": custom_kernels() | {name for name, entry in own.items() if entry.gpu is not None},
        "host": FUNCTIONS.keys() | {name for name, entry in own.items() if entry.host is not None},
    }
    return {name: [place for place in on if name in on[place]] for name in sorted(on["gpu"] | on["host"])}
