"""What was decided for one subgraph of an interpreter, and what it looks like now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..delegates.base import Verdict
from ..graph.model import Graph
from .native import GraphContext
from .sources import Found

if TYPE_CHECKING:
    from .partition import PartitionKernel


class Taken:
    """One subgraph: `ops` maps the runtime's nodes to the graph's ops, `verdicts` says what was said of each."""

    def __init__(self, found: Found, context: GraphContext) -> None:
        """`found` is the graph, maybe without the shapes that the runtime has given it."""
        self.found = found
        self._loaded = self.graph = found.graph
        self.ops = found.ops
        self.verdicts: dict[int, Verdict] = {}
        self.parts: list[PartitionKernel] = []
        self.now(context)

    def now(self, context: GraphContext) -> Graph:
        """The graph with the shapes that tensors have now: the same object until one changes."""
        shapes = {
            t.index: context.shape(t.index)
            for t in self._loaded.tensors
            if not t.is_constant and t.index not in self._loaded.dynamic
        }
        if any(self.graph.tensors[t].shape != shape for t, shape in shapes.items()):
            self.graph = self._loaded.with_shapes(shapes)
        return self.graph

    def explain(self, name: str) -> str:
        """In words: a line for all that was taken, one a part, one for each node that was left."""
        graph, yes = self.graph, [n for part in self.parts for n in part.ops]
        head = f"subgraph {graph.name or graph.index}: {name} took {len(yes)} of {len(graph.ops)} ops"
        lines = [f"{head} in {len(self.parts)} part{'s' * (len(self.parts) != 1)}"]
        lines += [f"  part {i}: ops {_ranges(part.ops)}" for i, part in enumerate(self.parts)]
        for node, op in self.ops.items():
            if op not in yes:
                reasons = "; ".join(map(str, self.verdicts[node].reasons)) or "the runtime did not give it"
                lines.append(f"  left: op {op} {graph.ops[op].label}: {reasons}")
        others = set(range(len(graph.ops))) - set(self.ops.values())
        return "\n".join(
            [*lines, *[f"  left: ops {_ranges(sorted(others))}: another delegate has them"] * bool(others)]
        )


def _ranges(numbers: tuple[int, ...] | list[int]) -> str:
    """0, 1, 2, 5 as "0 to 2, 5"."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][-1] + 1:
            runs[-1][1:] = [n]
        else:
            runs.append([n])
    return ", ".join(" to ".join(map(str, run)) for run in runs)
