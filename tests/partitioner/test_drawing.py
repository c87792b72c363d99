"""The drawing of a graph, and node data for Model Explorer: every op once, every tensor's way to its readers."""

from __future__ import annotations

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from delegraph import NullDelegate
from delegraph.graph.model import Graph
from delegraph.partitioner.drawing import LANE, ROW, activations, drawing
from delegraph.partitioner.overlay import node_data
from delegraph.partitioner.page import page
from delegraph.partitioner.planner import make_plan

from .graphs import mixed_graph, random_graph

graphs = st.builds(lambda seed, ops, make: make(seed, ops), st.integers(0, 9999), st.integers(1, 25), st.sampled_from(
    [random_graph, mixed_graph]))  # fmt: skip
SPLIT = [NullDelegate(["ADD", "SPLIT"], name="a"), NullDelegate(name="b")]


def ends(path: str) -> set[tuple[int, int]]:
    """The points that a path visits."""
    moves = re.findall(r"M(-?\d+) (-?\d+)", path)
    curves = re.findall(r"C-?\d+ -?\d+ -?\d+ -?\d+ (-?\d+) (-?\d+)", path)
    return {(int(x), int(y)) for x, y in (*moves, *curves)}


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(graphs)
def test_every_op_is_drawn_once_and_its_tensors_reach_it(graph: Graph) -> None:
    made = drawing(make_plan(graph, SPLIT), graph)
    nodes = {n.op: n for n in made.nodes if n.op is not None}
    assert sorted(nodes) == [op.index for op in graph.ops if op.index not in graph.folded_ops]
    assert len(nodes) == sum(n.op is not None for n in made.nodes)
    assert len({n.y for n in made.nodes}) == len(made.nodes) and made.height == ROW * len(made.nodes)
    wires = {w.tensor: ends(w.path) for w in made.wires}
    for op, node in nodes.items():
        assert LANE <= node.x < made.width
        for t in activations(graph, op):
            assert (node.x, node.y) in wires[t]
            if t in graph.producer and graph.producer[t] in nodes:
                maker = nodes[graph.producer[t]]
                assert maker.y < node.y and (maker.x, maker.y) in wires[t]


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(graphs)
def test_node_data_names_every_ops_delegate(graph: Graph) -> None:
    plan = make_plan(graph, SPLIT)
    data = json.loads(json.dumps(node_data(plan)))
    assert set(data["results"]) == {str(op.index) for op in graph.ops}
    for d in plan.decisions:
        assert data["results"][str(d.op)]["value"] == ("folded" if d.folded else d.delegate)
    colours = {r["value"]: r["bgColor"] for r in data["results"].values()}
    assert len(set(colours.values())) == len(colours)


@settings(max_examples=5, deadline=None, derandomize=True, database=None)
@given(graphs)
def test_the_page_draws_the_graph_with_reasons_to_hover(graph: Graph) -> None:
    plan = make_plan(graph, SPLIT)
    html = page(plan, graph)
    assert html.count("<svg") == 1
    assert html.count("<title>op ") == sum(not d.folded for d in plan.decisions)
    assert "<svg" not in page(plan)
