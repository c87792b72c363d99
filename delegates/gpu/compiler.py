"""From a Program to GLSL text: the generated header, then the body; and compile errors that show the line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import resources
from itertools import accumulate, count
from pathlib import Path

import numpy as np

from ...errors import DelegateError
from ...shaders.program import Earlier, Limits, Program, Stage, literal
from ...shaders.types import BLOCK, widened, width, words
from .blocks import Block, Slot, made, numbered, read, readers
from .dialect import SUBGROUPS, begin, extensions
from .texels import TEXELS

Piece = tuple[str, str]  # where text is from (for error messages), the text
Range = tuple[int, int]  # bytes, from and to
Laid = tuple[Block, Sequence[Range]]  # a block, and the bytes of each slot in it

ALWAYS = ("index", "activation")
UNKNOWN = Limits()

# What a program may write into its word.
FAILED, BEYOND, SUM_BEYOND = 1, 2, 3


@cache
def library(name: str) -> Piece:
    """lib/<name>.glsl."""
    return f"lib/{name}.glsl", (resources.files("delegraph.shaders.lib") / f"{name}.glsl").read_text("utf-8")


@cache
def body(name: str) -> Piece:
    """The body <name>.glsl of `delegraph.shaders`."""
    return f"{name}.glsl", (resources.files("delegraph.shaders") / f"{name}.glsl").read_text("utf-8")


def body_of(program: Program) -> Piece:
    """A program's body: of a registered kernel the one beside it, if there is one, else one of `delegraph.shaders`."""
    own = beside(program.home, f"{program.body}.glsl") if program.home else None
    return own or body(program.body)


def beside(home: str, name: str) -> Piece | None:
    """A file that lies beside a module, in its package or on disk; None where there is none."""
    module = sys.modules[home]
    package = module.__spec__.parent if module.__spec__ is not None else ""
    place = getattr(module, "__file__", None)
    if not package and place is None:
        return None
    file = (resources.files(package) if package else Path(place or "").parent) / name
    return (str(file), file.read_text("utf-8")) if file.is_file() else None


def constant(name: str, value: object) -> str:
    """One line that makes a constant known to a body."""
    if not isinstance(value, (tuple, list)):
        return f"#define {name} {literal(value)}"
    kind = "float" if any(isinstance(v, (float, np.floating)) for v in value) else "int"
    items = ", ".join(literal(float(v) if kind == "float" else v) for v in value)
    return f"const {kind} {name}[{len(value)}] = {kind}[{len(value)}]({items});"


def operand(stage: Stage, value: str, name: str, along: int = 0) -> tuple[str, str]:
    """GLSL for the type and the value of what stands in a stage's operand beside value `i`, which is `x`."""
    four = width(value) == 4
    kind = widened(stage.operand_type, "vec4" if four else "float")
    if stage.lookup is not None:
        places = [f"x.{c}" for c in "xyzw"] if four else ["x"]
        return kind, f"{kind}({', '.join(f'{name}({place} - ({stage.lookup}))' for place in places)})"
    if not stage.period:
        return kind, f"{name}(i)"
    if stage.period == 1:
        return kind, f"{kind}({name}(0))"
    if not four or stage.period % 4 == 0:
        if stage.period == along:
            return kind, f"{name}(along)"
        return kind, f"{name}(modulo(i, PERIOD_{name}))"
    return kind, f"{kind}({', '.join(f'{name}(modulo(4u * i + {k}u, PERIOD_{name}))' for k in range(4))})"


def access(block: Block) -> str:
    """What may be done with a block: what may be with all its slots, or with each something else."""
    return block[0].access if len({slot.access for slot in block}) == 1 else ""


