"""Write the table of docs/nnapi.md from the mapping itself: python docs/make_nnapi.py"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from delegraph.delegates.nnapi.abi import LEVELS
from delegraph.delegates.nnapi.node import Nodes, lowered
from delegraph.delegates.nnapi.samples import TYPES, samples
from delegraph.errors import Reason
from delegraph.graph.model import Graph

PAGE = Path(__file__).with_name("nnapi.md")
BEGIN, END = "<!-- made by docs/make_nnapi.py -->\n", "<!-- end -->\n"
COLUMNS = f"| op | {' | '.join(TYPES)} | operations |\n|{'---|' * (len(TYPES) + 2)}\n"


def least(graph: Graph) -> tuple[int, Nodes] | None:
    """The feature level from which the one op of a graph is taken, and what it becomes there."""
    for level in LEVELS:
        nodes = lowered(graph, graph.ops[0], level)
        if not isinstance(nodes, Reason):
            return level, nodes
    return None


def table() -> str:
    """A row a kind of op: the level that each type needs, and the operations that it may become."""
    levels: dict[str, dict[str, int]] = defaultdict(dict)
    operations: dict[str, dict[str, None]] = defaultdict(dict)
    for kind, type, graph in samples():
        found = least(graph)
        if found is not None:
            levels[kind][type] = found[0]
        for level in LEVELS:
            nodes = lowered(graph, graph.ops[0], level)
            if not isinstance(nodes, Reason):
                operations[kind].update(dict.fromkeys(node.code.name for node in nodes))
    rows = []
    for kind in sorted(levels):
        told = " | ".join(str(levels[kind].get(type, "")) for type in TYPES)
        rows.append(f"| {kind.removeprefix('CUSTOM ')} | {told} | {', '.join(operations[kind])} |\n")
    return f"{len(rows)} kinds of op:\n\n{COLUMNS}{''.join(rows)}"


def page() -> str:
    """The page with its table as it has to be."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
