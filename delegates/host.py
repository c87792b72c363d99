"""The host delegate: custom ops as numpy functions, those that users registered and those that are shipped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..buffers import Arena, HostArena
from ..errors import DelegateError
from ..graph.custom import CustomOptions
from ..graph.model import NUMPY_TYPES, Graph, Model, Op
from .base import NOT_CUSTOM, YES, Cost, Delegate, Executable, Lowering, Partition, Probe, Rates, Use, Verdict, no
from .custom import HostFunction, registered
from .edgetpu.package import is_compiled
from .host_functions import FUNCTIONS
from .on_host import OnHost
from .work import roofline

# What numpy gets done on one core, with the interpreter's own time for each op; functions differ too much to measure.
RATES = Rates(flops=1e9, bandwidth=1e9, launch=1e-5, run=1e-6, source="modelled")


def function_for(op: Op) -> HostFunction | None:
    """The numpy function of a custom op: the user's, else the one that is shipped."""
    if op.kind != "CUSTOM":
        return None
    own = registered().get(op.custom_code)
    return own.host if own is not None and own.host is not None else FUNCTIONS.get(op.custom_code)


def with_host(delegates: Sequence[Delegate], model: Model) -> list[Delegate]:
    """Some delegates, and where a model has custom ops a HostDelegate behind them, unless one is among them."""
    custom = any(op.kind == "CUSTOM" for graph in model.graphs for op in graph.ops)
    wanted = custom and not any(isinstance(delegate, HostDelegate) for delegate in delegates)
    return [*delegates, HostDelegate()] if wanted else list(delegates)


class HostDelegate(OnHost):
    """Takes custom ops that have a function. It stands last by itself wherever a model has custom ops."""

    name = "host"
    holds_state = False
    learns = False

    def __init__(self) -> None:
        """Nothing is held: functions are looked up when plans are made."""
        self.rates = RATES

    def probe(self) -> Probe:
        """Always here."""
        return Probe(True, f"numpy {np.__version__}")

    def fingerprint(self) -> str:
        """Numpy's version; functions are told apart by the names of their ops alone."""
        return self.probe().detail

    def supports(self, graph: Graph, op: Op) -> Verdict:
        """Yes for a custom op that has a function, of types that numpy has."""
        if op.kind != "CUSTOM":
            return NOT_CUSTOM
        if is_compiled(op):
            wanted = "delegates=[EdgeTPUDelegate(cpu_twin=...)], or --delegates edgetpu:cpu_twin=..."
            return no("compiled", "it is what edgetpu_compiler made", wanted)
        if function_for(op) is None:
            remedy = f"delegraph.register_custom_op({op.custom_code!r}, function)"
            return no("unregistered", f"there is no function for {op.custom_code}", remedy)
        for tensor in (graph.tensors[t] for t in (*op.inputs, *op.outputs) if t >= 0):
            if tensor.type not in NUMPY_TYPES:
                return no("type", f"{tensor.name!r} is {tensor.type}", "a type that numpy has")
            if tensor.is_variable:
                return no("variable", f"{tensor.name!r} keeps its value from one run to the next")
            if tensor.is_sparse and tensor.index not in graph.folded:
                return no("sparse", f"{tensor.name!r} is sparse")
        return YES

    def estimate(self, graph: Graph, ops: Iterable[int]) -> Cost:
        """Arithmetic and bytes over numpy's rates."""
        live = (graph.ops[i] for i in ops if i not in graph.folded_ops)
        return self.rates.cost(roofline(graph, live, self.rates))

    def lower(self, graph: Graph, ops: tuple[int, ...], keep: frozenset[int] = frozenset()) -> Lowering:
        """A launch an op. It finds its tensors wherever they lie on the host."""
        live = [graph.ops[i] for i in ops if i not in graph.folded_ops]
        uses = (Use(tuple(t for t in op.inputs if t >= 0 and not graph.is_constant(t)), op.outputs) for op in live)
        border = frozenset(t for side in graph.boundary(ops, keep) for t in side)
        return Lowering(tuple(uses), folded=frozenset(ops) & graph.folded_ops, found=border)

    def compile(
        self,
        graph: Graph,
        partition: Partition,
        arena: Arena,
        offsets: Mapping[int, int],
        keep: frozenset[int] = frozenset(),
    ) -> HostExecutable:
        """Find each op's function and places. Raises DelegateError where a function is gone."""
        assert isinstance(arena, HostArena)
        ops = [graph.ops[i] for i in partition.ops if i not in graph.folded_ops]
        return HostExecutable([Call(graph, op, arena, offsets) for op in ops])


