"""Timing: a plan made ready to be run again and again, alone or in turn with others."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .delegates.base import Cost, Delegate, LaunchTime
from .executor import Executor
from .graph.model import Graph, Tensor
from .partitioner.plan import Plan, Run, Transfer


@dataclass(frozen=True)
class StepTime:
    """One step of a plan: what it should take, and the median seconds that it took.

    `launches` are the medians of its launches, empty where what runs it cannot tell.
    """

    step: Run | Transfer
    expected: Cost
    seconds: float
    launches: tuple[LaunchTime, ...] = ()


class Trial:
    """A plan with memory and executables of its own, its inputs filled with noise; `close` gives all back."""

    def __init__(
        self,
        graph: Graph,
        plan: Plan,
        delegates: Sequence[Delegate],
        keep: frozenset[int] = frozenset(),
        inputs: Sequence[int] | None = None,
    ) -> None:
        """`inputs` are what is filled, the graph's own by default. Raises DelegateError where a delegate fails."""
        self.plan = plan
        self.seconds: list[float] = []
        self._steps: list[list[float]] = []
        self._executor = Executor(graph, plan, delegates, keep)
        for t in graph.inputs if inputs is None else inputs:
            if t in graph.dynamic:
                self._executor.host.loose[t] = noise(graph.tensors[t])
            elif not graph.is_constant(t):
                np.copyto(self._executor.view(t), noise(graph.tensors[t]))

    def run(self) -> None:
        """One inference, timed as a whole. Raises DelegateError."""
        start = time.perf_counter()
        self._executor.run()
        self.seconds.append(time.perf_counter() - start)

    def run_steps(self) -> None:
        """One inference, timed step by step. Raises DelegateError."""
        self._steps.append(self._executor.timed())

    def run_launches(self) -> None:
        """One inference, of which only the launches are timed, by the device's clock if there is one.

        Raises DelegateError.
        """
        self.seconds.append(sum(launch.seconds for step in self._executor.timed_launches() for launch in step))

    @property
    def median(self) -> float:
        """Seconds of one inference, as far as it was timed."""
        return statistics.median(self.seconds)

    def steps(self) -> list[float]:
        """The median seconds of each step, as far as they were timed."""
        return [statistics.median(times) for times in zip(*self._steps, strict=True)]

    def forget(self) -> None:
        """Drop what was timed so far, as one does with the first run."""
        self.seconds, self._steps = [], []

    def suspend(self) -> None:
        """Give back memory, but neither what was timed nor what was compiled; it does not run again."""
        self._executor.suspend()

    def close(self) -> None:
        """Give back memory and executables."""
        self._executor.close()

    def __enter__(self) -> Trial:
        """The trial itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close."""
        self.close()


def medians(runs: Sequence[Sequence[Sequence[LaunchTime]]]) -> list[tuple[LaunchTime, ...]]:
    """For each step the median of each launch over several inferences."""
    return [
        tuple(replace(same[0], seconds=statistics.median(t.seconds for t in same)) for same in zip(*steps, strict=True))
        for steps in zip(*runs, strict=True)
    ]


def noise(tensor: Tensor) -> NDArray[Any]:
    """A value for an input: reals in [0, 1), bytes at random; zero where it may be an index, strings empty."""
    if tensor.type == "STRING":
        return np.full(tensor.shape, b"", object)
    rng = np.random.default_rng(tensor.index)
    if tensor.dtype.kind == "f":
        return rng.random(tensor.shape).astype(tensor.dtype)
    if tensor.dtype in (np.dtype(np.int8), np.dtype(np.uint8)):
        return rng.integers(0, 128, tensor.shape).astype(tensor.dtype)
    return np.zeros(tensor.shape, tensor.dtype)


def in_turn(runs: Sequence[Callable[[], None]], rng: random.Random) -> None:
    """Run each once, in random order, so that what drifts hits all alike."""
    for run in rng.sample(runs, len(runs)):
        run()


def typical(run: Callable[[], None], seconds: float = 0.03, least: int = 5, most: int = 1000) -> float:
    """The median seconds of a call, from at least `least` calls in about `seconds`, after one that does not count."""
    run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < least or (time.perf_counter() < end and len(times) < most):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
