"""Several Edge TPUs: a model on each, frames going to whichever is free; or a model's segments, one on each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from .delegates.edgetpu.delegate import EdgeTPUDelegate
from .delegates.edgetpu.package import is_compiled
from .errors import DeviceAbsent
from .graph.join import join
from .graph.read import read
from .interpreter import Interpreter
from .stream import Frames, Stream, remembers

SEGMENT = re.compile(r"(.*_segment_)(\d+)(_of_(\d+)(?:_edgetpu)?\.tflite)")  # as edgetpu_compiler names them


def edge_tpus(count: int | None = None, **options: Any) -> list[EdgeTPUDelegate]:
    """A delegate for each Edge TPU that is here, called "edgetpu-0" and so on; or for the first `count` of them.

    `options` are those of EdgeTPUDelegate. Raises DeviceAbsent where there are fewer, or none.
    """
    found: list[EdgeTPUDelegate] = []
    while count is None or len(found) < count:
        delegate = EdgeTPUDelegate(f":{len(found)}", name=f"edgetpu-{len(found)}", **options)
        probe = delegate.probe()
        if not probe.here:
            delegate.close()
            if found and count is None:
                break
            for each in found:
                each.close()
            wanted = f"{count} Edge TPUs are wanted and {len(found)} here" if found else "no Edge TPU is here"
            raise DeviceAbsent(f"{wanted}: {probe.detail}" + (f"; {probe.remedy}" if probe.remedy else ""))
        found.append(delegate)
    return found


class EdgeTPUPool:
    """One interpreter of a model for each device."""

    def __init__(
        self, model: str | os.PathLike[str] | bytes, delegates: Sequence[EdgeTPUDelegate] | None = None, **options: Any
    ) -> None:
        """`delegates` are one a device, by default all `edge_tpus()`, which then are closed with the pool.

        `options` are those of Interpreter. Raises what that does, and DeviceAbsent where no device is here.
        """
        self._closing = ExitStack()
        self._free: SimpleQueue[Interpreter] = SimpleQueue()
        self.interpreters: list[Interpreter] = []
        try:
            for delegate in edge_tpus() if delegates is None else delegates:
                if delegates is None:
                    self._closing.callback(delegate.close)
                it = self._closing.enter_context(_opened(model, delegates=[delegate], **options))
                it.allocate_tensors()
                self.interpreters.append(it)
                self._free.put(it)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def interpreter(self) -> Iterator[Interpreter]:
        """An interpreter that nobody else has meanwhile; waits for one. From any thread."""
        it = self._free.get()
        try:
            yield it
        finally:
            self._free.put(it)

    def stream(self, frames: Frames, depth: int = 1) -> Stream:
        """The outputs of `frames`, in order, `depth` of them under way on each device; else as Interpreter.stream."""
        if depth * len(self.interpreters) > 1 and (keeper := remembers(self.interpreters[0].graph)):
            raise ValueError(f"{keeper}: frames must go through one after another, on one device")
        groups = [it.abreast(depth) for it in self.interpreters]
        sessions = [sessions[k] for k in range(depth) for sessions, _ in groups]
        return Stream(sessions, frames, own=[session for _, own in groups for session in own])

    def close(self) -> None:
        """Close the interpreters. May be called twice."""
        self._closing.close()

    def __enter__(self) -> EdgeTPUPool:
        """The pool itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close."""
        self.close()


def chain(
    segments: str | os.PathLike[str] | Sequence[str | os.PathLike[str] | bytes],
    delegates: Sequence[EdgeTPUDelegate] | None = None,
    **options: Any,
) -> Interpreter:
    """The segments that edgetpu_compiler made of a model (`--num_segments`) as one interpreter, each on its device.

    `segments` are in order, or the path of one of "..._segment_I_of_N_edgetpu.tflite" beside the others. `delegates`
    are one a segment, by default `edge_tpus()`, and `options` those of Interpreter. `stream` keeps all devices busy at
    once, and a segment whose device fails may run on the CPU twin of the whole model.

    Raises InvalidModel where they do not fit each other, ValueError for one that is missing or another number of
    delegates, DeviceAbsent for too few devices.
    """
    models = [read(each) for each in (siblings(segments) if isinstance(segments, str | os.PathLike) else segments)]
    given = edge_tpus(len(models)) if delegates is None else list(delegates)
    if len(given) != len(models):
        raise ValueError(f"{len(models)} segments need as many delegates, not {len(given)}")
    content = join(models)
    owner = [k for k, model in enumerate(models) for _ in model.graphs[0].ops]
    ours = [op.index for op in read(content).graphs[0].ops if is_compiled(op)]
    others = {d.name: [op for op in ours if owner[op] != k] for k, d in enumerate(given)}
    exclude = {name: ops for name, ops in others.items() if ops} | dict(options.pop("exclude", {}))
    return Interpreter(model_content=content, delegates=given, exclude=exclude, **options)


def siblings(path: str | os.PathLike[str]) -> list[Path]:
    """All segments of the model that a path is one of. Raises ValueError for another name."""
    given = Path(path)
    name = SEGMENT.fullmatch(given.name)
    if name is None:
        raise ValueError(f"{given.name!r} is not called ..._segment_I_of_N_edgetpu.tflite: give all segments in order")
    return [given.with_name(f"{name[1]}{i}{name[3]}") for i in range(int(name[4]))]


def _opened(model: str | os.PathLike[str] | bytes, **options: Any) -> Interpreter:
    if isinstance(model, bytes):
        return Interpreter(model_content=model, **options)
    return Interpreter(os.fspath(model), **options)
