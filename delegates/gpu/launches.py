"""What the GPU makes of a run of ops: launches, what is fused into which, what shares bytes. Pure; needs no GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import count

from ...errors import DelegateError
from ...graph.model import Graph, Op
from ...shaders.program import Alias, Const, Earlier, Elementwise, Limits, Program, Scratch, Stage
from ...shaders.types import packing, stored_bytes, width
from ..base import ALIGNMENT, Lowering, Use
from .absorbed import absorbed
from .alike import alike
from .blocks import Block, blocks, comfortable
from .kernels import Refusal
from .lowering import Whole, alone, by_fours, lower_op, over_limit, sources, writes

Lower = Callable[[Graph, Op, Limits], Whole | Refusal]

# How many values a product of integers must make for another op to join it on software: with other stages it is another
# shader, of 0.15 to 0.25 s. An ADD by itself is one of 0.05 s, and takes a millisecond for ten times so many values.
SMALL = 100_000


@dataclass(frozen=True)
class Launch:
    """One dispatch: the op whose body runs, its program with all that was fused into it, and what that binds."""

    op: int
    program: Program
    bind: Callable[[], tuple[Block, ...]] = tuple

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """What it binds, found when it is asked for: plans are made without."""
        return self.bind()


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

    def add(self, op: Op, lowered: Whole, within: frozenset[int] = frozenset()) -> None:
        """Take up one op, which does what the ops `within` it do, too."""
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
                    self.launch(op, program, within)

    def add_elementwise(self, op: Op, step: Elementwise) -> None:
        """Take up an elementwise op: as a stage of what makes one of its sides if that can be, else alone."""
        program = alone(self.graph, step.input, step.stage, step.output, self.limits)
        if self.join({op.index}, program):
            return
        if step.mirrored is not None and isinstance(step.stage.operand, int):
            other = alone(self.graph, step.stage.operand, step.mirrored, step.output, self.limits)
            if self.join({op.index}, other):
                return
        self.launch(op, program)

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
        if root not in self.writers or root in self.parts or packing(self.graph.tensors[root]) != packing(made):
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

    def launch(self, op: Op, program: Program, within: frozenset[int] = frozenset()) -> None:
        """Append one launch."""
        number = next(self.numbers)
        self.writers.setdefault(program.output, []).append(number)
        self.launches[number] = Launch(op.index, program)
        self.homes[number] = {op.index, *within}

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
        packed = {**old.packed, **program.packed}
        return replace(old, output=program.output, stages=stages, packed=packed, watched=program.watched)

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
        if self.limits.texels and self.graph.tensors[root].size < SMALL and any(self.sums_integers(k) for k in made):
            return False
        read = (self.root(s) for s in sources(program) if isinstance(s, int))
        ready = all(k < made[0] for t in read if t != root for k in self.writers.get(t, []))
        return ready and all(self.has_room(self.joined(self.launches[k].program, root, program)) for k in made)

    def sums_integers(self, launch: int) -> bool:
        """Whether a launch makes tiles of integers."""
        program = self.launches[launch].program
        return "tile" in program.includes and program.value in ("int", "ivec4")

    def has_room(self, program: Program) -> bool:
        """Whether a program that something joined keeps to the limits, and to places that any plan may give."""
        if not comfortable(self.graph, program, self.limits.storage_blocks):
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
    graph: Graph, ops: Iterable[int], keep: frozenset[int], limits: Limits, each: Lower = lower_op
) -> tuple[tuple[Launch, ...], Lowering]:
    """The launches of a partition, in order, and what they mean for memory; `each` says what becomes of one op.

    Raises DelegateError for an unsupported op.
    """
    folded = graph.folded_ops.intersection(ops)
    wanted = sorted(set(ops) - folded)
    lowerer = Lowerer(graph, limits, keep | set(graph.boundary(wanted)[1]))
    within = absorbed(graph, wanted, lowerer.keep, lambda op: isinstance(each(graph, op, limits), tuple))
    changed = {op.index: (op, frozenset({done})) for done, readers in within.items() for op in readers}
    for index in wanted:
        if index in within:
            continue
        op, done = changed.get(index, (graph.ops[index], frozenset()))
        lowered = each(graph, op, limits)
        if isinstance(lowered, Refusal):
            reasons = "; ".join(map(str, lowered.reasons))
            raise DelegateError(f"the GPU cannot run op {index} ({op.label}): {reasons}")
        lowerer.add(op, lowered, done)
    launches = tuple(
        Launch(launch.op, program, partial(blocks, graph, program, limits.storage_blocks, limits.texels))
        for launch in lowerer.launches.values()
        for program in [alike(launch.program)]
    )
    uses = tuple(lowerer.use(launch.program) for launch in launches)
    fused = {op: launch.op for k, launch in lowerer.launches.items() for op in lowerer.homes[k] - {launch.op}}
    ways = {launch.op: launch.program.way for launch in launches if launch.program.way}
    return launches, Lowering(uses, fused, lowerer.places(), folded, ways=ways)
