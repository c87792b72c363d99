"""Traces keep to Chromium's Trace Event Format, and hold every step, copy and launch where and when it ran."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interpreter.side_by_side import conv, noise
from ops.harness import delegate
from typer.testing import CliRunner

from delegraph import Interpreter, SimulatedDelegate
from delegraph.cli import app
from delegraph.data import digits, held_out
from delegraph.graph.builder import GraphBuilder
from delegraph.tracing import Trace

PHASES = {"X": {"ts", "dur"}, "s": {"ts", "id"}, "f": {"ts", "id", "bp"}, "M": {"args"}}
TIMES = {"X": ["frame", "run", "transfer", "launch"], "s": ["launch"], "f": ["launch"]}


def checked(trace: Trace) -> list[dict[str, Any]]:
    """The events of a trace, seen to keep to the format (Trace Event Format, Google, 2016: chapters 2 to 4)."""
    text = json.dumps(trace.to_json(), allow_nan=False)
    data = json.loads(text)
    assert data["displayTimeUnit"] in ("ms", "ns") and set(data) == {"traceEvents", "displayTimeUnit", "otherData"}
    events: list[dict[str, Any]] = data["traceEvents"]
    for e in events:
        assert e["ph"] in PHASES and PHASES[e["ph"]] <= set(e), e
        assert isinstance(e["name"], str) and isinstance(e["pid"], int) and isinstance(e["tid"], int)
        if e["ph"] == "M":
            assert e["name"] in ("process_name", "thread_name") and list(e["args"]) == ["name"]
        else:
            assert e["cat"] in TIMES[e["ph"]] and e["ts"] >= 0 and e.get("dur", 0) >= 0
    named = {(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name"}
    assert {(e["pid"], e["tid"]) for e in events if e["ph"] != "M"} <= named
    assert {pid for pid, _ in named} == {e["pid"] for e in events if e["name"] == "process_name"}
    for track in tracks(events).values():
        nested(track)
    flows = defaultdict(list)
    for e in events:
        if "id" in e:
            flows[e["id"]].append(e)
    for ends in flows.values():  # each begins in a run's slice and ends at a launch
        begin, end = ends
        assert (begin["ph"], end["ph"], end["bp"]) == ("s", "f", "e") and begin["ts"] <= end["ts"]
        assert any(covers(e, begin) and e["cat"] == "run" for e in events if e["ph"] == "X")
        assert any(covers(e, end) and e["cat"] == "launch" for e in events if e["ph"] == "X")
    return events


def covers(slice: dict[str, Any], point: dict[str, Any]) -> bool:
    same = (slice["pid"], slice["tid"]) == (point["pid"], point["tid"])
    return same and slice["ts"] <= point["ts"] <= slice["ts"] + slice["dur"]


def tracks(events: list[dict[str, Any]]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Thread -> from when to when its slices are, in nanoseconds."""
    found = defaultdict(list)
    for e in events:
        if e["ph"] == "X":
            start = round(e["ts"] * 1000)
            found[e["pid"], e["tid"]].append((start, start + round(e["dur"] * 1000)))
    return found


def nested(track: list[tuple[int, int]]) -> None:
    """Slices of a thread lie inside one another or apart, which is all that Perfetto draws."""
    open_: list[int] = []
    for start, end in sorted(track, key=lambda slice: (slice[0], -slice[1])):
        while open_ and open_[-1] <= start:
            open_.pop()
        assert not open_ or end <= open_[-1]
        open_.append(end)


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [e for e in events if e["ph"] == "X" and e["cat"] == kind]


@pytest.fixture
def images() -> list[np.ndarray]:
    return list(held_out()[0][:, None])


def test_one_inference_with_its_copies_and_launches(images: list[np.ndarray]) -> None:
    with Interpreter(model_content=digits("f32"), delegates=[delegate()]) as it:
        found = it.trace(images[:1])
        events = checked(found)
        steps = len(it.plan.steps)
        (launched,) = it.plan.launches.values()
    assert len(of(events, "frame")) == 1 and len(of(events, "run")) == 1 and len(of(events, "transfer")) == steps - 1
    assert len(of(events, "launch")) == launched and {e["args"]["clock"] for e in of(events, "launch")} <= {
        "host",
        "device",
    }
    assert of(events, "run")[0]["args"]["ops"][0] == "0 CONV_2D" and of(events, "transfer")[0]["args"]["bytes"] == 256
    assert found.complete and list(found.devices) == ["gpu"]


