"""What the GPU makes of a run of ops: launches, aliases and fused stages, or reasons why not. Pure; needs no GPU."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

from ...errors import DelegateError, Reason
from ...graph.model import Graph, Op, Tensor
from ...shaders.program import (
    Alias,
    Arg,
    Const,
    Earlier,
    Elementwise,
    Limits,
    Lowered,
    Program,
    Scratch,
    Stage,
    groups_for,
)
from ...shaders.types import declared, glsl, half, has_four, in_fours, in_half, stored, stored_bytes, unbounded, width
from ..base import ALIGNMENT, Lowering, Use
from .blocks import Block, blocks, comfortable
from .composite import DECOMPOSED, decomposed
from .kernels import Refusal, empty, kernels_for, unfit, wrong_type
from .last import rounded
from .reals import conversion, in_reals, of_integers, stepped


def lower_op(graph: Graph, op: Op, limits: Limits) -> Alias | Elementwise | tuple[Program, ...] | Refusal:
    """What the first kernel that can makes of one op, or kernels of the ops that it stands for."""
    if op.kind in DECOMPOSED:
        if wrong := unfit(graph, op):
            return Refusal((wrong,))
        return decomposed(graph, op, partial(lower_op, limits=limits), partial(alone, limits=limits))
    if not kernels_for(op):
        return Refusal((Reason("no_kernel", f"the GPU has no kernel for {op.label}"),))
    if wrong := unfit(graph, op) or of_integers(graph, op):
        return Refusal((wrong,))
    if op.outputs and not any(graph.tensors[t].size for t in op.outputs):
        return ()  # there is nothing to be made
    reasons: dict[Reason, None] = {}
    for lowered in answers(graph, op, limits):
        if in_reals(graph, op):
            lowered = stepped(graph, lowered)
        lowered = rounded(graph, lowered)
        if isinstance(lowered, Alias) and half(graph.tensors[lowered.input]) != half(graph.tensors[lowered.output]):
            lowered = Elementwise(lowered.input, lowered.output, Stage("x"))
        if isinstance(lowered, tuple):
            lowered = tuple(bound(graph, program) for program in lowered)
        problem = beyond(graph, lowered, limits) or forgotten(graph, op, lowered)
        if problem is None:
            assert not isinstance(lowered, Reason)
            return lowered
        reasons[problem] = None
    return Refusal(tuple(reasons))


def answers(graph: Graph, op: Op, limits: Limits) -> Iterator[Lowered]:
    """What each kernel that serves an op makes of it, the best first; or why its types are those of none."""
    if (converted := conversion(graph, op)) is not None:
        yield converted
        return
    asked = [(kernel, wrong_type(graph, op, kernel) or empty(graph, op, kernel)) for kernel in kernels_for(op)]
    fitting = [kernel for kernel, wrong in asked if wrong is None]
    if not fitting:
        yield from (wrong for _, wrong in asked if wrong is not None)
    for kernel in fitting:
        yield kernel.lower(graph, op, limits)


def held(graph: Graph, source: int | Scratch) -> Tensor | Scratch:
    """What a program reads or writes: its type and size."""
    return graph.tensors[source] if isinstance(source, int) else source


def bound(graph: Graph, program: Program) -> Program:
    """The program with widths made GLSL's types, and each tensor it reads that is constant a constant buffer.

    Where what it makes is stored in half, so are its weights.
    """
    halves: set[int | Const | Scratch] = {t for t in tensors_of(program) if half(graph.tensors[t])}

    def buffer(source: int | Const) -> int | Const:
        if isinstance(source, int):
            value = graph.constant(source)
            if value is None:
                return source
            nbytes, floats = stored_bytes(declared(graph.tensors[source])), graph.tensors[source].type == "FLOAT32"
            source = Const(lambda: stored(value), nbytes, floats)
        if source.weights and program.output in halves:
            pack = source.pack
            source = Const(lambda: in_half(pack()), -(-source.nbytes // 8) * 4)
            halves.add(source)
        return source

    def argument(arg: Arg) -> Arg:
        if isinstance(arg.source, Const):
            return replace(arg, source=buffer(arg.source))
        source = buffer(arg.source) if isinstance(arg.source, int) else arg.source
        return replace(arg, source=source, type=glsl(held(graph, arg.source).type, arg.type))

    def step(stage: Stage) -> Stage:
        if isinstance(stage.operand, Const):
            return replace(stage, operand=buffer(stage.operand))
        if not isinstance(stage.operand, int):
            return stage
        kind = glsl(graph.tensors[stage.operand].type)
        return replace(stage, operand=buffer(stage.operand), operand_type=kind)

    found = replace(
        program,
        inputs=tuple(argument(arg) for arg in program.inputs),
        value=glsl(program.type or held(graph, program.output).type, program.value),
        stages=tuple(step(stage) for stage in program.stages),
        states=tuple(argument(arg) for arg in program.states),
    )
    return replace(found, halves=frozenset(halves), watched=unbounded(held(graph, program.output)))


def alone(graph: Graph, source: int, stage: Stage, output: int, limits: Limits) -> Program:
    """The program of an elementwise op that is not fused."""
    beside = (stage.operand,) if isinstance(stage.operand, int) else ()
    kind, made, *others = (graph.tensors[t].type for t in (source, output, *beside))
    size = graph.tensors[output].size
    value, count = ("vec4", size // 4) if in_fours((kind, made, *others), size) else ("float", size)
    if glsl(kind) != glsl(made):
        stage = replace(stage, makes=glsl(made))
    inputs = (Arg("source", source, value),)
    groups = groups_for(count, 64, limits)
    program = Program("elementwise", {}, inputs, output, groups, value=value, stages=(stage,), type=kind, exact=True)
    return bound(graph, program)


def beyond(graph: Graph, lowered: Lowered, limits: Limits) -> Reason | None:
    """Why a kernel's answer cannot run: it is a Reason itself, or it asks for more than the limits allow."""
    if isinstance(lowered, Reason):
        return lowered
    if isinstance(lowered, Alias):
        if graph.constant(lowered.input) is not None:
            return Reason("constant_input", f"{graph.tensors[lowered.input].name!r} is constant", "an activation")
        return None
    if isinstance(lowered, Elementwise):
        lowered = (alone(graph, lowered.input, lowered.stage, lowered.output, limits),)
    return next((r for r in (over_limit(graph, p, limits) for p in lowered) if r), None)