def declared(binding: int, block: Block, ranges: Sequence[Range]) -> str:
    """The declaration of a texture, or of a storage block in which each of its slots has these bytes."""
    if block[0].texels:
        # Texels of other formats are another shader, as software compiles it anew for them.
        sampler = f"uniform highp {TEXELS[block[0].element].sampler} {block[0].name}"
        return f"layout(binding = {binding}) {sampler};  // of {block[0].element}"
    head = f"layout(std430, binding = {binding}) restrict {access(block)} buffer block_{binding}"
    if in_words(block):
        return f"{head} {{ uint words_{binding}[]; }};"
    if len(block) == 1:
        return f"{head} {{ {block[0].element} {block[0].name}[]; }};"
    arrays, place = [], 0
    for (start, end), slot in sorted(zip(ranges, block, strict=True), key=lambda pair: pair[0]):
        if start < place:
            raise DelegateError(f"{slot.name} lies where something else does")
        if start > place:
            arrays.append(f"uint gap_{binding}_{place}[{(start - place) // 4}];")
        arrays.append(f"{slot.element} {slot.name}[{(end - start) // 4 // words(slot.element)}];")
        place = end
    return f"{head} {{ {' '.join(arrays)} }};"


def in_words(block: Block) -> bool:
    """Whether a block is one array of words: of activations, which may lie anywhere, in one another too."""
    return len(block) > 1 and all(read(slot) for slot in block)


