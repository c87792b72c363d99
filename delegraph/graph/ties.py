"""Which ops have to run together in one runtime, because they share what lives inside it and has no bytes to hand over.

That is resources (variables by name, hash tables by number, whichever subgraph names them), variable tensors with
several readers, and activations whose elements numpy does not have. Strings can be handed over, from host to host.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .model import HOST_TYPES, Graph, Model, Op
from .options import calls

Key = tuple[object, ...]


@dataclass(frozen=True)
class Tie:
    """Ops that one partition has to hold, and what they share, in words."""

    ops: tuple[int, ...]
    shared: str


def ties(graph: Graph) -> Mapping[int, Tie]:
    """Op -> its tie, for ops that share something, and for those between them, as what leaves cannot come back."""
    sharers: dict[Key, list[int]] = {}
    for op in graph.ops:
        for key in dict.fromkeys(_touched(graph, op)):
            sharers.setdefault(key, []).append(op.index)
    if _whole(graph):
        sharers["whole",] = [op.index for op in graph.ops]
    edges = [[c for t in op.outputs for c in graph.consumers.get(t, ())] for op in graph.ops]
    for ops in sharers.values():
        for a, b in zip(ops, [*ops[1:], ops[0]], strict=True):
            edges[a].append(b)
    found: dict[int, Tie] = {}
    for component in _components(edges):
        own = [key for key, ops in sharers.items() if ops[0] in component]
        if own:
            named = [key for key in own if key[0] != "tensor"] or own
            tie = Tie(tuple(sorted(component)), ", ".join(sorted(map(_words, named))))
            found.update(dict.fromkeys(tie.ops, tie))
    return found


def _touched(graph: Graph, op: Op) -> Iterator[Key]:
    """What an op shares with others, itself or by the subgraphs that it calls."""
    for t in (*op.inputs, *op.outputs):
        tensor = graph.tensors[t] if t >= 0 else None
        if tensor is None or tensor.data is not None or t in graph.folded:
            continue
        alone = len(graph.consumers.get(t, ())) < 2
        if (tensor.is_variable and not alone) or (tensor.type not in HOST_TYPES and tensor.type != "STRING"):
            yield "tensor", tensor.name or t
    yield from _resources(graph, op)


def _resources(graph: Graph, op: Op) -> Iterator[Key]:
    if op.kind == "VAR_HANDLE":
        yield "variable", op.options["container"] or "", op.options["shared_name"] or ""
    elif op.kind == "HASHTABLE":
        yield "hash table", op.options["table_id"]
    for target in (t for found in calls(op.options).values() for t in found if t >= 0):
        yield from graph.model.graphs[target].resources


def resources(graph: Graph) -> frozenset[Key]:
    """The variables and hash tables that a graph names, and those that the subgraphs it calls do."""
    return frozenset(key for op in graph.ops for key in _resources(graph, op))


def assigns(graph: Graph, op: Op) -> bool:
    """Whether an op changes a variable that lives inside a runtime whenever it runs, so that it cannot run again."""
    called = (t for found in calls(op.options).values() for t in found if t >= 0 and op.kind != "CALL_ONCE")
    return op.kind == "ASSIGN_VARIABLE" or any(graph.model.graphs[t].assigns for t in called)


def between_entries(model: Model) -> frozenset[Key]:
    """The variables and hash tables that the model's entries share: the main subgraph, and those of signatures."""
    entries = [model.graphs[i].resources for i in sorted({0, *(s.graph for s in model.signatures)})]
    return frozenset(key for k, own in enumerate(entries) for other in entries[:k] for key in own & other)


def _whole(graph: Graph) -> bool:
    """Whether what lives inside a runtime goes beyond the graph, so that no op can be parted from the others."""
    ends = (graph.tensors[t] for t in (*graph.inputs, *graph.outputs))
    handed = any(t.data is None and (t.is_variable or (t.type not in HOST_TYPES and t.type != "STRING")) for t in ends)
    return handed or not between_entries(graph.model).isdisjoint(graph.resources)


def _words(key: Key) -> str:
    if key[0] == "whole":
        return "inputs, outputs or resources that go beyond the graph"
    return f"{key[0]} {key[-1]!r}"


def _components(edges: Sequence[Sequence[int]]) -> Iterator[set[int]]:
    """The strongly connected components of a graph of numbers, by two walks, of which one is backwards (Kosaraju)."""
    back: list[list[int]] = [[] for _ in edges]
    for a, targets in enumerate(edges):
        for b in targets:
            back[b].append(a)
    seen: set[int] = set()
    done = [node for start in range(len(edges)) for node in _walk(start, edges, seen)]
    seen = set()
    for start in reversed(done):
        component = set(_walk(start, back, seen))
        if component:
            yield component


def _walk(start: int, edges: Sequence[Sequence[int]], seen: set[int]) -> Iterator[int]:
    """What is reached from a node and not seen yet, each after all that is reached from it."""
    if start in seen:
        return
    seen.add(start)
    stack = [(start, iter(edges[start]))]
    while stack:
        fresh = next((t for t in stack[-1][1] if t not in seen), None)
        if fresh is None:
            yield stack.pop()[0]
        else:
            seen.add(fresh)
            stack.append((fresh, iter(edges[fresh])))
