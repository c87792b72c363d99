"""Servers in threads and in processes, a wire that can be slow and be cut, and models small enough for many runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delegraph.delegates.bridge.address import Address, parse_address
from delegraph.delegates.bridge.handshake import introduce
from delegraph.delegates.bridge.server import Server
from delegraph.delegates.bridge.visit import LIMITS, Limits
from delegraph.delegates.bridge.wire import Channel
from delegraph.delegates.engine import Site
from delegraph.graph.builder import GraphBuilder
from delegraph.lending import cpu

SECRET = "not to be guessed, not to be sent"
PATIENCE = 20.0  # seconds until a test gives up on the other end
LOCAL = "tcp://127.0.0.1:0"
ABSENT = ["moderngl", "glcontext", "ai_edge_litert", "tflite_runtime", "tflite", "flatbuffers", "PIL", "jinja2"]
ABSENT += ["typer", "click", "rich", "fcntl", "resource"]
ALONE = f"""
import sys
sys.modules.update(dict.fromkeys({ABSENT}))
from delegraph.delegates.bridge.__main__ import main
sys.exit(main())
"""


@contextmanager
def serving(
    uri: str = LOCAL,
    sites: Mapping[str, Callable[..., Site]] | None = None,
    secret: str | None = None,
    limits: Limits = LIMITS,
) -> Iterator[Server]:
    """A server in a thread; afterwards it has ended, and so has every thread that it started."""
    server = Server(parse_address(uri), sites or {"cpu": cpu}, secret, limits)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(PATIENCE)
        assert not thread.is_alive() and not server.clients


class Process:
    """`python -m delegraph.delegates.bridge` as a process of its own; `alone`: where numpy is all that is installed."""

    def __init__(self, *arguments: str, listen: str = LOCAL, secret: str | None = None, alone: bool = False) -> None:
        environment = {k: v for k, v in os.environ.items() if k != "DELEGRAPH_BRIDGE_SECRET"}
        if secret is not None:
            environment["DELEGRAPH_BRIDGE_SECRET"] = secret
        module = ["-c", ALONE] if alone else ["-m", "delegraph.delegates.bridge"]
        command = [sys.executable, *module, "--listen", listen, *arguments]
        self.process = subprocess.Popen(
            command, cwd="/", env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        self.uri = self.process.stdout.readline().rpartition(" at ")[2].strip()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Wire:
    """Carries bytes between clients and a server. `count` has how many, `heard` which, and at `cuts` it breaks."""

    def __init__(self, target: Address, latency: float = 0.0) -> None:
        self._target, self._latency = target, latency
        self.reset()
        self.forget()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def reset(self, **cuts: int) -> None:
        """Count from nought, and break after so many bytes `up` or `down`, once."""
        self.cuts = cuts
        self.count = {"up": 0, "down": 0}

    def forget(self) -> None:
        """What was heard so far."""
        self.heard = {"up": bytearray(), "down": bytearray()}

    def cut(self) -> None:
        """Break all connections."""
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = self._target.connect(PATIENCE)
            except Exception:
                near.close()
                continue
            self._sockets += near, far
            for way, source, sink in (("up", near, far), ("down", far, near)):
                on_its_way: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
                for work in (
                    partial(self._take, source, on_its_way),
                    partial(self._give, way, sink, source, on_its_way),
                ):
                    self._threads.append(threading.Thread(target=work))
                    self._threads[-1].start()

    def _take(self, source: socket.socket, on_its_way: SimpleQueue[tuple[float, bytes]]) -> None:
        source.settimeout(None)
        data = b"-"
        while data:
            try:
                data = source.recv(1 << 16)
            except OSError:
                data = b""
            on_its_way.put((time.monotonic() + self._latency, data))

    def _give(
        self, way: str, sink: socket.socket, source: socket.socket, on_its_way: SimpleQueue[tuple[float, bytes]]
    ) -> None:
        with suppress(OSError):
            while True:
                due, data = on_its_way.get()
                time.sleep(max(due - time.monotonic(), 0.0))
                if not data:
                    break
                if way in self.cuts and self.count[way] + len(data) >= self.cuts[way]:
                    sink.sendall(data[: self.cuts.pop(way) - self.count[way]])
                    break
                self.count[way] += len(data)
                self.heard[way] += data
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        for sock in self._sockets:
            sock.close()


@contextmanager
def wired(latency: float = 0.0, **options: Any) -> Iterator[tuple[Wire, Server]]:
    """A server in a thread, behind a wire."""
    with ExitStack() as stack:
        server = stack.enter_context(serving(**options))
        wire = Wire(server.address, latency)
        stack.callback(wire.close)
        yield wire, server


@contextmanager
def dialled(address: Address, secret: str | None = None) -> Iterator[Channel]:
    """A connection whose handshake is done."""
    channel = Channel(address.connect(PATIENCE), "the server")
    try:
        introduce(channel, (secret or "").encode(), PATIENCE)
        yield channel
    finally:
        channel.close()


def sums(width: int = 7, kind: str = "ADD") -> bytes:
    """Two vectors to one."""
    b = GraphBuilder()
    b.output(b.op(kind, [b.input((1, width)), b.input((1, width))], (1, width)))
    return b.build()


def vectors(width: int = 7, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What goes into `sums`."""
    x, y = np.random.default_rng(seed).random((2, 1, width), np.float32)
    return x, y


def infer(it: Any, *values: NDArray[Any]) -> NDArray[Any]:
    """One inference."""
    for detail, value in zip(it.get_input_details(), values, strict=True):
        it.set_tensor(detail["index"], value)
    it.invoke()
    return np.asarray(it.get_tensor(it.get_output_details()[0]["index"]))
