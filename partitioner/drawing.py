"""A graph drawn as a list with wires beside it: a row an op, in the order in which they run, a lane a live tensor.

Unlike a layered drawing it stays readable at any size, for its width is that of what is alive at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..graph.model import Graph
from .explain import plain, shorten
from .plan import Plan

ROW = 20  # pixels from one op to the next
LANE = 12  # pixels from one tensor to the next


@dataclass(frozen=True)
class Node:
    """One op's place; `op` is None for what comes in and goes out."""

    op: int | None
    text: str
    x: int
    y: int


@dataclass(frozen=True)
class Wire:
    """A tensor's way from where it is made to all that read it, as an SVG path."""

    tensor: int
    path: str


@dataclass
class Drawing:
    """What an SVG shows, in pixels."""

    nodes: list[Node] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    width: int = 0
    height: int = 0


def drawing(plan: Plan, graph: Graph) -> Drawing:
    """The ops of a plan, partition after partition, with their tensors; constants and what folds away are left out."""
    order = [op for p in plan.partitions for op in p.ops if op not in graph.folded_ops]
    rows: list[tuple[int | None, str, Sequence[int], Sequence[int]]] = [
        *((None, _end("input", graph, t), (), (t,)) for t in dict.fromkeys(graph.inputs)),
        *((op, graph.ops[op].label, activations(graph, op), graph.ops[op].outputs) for op in order),
        *((None, _end("output", graph, t), (t,), ()) for t in dict.fromkeys(graph.outputs)),
    ]
    return _drawn(rows)


def _end(what: str, graph: Graph, tensor: int) -> str:
    return f"{what} {shorten(plain(graph.tensors[tensor].name), 60)}"


def activations(graph: Graph, op: int) -> list[int]:
    """The tensors that an op reads and that are computed, each once."""
    return [t for t in dict.fromkeys(graph.ops[op].inputs) if t >= 0 and not graph.is_constant(t)]


def _drawn(rows: Sequence[tuple[int | None, str, Sequence[int], Sequence[int]]]) -> Drawing:
    last = {t: k for k, (_, _, reads, _) in enumerate(rows) for t in reads}
    made = Drawing(height=ROW * len(rows))
    lanes: list[int | None] = []  # the tensor that is alive in each
    parts: dict[int, list[str]] = {}
    makers: dict[int, Node] = {}
    for k, (op, text, reads, writes) in enumerate(rows):
        known = [t for t in reads if t in lanes]
        places = {t: lanes.index(t) for t in known}
        for t in known:
            if last[t] == k:
                lanes[places[t]] = None
        lane = min(places.values(), default=_free(lanes))
        if lanes[lane : lane + 1] not in ([], [None]):
            lane = _free(lanes)
        node = Node(op, text, LANE * lane + LANE, ROW * k + ROW // 2)
        made.nodes.append(node)
        for t in known:
            maker = makers[t]
            start = (maker.x, maker.y) if maker.y == node.y - ROW else (LANE * places[t] + LANE, node.y - ROW)
            parts[t].append(_bent(*start, node.x, node.y))
        for t in writes:
            if last.get(t, -1) <= k:
                continue
            at = lane if lanes[lane : lane + 1] in ([], [None]) else _free(lanes)
            lanes += [None] * (at + 1 - len(lanes))
            lanes[at] = t
            makers[t], parts[t] = node, []
            if last[t] > k + 1:  # else the next row's own curve leads there
                x = LANE * at + LANE
                parts[t] = [_bent(node.x, node.y, x, node.y + ROW), f"M{x} {node.y + ROW}V{ROW * last[t] - ROW // 2}"]
        made.width = max(made.width, LANE * (max(len(lanes), lane + 1) + 1))
    made.wires = [Wire(t, "".join(pieces)) for t, pieces in parts.items()]
    return made


def _free(lanes: Sequence[int | None]) -> int:
    """The first lane in which nothing is alive."""
    return next((k for k, t in enumerate(lanes) if t is None), len(lanes))


def _bent(x0: int, y0: int, x1: int, y1: int) -> str:
    """A curve that leaves and arrives vertically."""
    middle = (y0 + y1) // 2
    return f"M{x0} {y0}C{x0} {middle} {x1} {middle} {x1} {y1}"
