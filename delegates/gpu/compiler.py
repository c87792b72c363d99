"""From a Program to GLSL text: the generated header, then the body; and compile errors that show the line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from itertools import count

import numpy as np

from ...errors import DelegateError
from ...shaders.program import Earlier, Program, Stage, literal
from ...shaders.types import widened, width

Piece = tuple[str, str]  # where text is from (for error messages), the text

ALWAYS = ("index", "activation")

# How a shader begins for each API. OpenGL ES 3.1 has `precise` by an extension only.
BEGIN = {
    "gl": ("#version 430",),
    "gles": (
        "#version 310 es",
        "#extension GL_EXT_gpu_shader5 : enable",
        "precision highp float;",
        "precision highp int;",
    ),
}


@cache
def library(name: str) -> Piece:
    """lib/<name>.glsl."""
    return f"lib/{name}.glsl", (resources.files("delegraph.shaders.lib") / f"{name}.glsl").read_text("utf-8")


@cache
def body(name: str) -> Piece:
    """The body <name>.glsl."""
    return f"{name}.glsl", (resources.files("delegraph.shaders") / f"{name}.glsl").read_text("utf-8")


def constant(name: str, value: object) -> str:
    """One line that makes a constant known to a body."""
    if not isinstance(value, (tuple, list)):
        return f"#define {name} {literal(value)}"
    kind = "float" if any(isinstance(v, (float, np.floating)) for v in value) else "int"
    items = ", ".join(literal(float(v) if kind == "float" else v) for v in value)
    return f"const {kind} {name}[{len(value)}] = {kind}[{len(value)}]({items});"


def in_whole_values(stage: Stage, value: str) -> bool:
    """Whether a stage's operand is bound as values of fours, not one by one."""
    return width(value) == 4 and stage.lookup is None and stage.period % 4 == 0


def operand(stage: Stage, value: str, name: str) -> tuple[str, str]:
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
    if not four:
        return kind, f"{name}(i % {stage.period}u)"
    if stage.period % 4 == 0:
        return kind, f"{name}(i % {stage.period // 4}u)"
    return kind, f"{kind}({', '.join(f'{name}((4u * i + {k}u) % {stage.period}u)' for k in range(4))})"


def buffer(binding: int, access: str, kind: str, name: str) -> str:
    """The declaration of one storage buffer."""
    return f"layout(std430, binding = {binding}) restrict {access} buffer block_{binding} {{ {kind} {name}[]; }};"


def reader(binding: int, kind: str, name: str) -> str:
    """An input: its storage buffer, and the function `name` of either type of index that reads it."""
    functions = (f"{kind} {name}({index} i) {{ return {name}_values[i]; }}" for index in ("uint", "int"))
    return "\n".join([buffer(binding, "readonly", kind, f"{name}_values"), *functions])


def source(program: Program, elements: int, api: str = "gl") -> tuple[Piece, ...]:
    """The pieces of a compute shader for an API; `elements` is how many VALUEs the output has.

    Bindings are the inputs in order, then the output, the operands of the stages that have one, the states and the word
    that `fail` sets.
    """
    x, y, z = program.local
    operands, steps, made = stages(program)
    bindings = count()
    declared = [
        *(reader(next(bindings), arg.type, arg.name) for arg in program.inputs),
        buffer(next(bindings), "writeonly", made, "output_values"),
        *(reader(next(bindings), *operand) for operand in operands),
        *(buffer(next(bindings), "", arg.type, arg.name) for arg in program.states),
        *([buffer(next(bindings), "writeonly", "uint", "failed")] if program.fails else []),
    ]
    lines = [
        *BEGIN[api],
        f"layout(local_size_x = {x}, local_size_y = {y}, local_size_z = {z}) in;",
        *(f"#define LOCAL_{axis} {size}" for axis, size in zip("XYZ", program.local, strict=True)),
        f"#define VALUE {program.value}",
        f"#define ELEMENTS {elements}u",
        *(constant(name, value) for name, value in program.constants.items()),
        *declared,
        *(["void fail() { failed[0] = 1u; }"] if program.fails else []),
    ]
    store = ["void store(uint i, VALUE x_0) {", *steps, f"    output_values[i] = x_{len(program.stages)};", "}"]
    wanted = (*ALWAYS, *program.includes, *(name for stage in program.stages for name in stage.includes))
    return (
        ("header", "\n".join(lines) + "\n"),
        *(library(name) for name in dict.fromkeys(wanted)),
        ("store", "\n".join(store) + "\n"),
        body(program.body),
    )


def stages(program: Program) -> tuple[list[tuple[str, str]], list[str], str]:
    """(operands to bind: type and name; a line of GLSL a stage, from x_0 on; the type of what is made at last)."""
    operands: list[tuple[str, str]] = []
    lines: list[str] = []
    kinds = [program.value]
    for k, stage in enumerate(program.stages):
        kind = kinds[-1]
        made = widened(stage.makes, "vec4" if width(kind) == 4 else "float") if stage.makes else kind
        beside = ""
        if isinstance(stage.operand, Earlier):
            beside = f"{kinds[stage.operand.stage]} y = x_{stage.operand.stage}; "
        elif stage.operand is not None:
            y, value = operand(stage, kind, f"operand_{k}")
            operands.append((y if in_whole_values(stage, kind) else stage.operand_type, f"operand_{k}"))
            beside = f"{y} y = {value}; "
        expression = re.sub(r"\bMADE\b", made, re.sub(r"\bVALUE\b", kind, stage.expression))
        precise = "precise " if program.exact or not program.value.startswith(("float", "vec")) else ""
        lines.append(f"    {precise}{made} x_{k + 1}; {{ {kind} x = x_{k}; {beside}x_{k + 1} = {expression}; }}")
        kinds.append(made)
    return operands, lines, kinds[-1]


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
