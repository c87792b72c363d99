"""What a device that is really here is put through: how long a run takes, beside the CPU, and thousands of runs."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from interpreter.side_by_side import conv, noise

from delegraph import CPUDelegate, Interpreter
from delegraph.delegates.base import Delegate
from delegraph.graph.builder import GraphBuilder

SHAPE = (1, 56, 56, 64)
GROWTH = 32 << 20  # bytes that a process may grow by, whatever the number of runs


def convolutions() -> bytes:
    """Three convolutions of 0.23 GFLOP each."""
    b = GraphBuilder()
    x = b.input(SHAPE)
    for seed in range(3):
        x = conv(b, x, SHAPE, seed)
    b.output(x)
    return b.build()


def opened(delegate: Delegate) -> Interpreter:
    """The convolutions, all on a delegate."""
    it = Interpreter(model_content=convolutions(), delegates=[delegate])
    it.allocate_tensors()
    assert {decision.delegate for decision in it.plan.decisions} == {delegate.name}
    it.set_tensor(it.get_input_details()[0]["index"], noise(*SHAPE))
    return it


def median(it: Interpreter, runs: int) -> float:
    """Seconds of one inference, its output included; the first is left out."""
    output = it.get_output_details()[0]["index"]
    took = []
    for _ in range(runs + 1):
        begun = time.perf_counter()
        it.invoke()
        it.get_tensor(output)
        took.append(time.perf_counter() - begun)
    return statistics.median(took[1:])


def is_sane(delegate: Delegate, times: float, runs: int = 20) -> None:
    """Assert that it takes no more than so many times as long as one thread of the CPU."""
    with opened(delegate) as it, opened(CPUDelegate(num_threads=1)) as cpu:
        here, there = median(it, runs), median(cpu, runs)
    print(f"{delegate.name}: {here * 1e3:.2f} ms, one thread of the CPU {there * 1e3:.2f} ms")
    assert here <= times * there


def lasts(delegate: Delegate, runs: int) -> None:
    """Assert that so many runs give the same, bit by bit, and that the process does not grow."""
    with opened(delegate) as it:
        (entry,), (output,) = it.get_input_details(), it.get_output_details()
        inputs = [noise(*SHAPE, seed=seed) for seed in range(4)]
        first = [result(it, entry, output, each) for each in inputs]
        before = resident()
        for k in range(runs):
            np.testing.assert_array_equal(result(it, entry, output, inputs[k % 4]), first[k % 4])
        assert resident() - before < GROWTH


def result(it: Interpreter, entry: dict[str, Any], output: dict[str, Any], value: Any) -> Any:
    """One inference."""
    it.set_tensor(entry["index"], value)
    it.invoke()
    return it.get_tensor(output["index"])


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
