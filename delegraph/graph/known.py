"""What is known of a graph's tensors before it runs: values that fold, and which shapes depend on data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .arithmetic import Evaluation, strided_slice
from .fold import Folded
from .model import Graph, Op, Tensor
from .shapes import ABOUT_SHAPES, CALLS, LATE, SHAPE_INPUTS, UNKNOWN, UNSIZED_TYPES, UNSORTED, WHOLE_SHAPES, one_each


class Known:
    """What one walk over a graph's ops finds out.

    `folded`: tensor index -> constant, for what DEQUANTIZE and DENSIFY make of constants, and arithmetic of small ones
    and of static shapes. `unknown`: tensors whose shape depends on data. `settled`: ops whose output shapes a runtime
    gives, too, before it runs; what it says of ops behind others is not to be believed.
    """

    def __init__(self, graph: Graph, walk: bool = True) -> None:
        """Walk over the ops in order, unless they are to be taken up one by one."""
        self.graph = graph
        self.folded = Folded(graph)
        self.unknown: set[int] = set()
        self.settled: set[int] = set()
        self._evaluation = Evaluation(graph)
        for op in graph.ops if walk else ():
            self.take_up(op)

    def take_up(self, op: Op) -> None:
        """The next op."""
        from_data = any(t in self.unknown for t in op.inputs)
        values = None if self.folded.expands(op) else self._evaluation.of(op, self.constant, self._is_static)
        for t, value in zip(op.outputs, values or (), strict=False):
            self.folded.add(t, value)
        if self.settles(op):
            self.settled.add(op.index)
        if not self._gives_static(op, from_data and op.kind not in ABOUT_SHAPES):
            self.unknown.update(op.outputs)

    def settles(self, op: Op) -> bool:
        """Whether a runtime gives the next op's output shapes before it runs."""
        from_data = any(t in self.unknown for t in op.inputs)
        return not from_data and op.kind not in LATE and all(self._knows(t) for t in _giving_shape(op))

    def turn_to(self, graph: Graph) -> None:
        """Go on with the same graph, in which some shapes are other ones."""
        self.graph = graph
        self.folded.turn_to(graph)
        self._evaluation.turn_to(graph)

    def late_shape(self, op: Op) -> tuple[int, ...] | None:
        """The shape of what follows other tensors' shapes although no runtime says so before it runs."""
        shapes = [self.graph.tensors[t].shape if t >= 0 else () for t in op.inputs]
        if op.kind == "HASHTABLE_FIND":
            return shapes[1]
        if op.kind in UNSORTED and (count := self._ints(op.inputs[2])):
            return (count[0], *shapes[0][len(shapes[1]) :])
        strides = self._ints(op.inputs[3]) if op.kind == "STRIDED_SLICE" and len(op.inputs) == 4 else []
        if not strides or not one_each(op, strides):
            return None
        somewhere = np.zeros(len(strides), np.int64)
        whole = np.broadcast_to(np.bool_(False), shapes[0])
        return strided_slice(op.options, whole, somewhere, somewhere, np.array(strides)).shape

    @property
    def dynamic(self) -> frozenset[int]:
        """Tensors of unknown shape, and those whose elements have no fixed size (strings, resources)."""
        unsized = (t.index for t in self.graph.tensors if t.type in UNSIZED_TYPES and t.data is None)
        return frozenset((*self.unknown, *unsized))

    def constant(self, tensor: int) -> Tensor | None:
        """A tensor that is constant in the file or after folding; None for others."""
        if tensor in self.folded:
            return self.folded[tensor]
        return self.graph.tensors[tensor] if tensor >= 0 and self.graph.tensors[tensor].is_constant else None

    def _knows(self, tensor: int) -> bool:
        return tensor < 0 or tensor in self.folded or self.graph.tensors[tensor].is_constant

    def _is_static(self, tensor: int) -> bool:
        return tensor not in self.unknown

    def _gives_static(self, op: Op, from_data: bool) -> bool:
        """Whether an op's output shapes are known, those of some inputs not being known if `from_data`."""
        if op.kind in UNKNOWN:
            return False
        if op.kind == "READ_VARIABLE":
            return stated(self.graph.tensors[op.outputs[0]]) and self._assigned_alike(op)
        if op.kind == "HASHTABLE_FIND":
            return op.inputs[1] not in self.unknown
        if op.kind in WHOLE_SHAPES and self._whole_shape(op):
            return True
        if from_data:
            return False
        if op.kind == "CUSTOM":
            return all(stated(self.graph.tensors[t]) for t in op.outputs)
        if op.kind in CALLS:
            return all(self._called(op, op.options[field]) for field in CALLS[op.kind])
        if op.kind == "STRIDED_SLICE" and self._knows(op.inputs[3]) and one_each(op, self._ints(op.inputs[3])):
            return True
        return all(self._knows(t) for t in _giving_shape(op))

    def _ints(self, tensor: int) -> list[int]:
        """A constant as a flat list of integers; empty for one that holds none."""
        found = self.constant(tensor)
        fits = found is not None and not found.is_sparse and found.type in ("INT32", "INT64")
        return [int(v) for v in found.array.ravel()] if found is not None and fits else []

    def _whole_shape(self, op: Op) -> bool:
        place = WHOLE_SHAPES[op.kind]
        if place < len(op.inputs):
            return self._knows(op.inputs[place]) and -1 not in self._ints(op.inputs[place])
        shape = op.options.get("new_shape")
        return shape is not None and -1 not in shape

    def _called(self, op: Op, index: int) -> bool:
        """Whether a subgraph is handed the shapes that it expects, and then gives those that the op says."""
        callee = self.graph.model.graphs[index]
        handed = op.inputs[1:] if op.kind == "IF" else op.inputs
        ends = [*zip(handed, callee.inputs, strict=True), *zip(op.outputs, callee.outputs, strict=True)]
        if op.kind == "WHILE":  # what one turn gives, the next one takes
            ends += zip(op.inputs, callee.outputs, strict=True)
        if any(t in callee.known.unknown for t in callee.outputs):
            return False
        return all(self.graph.tensors[a].shape == callee.tensors[b].shape for a, b in ends)

    def _assigned_alike(self, op: Op) -> bool:
        """Whether all that the model says it assigns to a variable has the shape that is read from it."""
        shape, read = self.graph.tensors[op.outputs[0]].shape, variable(self.graph, op.inputs[0])
        graphs = (self.graph if g.index == self.graph.index else g for g in self.graph.model.graphs)
        return all(
            stated(value) and value.shape == shape
            for graph in graphs
            for name, value in assigned(graph)
            if None in (name, read) or name == read
        )


def _giving_shape(op: Op) -> list[int]:
    """The inputs whose values give an op's output shapes."""
    return [op.inputs[i] for i in SHAPE_INPUTS.get(op.kind, ()) if i < len(op.inputs)]


def stated(tensor: Tensor) -> bool:
    """Whether the file says which shape a tensor has, all of it."""
    return bool(tensor.shape) and -1 not in tensor.shape_signature


def variable(graph: Graph, handle: int) -> tuple[str, str] | None:
    """The name of the variable that a tensor stands for; None where it was handed in."""
    made = graph.ops[graph.producer[handle]] if handle in graph.producer else None
    if made is None or made.kind != "VAR_HANDLE":
        return None
    return made.options["container"] or "", made.options["shared_name"] or ""


def assigned(graph: Graph) -> Iterator[tuple[tuple[str, str] | None, Tensor]]:
    """(name of the variable, value) of every assignment."""
    for op in graph.ops:
        if op.kind == "ASSIGN_VARIABLE":
            yield variable(graph, op.inputs[0]), graph.tensors[op.inputs[1]]
