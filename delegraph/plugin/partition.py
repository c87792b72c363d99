"""A part of the runtime's graph on a delegate of ours: compiled for the tensors' shapes, run on their own memory."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..buffers import Arena, Form, HostArena
from ..delegates.base import Delegate, Executable, Partition
from ..errors import DelegateError
from ..graph.model import Graph
from ..partitioner.memory import allocate, arena_sizes
from ..partitioner.plan import Run
from . import abi
from .native import GraphContext


class Compiled:
    """A partition bound to memory of its delegate's; what crosses its border is copied from and to host arrays."""

    def __init__(self, delegate: Delegate, graph: Graph, ops: tuple[int, ...], keep: frozenset[int]) -> None:
        """Plan memory, reserve it and compile. Raises DelegateError on failure."""
        self.graph = graph
        self.partition = Partition(0, delegate.name, ops, *graph.boundary(ops, keep))
        lowering = delegate.lower(graph, ops, keep)
        placed = allocate(graph, [Run(0)], [self.partition], [lowering], {delegate.name: delegate}, keep)
        mine = [a for a in placed if a.space == delegate.space]
        self.offsets = {a.tensor: a.offset for a in mine}
        self.forms: dict[int, Form] = {
            t: delegate.form(graph, t) for t in (*self.partition.inputs, *self.partition.outputs)
        }
        self.arena: Arena = delegate.allocate(arena_sizes(mine).get(delegate.space, 0))
        try:
            self.executable: Executable = delegate.compile(graph, self.partition, self.arena, self.offsets, keep)
        except BaseException:
            self.arena.close()
            raise

    def write(self, tensor: int, value: NDArray[Any]) -> None:
        """Copy an input in."""
        if tensor in self.offsets:
            self.forms[tensor].write(self.arena, self.offsets[tensor], value)
        else:
            np.copyto(self._held(tensor), value)

    def read(self, tensor: int, out: NDArray[Any]) -> None:
        """Copy an output out."""
        if tensor in self.offsets:
            self.forms[tensor].read(self.arena, self.offsets[tensor], out)
        else:
            np.copyto(out, self._held(tensor))

    def _held(self, tensor: int) -> NDArray[Any]:
        """A tensor that the executable itself has, on the host."""
        assert isinstance(self.arena, HostArena)
        return self.arena.held[tensor]()

    def close(self) -> None:
        """Give back memory and what was compiled."""
        self.executable.close()
        self.arena.close()


class PartitionKernel:
    """What the runtime calls a kernel: one part of its graph on a delegate."""

    def __init__(
        self,
        delegate: Delegate,
        graph: Callable[[GraphContext], Graph],
        ops: Sequence[int],
        outputs: Sequence[int],
        gone: Callable[[PartitionKernel], None],
    ) -> None:
        """`graph` gives the graph with the shapes that tensors have; `outputs` are what the runtime awaits.

        `gone` is told when the runtime has no more use for it.
        """
        self._delegate, self._graph, self._gone = delegate, graph, gone
        self.ops = tuple(sorted(ops))
        self._outputs = tuple(outputs)
        self._compiled: Compiled | None = None
        self._moves: _Moves | None = None

    def prepare(self, context: GraphContext) -> None:
        """Compile for the present shapes, unless that is done."""
        graph = self._graph(context)
        if self._compiled is not None and self._compiled.graph is graph:
            return
        for op in self.ops:
            verdict = self._delegate.supports(graph, graph.ops[op])
            if not verdict.ok:
                reasons = "; ".join(map(str, verdict.reasons))
                raise DelegateError(f"op {op} ({graph.ops[op].label}) is refused in its present shape: {reasons}")
        self._drop()
        keep = frozenset(t for t in self._outputs if not graph.is_constant(t))
        self._compiled = Compiled(self._delegate, graph, self.ops, keep)
        self._moves = _Moves(self._compiled, self._outputs)

    def invoke(self, context: GraphContext) -> None:
        """Copy the inputs to the device, run, and copy the outputs back."""
        if self._moves is None:
            raise DelegateError("the partition was not prepared")
        self._moves.run(context)

    def close(self) -> None:
        """Give back what was compiled, and be forgotten."""
        try:
            self._drop()
        finally:
            self._gone(self)

    def _drop(self) -> None:
        compiled, self._compiled, self._moves = self._compiled, None, None
        if compiled is not None:
            compiled.close()


class _Moves:
    """Runs a compiled partition between arrays that lie over the runtime's tensors, where these are at the moment."""

    def __init__(self, compiled: Compiled, outputs: Sequence[int]) -> None:
        graph, partition = compiled.graph, compiled.partition
        self._compiled = compiled
        self._variables = sorted(
            {t for op in partition.ops for t in graph.ops[op].inputs if t >= 0 and graph.tensors[t].is_variable}
        )
        self._constants = {t: value for t in outputs if (value := graph.constant(t)) is not None}
        self._tensors = [*partition.inputs, *partition.outputs, *self._variables, *self._constants]
        self._at: list[int] = []
        self._views: dict[int, NDArray[Any]] = {}

    def run(self, context: GraphContext) -> None:
        """One inference on what the tensors hold."""
        self._look(context)
        compiled, views = self._compiled, self._views
        for t in compiled.partition.inputs:
            compiled.write(t, views[t])
        if self._variables:
            compiled.executable.restore({t: views[t] for t in self._variables})
        compiled.executable.run()
        for t in compiled.partition.outputs:
            compiled.read(t, views[t])
        for t, value in compiled.executable.state().items() if self._variables else ():
            np.copyto(views[t], value)
        for t, value in self._constants.items():
            np.copyto(views[t], value)

    def _look(self, context: GraphContext) -> None:
        """Where the tensors are now; arrays are made anew only if one has moved."""
        base, size = context.struct.tensors, ctypes.sizeof(abi.Tensor)
        at = [ctypes.c_size_t.from_address(base + t * size + abi.Tensor.data.offset).value for t in self._tensors]
        if at != self._at:
            self._views = {t: self._view(t, context.tensor(t)) for t in self._tensors}
            self._at = at

    def _view(self, index: int, tensor: abi.Tensor) -> NDArray[Any]:
        wanted = self._compiled.graph.tensors[index]
        if tensor.bytes != wanted.nbytes or (wanted.nbytes and not tensor.data):
            raise DelegateError(f"tensor {index} ({wanted.name!r}) has {tensor.bytes} bytes, not {wanted.nbytes}")
        if not wanted.nbytes:
            return np.empty(wanted.shape, wanted.dtype)
        return abi.raw(tensor.data, wanted.nbytes).view(wanted.dtype).reshape(wanted.shape)