def readers_of(program: Program, laid: Sequence[Laid]) -> Iterator[str]:
    """A function for each input and each operand of a stage that reads its value at an index of either type."""
    values = {}
    for binding, (block, ranges) in zip(numbered(block for block, _ in laid), laid, strict=True):
        for slot, (start, _) in zip(block, ranges, strict=True):
            i = f"(i >> {SHIFTS[slot.packed]})" if slot.shared and width(slot.type) == 1 else "i"
            if slot.texels:
                held = TEXELS[slot.element].value.format(f"texelFetch({slot.name}, int({i}))")
            else:
                apart = in_words(block)
                held = from_words(slot.element, f"words_{binding}", start // 4, i) if apart else f"{slot.name}[{i}]"
            values[slot] = f"{slot.element} x = {held}; return {unpacked(slot)};" if slot.shared else f"return {held};"
    for name, slot in readers(program).items():
        yield f"{slot.type} {name}(uint i) {{ {values[slot]} }}"
        yield f"{slot.type} {name}(int i) {{ return {name}(uint(i)); }}"


SHIFTS = {"half": 1, "INT8": 2, "UINT8": 2}  # how far to shift the index of a single value, for that of its word

# How integers come of a word: of one of its bytes, and of all. The sign of INT8 is shifted to that of a word and back.
OF_BYTES = {
    "INT8": ("(x << 8u * (~i & 3u)) >> 24", "(ivec4({}) << ivec4(24, 16, 8, 0)) >> 24"),
    "UINT8": ("(x >> 8u * (i & 3u)) & 255", "(ivec4({}) >> ivec4(0, 8, 16, 24)) & 255"),
}


def unpacked(slot: Slot) -> str:
    """GLSL for value `i` of a slot, given `x`, the element that holds it packed."""
    if slot.packed == "half":
        one, four = "unpackHalf2x16(x >> 16u * (i & 1u)).x", "vec4(unpackHalf2x16(x.x), unpackHalf2x16(x.y))"
    else:
        one, four = OF_BYTES[slot.packed]
    if slot.type == BLOCK:
        return f"{BLOCK}({', '.join(four.format(f'x.{c}') for c in 'xyzw')})"
    return four.format("x") if width(slot.type) == 4 else one


def from_words(kind: str, array: str, start: int, i: str = "i") -> str:
    """GLSL for value `i` of a type in an array of words, of which `start` is the first of value 0."""
    whole = "uintBitsToFloat({})" if kind in ("float", "vec4") else "int({})" if kind[0] == "i" else "{}"
    parts = (whole.format(f"{array}[{start + k}u + {words(kind)}u * {i}]") for k in range(words(kind)))
    return f"{kind}({', '.join(parts)})"


def source(
    program: Program, elements: int, laid: Sequence[Laid], api: str = "gl", limits: Limits = UNKNOWN
) -> tuple[Piece, ...]:
    """The pieces of a compute shader for an API; `elements` is how many VALUEs the output has.

    Bindings are the blocks in order.
    """
    x, y, z = program.local
    sizes = told(program, elements)
    used = tuple(extensions(program, any(block[0].texels for block, _ in laid), api, limits))
    lines = [
        *begin(api, used),
        f"layout(local_size_x = {x}, local_size_y = {y}, local_size_z = {z}) in;",
        *(f"#define LOCAL_{axis} {size}" for axis, size in zip("XYZ", program.local, strict=True)),
        f"#define VALUE {program.value}",
        f"layout(location = 0) uniform int sizes[{len(flat(sizes))}];",
        *(f"#define {name} {value}" for name, value in as_uniforms(sizes)),
        *(constant(name, value) for name, value in program.constants.items() if name not in program.sizes),
        *(["#define BY_SUBGROUPS"] if SUBGROUPS[0] in used else []),
        *(declared(binding, *each) for binding, each in zip(numbered(block for block, _ in laid), laid, strict=True)),
        *readers_of(program, laid),
        *(["uint along;"] if program.along else []),
        *([f"void fail() {{ failed[0] = {FAILED}u; }}"] if program.fails else []),
        *([f"void beyond() {{ failed[0] = {SUM_BEYOND}u; }}"] if program.half_sums else []),
    ]
    store = ["void store(uint i, VALUE x_0) {", *steps(program), *written(program, laid), "}"]
    watching = ("half",) if program.watched else ()
    wanted = (*ALWAYS, *watching, *program.includes, *(name for stage in program.stages for name in stage.includes))
    return (
        ("header", "\n".join(lines) + "\n"),
        *(library(name) for name in dict.fromkeys(wanted)),
        ("store", "\n".join(store) + "\n"),
        body_of(program),
    )


Sizes = dict[str, int | tuple[int, ...]]
UNSIGNED = ("ELEMENTS", "PERIOD_")


def as_uniforms(sizes: Sizes) -> Iterator[tuple[str, str]]:
    """What is told, each by its name and as GLSL that reads it."""
    place = count()
    for name, value in sizes.items():
        if isinstance(value, tuple):
            yield name, f"int[{len(value)}]({', '.join(f'sizes[{next(place)}]' for _ in value)})"
        else:
            yield name, f"{'uint' if name.startswith(UNSIGNED) else ''}(sizes[{next(place)}])"


def flat(sizes: Sizes) -> list[int]:
    """What is told as the uniforms hold it."""
    return [n for value in sizes.values() for n in (value if isinstance(value, tuple) else (value,))]


def told(program: Program, elements: int) -> Sizes:
    """What a program is told at each launch: its `sizes`, how many VALUEs it makes, after how many operands repeat."""
    found: Sizes = {name: program.constants[name] for name in program.sizes} | {"ELEMENTS": elements}
    four = width(program.value) == 4
    for k, stage in enumerate(program.stages):
        if stage.period not in (0, 1, program.along):
            whole = four and stage.period % 4 == 0
            found[f"PERIOD_operand_{k}"] = stage.period // 4 if whole else stage.period
    for k in range(len(program.stages)):
        found |= {f"NUMBER_{k}_{n}": int(number) for n, number in enumerate(numbers(program, k))}
    return found


# Integers as they stand in an expression; not parts of names or floats, nor those that say that they are unsigned.
_NUMBER = re.compile(r"(?:(?<=\()-)?(?<![\w.])\d+(?![\w.])")


def numbers(program: Program, k: int) -> list[str]:
    """The numbers in a stage of integers, which say how its tensors are quantised, or those that are bits of floats.

    They are told, too.
    """
    kinds = list(accumulate(program.stages, made, initial=program.value))[k : k + 2]
    expression = program.stages[k].expression
    return _NUMBER.findall(expression) if set(kinds) <= {"int", "ivec4"} or "intBitsToFloat(" in expression else []


def named(program: Program, k: int) -> str:
    """The expression of a stage, with names for the numbers that are told."""
    expression = program.stages[k].expression
    if not numbers(program, k):
        return expression
    first, *rest = _NUMBER.split(expression)
    return first + "".join(f"NUMBER_{k}_{n}{text}" for n, text in enumerate(rest))


def written(program: Program, laid: Sequence[Laid]) -> Iterator[str]:
    """The lines of GLSL that write what the stages made; what shares a word is set each without the others."""
    x = f"x_{len(program.stages)}"
    slot = next(slot for block, _ in laid for slot in block if slot.name == "output_values")
    if program.watched:
        yield f"    if (beyond_half({x})) failed[0] = {BEYOND}u;"
    if not slot.packed:
        yield f"    output_values[i] = {x};"
    else:
        yield from (written_halves if slot.packed == "half" else written_bytes)(x, width(slot.type) == 4)


def written_halves(x: str, four: bool) -> Iterator[str]:
    """The same of floats that are halves of words."""
    if four:
        yield f"    output_values[i] = uvec2(packHalf2x16({x}.xy), packHalf2x16({x}.zw));"
    else:
        yield "    uint up = 16u * (i & 1u);"
        yield "    atomicAnd(output_values[i >> 1], 0xffff0000u >> up);"
        yield f"    atomicOr(output_values[i >> 1], packHalf2x16(vec2({x}, 0.0)) << up);"


def written_bytes(x: str, four: bool) -> Iterator[str]:
    """The same of integers that are bytes of words."""
    if four:
        yield f"    ivec4 bytes = ({x} & 255) << ivec4(0, 8, 16, 24);"
        yield "    output_values[i] = bytes.x | bytes.y | bytes.z | bytes.w;"
    else:
        yield "    int up = 8 * int(i & 3u);"
        yield "    atomicAnd(output_values[i >> 2], ~(255 << up));"
        yield f"    atomicOr(output_values[i >> 2], ({x} & 255) << up);"


def steps(program: Program) -> Iterator[str]:
    """A line of GLSL for each stage, from x_0 on."""
    kinds = [program.value]
    for k, stage in enumerate(program.stages):
        kind = kinds[-1]
        kinds.append(made(kind, stage))
        beside = ""
        if isinstance(stage.operand, Earlier):
            beside = f"{kinds[stage.operand.stage]} y = x_{stage.operand.stage}; "
        elif stage.operand is not None:
            y, value = operand(stage, kind, f"operand_{k}", program.along)
            beside = f"{y} y = {value}; "
        expression = re.sub(r"\bMADE\b", kinds[-1], re.sub(r"\bVALUE\b", kind, named(program, k)))
        precise = "precise " if program.exact or not program.value.startswith(("float", "vec")) else ""
        yield f"    {precise}{kinds[-1]} x_{k + 1}; {{ {kind} x = x_{k}; {beside}x_{k + 1} = {expression}; }}"


def joined(pieces: Iterable[Piece]) -> str:
    """The text that the driver compiles."""
    return "".join(text if text.endswith("\n") else text + "\n" for _, text in pieces)


# Mesa writes "0:12(5): error", NVIDIA "0(12) : error", AMD and ANGLE "ERROR: 0:12:".
_LINE = re.compile(r"\b0[:(](\d+)\b")


def compile_error(pieces: Iterable[Piece], name: str, message: str) -> DelegateError:
    """The error for a shader that did not compile: each line the driver names, by file, and what the driver said."""
    where = [
        (origin, number, line)
        for origin, text in pieces
        for number, line in enumerate(text.splitlines(), 1)
    ]  # fmt: skip
    named = dict.fromkeys(int(n) for n in _LINE.findall(message))
    shown = [f"  {o}:{n}: {line.strip()}" for o, n, line in (where[k - 1] for k in named if 0 < k <= len(where))]
    driver = "\n".join(f"  {line}" for line in message.splitlines() if line.strip() and not set(line) <= {"="})
    return DelegateError("\n".join([f"shader {name!r} does not compile", *shown, "the driver says:", driver]))
