"""Runs the lanes of a plan side by side, a thread each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .partitioner.overlap import Lanes


class SideBySide:
    """Threads for all lanes but one, which the caller's own takes; `close` ends them."""

    def __init__(self, lanes: Lanes) -> None:
        """Start no thread before the first run."""
        self._lanes = lanes
        awaited = {j for before in lanes.after for j in before}
        self._done = {j: threading.Event() for j in awaited}
        self._pool = ThreadPoolExecutor(len(lanes.steps) - 1, "delegraph-lane")

    def run(self, step: Callable[[int], None]) -> None:
        """Carry out every step once. Raises what the earliest of the steps that failed raised; the rest then stop."""
        for done in self._done.values():
            done.clear()
        problems: dict[int, BaseException] = {}

        def lane(steps: tuple[int, ...]) -> None:
            for k in steps:
                for j in self._lanes.after[k]:
                    self._done[j].wait()
                if not problems:
                    try:
                        step(k)
                    except BaseException as problem:
                        problems[k] = problem
                if k in self._done:
                    self._done[k].set()

        others = [self._pool.submit(lane, steps) for steps in self._lanes.steps[1:]]
        lane(self._lanes.steps[0])
        for other in others:
            other.result()
        if problems:
            raise problems[min(problems)]

    def close(self) -> None:
        """End the threads. May be called twice."""
        self._pool.shutdown()
