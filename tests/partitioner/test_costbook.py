"""What was measured is found again by whoever measured or another, whatever else is in the file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from partitioner.graphs import mixed_graph

from delegraph import CPUDelegate, NullDelegate
from delegraph.costbook import LIMIT, CostBook, default_path
from delegraph.delegates.base import Link, Rates
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph
from delegraph.graph.read import read
from delegraph.partitioner.content import content_key
from delegraph.partitioner.cost import LEAF, split
from delegraph.partitioner.planner import Planner, make_plan

A, B = NullDelegate(name="a"), NullDelegate(name="b", space="host")
RATES = Rates(1e9, 2e9, 1e-6, 2e-6, Link(3e9, 4e-6), Link(float("inf"), 0.0), "measured")

WRITER = """
import sys
from pathlib import Path
from delegraph import NullDelegate
from delegraph.costbook import CostBook
who, path = sys.argv[1:]
for k in range(40):
    book = CostBook(Path(path))
    book.add_partition(NullDelegate(name="a"), f"{who} {k}", 1.0 + k)
    book.add_plan([NullDelegate(name="a")], f"plan {who} {k}", ["a"] * 300 + ["", "a"] * 50, 2.0)
    book.save()
"""


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "costs.jsonl"
    book = CostBook(path)
    book.add_rates(A, RATES)
    book.add_partition(A, "one", 1.5)
    book.add_partition(A, "one", 2.5)
    book.add_plan([A, B], "graph", ["a", "", "b", "b"], 3.5)
    book.add_way(A, "op", "slowly")
    book.add_way(A, "op", "so")
    for seen in (book, CostBook(path)):
        assert (seen.rates(A), seen.rates(B)) == (RATES, None)
        assert seen.knows(A) and not seen.knows(B)
        assert (seen.partition(A, "one"), seen.partition(A, "two"), seen.partition(B, "one")) == (2.5, None, None)
        assert (seen.ways(A), seen.ways(B)) == ({"op": "so"}, {})
        assert seen.plans([A, B], "graph") == {("a", "", "b", "b"): 3.5}
        assert seen.plans([A], "graph") == {}, "one of its devices is not among those asked for"
        assert seen.plans([NullDelegate(name="b"), A], "graph") == {("a", "", "b", "b"): 3.5}
        book.save()


def test_the_file_is_where_caches_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_path() == tmp_path / "delegraph" / "costs.jsonl"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_path() == tmp_path / "home" / ".cache" / "delegraph" / "costs.jsonl"


def test_processes_write_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "costs.jsonl"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, who, str(path)], cwd=tmp_path) for who in ("x", "y", "z")
    ]
    assert [w.wait() for w in writers] == [0, 0, 0]
    lines = path.read_text().splitlines()
    assert len(lines) == 240 and all(json.loads(line) for line in lines)
    book = CostBook(path)
    assert all(book.partition(A, f"{who} {k}") == 1.0 + k for who in "xyz" for k in range(40))


GOOD = {"device": CostBook().device(A), "partition": "key", "seconds": 1.0}


@pytest.mark.parametrize(
    "line",
    [
        "{", "", "5", "null", "[]", '"rates"', "\xff", "[" * 50_000, "{}",
        *(json.dumps({**GOOD, "seconds": bad}) for bad in (0, -1, "1", None, [], 10**400)),
        json.dumps(GOOD).replace("1.0", "NaN"), json.dumps(GOOD).replace("1.0", "Infinity"),
        json.dumps({**GOOD, "partition": "k" * 1000}), json.dumps({**GOOD, "device": 5}),
        json.dumps({"device": "d", "rates": {"flops": 1}}), json.dumps({"device": "d", "rates": None}),
        json.dumps({"plan": "p", "chosen": [["d", 10**12]], "seconds": 1}),
        json.dumps({"plan": "p", "chosen": [["d", -1]], "seconds": 1}),
        json.dumps({"plan": "p", "chosen": [5], "seconds": 1}), json.dumps({"plan": [], "chosen": [], "seconds": 1}),
        *(json.dumps({"device": "d", "op": op, "way": way}) for op, way in (("o", 5), ("o", "w" * 65), ([], "w"))),
        json.dumps({"op": "o", "way": "w"}), json.dumps(GOOD)[:-9],
    ],
)  # fmt: skip
def test_lines_that_make_no_sense_are_passed_over(line: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "costs.jsonl"
    good = json.dumps({**GOOD, "partition": "before"})
    path.write_bytes(f"{good}\n{line}".encode("latin-1"))
    book = CostBook(path)
    assert (book.partition(A, "before"), book.partition(A, "key")) == (1.0, None)
    assert ("1 lines of" in caplog.text) == bool(line)
    book.add_partition(A, "after", 2.0)
    book.save()
    again = CostBook(path)
    assert (again.partition(A, "before"), again.partition(A, "after")) == (1.0, 2.0), "a torn line takes no other along"


def test_a_file_that_cannot_be_used_is_said_and_gone_without(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, pipe, huge = tmp_path / "folder", tmp_path / "pipe", tmp_path / "huge"
    folder.mkdir()
    os.mkfifo(pipe)
    with huge.open("wb") as file:
        file.truncate(LIMIT + 1)
    for path in (folder, pipe, huge, tmp_path / "pipe" / "below.jsonl"):
        caplog.clear()
        book = CostBook(path)
        assert book.partition(A, "one") is None
        book.add_partition(A, "one", 1.0)
        assert book.partition(A, "one") == 1.0
        book.save()
        assert "measured costs are not" in caplog.text and str(path.name) in caplog.text
    assert CostBook(huge).partition(A, "one") == 1.0, "what grew too large is begun anew"


def test_a_long_file_is_rewritten_without_what_is_out_of_date(tmp_path: Path) -> None:
    path = tmp_path / "costs.jsonl"
    lines = [json.dumps({**GOOD, "partition": f"{k % 50}", "seconds": 1.0 + k}) for k in range(60_000)]
    path.write_text("\n".join(lines) + "\n")
    assert LIMIT // 2 < path.stat().st_size < LIMIT
    book = CostBook(path)
    book.add_partition(A, "new", 7.0)
    book.save()
    assert path.stat().st_size < 10_000
    again = CostBook(path)
    assert (again.partition(A, "new"), again.partition(A, "49")) == (7.0, 60_000.0)


def chain(ops: int, width: int = 4, value: float = 1.0) -> Graph:
    b = GraphBuilder()
    x = b.input((1, width))
    weight = b.constant(np.full((1, width), value, np.float32))
    for k in range(ops):
        x = b.op("ADD" if k % 3 else "MUL", [x, weight], (1, width))
    b.output(x)
    return read(b.build()).graphs[0]


def test_a_partitions_key_is_its_content() -> None:
    graph = chain(9)
    key = content_key(graph, range(3))
    assert content_key(chain(9, value=2.0), range(3)) == key, "values of constants do not count"
    assert content_key(graph, range(3, 6)) == key, "nor where in a model it is"
    others = [content_key(graph, range(4)), content_key(graph, range(1, 4)), content_key(chain(9, 5), range(3))]
    assert len({key, *others}) == 4
    b = GraphBuilder()
    x = b.input((1, 4))
    same = [b.op("SUB", [x, y], (1, 4)) for y in (x, b.input((1, 4)))]
    b.output(*same)
    wired = read(b.build()).graphs[0]
    assert content_key(wired, [0]) != content_key(wired, [1]), "wiring counts"


def test_pieces_share_out_what_the_whole_takes() -> None:
    """The whole takes 8 s; of its halves the second takes three times as long; nothing finer is known."""
    graph = chain(16)
    book = CostBook()
    for ops, seconds in ((range(16), 8.0), (range(8), 1.0), (range(8, 16), 3.0)):
        book.add_partition(A, content_key(graph, ops), seconds)
    costs = Planner(graph, [A, B], measured=book).costs
    assert [costs.op("a", op).seconds for op in range(16)] == pytest.approx([0.25] * 8 + [0.75] * 8)
    assert {costs.op("a", op).source for op in range(16)} == {"modelled"}
    assert costs.partition("a", tuple(range(16))).source == "measured"
    quarter = costs.partition("a", tuple(range(8, 12)))
    assert (quarter.seconds, quarter.source) == (pytest.approx(3.0), "modelled")
    assert costs.op("b", 0).source == B.estimate(graph, [0]).source


def test_halves_of_a_piece_are_all_of_it_and_not_too_small() -> None:
    for n in range(30):
        ops = tuple(range(n))
        halves = split(ops)
        assert halves == () or (halves[0] + halves[1] == ops and min(map(len, halves)) >= LEAF)


def test_measured_times_decide() -> None:
    graph = mixed_graph(4, 10)
    everything = range(len(graph.ops))
    slow, fast = NullDelegate(name="slow", space="host", seconds_per_op=2.0), CPUDelegate()
    assert {d.delegate for d in make_plan(graph, [slow, fast], "fastest").decisions} == {"cpu"}
    book = CostBook()
    book.add_partition(fast, content_key(graph, everything), 1000.0)
    plan = make_plan(graph, [slow, fast], "fastest", measured=book)
    assert {d.delegate for d in plan.decisions} == {"slow"}
    book.add_plan([slow, fast], content_key(graph, everything), ["cpu"] * len(graph.ops), 0.5)
    plan = make_plan(graph, [slow, fast], "fastest", measured=book)
    assert {d.delegate for d in plan.decisions} == {"cpu"}
    assert (plan.expected.seconds, plan.expected.source) == (0.5, "measured")
