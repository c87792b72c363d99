"""Reductions over constant axes, in one launch. Means of integers are sums in 64 bits, divided towards 0.

Refuses axes that are computed, integers with scales where the op has arithmetic, which quantized_reduce takes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, axis_in, integers, result, values
from .program import Arg, Limits, Lowered, Program, Stage, groups_for
from .types import FLOAT, INDICES, STORED, glsl, in_fours

Run = tuple[bool, int]  # whether axes are reduced, and how many values they have
Reducers = Mapping[str, tuple[float | str, str, str]]

# What to start from, how two values join, and what becomes of all of them. The reference starts from finite numbers.
MOST = float(np.finfo(np.float32).max)
REDUCERS: Reducers = {
    "MEAN": (0.0, "a + b", "{x} / {n}"),
    "SUM": (0.0, "a + b", "{x}"),
    "REDUCE_MAX": (-MOST, "max(a, b)", "{x}"),
    "REDUCE_MIN": (MOST, "min(a, b)", "{x}"),
    "REDUCE_PROD": (1.0, "a * b", "{x}"),
}
# The same of integers of 32 bits, and of bools; those of 64 bits have functions for it.
INTEGER_REDUCERS: Reducers = {
    "SUM": (0, "a + b", "{x}"),
    "REDUCE_MAX": (-(2**31), "max(a, b)", "{x}"),
    "REDUCE_MIN": (2**31 - 1, "min(a, b)", "{x}"),
    "REDUCE_PROD": (1, "a * b", "{x}"),
    "REDUCE_ANY": (0, "a | b", "{x}"),
    "REDUCE_ALL": (1, "a & b", "{x}"),
}
LONG_REDUCERS: Reducers = {
    "MEAN": ("ivec2(0)", "plus(a, b)", "quotient({x}, {n})"),
    "SUM": ("ivec2(0)", "plus(a, b)", "{x}"),
    "REDUCE_MAX": ("ivec2(0, 0x80000000u)", "larger(a, b)", "{x}"),
    "REDUCE_MIN": ("ivec2(-1, 0x7fffffff)", "smaller(a, b)", "{x}"),
    "REDUCE_PROD": ("ivec2(1, 0)", "times(a, b)", "{x}"),
}
# What GLSL joins the values of a subgroup by.
OF_SUBGROUP = {
    "a + b": "subgroupAdd", "max(a, b)": "subgroupMax", "min(a, b)": "subgroupMin", "a * b": "subgroupMul",
    "a | b": "subgroupOr", "a & b": "subgroupAnd",
}  # fmt: skip
# Integers of fewer bits as they are, not quantised: they wrap around.
NARROW = {"INT8": "({x} << 24) >> 24", "UINT8": "{x} & 255", "INT16": "({x} << 16) >> 16"}
OPS = tuple({**REDUCERS, **INTEGER_REDUCERS})
_EXTREMES = FLOAT | {"INT32", "INT64", "BOOL", "INT8", "UINT8", "INT16"}
TYPES = {
    "MEAN": FLOAT | INDICES,
    "SUM": FLOAT | INDICES | {"BOOL"},
    "REDUCE_MAX": _EXTREMES,
    "REDUCE_MIN": _EXTREMES,
    "REDUCE_PROD": FLOAT | INDICES | {"BOOL", *NARROW},
    "REDUCE_ANY": frozenset({"BOOL"}),
    "REDUCE_ALL": frozenset({"BOOL"}),
}

# Invocations that keep a GPU busy, or fewer where fewer run at once; values that one may add up before rounding errors
# show.
ENOUGH = 1 << 12
IN_A_ROW = 256
SIZES = ("COUNT", "MEMBERS", "KEPT_DIMS", "KEPT_STRIDES", "REDUCED_DIMS", "REDUCED_STRIDES")


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; no axes leave the values as they are."""
    source = values(graph, op, types=TYPES[op.kind])
    type, shape = graph.tensors[source].type, graph.tensors[source].shape
    if op.kind == "REDUCE_PROD" and type in NARROW and graph.tensors[source].quantization is not None:
        raise Refused("quantization", f"{graph.tensors[source].name!r} is quantised", "integers as they are")
    axes, made = reduced(graph, op, shape)
    output = result(graph, op, limits, made, types={type})
    return (reduction(op.kind, source, shape, axes, output, limits, type=type),)


