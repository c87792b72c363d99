"""The shapes that tensors have once inputs are resized, or where the file leaves them out: asked of the runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .delegates.cpu import CPUDelegate
from .graph.known import Known
from .graph.model import Graph
from .graph.shapes import ABOUT_SHAPES
from .partitioner.plan import Plan

Shapes = Mapping[int, tuple[int, ...]]


def shaped(cpu: CPUDelegate, graph: Graph, resized: Shapes) -> Graph:
    """The graph with the shapes that its tensors have when inputs are `resized`. Raises what the runtime raises.

    A runtime gives no shapes behind an op whose output depends on data, and arithmetic on shapes has to wait for them:
    so it is asked about the ops up to such a one, then about those behind it, with what is known by then.
    """
    known = Known(graph.with_shapes(resized), walk=False)
    asking: list[int] = []
    for op in graph.ops:
        settles = known.settles(op)
        if asking and (op.kind in ABOUT_SHAPES or not settles):
            known.turn_to(_asked(cpu, known, asking))
            asking = []
        known.take_up(op)
        if settles and not any(t in known.folded for t in op.outputs):
            asking.append(op.index)
        elif not settles and (late := known.late_shape(op)) is not None:
            known.turn_to(known.graph.with_shapes({op.outputs[0]: late}))
    if asking:
        known.turn_to(_asked(cpu, known, asking))
    return known.graph.with_shapes({})  # with nothing remembered of the shapes before


def with_known_shapes(cpu: CPUDelegate, graph: Graph, resized: Shapes, doubted: bool = False) -> Graph:
    """The graph as it is, or, where its shapes are in doubt, with those that the runtime gives.

    Where the runtime lacks an op it stays as it is: planning says which, and what each delegate says of it.
    """
    if not resized and not doubted and not doubtful(graph):
        return graph
    try:
        return shaped(cpu, graph, resized)
    except (RuntimeError, ValueError):
        if resized:
            raise
        return graph


def contradicted(plan: Plan) -> bool:
    """Whether a delegate refused an op for its shapes: then it may be that the file says wrong ones."""
    reasons = (r for decision in plan.decisions for found in decision.reasons.values() for r in found)
    return any(reason.code == "shape" for reason in reasons)


def doubtful(graph: Graph) -> bool:
    """Whether the file leaves out shapes of what ops make, or says that they depend on those of inputs.

    `()` may then mean unknown, 0 too, and 1 stand for any size, as converters have it.
    """
    made = (graph.tensors[t] for op in graph.ops for t in op.outputs)
    return any(not t.size or not t.shape or -1 in t.shape_signature for t in made)


def _asked(cpu: CPUDelegate, known: Known, ops: Sequence[int]) -> Graph:
    """The graph with the shapes that a runtime gives to all that some ops make."""
    graph = known.graph.with_shapes({})
    vars(graph)["known"] = known  # as far as the ops were taken up, not of all of them
    made = frozenset(t for i in ops for t in graph.ops[i].outputs)
    names = graph.submodel_names(ops, made)
    runtime = cpu.open(graph.submodel(ops, made), resolver="BUILTIN_WITHOUT_DEFAULT_DELEGATES")
    runtime.allocate_tensors()
    shapes = {d["name"]: tuple(map(int, d["shape"])) for d in runtime.get_output_details()}
    return known.graph.with_shapes({t: shapes[name] for t, name in names.items() if t in made and name in shapes})
