"""The CPU twin of a compiled model: which ops an `edgetpu-custom-op` stands for, and a delegate that runs these."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...buffers import Arena
from ...errors import TwinMismatch
from ...graph.model import Graph, Model, Op, Tensor
from ...graph.read import read
from ..base import NOT_CUSTOM, YES, Cost, Delegate, Executable, Lowering, Partition, Probe, Use, Verdict, no
from ..on_host import OnHost
from .package import compiled, is_compiled

REMEDY = "cpu_twin is the .tflite file from which edgetpu_compiler made this one"


@dataclass(frozen=True)
class Region:
    """The ops of a twin that a compiled op stands for; tensors of the compiled model's graph -> the twin's."""

    ops: tuple[int, ...]
    tensors: Mapping[int, int]


class Twin:
    """A model before it was compiled."""

    def __init__(self, source: str | os.PathLike[str] | bytes) -> None:
        """Read it. Raises InvalidModel, and ValueError where there is no such file."""
        self.name = "" if isinstance(source, bytes) else f" {os.fspath(source)!r}"
        self.graph = read(source).graphs[0]

    def check(self, model: Model) -> None:
        """Raise TwinMismatch, naming a tensor, where it is not what a compiled model was made from."""
        for op in compiled(model.graphs[0]):
            self.region(model.graphs[0], op)

    def region(self, graph: Graph, op: Op) -> Region:
        """The ops that one compiled op stands for. Raises TwinMismatch, naming a tensor."""
        tensors = {t: self._counterpart(graph.tensors[t]) for t in (*op.inputs, *op.outputs) if t >= 0}
        given = {tensors[t] for t in op.inputs if t >= 0}
        ops: set[int] = set()
        wanted = [tensors[t] for t in op.outputs]
        while wanted:
            t = wanted.pop()
            if t in given or self.graph.is_constant(t) or self.graph.tensors[t].is_variable:
                continue
            if t not in self.graph.producer:
                raise self._differs(f"it computes them from its input {self.graph.tensors[t].name!r}, the op does not")
            if self.graph.producer[t] not in ops:
                ops.add(self.graph.producer[t])
                wanted += [i for i in self.graph.ops[self.graph.producer[t]].inputs if i >= 0]
        read_there = {t for i in ops for t in self.graph.ops[i].inputs}
        for t in op.inputs:
            if t >= 0 and tensors[t] not in read_there:
                raise self._differs(f"nothing on the way to the outputs reads {graph.tensors[t].name!r} in it")
        return Region(tuple(sorted(ops)), tensors)

    def _counterpart(self, tensor: Tensor) -> int:
        """The twin's tensor that is this one."""
        problem = "it has no tensor of that name"
        for other in self.graph.tensors:
            if other.name == tensor.name:
                problem = difference(tensor, other)
                if not problem:
                    return other.index
        raise self._differs(f"tensor {tensor.name!r}: {problem}")

    def _differs(self, how: str) -> TwinMismatch:
        return TwinMismatch(f"the CPU twin{self.name} is not the model that was compiled: {how}; {REMEDY}")


def difference(tensor: Tensor, other: Tensor) -> str:
    """How the twin's tensor differs from one of a compiled model's; empty where it does not."""
    if other.type != tensor.type:
        return f"it is {other.type} there, {tensor.type} in the compiled model"
    if other.shape != tensor.shape:
        return f"its shape is {list(other.shape)} there, {list(tensor.shape)} in the compiled model"
    there, here = _steps(other), _steps(tensor)
    if there != here:
        return f"it is quantised by {_told(there)} there, by {_told(here)} in the compiled model"
    return ""


def _steps(tensor: Tensor) -> tuple[tuple[float, int], ...]:
    q = tensor.quantization
    return () if q is None else tuple(zip(map(float, q.scales), map(int, q.zero_points), strict=True))


def _told(steps: tuple[tuple[float, int], ...]) -> str:
    return f"scale {steps[0][0]:.9g} and zero point {steps[0][1]}" if steps else "nothing"


