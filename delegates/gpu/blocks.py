"""What a program binds: a storage block for each buffer it names, or for several where a device has too few.

Where a device is faster at texels (`Limits.texels`), what is only read is a buffer texture instead. Several can share a
storage block that lie in one GL buffer: constants, what is a partition's own (variables, the word that `fail` sets,
memory between the programs of an op), activations. So no program needs more than four, which every device has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import count

from ...graph.model import Graph
from ...shaders.program import Const, Program, Scratch, Stage
from ...shaders.types import BLOCK, widened, width


@dataclass(frozen=True)
class Slot:
    """One array of a program: its name in GLSL, the type of its values, what may be done with it, and what it holds.

    `source` is a tensor, a constant, a Scratch, or None for the word that `fail` sets. `access` is GLSL's, "" for both.
    `packed` is how several values share a word (see `Const`), `texels` says that they are read as texels.
    """

    name: str
    type: str
    access: str
    source: int | Const | Scratch | None
    packed: str = ""
    texels: bool = field(default=False, compare=False)

    @property
    def shared(self) -> bool:
        """Whether values share elements of the array. They are texels of their own where GL has such."""
        return bool(self.packed) and (not self.texels or self.type == BLOCK)

    @property
    def element(self) -> str:
        """The type of the array's elements: GLSL's of values or of words that hold them packed, or what texels are."""
        if not self.shared:
            return f"{self.type} of {self.packed}" if self.packed else self.type
        if self.packed == "half":
            return "uvec2" if width(self.type) == 4 else "uint"
        return "ivec4" if self.type == BLOCK else "int"


Block = tuple[Slot, ...]

UNITS = 16  # textures, which any device can bind to a compute shader (OpenGL 4.3, ES 3.1)


def in_whole_values(stage: Stage, value: str) -> bool:
    """Whether a stage's operand is bound as values of fours, not one by one."""
    return width(value) == 4 and stage.lookup is None and stage.period % 4 == 0


def made(kind: str, stage: Stage) -> str:
    """The type of what a stage makes of a value of type `kind`."""
    return widened(stage.makes, "vec4" if width(kind) == 4 else "float") if stage.makes else kind


def readers(program: Program) -> dict[str, Slot]:
    """What each of a program's inputs and operands, by its name, reads: the same of one type from the same slot."""
    four = widened if width(program.value) == 4 else None
    named: list[tuple[str, str, int | Const | Scratch]] = [(arg.name, arg.type, arg.source) for arg in program.inputs]
    for k, stage in enumerate(program.stages):
        if isinstance(stage.operand, (int, Const, Scratch)):
            whole = four is not None and in_whole_values(stage, program.value)
            named.append((f"operand_{k}", widened(stage.operand_type, "vec4" if whole else "float"), stage.operand))
    slots = {(slot.type, slot.source): slot for slot in states(program)}
    for name, kind, source in named:
        slots.setdefault((kind, source), Slot(f"{name}_values", kind, "readonly", source, packing(program, source)))
    return {name: slots[kind, source] for name, kind, source in named}


def packing(program: Program, source: int | Const | Scratch) -> str:
    """How several values of what a program reads or writes share a word, if they do."""
    if isinstance(source, Const):
        return source.packed
    return program.packed.get(source, "")


def states(program: Program) -> list[Slot]:
    """What a program reads and writes in place."""
    return [Slot(arg.name, arg.type, "", arg.source) for arg in program.states]


def slots(program: Program) -> list[Slot]:
    """All arrays of a program: inputs, the output, operands of stages, states, the word that `fail` sets."""
    reads = list(readers(program).values())
    n = len(program.inputs)
    kind, packed = reduce(made, program.stages, program.value), packing(program, program.output)
    access = "" if packed and width(kind) == 1 else "writeonly"  # two invocations share a word, so each reads it too
    output = Slot("output_values", kind, access, program.output, packed)
    failed = [Slot("failed", "uint", "writeonly", None)] if program.tells else []
    return list(dict.fromkeys([*reads[:n], output, *reads[n:], *states(program), *failed]))


def alone(program: Program, texels: bool = False) -> tuple[Block, ...]:
    """A block for each array of a program; those that are only read may be `texels`, as many as any device has."""
    units = count()
    return tuple(
        (replace(slot, texels=True) if texels and slot.access == "readonly" and next(units) < UNITS else slot,)
        for slot in slots(program)
    )


def blocks(graph: Graph, program: Program, limit: int, texels: bool = False) -> tuple[Block, ...]:
    """The blocks of a program, with no more in one than it takes to keep to `limit` those that are no texels."""
    found = alone(program, texels)
    for together in (constant, remembered(graph), read):
        if storage(found) > limit:
            found = tuple(merged(found, together))
    return found


def storage(found: Iterable[Block]) -> int:
    """How many of these are storage blocks."""
    return sum(not block[0].texels for block in found)


def numbered(found: Iterable[Block]) -> Iterator[int]:
    """The binding of each: storage blocks are counted from 0, textures too."""
    next_of = {False: count(), True: count()}
    return (next(next_of[block[0].texels]) for block in found)


def comfortable(graph: Graph, program: Program, limit: int) -> bool:
    """Whether a program takes no more blocks than that if activations, whose places vary, have each their own."""
    if len(slots(program)) <= limit:
        return True
    return len(tuple(merged(tuple(merged(alone(program), constant)), remembered(graph)))) <= limit


def constant(slot: Slot) -> bool:
    """Whether a slot is a constant."""
    return isinstance(slot.source, Const)


def read(slot: Slot) -> bool:
    """Whether a slot is a tensor that is only read."""
    return isinstance(slot.source, int) and slot.access == "readonly"


def remembered(graph: Graph) -> Callable[[Slot], bool]:
    """Whether a slot lies in a partition's own memory, and may be read there."""

    def found(slot: Slot) -> bool:
        if slot.source is None:
            return True
        own = isinstance(slot.source, Scratch) or (
            isinstance(slot.source, int) and graph.tensors[slot.source].is_variable
        )
        return own and slot.access != "writeonly"

    return found


def merged(found: Iterable[Block], together: Callable[[Slot], bool]) -> Iterator[Block]:
    """The blocks with those that hold such slots made one, in the place of the first."""
    found = tuple(found)
    one = tuple(slot for block in found for slot in block if together(slot) and not slot.texels)
    for block in found:
        if block[0] not in one:
            yield block
        elif block[0] == one[0]:
            yield one
