"""SLICE and STRIDED_SLICE from computed places on, where the output's shape does not depend on these.

Refuses sizes that are computed, or a strided slice whose ends are computed apart from its starts: the shape would
depend on data.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, integers, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .slice import span, specs
from .strided_copy import View, moved, placed
from .types import ANY, INDICES

OPS = ("SLICE", "STRIDED_SLICE")
TYPES = ANY
PRIORITY = -1  # after the copies of constant boxes

Axis = tuple[
    int, int, int, int
]  # which number says where it begins; its size, how many are taken, elements from one on


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch; like the reference's, its run fails where the box is not inside."""
    view = View.of(graph, values(graph, op, types=ANY))
    begins = values(graph, op, 1, INDICES)
    view, axes = boxed(graph, op, view) if op.kind == "SLICE" else strided(graph, op, view)
    output = result(graph, op, limits, view.shape, types=ANY)
    if not axes:
        return moved(graph, limits, view, output)
    which, sizes, counts, steps = zip(*axes, strict=True)
    found, told = placed(FROM=view)
    constants = {
        **found,
        "AXES": len(axes),
        "WHICH": which,
        "SIZES": sizes,
        "COUNTS": counts,
        "STEPS": steps,
        "WRAPS": op.kind == "STRIDED_SLICE",
    }
    args = (Arg("source", view.tensor), Arg("begins", begins))
    groups = groups_for(graph.tensors[output].size, 64, limits)
    fails = f"a slice begins outside {list(graph.tensors[view.tensor].shape)}"
    includes, told = ("int64", "box"), (*told, "WHICH", "SIZES", "COUNTS", "STEPS")
    return (Program("slice_computed", constants, args, output, groups, includes=includes, fails=fails, sizes=told),)


def boxed(graph: Graph, op: Op, view: View) -> tuple[View, list[Axis]]:
    """SLICE as if it began at 0, and the axes, each of which begins elsewhere."""
    sizes = integers(graph, op, 2, (len(view.shape),))
    if graph.tensors[op.inputs[1]].shape != (len(view.shape),):
        raise Refused("shape", f"{list(graph.tensors[op.inputs[1]].shape)} places", [len(view.shape)])
    axes = list(zip(range(len(sizes)), view.shape, sizes, view.index.steps, strict=True))
    for axis, (_, n, count, _) in enumerate(axes):
        if not 0 <= count <= n:
            raise Refused("slice", f"{count} elements of {n}", "a part of the axis")
        view = view.slice(axis, 0, count)
    return view, axes


def strided(graph: Graph, op: Op, view: View) -> tuple[View, list[Axis]]:
    """STRIDED_SLICE with position 0 of the axes that are to vanish, and these; of others it has to take all."""
    o, strides = op.options, integers(graph, op, 3)
    if len(op.inputs) != 4 or graph.tensors[op.inputs[1]].shape != (len(strides),) or len(strides) > 32:
        raise Refused("slice", f"{len(strides)} strides", "as many as places, and no more inputs")
    axes: list[Axis] = []
    axis = 0
    for spec in specs(len(view.shape), len(strides), o.ellipsis_mask, o.new_axis_mask):
        if spec.new:
            view = view.insert(axis)
        elif spec.bit is not None:
            k, n = spec.bit, view.shape[axis]
            if o.shrink_axis_mask >> k & 1:
                if strides[k] <= 0:
                    raise Refused("slice", f"one position by a stride of {strides[k]}", "a stride above 0")
                if not o.begin_mask >> k & 1:
                    axes.append((k, n, 1, view.index.steps[axis]))
                view = view.at(axis, 0)
                continue
            if not o.begin_mask & o.end_mask & 1 << k or o.offset:
                raise Refused("not_constant", f"where axis {axis} begins and ends is computed", "constants")
            view = view.slice(axis, *span(n, None, None, strides[k], False), strides[k])
        axis += 1
    return view, axes