class TwinDelegate(OnHost):
    """Runs on the CPU what an Edge TPU would; it stands behind that by itself where it has a twin."""

    holds_state = True
    learns = False

    def __init__(self, name: str, twin: Twin, cpu: Delegate) -> None:
        """`cpu` has the runtime and its options."""
        self.name, self.twin, self._cpu = name, twin, cpu
        self.rates = cpu.rates

    def probe(self) -> Probe:
        """Here where the CPU's runtime is."""
        return self._cpu.probe()

    def fingerprint(self) -> str:
        """The CPU's, and the twin."""
        return f"{self.twin.graph.model.fingerprint} on {self._cpu.fingerprint()}"

    def supports(self, graph: Graph, op: Op) -> Verdict:
        """Yes for what the twin was compiled to."""
        if not is_compiled(op):
            return NOT_CUSTOM if op.kind != "CUSTOM" else no("kind", op.label)
        try:
            self.twin.region(graph, op)
        except TwinMismatch as error:
            return no("twin", str(error))
        return YES

    def estimate(self, graph: Graph, ops: Iterable[int]) -> Cost:
        """What the twin's ops take on the CPU."""
        return self._cpu.estimate(self.twin.graph, (i for op in ops for i in self._region(graph, op).ops))

    def _region(self, graph: Graph, op: int) -> Region:
        return self.twin.region(graph, graph.ops[op])

    def lower(self, graph: Graph, ops: tuple[int, ...], keep: frozenset[int] = frozenset()) -> Lowering:
        """A launch for each compiled op."""
        found = [graph.ops[i] for i in ops]
        live = [[t for t in op.inputs if t >= 0 and not graph.tensors[t].is_variable] for op in found]
        return Lowering(tuple(Use(tuple(reads), op.outputs) for reads, op in zip(live, found, strict=True)))

    def compile(
        self,
        graph: Graph,
        partition: Partition,
        arena: Arena,
        offsets: Mapping[int, int],
        keep: frozenset[int] = frozenset(),
    ) -> TwinExecutable:
        """Open the twin's ops in the CPU's runtime. Raises DelegateError where that refuses them."""
        return TwinExecutable([self._part(graph, graph.ops[i], arena, offsets) for i in partition.ops])

    def _part(self, graph: Graph, op: Op, arena: Arena, offsets: Mapping[int, int]) -> Part:
        region = self.twin.region(graph, op)
        there = region.tensors
        inputs = tuple(there[t] for t in op.inputs if t >= 0 and not graph.tensors[t].is_variable)
        outputs = tuple(there[t] for t in op.outputs)
        partition = Partition(op.index, self.name, region.ops, inputs, outputs)
        places = {there[t]: offsets[t] for t in there if t in offsets}
        made = self._cpu.compile(self.twin.graph, partition, arena, places, frozenset(outputs))
        return Part(made, {t: there[t] for t in there if graph.tensors[t].is_variable})


@dataclass(frozen=True)
class Part:
    """One compiled op on the CPU, and its variables: the compiled model's -> the twin's."""

    executable: Executable
    variables: Mapping[int, int]


class TwinExecutable:
    """Compiled ops on the CPU, one after another."""

    holding: str | None = None

    def __init__(self, parts: list[Part]) -> None:
        """In order."""
        self._parts = parts

    def run(self) -> None:
        """Run once. Raises DelegateError with the runtime's message."""
        for part in self._parts:
            part.executable.run()

    def state(self) -> Mapping[int, NDArray[Any]]:
        """A copy of each variable that the compiled model has, too."""
        found = [(part, part.executable.state()) for part in self._parts]
        return {t: np.asarray(state[there]) for part, state in found for t, there in part.variables.items()}

    def restore(self, state: Mapping[int, NDArray[Any]]) -> None:
        """Give variables these values."""
        for part in self._parts:
            part.executable.restore({there: state[t] for t, there in part.variables.items() if t in state})

    def reset_variables(self) -> None:
        """Set variables back to their start."""
        for part in self._parts:
            part.executable.reset_variables()

    def suspend(self) -> None:
        """Free the runtime's interpreters."""
        self.close()

    def take_over(self, former: Executable) -> None:
        """Resources have no part in a compiled op."""

    def close(self) -> None:
        """Free the runtime's interpreters. May be called twice."""
        for part in self._parts:
            part.executable.close()
        self._parts = []