def reduction(
    kind: str,
    source: int,
    shape: Shape,
    axes: Collection[int],
    output: int,
    limits: Limits,
    stages: tuple[Stage, ...] = (),
    type: str = "FLOAT32",
) -> Program:
    """The launch that reduces `source`, of a type, over `axes`.

    Rounding errors stay near those of a tree: an invocation adds up at most IN_A_ROW values, or a 256th of them.
    """
    held, one = glsl(type), "ivec2" if (kind, type) == ("MEAN", "INT32") else glsl(type)
    identity, join, finish = {"float": REDUCERS, "int": INTEGER_REDUCERS, "ivec2": LONG_REDUCERS}[one][kind]
    if kind == "REDUCE_PROD":
        finish = NARROW.get(type, finish)
    elif kind == "SUM" and type == "BOOL":
        identity, join, finish = INTEGER_REDUCERS["REDUCE_ANY"]
    members = math.prod(shape[d] for d in axes)
    finish += "" if held == one else ".x"
    divisor = "ivec2(MEMBERS, 0)" if one == "ivec2" else "float(MEMBERS)"
    runs = runs_of(shape, axes)
    innermost, size = runs[-1]  # the innermost run of axes, all reduced or all kept
    vector = held == one and in_fours((type,), size)
    if vector:
        runs[-1] = innermost, size // 4
    outputs, count = (math.prod(n for gone, n in runs if gone == which) for which in (False, True))
    # Results beside each other, for whole lines of memory. On software few different numbers, as each is a shader.
    together = 1 if innermost else 8 if limits.texels else power_of_two(min(outputs, 8))
    wanted = max(min(ENOUGH, limits.threads) // outputs, count // IN_A_ROW)
    if limits.texels:
        wanted = 1 if wanted <= 1 else 16 if wanted <= 16 else 256
    lanes = power_of_two(min(wanted, count // 4, 256, limits.invocations // together))
    columns = max(64 // lanes, together)
    local, lane_step = workgroup(lanes, columns, limits, innermost)
    constants = {
        **places(runs),
        "COUNT": count,
        "MEMBERS": members,
        "LANES": lanes,
        "LANE_STEP": lane_step,
        "ONE": one,
        "FOURS": vector,
        "FOUR": glsl(type, "vec4") if vector else one,
        "PARTIAL": glsl(type, "vec4") if vector else one,
        "TAKEN": "" if held == one else "widen",
        "IDENTITY": identity,
        "JOIN": join,
        "RESULT": finish.format(x="whole(x)" if vector and innermost else "x", n=divisor),
    }
    if join in OF_SUBGROUP:
        constants["OF_SUBGROUP"] = OF_SUBGROUP[join]
    return Program(
        "reduce",
        constants,
        (Arg("source", source, "vec4" if vector else "float"),),
        output,
        groups_for(outputs, columns, limits),
        local,
        "vec4" if vector and not innermost else "float",
        stages,
        ("int64", "reduce") if one == "ivec2" else ("reduce",),
        (8 if one == "ivec2" else STORED[type].dtype.itemsize * (4 if vector else 1)) * lanes * columns,
        sizes=SIZES,
    )


def reduced(graph: Graph, op: Op, shape: Shape) -> tuple[set[int], Shape]:
    """The axes that an op reduces, and the shape of what it makes.

    Axes may be negative, repeated, or none; those of a scalar are not looked at.
    """
    axes = {axis_in(axis, len(shape)) for axis in integers(graph, op, 1)} if shape else set()
    return axes, tuple(1 if d in axes else n for d, n in enumerate(shape) if op.options.keep_dims or d not in axes)


def runs_of(shape: Shape, axes: Collection[int]) -> list[Run]:
    """Neighbouring axes that are all reduced, or all kept, as one."""
    dims = [(d in axes, n) for d, n in enumerate(shape) if n > 1] or [(False, 1)]
    return [(gone, math.prod(n for _, n in run)) for gone, run in groupby(dims, lambda dim: dim[0])]


def places(runs: Sequence[Run]) -> dict[str, int | tuple[int, ...]]:
    """The constants that say where values lie: KEPT_RANK, KEPT_DIMS and KEPT_STRIDES, and those of what is reduced."""
    found: dict[str, int | tuple[int, ...]] = {}
    for name, which in (("KEPT", False), ("REDUCED", True)):
        block = [(n, math.prod(m for _, m in runs[k + 1 :])) for k, (gone, n) in enumerate(runs) if gone == which]
        block = block or [(1, 0)]
        found |= {f"{name}_RANK": len(block)}
        found |= {f"{name}_DIMS": tuple(n for n, _ in block), f"{name}_STRIDES": tuple(step for _, step in block)}
    return found


def workgroup(lanes: int, trees: int, limits: Limits, along: bool = True) -> tuple[tuple[int, int, int], int]:
    """The shape of a workgroup of so many trees, and LANE_STEP.

    Lanes lie along x where these read `along` memory; but not few ones of software, which runs in step what is along x.
    """
    if trees == 1 or (along and not (limits.texels and lanes < limits.lanes)):
        return (lanes, trees, 1), 1
    return (trees, lanes, 1), trees


def power_of_two(n: int) -> int:
    """The largest power of 2 that is at most `n`, and at least 1."""
    return 1 << (max(n, 1).bit_length() - 1)
