"""What is said of a plan, in words and on its page: all of it, in order, and harmless whatever names a model holds."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from partitioner.graphs import random_graph

from delegraph import NullDelegate
from delegraph.delegates.base import Probe
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph
from delegraph.graph.read import read
from delegraph.partitioner.explain import duration, explain, size
from delegraph.partitioner.page import page
from delegraph.partitioner.plan import Plan, Run, Transfer
from delegraph.partitioner.planner import make_plan

HOSTILE = '</pre><script>alert("1")</script>\x1b[31m\u202e'
EMPTY = {"meta", "input", "br", "link", "img"}


class Absent(NullDelegate):
    """A delegate whose device is not here."""

    def probe(self) -> Probe:
        return Probe(False, "no such thing", "buy one")


def cut_graph() -> Graph:
    """ADD, then MUL by a float16 constant that a DEQUANTIZE widens, then ADD."""
    b = GraphBuilder()
    x = b.input((1, 300), name="x")
    wide = b.op("DEQUANTIZE", [b.constant(np.ones((1, 300), np.float16))], (1, 300), dtype=np.float32)
    y = b.op("MUL", [b.op("ADD", [x, x], (1, 300)), wide], (1, 300), name="scaled")
    b.output(b.op("ADD", [y, x], (1, 300), name="y"))
    return read(b.build()).graphs[0]


def cut_plan(graph: Graph) -> Plan:
    return make_plan(graph, [Absent(name="missing"), NullDelegate({"ADD"}, name="a"), NullDelegate(name="b")])


def hostile_graph() -> Graph:
    b = GraphBuilder()
    x = b.input((1, 4), name=HOSTILE)
    b.output(b.op("CUSTOM", [x], (1, 4), name=HOSTILE + "2", custom_code=HOSTILE))
    return read(b.build()).graphs[0]


def test_the_summary_counts_what_the_plan_holds() -> None:
    lines = cut_plan(cut_graph()).explain().splitlines()
    assert lines[0] == "4 ops, placed by priority over missing, a, b"
    assert lines[1:5] == [
        "  missing   no ops",
        "  a         2 ops in 2 partitions, 2 launches",
        "  b         1 op in 1 partition, 1 launch",
        "  folded    1 op that run nowhere: constant, or never read",
    ]
    # x -> a, sum -> host -> b, scaled -> host -> a, y -> host; 1200 bytes each
    assert lines[5] == "  copies    2 tensors host -> a (2.34 KiB), 2 tensors a -> host (2.34 KiB), " + (
        "1 tensor host -> b (1.17 KiB), 1 tensor b -> host (1.17 KiB)"
    )
    # three ops of 1 us, and six copies of 1200 bytes over links of 10 us and 10 GB/s
    assert "  expected  63.7 µs (modelled)" in lines
    assert "  missing refused every op: absent: no such thing; buy one" in lines


def test_what_a_delegate_said_of_every_op_is_told_once() -> None:
    text = cut_plan(cut_graph()).explain()
    assert text.count("no such thing") == 1
    assert text.count("a refused: kind: MUL (wanted ADD)") == 1


@pytest.mark.parametrize("seed", range(5))
def test_the_story_tells_every_step_in_order_and_every_op(seed: int) -> None:
    graph = random_graph(seed, 20)
    plan = make_plan(graph, [NullDelegate({"ADD", "MAXIMUM"}, name="a"), NullDelegate(name="b")])
    lines = plan.explain(graph=graph).splitlines()
    told = [line for line in lines if re.match(r"\d+\. ", line)]
    assert len(told) == len(plan.steps)
    for line, step in zip(told, plan.steps, strict=True):
        if isinstance(step, Run):
            assert f"partition {step.partition} on {plan.partitions[step.partition].delegate}: " in line
        else:
            assert isinstance(step, Transfer)
            assert f"tensor {step.tensor} {graph.tensors[step.tensor].name!r}" in line
            assert line.endswith(f"{step.src} -> {step.dst}")
    spans = [re.match(r" +(\d+)(?:-(\d+))?  (\w+)", line) for line in lines]
    ops = {i: m[3] for m in spans if m for i in range(int(m[1]), int(m[2] or m[1]) + 1)}
    assert ops == {op.index: op.kind for op in graph.ops}


def test_one_op_is_told_with_costs_refusals_tensors_and_copies() -> None:
    graph = cut_graph()
    plan = cut_plan(graph)
    text = plan.explain(2, graph)
    assert text.splitlines()[0] == "op 2: MUL"
    assert "runs on b, in partition 1 (2 ops, 0 to 2)" in text
    assert "a refused: kind: MUL (wanted ADD)" in text
    assert "b can run it: 1 µs (modelled)" in text
    assert "'scaled', FLOAT32 [1, 300], copied b -> host, copied host -> a" in text
    folded = next(d.op for d in plan.decisions if d.folded)
    assert "runs nowhere: constant" in plan.explain(folded)


def test_fusion_is_told_from_both_sides() -> None:
    graph = cut_graph()
    plan = cut_plan(graph)
    plan = replace(plan, decisions=tuple(replace(d, fused=1) if d.op == 3 else d for d in plan.decisions))
    assert "fused into op 1" in plan.explain(3)
    assert "takes op 3 along" in plan.explain(1)
    assert "1 of the ops fused into others" in plan.explain()


def test_an_op_that_is_not_there_is_refused() -> None:
    plan = cut_plan(cut_graph())
    for op in (-1, len(plan.decisions)):
        with pytest.raises(ValueError, match=rf"op {op} is not in the plan, which has ops 0 to 3"):
            plan.explain(op)


def test_names_cannot_steer_a_terminal() -> None:
    graph = hostile_graph()
    plan = make_plan(graph, [NullDelegate()])
    for text in (plan.explain(graph=graph), plan.explain(0, graph)):
        assert all(c.isprintable() or c == "\n" for c in text)
        assert "alert" in text


def test_the_page_escapes_names_and_needs_nothing_from_elsewhere() -> None:
    graph = hostile_graph()
    html = page(make_plan(graph, [NullDelegate()]), graph, title=HOSTILE)
    assert html.count("<script>") == 1 and "alert(" in html
    assert "<script>alert" not in html
    assert "\x1b" not in html and "\u202e" not in html
    seen = Tags(html)
    assert seen.open == []
    assert {value for _, name, value in seen.attributes if name in ("src", "href")} == {"#op-0"}
    assert not [tag for tag, _, _ in seen.attributes if tag in ("img", "link", "iframe", "base")]
    assert "@import" not in html and "url(" not in html


def test_the_pages_policy_lets_its_own_script_run_and_no_other() -> None:
    html = page(cut_plan(cut_graph()))
    script = re.findall(r"<script>(.*?)</script>", html, re.S)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(v for _, name, v in Tags(html).attributes if name == "content" and v.startswith("default-src"))
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def test_the_page_shows_every_op_in_the_map_the_graph_and_the_table() -> None:
    graph = random_graph(7, 25)
    plan = make_plan(graph, [NullDelegate({"ADD", "MAXIMUM"}, name="a"), NullDelegate(name="b")])
    seen = Tags(page(plan, graph)).attributes
    ops = list(range(len(graph.ops)))
    assert sorted(int(v[4:]) for tag, name, v in seen if (tag, name) == ("a", "href")) == sorted(2 * ops)
    assert [int(v[3:]) for tag, name, v in seen if (tag, name) == ("tr", "id")] == ops
    assert [v for tag, name, v in seen if (tag, name) == ("tr", "data-who")] == [d.delegate for d in plan.decisions]


class Tags(HTMLParser):
    """Every attribute of a page, and the tags that were left open or closed out of turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.open.append(f"/{tag}")


def test_a_graph_is_not_needed() -> None:
    assert "tensor 0, 1.17 KiB, host -> a" in explain(cut_plan(cut_graph()))


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (1023 * 1024, "1023 KiB"), (3 << 30, "3 GiB")],
)
def test_sizes(nbytes: int, text: str) -> None:
    assert size(nbytes) == text


@pytest.mark.parametrize(("seconds", "text"), [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (4.56e-6, "4.56 µs"), (0, "0 µs")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