def forgotten(graph: Graph, op: Op, lowered: Lowered) -> Reason | None:
    """A variable that an op names and its programs do not write: not one of those whose state the kernel keeps."""
    written = {t for p in lowered for t in writes(p)} if isinstance(lowered, tuple) else set()
    lost = (t for t in op.inputs if t >= 0 and graph.tensors[t].is_variable and t not in written)
    found = next(lost, None)
    if found is None:
        return None
    return Reason("variable", f"{graph.tensors[found].name!r} keeps its value from one run to the next")


def over_limit(graph: Graph, program: Program, limits: Limits) -> Reason | None:
    """The first limit of the device that a program passes."""
    for source in (*sources(program), *writes(program)):
        nbytes = source.nbytes if isinstance(source, Const) else stored_bytes(held(graph, source))
        if nbytes > limits.storage_bytes:
            name = repr(graph.tensors[source].name) if isinstance(source, int) else "what the kernel keeps"
            return Reason("storage_limit", f"{name} has {nbytes} bytes", f"at most {limits.storage_bytes}")
    for block in (found := blocks(graph, program, limits.storage_blocks)):
        nbytes = sum(slot.source.nbytes for slot in block if isinstance(slot.source, Const))
        if nbytes > limits.storage_bytes:
            return Reason("storage_limit", f"constants have {nbytes} bytes", f"at most {limits.storage_bytes}")
    if len(found) > limits.storage_blocks:
        return Reason("buffer_limit", f"{len(found)} buffers", f"at most {limits.storage_blocks}")
    if max(program.groups) > limits.groups:
        return Reason("group_limit", f"{program.groups} groups", f"at most {limits.groups} a dimension")
    if math.prod(program.local) > limits.invocations:
        return Reason("invocation_limit", f"{math.prod(program.local)} a group", f"at most {limits.invocations}")
    if program.shared > limits.shared_bytes:
        return Reason("shared_limit", f"{program.shared} bytes shared", f"at most {limits.shared_bytes}")
    return None


def by_fours(program: Program) -> bool:
    """Whether all values in a program's stages are of types that GLSL has fours of."""
    kinds = (kind for stage in program.stages for kind in (stage.makes, stage.operand_type) if kind)
    return has_four(program.value, *kinds)


def sources(program: Program) -> Iterator[int | Const | Scratch]:
    """What a program reads: its inputs in order, then the operands of its stages."""
    yield from (arg.source for arg in program.inputs)
    yield from (stage.operand for stage in program.stages if isinstance(stage.operand, (int, Const, Scratch)))


