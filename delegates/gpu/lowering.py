"""What the GPU makes of one op: programs, another name for what is there, a stage, or reasons why not. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from ...errors import Reason
from ...graph.model import Graph, Op, Tensor
from ...shaders.program import (
    Alias,
    Answer,
    Arg,
    Const,
    Elementwise,
    Limits,
    Lowered,
    Program,
    Scratch,
    Stage,
    groups_for,
)
from ...shaders.types import constant_of, glsl, halved, has_four, in_fours, packing, packings, stored_bytes, unbounded
from ...shaders.ways import Ways
from .blocks import blocks, slots, storage
from .composite import DECOMPOSED, decomposed
from .kernels import Refusal, empty, kernels_for, unfit, wrong_type
from .last import rounded
from .reals import conversion, in_reals, of_integers, stepped

Whole = Alias | Elementwise | tuple[Program, ...]  # all that becomes of an op


def lower_op(graph: Graph, op: Op, limits: Limits) -> Whole | Refusal:
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
        if isinstance(lowered, Alias) and not_alike(graph, lowered):
            lowered = Elementwise(lowered.input, lowered.output, Stage("x"))
        if isinstance(lowered, tuple):
            lowered = tuple(bound(graph, program) for program in lowered)
        problem = beyond(graph, lowered, limits) or forgotten(graph, op, lowered)
        if problem is None:
            assert not isinstance(lowered, Reason)
            return lowered
        reasons[problem] = None
    return Refusal(tuple(reasons))


def not_alike(graph: Graph, alias: Alias) -> bool:
    """Whether elements of the one name lie otherwise than those of the other."""
    return packing(graph.tensors[alias.input]) != packing(graph.tensors[alias.output])


def answers(graph: Graph, op: Op, limits: Limits) -> Iterator[Answer]:
    """What each kernel that serves an op makes of it, in each of its ways, the best first; or why none does."""
    if (converted := conversion(graph, op)) is not None:
        yield converted
        return
    for lowered in of_kernels(graph, op, limits):
        if isinstance(lowered, Ways):
            for way in lowered.in_order(op.way):
                yield tuple(replace(program, way=way.name) for program in way.programs())
        else:
            yield lowered


def of_kernels(graph: Graph, op: Op, limits: Limits) -> Iterator[Lowered]:
    """What kernels answer about an op."""
    asked = [(kernel, wrong_type(graph, op, kernel) or empty(graph, op, kernel)) for kernel in kernels_for(op)]
    fitting = [kernel for kernel, wrong in asked if wrong is None]
    if not fitting:
        yield from (wrong for _, wrong in asked if wrong is not None)
    for kernel in fitting:
        yield kernel.lower(graph, op, limits)


def ways(graph: Graph, op: Op, limits: Limits) -> dict[str, float]:
    """The ways to do an op that the device allows, each with the time it should take beside the others; the best first.

    Empty where there is no choice.
    """
    found = next((lowered for lowered in of_kernels(graph, op, limits) if isinstance(lowered, Ways)), Ways(()))

    def allowed(way: str) -> bool:
        lowered = lower_op(graph, replace(op, way=way), limits)
        return isinstance(lowered, tuple) and all(program.way == way for program in lowered)

    times = {way.name: way.time for way in found.in_order() if allowed(way.name)}
    return times if len(times) > 1 else {}


def held(graph: Graph, source: int | Scratch) -> Tensor | Scratch:
    """What a program reads or writes: its type and size."""
    return graph.tensors[source] if isinstance(source, int) else source


def bound(graph: Graph, program: Program) -> Program:
    """The program with widths made GLSL's types, and each tensor it reads that is constant a constant buffer.

    Where what it makes is stored in half, so are its weights, but not what stages repeat, such as a bias: that is
    little, and its rounding would be in every sum.
    """
    packed = packings(graph, (*sources(program), *writes(program)))

    def buffer(source: int | Const, repeated: bool = False) -> int | Const:
        if isinstance(source, int):
            value = graph.constant(source)
            if value is None:
                return source
            source = constant_of(value, graph.tensors[source].type == "FLOAT32")
        if source.weights and packed.get(program.output) == "half" and not repeated:
            source = halved(source)
        return source

    def argument(arg: Arg) -> Arg:
        if isinstance(arg.source, Const):
            return Arg(arg.name, buffer(arg.source), arg.type)
        source = buffer(arg.source) if isinstance(arg.source, int) else arg.source
        return Arg(arg.name, source, glsl(held(graph, arg.source).type, arg.type))

    def step(stage: Stage) -> Stage:
        if isinstance(stage.operand, Const):
            return replace(stage, operand=buffer(stage.operand, stage.period > 0))
        if not isinstance(stage.operand, int):
            return stage
        kind = glsl(graph.tensors[stage.operand].type)
        return replace(stage, operand=buffer(stage.operand, stage.period > 0), operand_type=kind)

    found = replace(
        program,
        inputs=tuple(argument(arg) for arg in program.inputs),
        value=glsl(program.type or held(graph, program.output).type, program.value),
        stages=tuple(step(stage) for stage in program.stages),
        states=tuple(argument(arg) for arg in program.states),
    )
    return replace(found, packed=packed, watched=unbounded(held(graph, program.output)))


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


def beyond(graph: Graph, lowered: Answer, limits: Limits) -> Reason | None:
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


def forgotten(graph: Graph, op: Op, lowered: Answer) -> Reason | None:
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
    if len(slots(program)) > limits.storage_blocks:  # else each has its own block
        for block in (found := blocks(graph, program, limits.storage_blocks, limits.texels)):
            nbytes = sum(slot.source.nbytes for slot in block if isinstance(slot.source, Const))
            if nbytes > limits.storage_bytes:
                return Reason("storage_limit", f"constants have {nbytes} bytes", f"at most {limits.storage_bytes}")
        if (bound := storage(found)) > limits.storage_blocks:
            return Reason("buffer_limit", f"{bound} buffers", f"at most {limits.storage_blocks}")
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
