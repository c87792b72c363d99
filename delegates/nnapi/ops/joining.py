"""Ops that join tensors, and that part them."""

from __future__ import annotations

import math

from ....graph.model import Graph, Op
from ..abi import L1, L3, L6, Operation
from ..node import Between, Node, Nodes, Refused, Ways, affine, between, dims, i32, numbers
from ..reading import BASIC, MOST_RANK, WIDE, Types, alike, axes, integer, integers, result, source, tensor

PARTS = 64  # of which tensors of INT32 are joined
PACKED: Types = {"FLOAT32": L6, "UINT8": L6, "INT8": L6, "INT32": L6}


def in_a_row(graph: Graph, op: Op, types: Types) -> tuple[list[int], int, int, int]:
    """(inputs, axis, output, level) of a CONCATENATION without an activation."""
    found = [source(graph, op, types, k) for k in range(len(op.inputs))]
    shapes = [tensor(graph, t).shape for t, _ in found]
    if op.options.fused_activation_function != "NONE":
        raise Refused("activation", op.options.fused_activation_function, "NONE")
    if len({tensor(graph, t).type for t, _ in found}) != 1 or len({len(s) for s in shapes}) != 1 or not shapes[0]:
        raise Refused(
            "type", [tensor(graph, t).type for t, _ in found], "tensors of one type and rank, and not scalars"
        )
    (axis,) = axes([op.options.axis], len(shapes[0]))
    made = (*shapes[0][:axis], sum(s[axis] for s in shapes), *shapes[0][axis + 1 :])
    if any((*s[:axis], *s[axis + 1 :]) != (*made[:axis], *made[axis + 1 :]) for s in shapes):
        raise Refused("shape", list(map(list, shapes)), f"alike but for dimension {axis}")
    return [t for t, _ in found], axis, result(graph, op, made), found[0][1]


def concatenation(graph: Graph, op: Op) -> Nodes:
    """CONCATENATION of other types than INT32."""
    tensors, axis, y, level = in_a_row(graph, op, BASIC)
    if tensor(graph, tensors[0]).type == "UINT8" and {affine(tensor(graph, t)) for t in (*tensors, y)} != {
        affine(graph.tensors[y])
    }:
        level = L3
    if tensor(graph, tensors[0]).type == "INT8":
        alike(graph, y, *tensors)
    return (Node(Operation.CONCATENATION, (*tensors, i32(axis)), (y,), level),)


