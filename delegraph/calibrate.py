"""Calibration: the rates of a device, from a few small models that are run on it. Takes a second or two."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .delegates.base import Delegate, Link, Rates
from .errors import DelegraphError
from .graph.builder import GraphBuilder
from .graph.model import Graph
from .graph.read import read
from .partitioner.plan import Run
from .partitioner.planner import make_plan
from .partitioner.transfers import HOST
from .timing import Trial, typical

LEAST, MOST = 1e-9, 1e15  # seconds that anything takes, and what is got done in one, whatever noise makes of it
LONG = 20  # times what is not work, so that it counts little
BYTES = (1 << 12, 1 << 16, 1 << 19, 1 << 22)  # of a small copy, and of larger ones until one takes long
PATIENCE = 1.0  # seconds after which no larger work is tried
ENOUGH = 0.05  # seconds that a copy takes when larger ones tell nothing new


def calibrate(delegate: Delegate) -> Rates:
    """The rates of a delegate's device, measured; what cannot be measured there keeps its old number. Raises nothing.

    Arithmetic is that of a 3x3 convolution, memory that of an addition, launches those of a chain of tiny ones.
    """
    old = delegate.rates
    try:
        upload, download = _links(delegate)
    except DelegraphError:
        return old
    reached = replace(old, upload=upload, download=download, source="measured")
    try:
        short, long = _seconds(delegate, _chain(2)), _seconds(delegate, _chain(34))
        launch = max((long - short) / 32, LEAST)
        run = max(short - 2 * launch, LEAST)
        flops = _rate(
            delegate, [(_convolution(side), 2.0 * side**2 * 9 * 64**2) for side in (16, 32, 64)], launch + run
        )
        sums = [(_addition(size), 12.0 * size) for size in (1 << 16, 1 << 19, 1 << 22)]
        bandwidth = _rate(delegate, sums, launch + run)
    except (DelegraphError, ValueError, RuntimeError):  # a device of few ops (Edge TPU) has none of these
        return old if delegate.space == HOST else reached
    return replace(reached, flops=flops, bandwidth=bandwidth, launch=launch, run=run)


def _rate(delegate: Delegate, works: list[tuple[Graph, float]], besides: float) -> float:
    """Work a second, from the first piece of work that takes long enough, or is brought there slowly, else the last."""
    rate, start = LEAST, time.perf_counter()
    for graph, work in works:
        seconds = _seconds(delegate, graph)
        rate = min(work / max(seconds - besides, LEAST), MOST)
        if seconds > LONG * besides or time.perf_counter() - start > PATIENCE:
            break
    return rate


def _seconds(delegate: Delegate, graph: Graph) -> float:
    """One run of a graph as one partition, transfers left out. Raises DelegraphError where it cannot run there."""
    plan = make_plan(graph, [delegate])
    trial = Trial(graph, plan, [delegate])
    try:
        typical(trial.run_steps)
        return sum(s for s, step in zip(trial.steps(), plan.steps, strict=True) if isinstance(step, Run))
    finally:
        trial.close()


def _links(delegate: Delegate) -> tuple[Link, Link]:
    """How bytes get there and back, besides the wait for what is under way there, which counts as the run's."""
    if delegate.space == HOST:
        return Link(), Link()
    arena = delegate.allocate(BYTES[-1])
    word = np.zeros(1, np.float32)

    def write(data: NDArray[np.float32]) -> None:
        arena.write(0, data)
        arena.read(0, word)  # a write may return before it is done, a read may not

    try:
        wait, back = typical(arena.wait), typical(partial(arena.read, 0, word))
        up: list[float] = []
        down: list[float] = []
        for size in BYTES:
            data = np.zeros(size // 4, np.float32)
            up.append(typical(partial(write, data)) - back)
            down.append(typical(partial(arena.read, 0, data)) - wait)
            if len(up) > 1 and min(up[-1], down[-1]) > ENOUGH:
                break
    finally:
        arena.close()
    return _link(up), _link(down)


def _link(seconds: list[float]) -> Link:
    """A link from what copies of BYTES took, as many as were made."""
    small, large = BYTES[0], BYTES[len(seconds) - 1]
    bandwidth = min((large - small) / max(seconds[-1] - seconds[0], LEAST), MOST)
    return Link(bandwidth, max(seconds[0] - small / bandwidth, LEAST))


def _chain(length: int) -> Graph:
    """Convolutions of one element in a row: nothing to compute, and nothing to fuse."""
    b = GraphBuilder()
    x = b.input((1, 1, 1, 1))
    weight, bias = b.constant(np.ones((1, 1, 1, 1), np.float32)), b.constant(np.zeros(1, np.float32))
    for _ in range(length):
        x = b.op("CONV_2D", [x, weight, bias], (1, 1, 1, 1), stride_w=1, stride_h=1, padding="VALID")
    b.output(x)
    return read(b.build()).graphs[0]


def _convolution(side: int) -> Graph:
    """64 channels to 64, over `side` x `side` pixels."""
    b = GraphBuilder()
    x = b.input((1, side, side, 64))
    weights = np.random.default_rng(0).standard_normal((64, 3, 3, 64), np.float32) / 24
    ends = b.constant(weights), b.constant(np.zeros(64, np.float32))
    b.output(b.op("CONV_2D", [x, *ends], (1, side, side, 64), stride_w=1, stride_h=1, padding="SAME"))
    return read(b.build()).graphs[0]


def _addition(size: int) -> Graph:
    """Two vectors of `size` elements."""
    b = GraphBuilder()
    b.output(b.op("ADD", [b.input((1, size)), b.input((1, size))], (1, size)))
    return read(b.build()).graphs[0]
