"""Ops of two operands, element by element, with numpy's broadcasting and a fused activation.

Where one operand has the output's shape and the other repeats over its leading dimensions, the op is a stage, which can
be fused; any other broadcast is a launch of its own.

Refuses operands that do not broadcast; of ATAN2, a first operand smaller than the result; POW of integers by a
constant below 0, quotients of integers by a constant 0; integers with scales where the op has arithmetic, which
quantized_binary takes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, result, values
from .operators import KINDS, PERHAPS_QUANTIZED, RESULTS, TYPES, expression, failing, libraries
from .program import Arg, Elementwise, Limits, Lowered, Program, Stage, activated, groups_for
from .types import element, glsl, in_fours

OPS = KINDS

# Powers that are exact, or nearly, without a logarithm.
POWERS = {0.5: "sqrt({a})", 1.0: "{a}", 2.0: "{a} * {a}", 3.0: "{a} * {a} * {a}"}


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """A stage where the broadcast allows it, else one launch."""
    type = graph.tensors[op.inputs[0]].type
    a, b = (graph.tensors[values(graph, op, k, TYPES[op.kind] & {type})].shape for k in (0, 1))
    try:
        shape = np.broadcast_shapes(a, b)
    except ValueError:
        raise Refused("shape", f"{list(a)} and {list(b)}", "shapes that broadcast") from None
    if (op.kind == "PRELU" and shape != a) or (op.kind == "ATAN2" and a != b):
        raise Refused("shape", f"{list(a)} and {list(b)}", "an output of the first operand's shape")
    if op.kind in PERHAPS_QUANTIZED and type == "INT16" and graph.tensors[op.inputs[0]].quantization is not None:
        raise Refused("quantization", f"{graph.tensors[op.inputs[0]].name!r} is quantised", "integers as they are")
    result(graph, op, limits, shape, types=RESULTS[op.kind] if RESULTS[op.kind] != TYPES[op.kind] else {type})
    refused = failing(graph, op, type)
    found = activated(op, expression_of(graph, op))
    includes = libraries(op, type)
    return (None if refused else as_stage(graph, op, found, includes)) or broadcast(
        graph, op, found, limits, includes, refused
    )


def expression_of(graph: Graph, op: Op) -> str:
    """The op's function of {a} and {b}, where a scalar constant is written out."""
    names = {"a": "{a}", "b": "{b}"}
    power = None
    type = graph.tensors[op.inputs[0]].type
    for name, t in zip("ab", op.inputs[:2], strict=True):
        value = graph.constant(t)
        if value is not None and value.size == 1:
            names[name] = f"OPERAND({element(value, type)})"
            power = POWERS.get(value.item()) if name == "b" and op.kind == "POW" and type == "FLOAT32" else None
    return (power or expression(graph, op, type)).format(**names)


def as_stage(graph: Graph, op: Op, found: str, includes: tuple[str, ...]) -> Elementwise | None:
    """The op as a stage on an operand of the output's shape, beside the other; None where the shapes forbid it."""
    output = graph.tensors[op.outputs[0]]
    for k in (0, 1):
        source, beside = op.inputs[k], op.inputs[1 - k]
        period = repeats(graph.tensors[beside].shape, output.shape)
        if graph.tensors[source].size != output.size or period is None:
            continue
        if graph.is_constant(beside):
            scalar = graph.tensors[beside].size == 1
            stage = Stage(seen_from(k, found), None if scalar else beside, 0 if scalar else period, includes)
            return Elementwise(source, output.index, stage)
        if graph.is_constant(source):
            continue
        stage = Stage(seen_from(k, found), beside, period, includes)
        mirrored = None if period else Stage(seen_from(1 - k, found), source, 0, includes)
        return Elementwise(source, output.index, stage, mirrored)
    return None


def seen_from(k: int, found: str) -> str:
    """The expression with operand `k` as `x` and the other as `y`."""
    return found.format(a="xy"[k], b="yx"[k]).replace("OPERAND", "VALUE")


def repeats(shape: Shape, whole: Shape) -> int | None:
    """After how many elements a broadcast to `whole` starts over: 0 for never, None where it does not just repeat."""
    if math.prod(shape) == math.prod(whole):
        return 0
    core = shape[next((k for k, n in enumerate(shape) if n != 1), len(shape)) :]
    return math.prod(core) if core == whole[len(whole) - len(core) :] else None


def broadcast(
    graph: Graph, op: Op, found: str, limits: Limits, includes: tuple[str, ...], refused: str = ""
) -> tuple[Program, ...]:
    """One launch that finds each operand's element by its strides. It fails where one is `refused`."""
    output = graph.tensors[op.outputs[0]]
    dims, present = merged(output.shape, [graph.tensors[t].shape for t in op.inputs[:2]])
    type = graph.tensors[op.inputs[0]].type
    dims, present = (dims, present) if dims else ([1], [[True]] * 2)
    value = "vec4" if in_fours((type, output.type), dims[-1]) and not refused else "float"
    if value == "vec4":
        dims[-1] //= 4
    types = [value if here[-1] else "float" for here in present]
    constants = {
        "RANK": len(dims),
        "DIMS": tuple(dims),
        "A_STRIDES": strides(dims, present[0]),
        "B_STRIDES": strides(dims, present[1]),
        "OPERAND": glsl(type, value),
        "RESULT": found.format(a="a", b="b"),
        "CHECKED": bool(refused),
        "REFUSED": refused or "false",
    }
    args = tuple(Arg(name, t, kind) for name, t, kind in zip(("left", "right"), op.inputs[:2], types, strict=True))
    groups = groups_for(math.prod(dims), 64, limits)
    fails = f"its second operand holds a {'negative number' if op.kind == 'POW' else '0'}" if refused else ""
    return (
        Program(
            "binary",
            constants,
            args,
            output.index,
            groups,
            value=value,
            includes=includes,
            fails=fails,
            exact=True,
            sizes=("DIMS", "A_STRIDES", "B_STRIDES"),
        ),
    )


def merged(whole: Shape, shapes: Sequence[Shape]) -> tuple[list[int], list[list[bool]]]:
    """A broadcast's dimensions, with neighbours that all operands treat alike as one, and which of them each has."""
    aligned = [(1,) * (len(whole) - len(shape)) + shape for shape in shapes]
    dims: list[int] = []
    present: list[list[bool]] = [[] for _ in shapes]
    for n, *mine in zip(whole, *aligned, strict=True):
        if n == 1:
            continue
        if dims and all(here[-1] == (m == n) for here, m in zip(present, mine, strict=True)):
            dims[-1] *= n
            continue
        dims.append(n)
        for here, m in zip(present, mine, strict=True):
            here.append(m == n)
    return dims, present


def strides(dims: Sequence[int], present: Sequence[bool]) -> tuple[int, ...]:
    """Row-major strides of an operand that has only the dimensions `present`; 0 for the others."""
    found, step = [0] * len(dims), 1
    for d in reversed(range(len(dims))):
        if present[d]:
            found[d], step = step, step * dims[d]
    return tuple(found)
