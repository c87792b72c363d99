"""The shapes that tensors have once inputs are resized, or where the file leaves them out: asked of the runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .delegates.cpu import CPUDelegate
from .graph.known import late_shapes
from .graph.model import Graph
from .graph.shapes import ABOUT_SHAPES

Shapes = Mapping[int, tuple[int, ...]]


def shaped(cpu: CPUDelegate, graph: Graph, resized: Shapes) -> Graph:
    """The graph with the shapes that its tensors have when inputs are `resized`. Raises what the runtime raises.

    A runtime gives no shapes behind an op whose output depends on data, and arithmetic on shapes has to wait for them:
    so it is asked in stages, of which each builds on what the one before gave.
    """
    graph = graph.with_shapes(resized)
    stage = 0
    while stage < len(stages := _stages(graph)):
        graph = graph.with_shapes(_asked(cpu, graph, stages[stage]))
        graph = graph.with_shapes(late_shapes(graph))
        stage += 1
    return graph


def doubtful(graph: Graph) -> bool:
    """Whether the file leaves out shapes of what ops make, or says that they depend on those of inputs.

    `()` may then mean unknown, and 1 stand for any size, as converters have it.
    """
    made = (graph.tensors[t] for op in graph.ops for t in op.outputs)
    return any(not t.shape or -1 in t.shape_signature for t in made)


def _stages(graph: Graph) -> list[list[int]]:
    """The ops whose shapes a runtime gives, by how many times before them shapes are read or come from elsewhere."""
    stage: dict[int, int] = {}
    found: list[list[int]] = []
    for op in graph.ops:
        at = max((stage.get(t, 0) for t in op.inputs), default=0)
        settled = op.index in graph.known.settled and op.index not in graph.folded_ops
        waits = op.kind in ABOUT_SHAPES if op.index in graph.folded_ops else not settled
        stage.update(dict.fromkeys(op.outputs, at + waits))
        if settled:
            found += [[] for _ in range(at + 1 - len(found))]
            found[at].append(op.index)
    return found


def _asked(cpu: CPUDelegate, graph: Graph, ops: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """The shapes that a runtime gives to all that some ops make."""
    made = frozenset(t for i in ops for t in graph.ops[i].outputs)
    names = graph.submodel_names(ops, made)
    runtime = cpu.open(graph.submodel(ops, made), resolver="BUILTIN_WITHOUT_DEFAULT_DELEGATES")
    runtime.allocate_tensors()
    shapes = {d["name"]: tuple(map(int, d["shape"])) for d in runtime.get_output_details()}
    return {t: shapes[name] for t, name in names.items() if t in made and name in shapes}
