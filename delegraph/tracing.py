"""A trace of inferences, as Perfetto (ui.perfetto.dev) and chrome://tracing open it: who did what when.

Chromium's Trace Event Format: complete events ("X") for frames, steps and launches, flows ("s", "f") from a step to its
launches on the device, metadata ("M") for names. Times are microseconds from the first event on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from .delegates.base import LaunchTime
from .graph.model import Graph
from .partitioner.explain import manner
from .partitioner.plan import Plan, Run
from .session import Session
from .stream import Frame, Made, Stream, inference

HOST = 1  # the host's process in a trace; devices have those after it


@dataclass(frozen=True)
class Span:
    """From `start` to `end` (nanoseconds of one clock) in a thread. `step` is the plan's step, None for a frame."""

    thread: str
    start: int
    end: int
    frame: int
    step: int | None = None
    launches: tuple[LaunchTime, ...] = ()


@dataclass(frozen=True)
class Trace:
    """What ran when, for one plan. `devices` is what each delegate says of its device; not `complete`: broken off."""

    graph: Graph = field(repr=False)
    plan: Plan = field(repr=False)
    devices: Mapping[str, str]
    spans: tuple[Span, ...]
    complete: bool = True

    def to_json(self) -> dict[str, Any]:
        """The trace as JSON-ready data, in the object form of the format."""
        return {
            "traceEvents": [*self._names(), *self._events()],
            "displayTimeUnit": "ms",
            "otherData": {"model": self.plan.model, "complete": self.complete, **self.devices},
        }

    @property
    def _threads(self) -> dict[str, int]:
        """Thread -> its number in the trace, in the order in which they began.

        None has the host's own number, by which viewers know a main thread.
        """
        names = dict.fromkeys(span.thread for span in sorted(self.spans, key=lambda span: span.start))
        return {name: HOST + 1 + k for k, name in enumerate(names)}

    @property
    def _processes(self) -> dict[str, int]:
        """Delegate that told of its launches -> its process."""
        told = (self._delegate(span) for span in self.spans if span.launches)
        return {name: HOST + 1 + k for k, name in enumerate(dict.fromkeys(told))}

    def _delegate(self, span: Span) -> str:
        step = self.plan.steps[span.step] if span.step is not None else None
        return self.plan.partitions[step.partition].delegate if isinstance(step, Run) else ""

    def _names(self) -> Iterator[dict[str, Any]]:
        def name(kind: str, pid: int, tid: int, value: str) -> dict[str, Any]:
            return {"name": kind, "ph": "M", "pid": pid, "tid": tid, "args": {"name": value}}

        yield name("process_name", HOST, 0, "host")
        for thread, tid in self._threads.items():
            yield name("thread_name", HOST, tid, thread)
        for delegate, pid in self._processes.items():
            yield name("process_name", pid, 0, f"{delegate}: {self.devices.get(delegate, '')}")
            yield name("thread_name", pid, 1, "launches")

    def _events(self) -> Iterator[dict[str, Any]]:
        zero = min((span.start for span in self.spans), default=0)
        threads, processes, ids = self._threads, self._processes, count(1)
        free = dict.fromkeys(processes.values(), 0)  # when a device is done with what is placed on it so far
        for span in sorted(self.spans, key=lambda span: (span.start, -span.end)):
            tid = threads[span.thread]
            what, kind, args = self._said(span)
            yield _slice(what, kind, HOST, tid, span.start - zero, span.end - span.start, {"frame": span.frame, **args})
            if span.launches:
                pid = processes[self._delegate(span)]
                at = max(free[pid], span.start - zero)
                flow = {"name": "launches", "cat": "launch", "id": next(ids)}
                yield {**flow, "ph": "s", "pid": HOST, "tid": tid, "ts": (span.start - zero) / 1000}
                yield {**flow, "ph": "f", "bp": "e", "pid": pid, "tid": 1, "ts": at / 1000}
                for launch in span.launches:
                    op, took = self.graph.ops[launch.op], round(launch.seconds * 1e9)
                    said: dict[str, Any] = {"frame": span.frame, "op": op.index, "clock": launch.clock}
                    if way := manner(self.plan.decisions[op.index]):
                        said["way"] = way
                    yield _slice(f"{op.index} {op.label}", "launch", pid, 1, at, took, said)
                    at += took
                free[pid] = at

    def _said(self, span: Span) -> tuple[str, str, dict[str, Any]]:
        """Name, category and arguments of a span on the host."""
        if span.step is None:
            return f"frame {span.frame}", "frame", {}
        step, cost = self.plan.steps[span.step], self.plan.costs[span.step]
        args: dict[str, Any] = {"step": span.step, "expected_us": cost.seconds * 1e6}
        if isinstance(step, Run):
            partition = self.plan.partitions[step.partition]
            ops = [f"{i} {self.graph.ops[i].label}" for i in partition.ops if i not in self.graph.folded_ops]
            return f"{partition.delegate}: partition {partition.index}", "run", {**args, "ops": ops}
        tensor = self.graph.tensors[step.tensor].name
        args |= {"tensor": tensor, "bytes": step.nbytes}
        return f"copy {step.src} to {step.dst}: {tensor}", "transfer", args


def _slice(name: str, kind: str, pid: int, tid: int, start: int, took: int, args: Mapping[str, Any]) -> dict[str, Any]:
    """A complete event, of nanoseconds."""
    return {
        "name": name, "cat": kind, "ph": "X", "pid": pid, "tid": tid, "ts": start / 1000, "dur": took / 1000,
        "args": dict(args),
    }  # fmt: skip


class Recorder:
    """Takes down what sessions do, whichever thread they do it in."""

    def __init__(self) -> None:
        """Nothing is taken down yet."""
        self.spans: list[Span] = []
        self._numbers = count()
        self._frames: dict[Session, int] = {}

    def inference(self, session: Session, frame: Frame) -> Made:
        """One frame's outputs, as `stream.inference`."""
        number = self._frames[session] = next(self._numbers)
        start = time.perf_counter_ns()
        try:
            return inference(session, frame)
        finally:
            name = threading.current_thread().name
            self.spans.append(Span(name, start, time.perf_counter_ns(), number))

    def step(self, session: Session, at: int, start: int, end: int, launches: Sequence[LaunchTime]) -> None:
        """One step of the frame that a session has."""
        name = threading.current_thread().name
        self.spans.append(Span(name, start, end, self._frames[session], at, tuple(launches)))


def traced(
    sessions: Sequence[Session],
    own: Sequence[Session],
    frames: Sequence[Frame],
    warmup: int,
    devices: Mapping[str, str],
) -> Trace:
    """Carry out frames in sessions that are allocated, of which `own` are closed at the end."""
    recorder, complete = Recorder(), False
    with Stream(sessions, frames, own, recorder.inference) as stream:
        for session in sessions:
            for _ in range(warmup):
                inference(session, frames[0])
            session.watch(lambda *told, session=session: recorder.step(session, *told))
        try:
            with suppress(KeyboardInterrupt):
                for _ in stream:
                    pass
                complete = True
        finally:
            for session in sessions:
                if session not in own:  # which the end of the stream closed
                    session.watch(None)
            plan, graph = sessions[0].plan, sessions[0].graph
    used = {p.delegate for p in plan.partitions}
    here = {name: detail for name, detail in devices.items() if name in used}
    return Trace(graph, plan, here, tuple(recorder.spans), complete)
