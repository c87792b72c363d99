"""What a mapping reads off an op: tensors of the types that an operation takes, constants, shapes, quantisation.

A file may hold anything, so each of these may end the mapping by raising Refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from ...graph.model import Graph, Op, Tensor
from .abi import FUSED, L1, L2, L3, L4
from .node import Refused, Scalar, affine, i32

# TFLite's name of a type -> the feature level from which an operation takes it. FLOAT16 goes where FLOAT32 does, from
# 29 on, where nothing else is said of it; 0 is never.
Types = Mapping[str, int]
Shape = tuple[int, ...]

QUANTIZED = ("INT8", "UINT8")
NONE = i32(0)  # of activations
BASIC: Types = {"FLOAT32": L1, "UINT8": L1, "INT8": L4}  # the types of most operations of level 27 ...
SECOND: Types = {"FLOAT32": L2, "UINT8": L2, "INT8": L4}  # ... of level 28
WIDE: Types = {"FLOAT32": L3, "INT32": L3, "UINT8": L3, "INT8": L4}  # ... and 29
FLOATS: Types = {"FLOAT32": L3}
MOST_RANK = 4  # of most operations


def tensor(graph: Graph, t: int) -> Tensor:
    """A tensor as it is after folding."""
    return graph.folded.get(t, graph.tensors[t])


def input_of(op: Op, k: int) -> int:
    """Input `k` of an op, -1 where it is absent."""
    return op.inputs[k] if k < len(op.inputs) else -1


def source(graph: Graph, op: Op, types: Types, k: int = 0, rank: int | None = MOST_RANK) -> tuple[int, int]:
    """(input `k`, the level at which an operation takes it): of one of these types, of at most this rank."""
    t = input_of(op, k)
    if t < 0:
        raise Refused("arguments", f"input {k} is absent")
    found = tensor(graph, t)
    levels = {**({"FLOAT16": max(types["FLOAT32"], L3)} if "FLOAT32" in types else {}), **types}
    if not levels.get(found.type):
        raise Refused("type", f"{found.name!r} is {found.type}", ", ".join(sorted(t for t in levels if levels[t])))
    if rank is not None and len(found.shape) > rank:
        raise Refused("rank", f"{found.name!r} has {len(found.shape)} dimensions", f"at most {rank}")
    check_affine(found)
    return t, levels[found.type]


def result(graph: Graph, op: Op, shape: Sequence[int] | None, k: int = 0, type: str = "") -> int:
    """Output `k`, of the type of input 0 unless `type` says another, which the op makes of `shape`."""
    found = graph.tensors[op.outputs[k]]
    wanted = type or tensor(graph, op.inputs[0]).type
    if found.type != wanted:
        raise Refused("type", f"{found.name!r} is {found.type}", wanted)
    if shape is not None and found.shape != tuple(shape):
        raise Refused("shape", f"{found.name!r} is declared {list(found.shape)}", list(shape))
    check_affine(found)
    return op.outputs[k]


def check_affine(found: Tensor) -> None:
    """Bytes with a scale have one that NNAPI takes."""
    if found.type not in QUANTIZED or found.quantization is None:
        return
    scale, zero = affine(found)
    low = -128 if found.type == "INT8" else 0
    if not (0 <= scale < math.inf and low <= zero <= low + 255) or found.quantization.scales.size > 1:
        raise Refused("quantization", f"{found.name!r} has (scale, zero point) {scale, zero}", "one scale above 0")


def scaled(graph: Graph, *tensors: int) -> None:
    """Refuse bytes that are no quantised numbers, for an operation that reckons with them."""
    for found in (tensor(graph, t) for t in tensors):
        if found.type in QUANTIZED and not affine(found)[0] > 0:
            raise Refused("quantization", f"{found.name!r} has no scale", "a quantised tensor")


def alike(graph: Graph, *tensors: int) -> None:
    """Refuse bytes whose scales or zero points differ, for an operation that moves them as they are."""
    found = [tensor(graph, t) for t in tensors]
    for each in found[1:]:
        if each.type in QUANTIZED and affine(each) != affine(found[0]):
            met = f"{each.name!r} has (scale, zero point) {affine(each)}"
            raise Refused("quantization", met, f"{affine(found[0])}, as {found[0].name!r} has")


def exactly(graph: Graph, t: int, scale: float, zero: Mapping[str, int]) -> None:
    """Refuse an output of bytes that has not the scale and zero point that NNAPI fixes for it."""
    found = graph.tensors[t]
    if found.type in QUANTIZED and affine(found) != (scale, zero[found.type]):
        met = f"{found.name!r} has (scale, zero point) {affine(found)}"
        raise Refused("quantization", met, (scale, zero[found.type]))


def integers(graph: Graph, op: Op, k: int) -> list[int]:
    """Input `k`, a constant of integers, flat."""
    t = input_of(op, k)
    array = graph.constant(t)
    if array is None:
        raise Refused("not_constant", f"input {k} is computed or absent", "a constant")
    if array.dtype.kind != "i" or any(not -(2**31) <= int(v) < 2**31 for v in (array.min(), array.max())):
        raise Refused("type", f"{graph.tensors[t].name!r} is {graph.tensors[t].type}", "integers of 32 bits")
    return [int(v) for v in array.ravel()]


def integer(graph: Graph, op: Op, k: int) -> int:
    """Input `k`, a constant of one integer."""
    found = integers(graph, op, k)
    if len(found) != 1:
        raise Refused("shape", f"input {k} has {len(found)} elements", 1)
    return found[0]


def axes(values: Iterable[int], rank: int) -> list[int]:
    """Axes that may count from the end, from the front, each once, ascending."""
    found = set()
    for axis in values:
        if not -rank <= axis < rank:
            raise Refused("axis", axis, f"-{rank} to {rank - 1}")
        found.add(axis % rank)
    return sorted(found)


def fused(op: Op) -> Scalar:
    """The activation that is fused to an op."""
    name = op.options.get("fused_activation_function", "NONE")
    if name not in FUSED:
        raise Refused("activation", name, ", ".join(FUSED))
    return i32(FUSED[name])


def broadcast(*shapes: Sequence[int]) -> Shape:
    """The shape that some shapes broadcast to."""
    rank = max(map(len, shapes))
    found = []
    for sizes in zip(*((1,) * (rank - len(s)) + tuple(s) for s in shapes), strict=True):
        if len(set(sizes) - {1}) > 1:
            raise Refused("shape", " and ".join(str(list(s)) for s in shapes), "shapes that broadcast")
        found.append(max(sizes))
    return tuple(found)
