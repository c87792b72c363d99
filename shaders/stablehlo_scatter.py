"""STABLEHLO_SCATTER: windows of updates, from where vectors of indices say, joined to what is there.

Refuses axes and sizes that do not go together, computations of more than one op or of an op that the reference does
not know.
"""

from __future__ import annotations

from math import prod

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Arg, Limits, Lowered, Program, groups_for
from .stablehlo_binary import OPS as JOINS
from .stablehlo_binary import TYPES, expression, libraries
from .stablehlo_gather import strides, whole
from .types import INDICES

OPS = ("STABLEHLO_SCATTER",)
__all__ = ["OPS", "TYPES", "lower"]


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch, in which each value of the output looks through all vectors."""
    source = graph.tensors[values(graph, op, types=TYPES)]
    numbers = graph.tensors[values(graph, op, 1, INDICES)]
    updates = graph.tensors[values(graph, op, 2, {source.type})]
    along, mapped = op.options.index_vector_dim, whole(op.options.scatter_dims_to_operand_dims)
    windows, inserted = whole(op.options.update_window_dims), whole(op.options.inserted_window_dims)
    kept = [d for d in range(len(source.shape)) if d not in inserted]
    batch = [d for d in range(len(numbers.shape)) if d != along]
    points = [d for d in range(len(updates.shape)) if d not in windows]
    consistent = (
        0 <= along < len(numbers.shape)
        and len(mapped) == numbers.shape[along]
        and all(len(set(axes)) == len(axes) for axes in (windows, inserted, mapped))
        and set(mapped) | set(inserted) <= set(range(len(source.shape)))
        and len(windows) == len(kept)
        and set(windows) <= set(range(len(updates.shape)))
        and [updates.shape[d] for d in points] == [numbers.shape[d] for d in batch]
        and bool(source.shape)
    )
    if not consistent:
        met = f"{list(updates.shape)} at {list(numbers.shape)} of {list(source.shape)}"
        raise Refused("options", met, "axes and sizes that go together")
    join = joining(graph, op, source.type)
    output = result(graph, op, limits, source.shape, types={source.type})
    steps, number_steps = strides(updates.shape), strides(numbers.shape)
    window, window_steps = [1] * len(source.shape), [0] * len(source.shape)
    for d, axis in zip(kept, windows, strict=True):
        window[d], window_steps[d] = updates.shape[axis], steps[axis]
    constants = {
        "RANK": len(source.shape), "SIZES": source.shape, "WINDOW": tuple(window),
        "WINDOW_STEPS": tuple(window_steps), "POINTS": prod(updates.shape[d] for d in points),
        "NUMBER": tuple(mapped.index(d) * number_steps[along] if d in mapped else -1 for d in range(len(source.shape))),
        "POINT_RANK": max(len(points), 1), "POINT_DIMS": tuple(updates.shape[d] for d in points) or (1,),
        "POINT_STEPS": tuple(steps[d] for d in points) or (0,),
        "VECTOR_STEPS": tuple(number_steps[d] for d in batch) or (0,),
        "LAST_WINS": not join, "JOIN": join or "y",
    }  # fmt: skip
    args = (Arg("source", source.index), Arg("numbers", numbers.index), Arg("updates", updates.index))
    includes = dict.fromkeys(("int64", *libraries(source.type)))
    groups = groups_for(source.size, 64, limits)
    return (Program("stablehlo_scatter", constants, args, output, groups, includes=tuple(includes)),)


def joining(graph: Graph, op: Op, type: str) -> str:
    """GLSL that joins an update y to what is there, x: the one op of a subgraph; empty where the update is all."""
    ops = subgraph(graph, op.options.update_computation_subgraph_index)
    if not ops:
        return ""
    if len(ops) > 1 or ops[0].kind not in JOINS:
        met = f"{' '.join(found.kind for found in ops)} of {type}"
        raise Refused("computation", met, f"nothing, or one of {', '.join(JOINS)}")
    return expression(ops[0].kind, type)


def subgraph(graph: Graph, index: int) -> tuple[Op, ...]:
    """The ops of one of a model's subgraphs."""
    if not 0 <= index < len(graph.model.graphs):
        raise Refused("subgraph", index, f"one of {len(graph.model.graphs)}")
    return graph.model.graphs[index].ops
