"""What stands for an Edge TPU: a delegate in the real runtime that computes `edgetpu-custom-op` with the CPU's ops.

It lives where libedgetpu would, mostly in a child process, and is told what to do by files in $EDGETPU_DOUBLE:
`devices` and `version` (see libedgetpu.c), `models` (JSON: SHA-256 of a custom op's options -> the compiled model and
its twin), and `act`: what befalls the next run ("hang", "abort", "fail", "vanish", "chatter"), or with "always " before
it every run.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delegraph.delegates.edgetpu.devices import Device, Wanted
from delegraph.delegates.edgetpu.package import CUSTOM_CODE, compiled
from delegraph.delegates.edgetpu.twin import Twin
from delegraph.delegates.runtime import load_runtime
from delegraph.graph.flexbuffer import decode
from delegraph.graph.read import read
from delegraph.plugin import abi, native

NOISE = "F1128 12:00:00.000000 4711 usb_driver.cc:802] transfer on tag 2 failed. Abort. Deadline exceeded: "

_alive: dict[int, Double] = {}
_lost: list[str] = []  # why the driver of this process has no device any more, as that of libedgetpu does not recover


def folder() -> Path:
    return Path(os.environ["EDGETPU_DOUBLE"])


def devices() -> list[Device]:
    return [Device(*line.split()) for line in (folder() / "devices").read_text().splitlines()]


def create(device: str) -> int:
    """What libedgetpu's `tflite_plugin_create_delegate` gives: 0 where there is no such device."""
    wanted = Wanted.parse(device)
    able = [d for d in devices() if wanted.kind in ("", d.kind)]
    if (wanted.index or 0) >= len(able):
        return 0
    made = Double()
    _alive[made.address] = made
    return made.address


def destroy(address: int) -> None:
    _alive.pop(address, None)


class Double(native.NativeDelegate):
    """Takes what the compiler made."""

    def __init__(self) -> None:
        super().__init__("EdgeTpuDelegateForCustomOp")
        self.flags = abi.ALLOW_DYNAMIC  # the runtime has no such op, so it cannot work out shapes

    def take(self, context: native.GraphContext) -> list[int]:
        return [n for n in context.plan() if context.node(n)[1].custom_name == CUSTOM_CODE.encode()]

    def kernel(self, context: native.GraphContext, part: abi.DelegateParams) -> Kernel:
        return Kernel([Compiled(context.node(n)[0]) for n in abi.ints(part.nodes)])

    def failed(self, callback: str, error: BaseException, trace: str) -> None:
        print(trace, file=sys.stderr)


class Kernel:
    def __init__(self, ops: Sequence[Compiled]) -> None:
        self._ops = ops

    def prepare(self, context: native.GraphContext) -> None:
        pass

    def invoke(self, context: native.GraphContext) -> None:
        with logged():
            act()
            for op in self._ops:
                op.run(context)

    def close(self) -> None:
        pass


@contextmanager
def logged() -> Iterator[None]:
    """Where the file `slow` says so, take that many seconds, and note from when to when in `log`."""
    slow = folder() / "slow"
    begun = time.monotonic()
    yield
    if slow.is_file():
        time.sleep(float(slow.read_text()))
        with (folder() / "log").open("a") as log:
            log.write(f"{os.getpid()} {begun} {time.monotonic()}\n")


def act() -> None:
    """What was told to befall this run."""
    if not devices():
        _lost.append("USB device is gone")
    order = folder() / "act"
    if not order.is_file() and not _lost:
        return
    if _lost:
        raise RuntimeError(f"Failed to execute request. {_lost[0]}")
    words = order.read_text().split()
    if words[0] != "always":
        order.unlink()
    what = words[-1]
    if what == "hang":
        time.sleep(3600)
    if what == "abort":
        print(NOISE + "USB transfer error 2 [LibUsbDataOutCallback]", file=sys.stderr, flush=True)
        os.abort()
    if what == "chatter":
        sys.stderr.write("".join(f"line {n} of what it says\n" for n in range(500)))
        sys.stderr.flush()
        os._exit(3)
    if what == "vanish":
        (folder() / "devices").write_text("")
        _lost.append("USB device is gone")
    raise RuntimeError(f"Failed to execute request. {what}")


class Compiled:
    """One `edgetpu-custom-op`: the CPU's ops that it was made from, in an interpreter of their own."""

    def __init__(self, node: abi.Node) -> None:
        options = abi.raw(node.custom_initial_data, node.custom_initial_data_size).tobytes()
        content, names = source(options)
        self._runtime = load_runtime().open(content)
        self._runtime.allocate_tensors()
        places = {d["name"]: d["index"] for d in self._runtime.get_tensor_details()}
        self._inputs = [(outer, places[name]) for outer, name in zip(abi.ints(node.inputs), names[0], strict=True)]
        self._outputs = [(outer, places[name]) for outer, name in zip(abi.ints(node.outputs), names[1], strict=True)]

    def run(self, context: native.GraphContext) -> None:
        for outer, inner in self._inputs:
            self._runtime.set_tensor(inner, self._outer(context, outer, inner))
        self._runtime.invoke()
        variables = [(outer, inner) for outer, inner in self._inputs if context.tensor(outer).is_variable]
        for outer, inner in [*self._outputs, *variables]:
            np.copyto(self._outer(context, outer, inner), self._runtime.get_tensor(inner))

    def _outer(self, context: native.GraphContext, outer: int, inner: int) -> NDArray[Any]:
        like, tensor = self._runtime.get_tensor(inner), context.tensor(outer)
        return abi.raw(tensor.data, tensor.bytes).view(like.dtype).reshape(like.shape)


def source(options: bytes) -> tuple[bytes, tuple[list[str], list[str]]]:
    """The CPU's model that a compiled op was made from, and in it the names of the op's inputs and outputs."""
    inside = decode(options, "surrogateescape")["4"]
    if isinstance(inside, bytes):  # the compiler in compiler.py puts the model itself in there
        graph = read(inside).graphs[0]
        return inside, tuple([graph.tensors[t].name for t in ts] for ts in (graph.inputs, graph.outputs))
    path, twin_path = json.loads((folder() / "models").read_text())[hashlib.sha256(options).hexdigest()]
    graph, twin = read(path).graphs[0], Twin(twin_path).graph
    op = next(op for op in compiled(graph) if bytes(op.options["custom_options"]) == options)
    region = Twin(twin_path).region(graph, op)
    outputs = frozenset(region.tensors[t] for t in op.outputs)
    named = twin.submodel_names(region.ops, outputs)
    names = tuple([named[region.tensors[t]] for t in ts] for ts in (op.inputs, op.outputs))
    return twin.submodel(region.ops, outputs), names