def test_frames_abreast_are_told_apart(images: list[np.ndarray]) -> None:
    with Interpreter(model_content=digits("f32"), delegates=[delegate()]) as it:
        events = checked(it.trace(images[:7], depth=3))
        it.allocate_tensors()  # works on as before, unwatched
        it.invoke()
    assert sorted(e["args"]["frame"] for e in of(events, "frame")) == list(range(7))
    assert sorted(e["args"]["frame"] for e in of(events, "run")) == list(range(7))
    assert len({e["tid"] for e in of(events, "frame")}) >= 2
    for step in (*of(events, "run"), *of(events, "transfer")):  # each inside its frame, in the same thread
        (frame,) = (e for e in of(events, "frame") if e["args"]["frame"] == step["args"]["frame"])
        assert covers(frame, step)


def branches() -> bytes:
    b = GraphBuilder()
    x = b.input((1, 8, 8, 4))
    left, right = conv(b, x, (1, 8, 8, 4)), b.op("EXP", [x], (1, 8, 8, 4))
    b.output(b.op("ADD", [left, right], (1, 8, 8, 4)))
    return b.build()


def test_partitions_side_by_side_have_threads_of_their_own() -> None:
    slow = [SimulatedDelegate(name, launch=0.05, supports=[kind]) for name, kind in (("a", "CONV_2D"), ("b", "EXP"))]
    with Interpreter(model_content=branches(), delegates=slow) as it:
        events = checked(it.trace([noise(1, 8, 8, 4)], warmup=0))
    first, second, last = of(events, "run")
    assert {e["name"].split(":")[0] for e in (first, second)} == {"a", "b"} and last["name"].startswith("cpu")
    assert first["tid"] != second["tid"]
    assert second["ts"] < first["ts"] + first["dur"], "they do not overlap"


def test_a_model_that_the_runtime_has_whole(images: list[np.ndarray]) -> None:
    with Interpreter(model_content=digits("int8")) as it:
        events = checked(it.trace([(images[0] * 255 - 128).astype(np.int8)]))
    assert [e["name"] for e in of(events, "run")] == ["cpu: partition 0"] and not of(events, "launch")


def test_ctrl_c_leaves_what_was_traced(images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    def frames() -> Iterator[np.ndarray]:
        yield from images[:3]
        raise KeyboardInterrupt

    class Broken(list):  # type: ignore[type-arg]
        def __iter__(self) -> Iterator[Any]:
            return frames()

    with Interpreter(model_content=digits("f32"), delegates=[delegate()]) as it:
        found = it.trace(Broken(images[:9]))
    assert not found.complete and [s.frame for s in found.spans if s.step is None] == [0, 1, 2]
    checked(found)


def test_what_cannot_be_traced(images: list[np.ndarray]) -> None:
    with Interpreter(model_content=digits("f32"), delegates=[delegate()]) as it:
        with pytest.raises(ValueError, match="a trace takes a frame"):
            it.trace([])
        with pytest.raises(ValueError, match="a frame has 2 arrays"):
            it.trace([images[:2]])


def test_the_command(tmp_path: Path) -> None:
    delegate()  # skips or fails where there is no GL
    model, out = tmp_path / "model.tflite", tmp_path / "trace.json"
    model.write_bytes(digits("f32"))
    done = CliRunner().invoke(app, ["trace", str(model), "--output", str(out), "--frames", "3", "--depth", "2"])
    assert done.exit_code == 0 and done.stdout.startswith("3 inferences, "), done.output
    assert len(of(json.loads(out.read_text("utf-8"))["traceEvents"], "frame")) == 3
    bad = CliRunner().invoke(app, ["trace", str(model), "--output", str(tmp_path / "absent" / "t.json")])
    assert bad.exit_code == 1 and "absent: No such file" in bad.stderr
    gone = CliRunner().invoke(app, ["trace", str(tmp_path / "none.tflite"), "--output", str(out)])
    assert gone.exit_code == 1 and "none.tflite" in gone.stderr and len(gone.stderr.strip().splitlines()) == 1
