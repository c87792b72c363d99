"""What a boundary between two partitions costs, beyond copying its bytes: a chain that is cut at every op.

    python benchmarks/stitch.py [--seconds 10] [--ops 21]

Two delegates share the host and take turns, so that each boundary hands one tensor from one runtime to the other.
Beside the plan runs the same written by hand, with nothing that could be left out: each piece's runtime is invoked and
its output copied into the input of the next, by addresses that were found beforehand. Both do the same work on as much
memory in the same order, so that caches serve them alike: pieces and copies timed apart do not add up, as a piece whose
input was just copied finds it near. Printed is the median of (plan - by hand) / boundaries, with its 95 % interval by
bootstrap, and what one boundary's bytes take to copy in that loop, for scale.
"""

from __future__ import annotations

import argparse
import itertools
import random
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from delegraph import CPUDelegate, Interpreter
from delegraph.delegates.cpu_executable import Inside
from delegraph.graph.builder import GraphBuilder

SIZES = (4, 1024, 65536)
BATCH = 2  # so short that few are interrupted, and the median is of those that are not


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


def by_hand(it: Interpreter, copied: bool = True) -> Callable[[], None]:
    """The runtime of each partition, invoked; its output copied into the next one's input, if `copied`."""
    runtimes = [CPUDelegate().open(it.graph.submodel(p.ops)) for p in it.plan.partitions]
    places: list[tuple[Inside, Inside]] = []
    for runtime, partition in zip(runtimes, it.plan.partitions, strict=True):
        runtime.allocate_tensors()
        found = [
            Inside(it.graph.tensors[t], detail["index"])
            for t, detail in zip(
                (*partition.inputs, *partition.outputs),
                (*runtime.get_input_details(), *runtime.get_output_details()),
                strict=True,
            )
        ]
        for place in found:
            place.attach(runtime)
        places.append((found[0], found[1]))
    pairs = [(into(), out()) for (_, out), (into, _) in itertools.pairwise(places)]
    steps = list(zip((r.invoke for r in runtimes), [*pairs, None], strict=True))

    def run() -> None:
        for invoke, pair in steps:
            invoke()
            if copied and pair is not None:
                np.copyto(*pair)

    return run


def timed(sides: Sequence[Callable[[], None]], seconds: float) -> NDArray[np.float64]:
    """[rounds, sides] seconds, each the mean over a batch; the order within a round is random."""
    rows = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(rows) < 30:
        row = [0.0] * len(sides)
        for column, side in random.sample(list(enumerate(sides)), len(sides)):
            start = time.perf_counter()
            for _ in range(BATCH):
                side()
            row[column] = (time.perf_counter() - start) / BATCH
        rows.append(row)
    return np.array(rows)


def measure(size: int, ops: int, seconds: float) -> None:
    it = planned(chain(ops, size), ops)
    times = timed([it.invoke, by_hand(it), by_hand(it, copied=False)], seconds) / (ops - 1) * 1e6
    found = times[:, 0] - times[:, 1]
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(found, (2000, len(found))), axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    copy = np.median(times[:, 1] - times[:, 2])
    print(
        f"{4 * size:8d} bytes: {np.median(found):6.2f} us a boundary [{low:.2f}, {high:.2f}] beyond the copy, "
        f"which adds {copy:.2f} us to a piece of {np.median(times[:, 2]):.2f} us"
    )


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
