"""STABLEHLO_COMPOSITE: on the GPU the ops of its decomposition, one after another, with memory of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ...errors import Reason
from ...graph.model import Graph, Op
from ...shaders.program import Alias, Arg, Const, Elementwise, Program, Scratch, Stage
from ...shaders.types import constant_of, packings, unbounded
from .kernels import Refusal

# The option that names the subgraph which an op stands for.
DECOMPOSED = {"STABLEHLO_COMPOSITE": "decomposition_subgraph_index"}

MOST_PROGRAMS = 1024  # subgraphs within subgraphs may name each other many times over

Lower = Callable[[Graph, Op], Alias | Elementwise | tuple[Program, ...] | Refusal]
Alone = Callable[[Graph, int, Stage, int], Program]


def decomposed(graph: Graph, op: Op, lower: Lower, alone: Alone) -> tuple[Program, ...] | Refusal:
    """The programs of all ops of the subgraph that an op stands for, or why one of them has none."""
    index = op.options[DECOMPOSED[op.kind]]
    if not 0 <= index < len(graph.model.graphs):
        return Refusal((Reason("subgraph", str(index), f"one of {len(graph.model.graphs)}"),))
    callee = graph.model.graphs[index]
    if (wrong := unlike(graph, op, callee)) is not None:
        return Refusal((wrong,))
    inlined = Inlined(graph, callee, dict(zip(callee.inputs, op.inputs, strict=True)), alone)
    inlined.places |= dict(zip(callee.outputs, op.outputs, strict=True))
    programs: list[Program] = []
    for step in callee.ops:
        if step.index in callee.folded_ops:
            continue
        lowered = lower(callee, step)
        if isinstance(lowered, Refusal):
            inside = f"{step.label} of {callee.name!r}"
            return Refusal(tuple(Reason(r.code, f"{inside}: {r.met}", r.wanted) for r in lowered.reasons))
        programs += inlined.programs(lowered)
        if len(programs) > MOST_PROGRAMS:
            return Refusal((Reason("subgraph", f"{callee.name!r} becomes more programs", f"{MOST_PROGRAMS}"),))
    return tuple(programs)


def unlike(graph: Graph, op: Op, callee: Graph) -> Reason | None:
    """What keeps a subgraph from being run as the op's programs: variables, ends that differ, or that are shared."""
    ends = [*zip(op.inputs, callee.inputs, strict=True), *zip(op.outputs, callee.outputs, strict=True)]
    for outer, inner in ((graph.tensors[a], callee.tensors[b]) for a, b in ends):
        if (outer.type, outer.shape) != (inner.type, inner.shape):
            met = f"{outer.name!r} is {outer.type} {list(outer.shape)}"
            return Reason("subgraph", met, f"{inner.type} {list(inner.shape)}, as {callee.name!r} has it")
    if any(t.is_variable for t in callee.tensors):
        return Reason("subgraph", f"{callee.name!r} has variables", "none")
    inside = [inner for _, inner in ends]
    if len(set(inside)) < len(inside) or any(map(callee.is_constant, callee.outputs)):
        return Reason("subgraph", f"{callee.name!r} hands on what it is given, or constants", "what it makes")
    return None


@dataclass
class Inlined:
    """A subgraph's programs as those of an op of another graph. `places` are where its tensors lie there."""

    graph: Graph
    callee: Graph
    places: dict[int, int | Scratch]
    alone: Alone

    def programs(self, lowered: Alias | Elementwise | tuple[Program, ...]) -> Iterator[Program]:
        """What one of its ops becomes. What only renames is another name, unless it makes what the op gives."""
        if isinstance(lowered, tuple):
            yield from map(self.settled, lowered)
        elif isinstance(lowered, Elementwise):
            yield self.settled(self.alone(self.callee, lowered.input, lowered.stage, lowered.output))
        elif lowered.output in self.places:
            yield self.settled(self.alone(self.callee, lowered.input, Stage("x"), lowered.output))
        else:
            self.places[lowered.output] = self.place(lowered.input)

    def place(self, tensor: int) -> int | Scratch:
        """Where one of its tensors lies."""
        if tensor not in self.places:
            found = self.callee.tensors[tensor]
            self.places[tensor] = Scratch(found.type, found.size)
        return self.places[tensor]

    def read(self, tensor: int) -> int | Scratch | Const:
        """The same of one that is read, which may be a constant that the op is given."""
        place = self.place(tensor)
        value = self.graph.constant(place) if isinstance(place, int) else None
        if value is None or not isinstance(place, int):
            return place
        return constant_of(value)

    def settled(self, program: Program) -> Program:
        """A program of the subgraph's tensors as one of the graph's."""

        def argument(arg: Arg) -> Arg:
            return replace(arg, source=self.read(arg.source)) if isinstance(arg.source, int) else arg

        def step(stage: Stage) -> Stage:
            return replace(stage, operand=self.read(stage.operand)) if isinstance(stage.operand, int) else stage

        output = self.place(program.output) if isinstance(program.output, int) else program.output
        inputs, stages = tuple(map(argument, program.inputs)), tuple(map(step, program.stages))
        touched = (*(arg.source for arg in inputs), *(stage.operand for stage in stages), output)
        return replace(
            program, inputs=inputs, stages=stages, output=output,
            packed=packings(self.graph, touched),
            watched=isinstance(output, int) and unbounded(self.graph.tensors[output]), way="",
        )  # fmt: skip
