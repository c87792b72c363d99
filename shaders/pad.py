"""PAD, PADV2: a border of one value. MIRROR_PAD: a border of what lies beside it, mirrored.

Refuses paddings that are computed or negative, a mirror beyond the axis, more than one value to pad with.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, affine, answering, pairs, result, same_affine, values, zero
from .program import Arg, Limits, Lowered
from .strided_copy import View, moved
from .types import ANY, QUANTIZED, declared, element

OPS = ("PAD", "PADV2", "MIRROR_PAD")
TYPES = ANY


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One copy of a padded view."""
    source = values(graph, op, types=ANY)
    view = View.of(graph, source)
    paddings = pairs(graph, op, 1, len(view.shape))
    shape = [before + n + after for n, (before, after) in zip(view.shape, paddings, strict=True)]
    output = result(graph, op, limits, shape, types=ANY)
    if op.kind == "MIRROR_PAD":
        same_affine(graph, op, [source])
    for axis, (before, after) in enumerate(paddings):
        if op.kind == "MIRROR_PAD":
            view = view.take(axis, mirrored(view.shape[axis], before, after, reflects(op)))
        else:
            view = view.pad(axis, before, after)
    return moved(graph, limits, view, output, *fill(graph, op))


def zeros(graph: Graph, op: Op) -> list[tuple[int, int]] | None:
    """How many elements that stand for 0 an op puts before and after each axis; None where it does anything else."""
    if op.kind not in ("PAD", "PADV2"):
        return None
    source, output = (declared(graph.tensors[t]) for t in (op.inputs[0], op.outputs[0]))
    try:
        alike = source.type not in QUANTIZED or affine(source) == affine(output)
        nothing = fill(graph, op) == (zero(graph.tensors[output.index]), ())
        return pairs(graph, op, 1, len(source.shape)) if alike and nothing else None
    except Refused:
        return None


def fill(graph: Graph, op: Op) -> tuple[str, tuple[Arg, ...]]:
    """The border's value, in GLSL, and what that reads: PADV2's third input, of one element; else the real 0."""
    tensor = graph.tensors[op.outputs[0]]
    if op.kind != "PADV2":
        return zero(tensor), ()
    value = around(graph, op)
    found = graph.constant(value)
    return ("around(0u)", (Arg("around", value),)) if found is None else (element(found.item(), tensor.type), ())


def around(graph: Graph, op: Op) -> int:
    """The tensor of one element that PADV2 pads with."""
    same_affine(graph, op, op.inputs[2:])
    value = values(graph, op, 2, (graph.tensors[op.outputs[0]].type,))
    if graph.tensors[value].size != 1:
        raise Refused("shape", f"the value to pad with has {graph.tensors[value].size} elements", 1)
    return value


def reflects(op: Op) -> bool:
    """Whether the mirror stands on the outermost element (REFLECT) or beside it (SYMMETRIC)."""
    mode = op.options.mode
    if mode not in ("REFLECT", "SYMMETRIC"):
        raise Refused("mode", mode, "REFLECT or SYMMETRIC")
    return bool(mode == "REFLECT")


def mirrored(n: int, before: int, after: int, reflect: bool) -> list[int]:
    """Positions 0 to n - 1 of an axis with their mirror image on both sides."""
    edge = int(reflect)
    if max(before, after) > n - edge:
        raise Refused("padding", f"{before} and {after} beside {n}", f"at most {n - edge}")
    return [*range(before + edge - 1, edge - 1, -1), *range(n), *range(n - 1 - edge, n - 1 - edge - after, -1)]
