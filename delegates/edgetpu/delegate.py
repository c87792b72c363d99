"""EdgeTPUDelegate: runs what edgetpu_compiler made on a Coral device, in a child process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from ...buffers import Arena
from ...errors import DelegateError
from ...graph.model import Graph, Model, Op
from ..base import YES, Cost, Delegate, Executable, Lowering, Partition, Probe, Verdict, no
from ..bridge.remote import Far
from ..engine import Near, Site
from ..isolation.site import Isolated
from ..on_host import HostForms
from ..submodel import one_launch, submodel_program
from . import coral
from .ahead import Ahead
from .compiler import Compiler
from .devices import Wanted
from .engine import EdgeTPUEngine
from .library import NAME, REMEDY, installed, runtime_version
from .opening import self_test
from .package import is_compiled
from .rates import RATES, seconds, whole
from .twin import Twin, TwinDelegate

NO_COMPILER = no("compiler", "there is no edgetpu_compiler on the path", "a compiled model, or compiler=")
AGAIN = 1.0  # seconds after which the device is looked for again


class EdgeTPUDelegate(HostForms):
    """Takes what edgetpu_compiler made, or can make; with a CPU twin, another delegate stands behind it."""

    holds_state = True

    def __init__(
        self,
        device: str | None = None,
        cpu_twin: str | os.PathLike[str] | bytes | None = None,
        compiler: str | os.PathLike[str] | Compiler | Literal[False] | None = None,
        *,
        isolate: bool = True,
        timeout: float = 10.0,
        library: str | os.PathLike[str] | None = None,
        name: str = "edgetpu",
    ) -> None:
        """`device` is None (any), ":N", "usb", "usb:N", "pci" or "pci:N", by libedgetpu's numbering.

        `cpu_twin` is the model (a path, or bytes) from before edgetpu_compiler: the same ops then run on the CPU where
        the device is not here or fails. It is compared with each model that is loaded.

        With a `compiler` (a path, a Compiler, or None for the edgetpu_compiler on the path) 8-bit ops of ordinary
        models are compiled ahead of time; with False they are left to others.

        libedgetpu ends its process on a USB error, so it lives in a child process, with which tensors are shared; a run
        of more than `timeout` seconds ends that, too. With `isolate=False` it lives in this one. `library` is a path of
        libedgetpu, where it is not the system's; `name` tells several of these delegates apart.

        Raises UnknownDevice (a ValueError) for another device string, InvalidModel for a twin that is no model, and
        DelegateError where `compiler` is the path of nothing.
        """
        if not timeout > 0:
            raise ValueError(f"timeout is a number of seconds above 0, not {timeout!r}")
        self.name = name
        self._wanted = Wanted.parse(device)
        self._library = None if library is None else os.fspath(library)
        given = compiler if isinstance(compiler, Compiler) or compiler is False else Compiler.found(compiler)
        self._ahead = Ahead(given) if given else None
        self.learns = self._ahead is not None
        self.twin = None if cpu_twin is None else Twin(cpu_twin)
        options = {"device": str(self._wanted), "library": self._library}
        self.site: Site = (
            Isolated(name, f"{EdgeTPUEngine.__module__}:EdgeTPUEngine", options, timeout)
            if isolate
            else Near(EdgeTPUEngine(str(self._wanted), self._library))
        )
        self.space = self.site.space
        self.rates = RATES
        self._known: tuple[Probe, float] | None = None
        self._asking = threading.Lock()

    def probe(self) -> Probe:
        """Whether libedgetpu finds the device, as of the last second."""
        with self._asking:
            if self._known is None or time.monotonic() - self._known[1] > AGAIN:
                self._known = self._ask(), time.monotonic()
            return self._known[0]

    def _ask(self) -> Probe:
        near = not isinstance(self.site, Far)
        real, note = coral.found() if near and self._library is None else (False, "")
        if near and not real and not installed(self._library):
            return self._absent(f"no {self._library or NAME}", REMEDY, note)
        try:
            return Probe(True, self.site.here())
        except DelegateError as error:
            return self._absent(str(error))

    def _absent(self, why: str, *remedies: str) -> Probe:
        twin = "" if self.twin is not None else "give cpu_twin=, the model from before edgetpu_compiler"
        return Probe(False, why, "; or ".join(filter(None, ("; ".join(filter(None, remedies)), twin))))

    def self_test(self) -> str:
        """Open the device for a model of which it computes nothing: all but its arithmetic is tried."""
        return self_test(self.site)

    @property
    def child_pid(self) -> int | None:
        """The child's process number; None where there is none now, or no isolation."""
        return self.site.pid if isinstance(self.site, Isolated) else None

    def fingerprint(self) -> str:
        """The device and libedgetpu's version, and whether they are in a child process."""
        return f"{self.probe().detail}, {'isolated' if isinstance(self.site, Isolated) else 'not isolated'}"

    def company(self, model: Model, cpu: Delegate) -> Sequence[Delegate]:
        """The CPU twin as a delegate, where there is one and the model is compiled. Raises TwinMismatch."""
        if self.twin is None or not any(is_compiled(op) for op in model.graphs[0].ops):
            return ()
        self.twin.check(model)
        return (TwinDelegate(f"{self.name}-twin", self.twin, cpu),)

    def supports(self, graph: Graph, op: Op) -> Verdict:
        """Yes for what edgetpu_compiler made, and with a compiler for what it maps; by which evidence is told."""
        if is_compiled(op):
            return YES
        if op.kind == "CUSTOM":
            return no("kind", op.label, "an op that edgetpu_compiler made")
        return NO_COMPILER if self._ahead is None else self._ahead.supports(graph, op)

    def estimate(self, graph: Graph, ops: Iterable[int]) -> Cost:
        """By arithmetic, or the size of what was compiled where there is no twin, and the data sheet's rates."""
        found = [graph.ops[i] for i in ops if i not in graph.folded_ops]
        took = self.rates.run + sum(seconds(self.rates, graph, op, self.twin) for op in found)
        if not all(map(is_compiled, found)):
            took += whole(graph, found)
        return Cost(took, "modelled")

    def lower(self, graph: Graph, ops: tuple[int, ...], keep: frozenset[int] = frozenset()) -> Lowering:
        """One launch: the runtime runs the whole partition."""
        return one_launch(graph, ops, keep)

    def allocate(self, nbytes: int) -> Arena:
        """Memory that is shared with the child process; the host's without one. Raises DelegateError."""
        return self.site.allocate(nbytes)

    def compile(
        self,
        graph: Graph,
        partition: Partition,
        arena: Arena,
        offsets: Mapping[int, int],
        keep: frozenset[int] = frozenset(),
    ) -> Executable:
        """Open the partition's sub-model on the device. Raises DelegateError, and VersionMismatch among these.

        What is not compiled yet is compiled first: Learned where some of it does not.
        """
        if self._ahead is None or all(is_compiled(graph.ops[op]) for op in partition.ops):
            program = submodel_program(graph, partition, keep)
        else:
            program = self._ahead.program(graph, partition, keep, runtime_version(self.probe().detail))
        return self.site.load(program, arena, offsets)

    def close(self) -> None:
        """Give the device back."""
        self.site.close()
        self._known = None
