"""The CPU delegate: the installed TensorFlow Lite runtime, XNNPACK included, on a sub-model of its ops."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..buffers import Arena, Form, HostArena
from ..errors import DelegateError
from ..graph.model import Graph, Model, Op
from .base import YES, Cost, Executable, Lowering, Partition, Probe, Rates, Verdict, no
from .custom import registered
from .runtime import load_runtime
from .submodel import one_launch
from .work import arithmetic, traffic

# Guessed rates of one ordinary core: float32 arithmetic through XNNPACK, bytes through memory, an op's own overhead,
# and what `invoke` and the copies at its border take.
RATES = Rates(flops=2e10, bandwidth=1e10, launch=5e-7, run=1e-5)


class CPUDelegate:
    """Takes every op that the installed runtime has, so whatever other delegates refuse runs here."""

    name = "cpu"
    space = "host"
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

    def open(self, content: bytes, resolver: str | None = None) -> Any:
        """The runtime's Interpreter over `content`, with this delegate's options; raises what the runtime raises."""
        runtime = load_runtime(self._package)
        kind = runtime.resolver(resolver or self._resolver)
        return runtime.open(content, experimental_op_resolver_type=kind, **self._options)

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
        found = [graph.ops[i] for i in ops]
        seconds = sum(self.rates.seconds(arithmetic(graph, op), traffic(graph, op)) for op in found)
        return self.rates.cost(self.rates.run + seconds)

    def lower(self, graph: Graph, ops: tuple[int, ...], keep: frozenset[int] = frozenset()) -> Lowering:
        """One launch: the runtime runs the whole partition."""
        return one_launch(graph, ops, keep)

    def form(self, graph: Graph, tensor: int) -> Form:
        """As on the host."""
        return Form(graph.tensors[tensor].nbytes)

    def allocate(self, nbytes: int) -> HostArena:
        """Host memory."""
        return HostArena(nbytes)

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
        return CPUExecutable(self, graph, partition, arena, offsets, keep)

    def close(self) -> None:
        """Nothing is held between uses."""


class CPUExecutable:
    """A partition inside the runtime; tensors are matched to the runtime's by name."""

    def __init__(
        self,
        delegate: CPUDelegate,
        graph: Graph,
        partition: Partition,
        arena: HostArena,
        offsets: Mapping[int, int],
        keep: frozenset[int],
    ) -> None:
        """Open, allocate and check the sub-model, and find each boundary tensor's place in the arena."""
        self._graph = graph
        self._arena = arena
        self._ops = partition.ops
        content, names = graph.submodel(partition.ops, keep), graph.submodel_names(partition.ops, keep)
        held = any(op in graph.ties for op in partition.ops)
        self.holding = hashlib.sha256(content).hexdigest() if held else None
        try:
            self._runtime = delegate.open(content)
            self._runtime.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise DelegateError(f"cpu: ops {self._span()}: {' '.join(str(error).split())}") from error
        indices = {
            d["name"]: d["index"] for d in self._runtime.get_input_details() + self._runtime.get_output_details()
        }
        places = {d["name"]: d["index"] for d in self._runtime.get_tensor_details()}
        self._variables = {t: places[name] for t, name in names.items() if graph.tensors[t].is_variable}
        self._loose_shapes: dict[int, tuple[int, ...]] = {}
        self._inputs = [(t, indices[names[t]]) for t in partition.inputs]
        self._outputs = [(t, indices[names[t]]) for t in partition.outputs]
        self._views = {
            t: arena.view(offsets[t], graph.tensors[t].shape, graph.tensors[t].dtype)
            for t in (*partition.inputs, *partition.outputs)
            if t not in graph.dynamic
        }
        shapes = {d["index"]: tuple(map(int, d["shape"])) for d in self._runtime.get_output_details()}
        for t, index in self._outputs:
            want, found = graph.tensors[t], shapes[index]
            if t in self._views and found != want.shape:
                raise DelegateError(f"cpu: tensor {want.name!r} is {found} in the runtime, {want.shape} in the model")

    def _span(self) -> str:
        return f"{self._ops[0]} to {self._ops[-1]}"

    def run(self) -> None:
        """Copy the inputs in, invoke, copy the outputs out. Raises DelegateError with the runtime's message."""
        try:
            self._fit()
            for t, index in self._inputs:
                self._runtime.set_tensor(index, self._views[t] if t in self._views else self._arena.loose[t])
            self._runtime.invoke()
        except (ValueError, RuntimeError) as error:
            raise DelegateError(f"cpu: ops {self._span()}: {' '.join(str(error).split())}") from error
        for t, index in self._outputs:
            if t in self._views:
                self._take(t, self._runtime.tensor(index)())
            else:
                self._arena.loose[t] = self._runtime.get_tensor(index)

    def _take(self, tensor: int, value: NDArray[Any]) -> None:
        """Copy an output to its place; its shape, where the model's word was taken for it, is as the model says."""
        view = self._views[tensor]
        if value.shape != view.shape:
            name = self._graph.tensors[tensor].name
            raise DelegateError(f"cpu: tensor {name!r} came out as {value.shape}, where the model says {view.shape}")
        np.copyto(view, value)

    def _fit(self) -> None:
        """Give the runtime the shapes that inputs without a fixed one have this time; variables stay as they are."""
        loose = {index: self._arena.loose[t].shape for t, index in self._inputs if t not in self._views}
        if loose != self._loose_shapes:
            kept = self.state()
            for index, shape in loose.items():
                self._runtime.resize_tensor_input(index, shape)
            self._runtime.allocate_tensors()
            self.restore(kept)
            self._loose_shapes = loose

    def state(self) -> dict[int, NDArray[Any]]:
        """The variable tensors' values."""
        return {t: self._runtime.get_tensor(index) for t, index in self._variables.items()}

    def restore(self, state: Mapping[int, NDArray[Any]]) -> None:
        """Put values into variable tensors, of those in `state`."""
        for t in self._variables.keys() & state.keys():
            self._runtime.set_tensor(self._variables[t], state[t])

    def reset_variables(self) -> None:
        """Set the partition's variable tensors back to zero."""
        self._runtime.reset_all_variables()

    def take_over(self, former: Executable) -> None:
        """Go on in the runtime of another executable of the same sub-model, in which its resources live."""
        assert isinstance(former, CPUExecutable) and former.holding == self.holding
        self._runtime, former._runtime = former._runtime, None
        self._loose_shapes = former._loose_shapes

    def suspend(self) -> None:
        """Free the runtime's interpreter, unless resources live in it."""
        if self.holding is None:
            self.close()

    def close(self) -> None:
        """Free the runtime's interpreter."""
        self._runtime = None
        self._views = {}


@cache
def processor() -> str:
    """The processor's name and how many of it there are."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return f"{names[0] if names else platform.processor() or platform.machine()} x{os.cpu_count()}"
