"""The CPU delegate: the installed TensorFlow Lite runtime, XNNPACK included, on a sub-model of its ops."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from ..buffers import Arena, HostArena
from ..errors import DelegateError
from ..graph.model import PACKED, Graph, Model, Op
from .base import YES, Cost, Lowering, Partition, Probe, Rates, Verdict, no
from .cpu_executable import CPUExecutable
from .custom import registered
from .on_host import OnHost
from .runtime import load_runtime
from .submodel import one_launch
from .work import roofline

# Guessed rates of one ordinary core: float32 arithmetic through XNNPACK, bytes through memory, an op's own overhead,
# and what `invoke` and the copies at its border take.
RATES = Rates(flops=2e10, bandwidth=1e10, launch=5e-7, run=1e-5)


class CPUDelegate(OnHost):
    """Takes every op that the installed runtime has, so whatever other delegates refuse runs here."""

    name = "cpu"
    holds_state = True
    learns = False

    def __init__(
        self,
        num_threads: int | None = None,
        runtime: str | None = None,
        op_resolver: str = "AUTO",
        experimental_delegates: Sequence[Any] | None = None,
        **options: bool,
    ) -> None:
        """`runtime` is "ai_edge_litert" or "tflite_runtime" (None: whichever is installed, in that order).

        `op_resolver` is the name of an OpResolverType; `options` go to the runtime's Interpreter
        (`experimental_preserve_all_tensors=True`).
        """
        self._package = runtime
        self._resolver = op_resolver
        self._options = {
            "num_threads": num_threads,
            "experimental_delegates": list(experimental_delegates) if experimental_delegates else None,
            **options,
        }
        self.rates = RATES
        self._known: dict[tuple[str, str, int], Verdict] = {}
        self._opened: dict[str, str] = {}

    def probe(self) -> Probe:
        """Here when a runtime can be imported."""
        try:
            runtime = load_runtime(self._package)
        except DelegateError as error:
            return Probe(False, str(error), "pip install ai-edge-litert")
        return Probe(True, f"{runtime.name} {runtime.version}")

    def fingerprint(self) -> str:
        """The runtime and its options, and the processor."""
        options = ", ".join(f"{name}={value}" for name, value in self._options.items() if value)
        return f"{self.probe().detail}, {self._resolver}, {options or 'defaults'}, {processor()}"

    def open(self, content: bytes, resolver: str | None = None, **options: bool) -> Any:
        """The runtime's Interpreter over `content`, with this delegate's options and these.

        Raises what the runtime raises.
        """
        runtime = load_runtime(self._package)
        kind = runtime.resolver(resolver or self._resolver)
        return runtime.open(content, experimental_op_resolver_type=kind, **{**self._options, **options})

    def supports(self, graph: Graph, op: Op) -> Verdict:
        """Asked of the runtime itself, once for each kind and version of op.

        A custom op for which the user registered a function is left to it.
        """
        own = registered().get(op.custom_code)
        if own is not None and own.host is not None:
            return no("registered", f"a function is registered for {op.custom_code}")
        if not self._refusal(graph.model) and op.kind != "CUSTOM":
            return YES
        key = (op.kind, op.custom_code, op.version)
        if key not in self._known:
            self._known[key] = self._ask(graph, op)
        return self._known[key]

    def _refusal(self, model: Model) -> str:
        """Why the runtime cannot open the whole model (an op or version that it lacks); empty if it can."""
        if model.fingerprint not in self._opened:
            try:
                self.open(model.content)
                self._opened[model.fingerprint] = ""
            except (ValueError, RuntimeError) as error:
                self._opened[model.fingerprint] = str(error)
        return self._opened[model.fingerprint]

    def _ask(self, graph: Graph, op: Op) -> Verdict:
        try:
            self.open(graph.submodel([op.index])).allocate_tensors()
        except (ValueError, RuntimeError) as error:
            return no("runtime", " ".join(str(error).split()), f"a runtime that has {op.label} version {op.version}")
        return YES

    def estimate(self, graph: Graph, ops: Iterable[int]) -> Cost:
        """Each op's arithmetic and bytes over a core's rates."""
        return self.rates.cost(roofline(graph, (graph.ops[i] for i in ops), self.rates))

    def lower(self, graph: Graph, ops: tuple[int, ...], keep: frozenset[int] = frozenset()) -> Lowering:
        """One launch: the runtime runs the whole partition.

        It holds what crosses the border, but for scalars (its `tensor()` gives copies of them), what it packs, what
        has no fixed size, and inputs that it might move when it gives something a size as it runs: others may be
        reading them meanwhile.
        """
        whole = one_launch(graph, ops, keep)
        (border,) = whole.uses
        still = graph.known.settled.issuperset(ops) and all(graph.ops[i].kind != "CUSTOM" for i in ops)
        held = (*border.reads, *border.writes) if still else border.writes
        plain = frozenset(t for t in held if graph.tensors[t].shape and graph.tensors[t].type not in PACKED)
        return replace(whole, held=plain - graph.dynamic)

    def compile(
        self,
        graph: Graph,
        partition: Partition,
        arena: Arena,
        offsets: Mapping[int, int],
        keep: frozenset[int] = frozenset(),
    ) -> CPUExecutable:
        """Open the partition's sub-model in the runtime. Raises DelegateError where the runtime refuses it."""
        assert isinstance(arena, HostArena)
        return CPUExecutable(self.open, graph, partition, arena, offsets, keep)


@cache
def processor() -> str:
    """The processor's name and how many of it there are."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return f"{names[0] if names else platform.processor() or platform.machine()} x{os.cpu_count()}"