def concatenation_of_integers(graph: Graph, op: Op) -> Nodes:
    """A PACK of parts of one size, into which SPLIT cuts what is longer: CONCATENATION takes no INT32."""
    tensors, axis, y, _ = in_a_row(graph, op, {"INT32": L6})
    sizes = [tensor(graph, t).shape[axis] for t in tensors]
    size, made = math.gcd(*sizes), graph.tensors[y].shape
    if sum(sizes) // size > PARTS or len(made) >= MOST_RANK:
        met = f"{sum(sizes) // size} parts of {list(made)}"
        raise Refused("shape", met, f"at most {PARTS}, less than {MOST_RANK} dimensions")
    one, nodes, parts = (*made[:axis], size, *made[axis + 1 :]), list[Node](), list[int | Between]()
    for t, length in zip(tensors, sizes, strict=True):
        cut = [between(graph, t, one) for _ in range(length // size)]
        if len(cut) > 1:
            nodes.append(Node(Operation.SPLIT, (t, i32(axis), i32(len(cut))), tuple(cut), L3))
        parts += cut if len(cut) > 1 else [t]
    whole = between(graph, y, (*made[:axis], len(parts), *one[axis:]))
    return (
        *nodes,
        Node(Operation.PACK, (i32(axis), *parts), (whole,), L6),
        Node(Operation.RESHAPE, (whole, numbers(made)), (y,), L6),
    )


def packed(graph: Graph, op: Op, types: Types) -> tuple[list[int], int, int, int]:
    """(inputs, axis, output, level) of a PACK."""
    found = [source(graph, op, types, k, None) for k in range(len(op.inputs))]
    first = tensor(graph, found[0][0])
    if any((tensor(graph, t).type, tensor(graph, t).shape) != (first.type, first.shape) for t, _ in found):
        raise Refused("shape", "tensors of several shapes or types", "one")
    (axis,) = axes([op.options.axis], len(first.shape) + 1)
    y = result(graph, op, (*first.shape[:axis], len(found), *first.shape[axis:]))
    tensors = [t for t, _ in found]
    alike(graph, y, *tensors)
    return tensors, axis, y, found[0][1]


def pack(graph: Graph, op: Op) -> Nodes:
    """PACK; scalars are not packed but concatenated."""
    tensors, axis, y, level = packed(graph, op, PACKED)
    if not tensor(graph, tensors[0]).shape:
        raise Refused("rank", "scalars", "at least one dimension")
    return (Node(Operation.PACK, (i32(axis), *tensors), (y,), level),)


def pack_composed(graph: Graph, op: Op) -> Nodes:
    """Each tensor with a dimension more, and these one after another: for phones that have no PACK."""
    tensors, axis, y, level = packed(graph, op, BASIC)
    shape = tensor(graph, tensors[0]).shape
    if len(shape) >= MOST_RANK:
        raise Refused("rank", len(shape), f"less than {MOST_RANK}")
    if not shape:
        return (Node(Operation.CONCATENATION, (*tensors, i32(0)), (y,), level),)
    longer = (*shape[:axis], 1, *shape[axis:])
    made = [between(graph, t, longer) for t in tensors]
    nodes = [Node(Operation.RESHAPE, (t, numbers(longer)), (b,), level) for t, b in zip(tensors, made, strict=True)]
    return (*nodes, Node(Operation.CONCATENATION, (*made, i32(axis)), (y,), level))


def outputs(graph: Graph, op: Op, like: int, shapes: list[tuple[int, ...]]) -> list[int]:
    """All outputs of an op that parts a tensor, quantised as that is."""
    if len(shapes) != len(op.outputs):
        raise Refused("arguments", f"{len(op.outputs)} outputs", len(shapes))
    kind = tensor(graph, like).type
    found = [result(graph, op, shape, k, kind) for k, shape in enumerate(shapes)]
    alike(graph, like, *found)
    return found


def split(graph: Graph, op: Op) -> Nodes:
    """SPLIT into equal parts."""
    x, level = source(graph, op, WIDE, 1, None)
    shape, count = tensor(graph, x).shape, op.options.num_splits
    (axis,) = axes([integer(graph, op, 0)], len(shape))
    if count < 1 or shape[axis] % count:
        raise Refused("shape", f"{shape[axis]} in {count} parts", "equal parts")
    part = (*shape[:axis], shape[axis] // count, *shape[axis + 1 :])
    return (Node(Operation.SPLIT, (x, i32(axis), i32(count)), tuple(outputs(graph, op, x, [part] * count)), level),)


def split_v(graph: Graph, op: Op) -> Nodes:
    """A SLICE for each part."""
    x, level = source(graph, op, WIDE, 0, None)
    shape, sizes = tensor(graph, x).shape, integers(graph, op, 1)
    (axis,) = axes([integer(graph, op, 2)], len(shape))
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = shape[axis] - sum(n for n in sizes if n != -1)
    if sum(sizes) != shape[axis] or min(sizes) < 1:
        raise Refused("shape", f"parts of {sizes}", f"{shape[axis]} in all")
    parts = [(*shape[:axis], n, *shape[axis + 1 :]) for n in sizes]
    made = outputs(graph, op, x, parts)
    nodes, at = [], 0
    for y, part in zip(made, parts, strict=True):
        begin = [at if k == axis else 0 for k in range(len(shape))]
        nodes.append(Node(Operation.SLICE, (x, numbers(begin), numbers(part)), (y,), level))
        at += part[axis]
    return tuple(nodes)


def unpack(graph: Graph, op: Op) -> Nodes:
    """SPLIT, and a RESHAPE that takes the dimension away from each part."""
    x, level = source(graph, op, {**WIDE, "INT32": L6})
    shape = tensor(graph, x).shape
    (axis,) = axes([op.options.axis], len(shape))
    rest = (*shape[:axis], *shape[axis + 1 :])
    made = outputs(graph, op, x, [rest] * shape[axis])
    parts = tuple(between(graph, x, (*shape[:axis], 1, *shape[axis + 1 :])) for _ in made)
    return (
        Node(Operation.SPLIT, (x, i32(axis), i32(shape[axis])), parts, max(level, L3)),
        *(
            Node(Operation.RESHAPE, (part, numbers(dims(rest))), (y,), level if level >= L6 else L1)
            for part, y in zip(parts, made, strict=True)
        ),
    )


OPS: dict[str, Ways] = {
    "CONCATENATION": (concatenation, concatenation_of_integers),
    "PACK": (pack, pack_composed),
    "SPLIT": (split,),
    "SPLIT_V": (split_v,),
    "UNPACK": (unpack,),
}
