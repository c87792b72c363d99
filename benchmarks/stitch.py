"""What a boundary between two partitions costs, beyond copying its bytes: a chain that is cut at every op.

    python benchmarks/stitch.py [--seconds 10] [--ops 21]

Two delegates share the host and take turns, so that each boundary hands one tensor from one runtime to the other. Each
round runs the plan, the runtime's `invoke` of each piece alone, and the bare copies, in random order; printed is the
median of (plan - pieces - copies) / boundaries, with its 95 % interval by bootstrap.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

import numpy as np

from delegraph import CPUDelegate, Interpreter
from delegraph.graph.builder import GraphBuilder

SIZES = (4, 1024, 65536)
BATCH = 20


class Other(CPUDelegate):
    """The CPU under another name."""

    name = "other"


def chain(ops: int, size: int) -> bytes:
    b = GraphBuilder()
    x = b.input((1, size))
    for _ in range(ops):
        x = b.op("ADD", [x, b.constant(np.float32(1))], (1, size))
    b.output(x)
    return b.build()


def planned(content: bytes, ops: int) -> Interpreter:
    """A partition an op, in turn on either delegate."""
    pin = {"other": list(range(0, ops, 2)), "cpu": list(range(1, ops, 2))}
    it = Interpreter(model_content=content, delegates=[Other(), CPUDelegate()], pin=pin)
    it.allocate_tensors()
    assert len(it.plan.partitions) == ops
    return it


def pieces(it: Interpreter) -> Callable[[], None]:
    """The runtime's own `invoke` of each partition, with nothing handed on."""
    runtimes = [CPUDelegate().open(it.graph.submodel(p.ops)) for p in it.plan.partitions]
    for runtime in runtimes:
        runtime.allocate_tensors()

    def run() -> None:
        for runtime in runtimes:
            runtime.invoke()

    return run


def copies(size: int, boundaries: int) -> Callable[[], None]:
    """What boundaries must do: the bytes out of one runtime, into the next, each in memory of its own."""
    rows = [[np.zeros((1, size), np.float32) for _ in range(3)] for _ in range(boundaries)]

    def all_of_them() -> None:
        for a, b, c in rows:
            np.copyto(b, a)
            np.copyto(c, b)

    return all_of_them


def measure(size: int, ops: int, seconds: float) -> None:
    it = planned(chain(ops, size), ops)
    sides = [it.invoke, pieces(it), copies(size, ops - 1)]
    rows = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(rows) < 30:
        row = [0.0, 0.0, 0.0]
        for column, side in random.sample(list(enumerate(sides)), 3):
            start = time.perf_counter()
            for _ in range(BATCH):
                side()
            row[column] = (time.perf_counter() - start) / BATCH
        rows.append((row[0] - row[1] - row[2]) / (ops - 1))
    found = np.array(rows) * 1e6
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(found, (2000, len(found))), axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    print(f"{4 * size:8d} bytes: {np.median(found):6.2f} us a boundary [{low:.2f}, {high:.2f}]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each size")
    parser.add_argument("--ops", type=int, default=21)
    options = parser.parse_args()
    random.seed(0)
    for size in SIZES:
        measure(size, options.ops, options.seconds)


if __name__ == "__main__":
    main()