def tensors_of(program: Program) -> Iterator[int]:
    """The tensors that a program reads or writes."""
    yield from (source for source in (*sources(program), *writes(program)) if isinstance(source, int))


def writes(program: Program) -> Iterator[int | Scratch]:
    """What a program writes: its output, then its states."""
    yield program.output
    yield from (arg.source for arg in program.states if isinstance(arg.source, int))


@dataclass(frozen=True)
class Launch:
    """One dispatch: the op whose body runs, its program with all that was fused into it, and what that binds."""

    op: int
    program: Program
    blocks: tuple[Block, ...] = ()


@dataclass
class Lowerer:
    """Turns a partition's ops into launches, one after another."""

    graph: Graph
    limits: Limits
    keep: frozenset[int]
    launches: dict[int, Launch] = field(default_factory=dict)  # in order, by a number
    homes: dict[int, set[int]] = field(default_factory=dict)  # launch -> the ops that it runs
    writers: dict[int | Scratch, list[int]] = field(default_factory=dict)  # what is written -> by which launches
    aliases: dict[int, int] = field(default_factory=dict)
    renamers: set[int] = field(default_factory=set)  # ops that became aliases
    handed_on: set[int] = field(default_factory=set)  # tensors from one program of an op to another
    parts: dict[int, tuple[int, int]] = field(default_factory=dict)  # tensor -> in which it lies, from which byte
    numbers: Iterator[int] = field(default_factory=count)

    def add(self, op: Op, lowered: Alias | Elementwise | tuple[Program, ...]) -> None:
        """Take up one op."""
        if isinstance(lowered, Alias):
            self.aliases[lowered.output] = self.root(lowered.input)
            self.renamers.add(op.index)
        elif isinstance(lowered, Elementwise):
            self.add_elementwise(op, lowered)
        else:
            read = {source for program in lowered for source in sources(program)}
            self.handed_on |= {made for p in lowered if isinstance(made := p.output, int) and made in read}
            for program in lowered:
                if not self.put(program):
                    self.launch(op, program)

    def add_elementwise(self, op: Op, step: Elementwise) -> None:
        """Take up an elementwise op: as a stage of what makes one of its sides if that can be, else alone."""
        ways = [(step.input, step.stage)]
        if step.mirrored is not None and isinstance(step.stage.operand, int):
            ways.append((step.stage.operand, step.mirrored))
        programs = [alone(self.graph, source, stage, step.output, self.limits) for source, stage in ways]
        if not any(self.join({op.index}, program) for program in programs):
            self.launch(op, programs[0])

    def root(self, tensor: int) -> int:
        """The tensor whose bytes this one has."""
        return self.aliases.get(tensor, tensor)

    def put(self, program: Program) -> bool:
        """Let what a program would only copy be made where it is copied to, if it is made here and can be bound."""
        if program.part is None or program.stages or not isinstance(program.output, int):
            return False
        (arg,) = program.inputs
        root = self.root(arg.source) if isinstance(arg.source, int) else -1
        made = self.graph.tensors[program.output]
        if root not in self.writers or root in self.parts or half(self.graph.tensors[root]) != half(made):
            return False
        if any(self.graph.tensors[t].is_variable for t in (root, made.index)):
            return False
        start = program.part * stored_bytes(made) // made.size
        if start % ALIGNMENT:
            return False
        self.parts[root] = made.index, start
        self.writers.setdefault(made.index, []).extend(self.writers[root])
        return True

    def place(self, tensor: int) -> tuple[int, int]:
        """The tensor that owns this one's bytes, and at which of its own this one begins."""
        tensor, start = self.root(tensor), 0
        while tensor in self.parts:
            tensor, more = self.parts[tensor]
            start += more
        return tensor, start

    def places(self) -> dict[int, tuple[int, int]]:
        """The place of each tensor that does not own its bytes."""
        return {t: self.place(t) for t in (*self.aliases, *self.parts)}

    def launch(self, op: Op, program: Program) -> None:
        """Append one launch."""
        number = next(self.numbers)
        self.writers.setdefault(program.output, []).append(number)
        self.launches[number] = Launch(op.index, program)
        self.homes[number] = {op.index}

    def join(self, ops: set[int], program: Program) -> bool:
        """Move the stages of an elementwise program, which runs `ops`, into the launches that make what it reads."""
        root = self.root(source) if isinstance(source := program.inputs[0].source, int) else -1
        if not (self.only_for(ops, root) and self.fits(root, program)):
            return False
        made = self.writers.pop(root)
        self.writers[program.output] = made
        for k in made:
            self.launches[k] = replace(self.launches[k], program=self.joined(self.launches[k].program, root, program))
            self.homes[k] |= ops
        self.aliases = {name: to for name, to in self.aliases.items() if to != root}
        # What that launch reads may now be read by nothing else: x * logistic(x).
        first = self.launches[made[0]].program
        if first.body == "elementwise" and self.join(self.homes[made[0]], first):
            del self.launches[made[0]], self.homes[made[0]]
        return True

    def joined(self, old: Program, root: int, program: Program) -> Program:
        """A program that makes tensor `root`, with the stages of the one that reads it."""
        stages = (*old.stages, *(self.moved(stage, root, len(old.stages)) for stage in program.stages))
        halves = old.halves | program.halves
        return replace(old, output=program.output, stages=stages, halves=halves, watched=program.watched)

    def moved(self, stage: Stage, root: int, place: int) -> Stage:
        """A stage moved behind `place` others that make tensor `root`, so that what comes to it is `root`."""
        if isinstance(stage.operand, Earlier):
            return replace(stage, operand=Earlier(stage.operand.stage + place))
        own = isinstance(stage.operand, int) and self.root(stage.operand) == root
        return replace(stage, operand=Earlier(place)) if own else stage

    def only_for(self, ops: set[int], root: int) -> bool:
        """Whether a tensor is made here, and under all its names read by nothing but these ops."""
        names = {root, *(name for name, to in self.aliases.items() if to == root)}
        if root not in self.writers or any(whole == root for whole, _ in self.parts.values()):
            return False
        if names & (self.keep | self.handed_on) or names & set(self.graph.outputs):
            return False
        readers = {i for name in names for i in self.graph.readers(name)}
        return readers - self.renamers <= ops

    def fits(self, root: int, program: Program) -> bool:
        """Whether launches that write `root` have room for a program's stages, and what these read is there by then.

        What takes values one by one, for want of a type of four, does not join what makes four at a time.
        """
        made = self.writers[root]
        if any(width(self.launches[k].program.value) > width(program.value) for k in made) and not by_fours(program):
            return False
        read = (self.root(s) for s in sources(program) if isinstance(s, int))
        ready = all(k < made[0] for t in read if t != root for k in self.writers.get(t, []))
        return ready and all(self.has_room(self.joined(self.launches[k].program, root, program)) for k in made)

    def has_room(self, program: Program) -> bool:
        """Whether a program that something joined keeps to the limits, and to places that any plan may give."""
        if comfortable(self.graph, program) > self.limits.storage_blocks:
            return False
        return over_limit(self.graph, program, self.limits) is None

    def use(self, program: Program) -> Use:
        """The activations a program reads and writes, under the names that own the bytes. Variables lie elsewhere."""
        return Use(self.planned(sources(program)), self.planned(writes(program)))

    def planned(self, touched: Iterable[int | Const | Scratch]) -> tuple[int, ...]:
        """The tensors among these whose memory a plan gives, each once."""
        tensors = (t for t in touched if isinstance(t, int) and not self.graph.tensors[t].is_variable)
        return tuple(dict.fromkeys(self.place(t)[0] for t in tensors))


def lower(
    graph: Graph, ops: Iterable[int], keep: frozenset[int], limits: Limits
) -> tuple[tuple[Launch, ...], Lowering]:
    """The launches of a partition, in order, and what they mean for memory. DelegateError for an unsupported op."""
    folded = graph.folded_ops.intersection(ops)
    wanted = sorted(set(ops) - folded)
    lowerer = Lowerer(graph, limits, keep | set(graph.boundary(wanted)[1]))
    for index in wanted:
        op = graph.ops[index]
        lowered = lower_op(graph, op, limits)
        if isinstance(lowered, Refusal):
            reasons = "; ".join(map(str, lowered.reasons))
            raise DelegateError(f"the GPU cannot run op {index} ({op.label}): {reasons}")
        lowerer.add(op, lowered)
    launches = tuple(
        replace(launch, blocks=blocks(graph, launch.program, limits.storage_blocks))
        for launch in lowerer.launches.values()
    )
    uses = tuple(lowerer.use(launch.program) for launch in launches)
    fused = {op: launch.op for k, launch in lowerer.launches.items() for op in lowerer.homes[k] - {launch.op}}
    return launches, Lowering(uses, fused, lowerer.places(), folded)