class HostExecutable:
    """A partition's ops, called one after another."""

    holding: str | None = None

    def __init__(self, calls: list[Call]) -> None:
        """In order."""
        self._calls = calls

    def run(self) -> None:
        """Call each function. Raises DelegateError, naming the op, for one that raises or returns what does not fit."""
        for call in self._calls:
            call.run()

    def state(self) -> Mapping[int, NDArray[Any]]:
        """Nothing: there are no variables."""
        return {}

    def restore(self, state: Mapping[int, NDArray[Any]]) -> None:
        """There are no variables."""

    def reset_variables(self) -> None:
        """There are no variables."""

    def suspend(self) -> None:
        """Let go of the arena."""
        self._calls = []

    def take_over(self, former: Executable) -> None:
        """There are no resources."""

    def close(self) -> None:
        """Let go of the arena."""
        self.suspend()


class Call:
    """One op: its function, and where its inputs and outputs lie."""

    def __init__(self, graph: Graph, op: Op, arena: HostArena, offsets: Mapping[int, int]) -> None:
        """Constants are read once; so is the place of what the plan gives one."""
        function = function_for(op)
        if function is None:
            raise DelegateError(f"host: op {op.index} ({op.label}): its function is not registered any more")
        self._function = function
        self._what = f"host: op {op.index} ({op.label})"
        self._graph, self._op, self._arena = graph, op, arena
        self._options = CustomOptions.of(op, graph)
        self._views = {t: self._view(t, offsets) for t in (*op.inputs, *op.outputs) if t >= 0}

    def _view(self, tensor: int, offsets: Mapping[int, int]) -> NDArray[Any] | None:
        found = self._graph.tensors[tensor]
        if self._graph.is_constant(tensor):
            return self._graph.constant(tensor)
        if tensor not in offsets:
            return None
        return self._arena.view(offsets[tensor], found.shape, found.dtype)

    def _memory(self, tensor: int) -> NDArray[Any] | None:
        """Where a tensor lies; None for one of no fixed size."""
        return self._arena.held[tensor]() if tensor in self._arena.held else self._views[tensor]

    def _input(self, tensor: int) -> Any:
        if tensor < 0:
            return None
        view = self._memory(tensor)
        given = (self._arena.loose[tensor] if view is None else view).view()
        given.flags.writeable = False
        return given

    def run(self) -> None:
        """Call the function; nothing is written before all that it returned is seen to fit."""
        inputs = [self._input(t) for t in self._op.inputs]
        try:
            returned = self._function(inputs, self._options)
        except Exception as error:
            raise DelegateError(f"{self._what}: its function raised {type(error).__name__}: {error}") from error
        made = self._checked(returned)
        for tensor, array in zip(self._op.outputs, made, strict=True):
            view = self._memory(tensor)
            if view is None:
                self._arena.loose[tensor] = array.copy()
            else:
                np.copyto(view, array)

    def _checked(self, returned: Any) -> list[NDArray[Any]]:
        wanted = self._options.outputs
        if not isinstance(returned, list | tuple) or len(returned) != len(wanted):
            got = f"{len(returned)} outputs" if isinstance(returned, list | tuple) else type(returned).__name__
            raise DelegateError(f"{self._what}: its function returned {got}, not a list of {len(wanted)}")
        for k, (array, (shape, dtype)) in enumerate(zip(returned, wanted, strict=True)):
            fits = isinstance(array, np.ndarray) and array.dtype == dtype and shape in (None, array.shape)
            if not fits:
                got = f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
                meant = f"{dtype} {'of any shape' if shape is None else list(shape)}"
                raise DelegateError(f"{self._what}: its function returned {got} for output {k}, not {meant}")
        return list(returned)
