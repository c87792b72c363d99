"""Throughput of `stream` against `invoke` in a loop, of a plan with two stages that take equally long.

    python benchmarks/stream.py [--seconds 20] [--depth 3] [--frames 40]

The first stage runs on a simulated accelerator that takes as long as the second does on the CPU, so that twice the
throughput is the most there could be. Both sides run in turn, in random order; printed is the median of the ratios with
its 95 % interval by bootstrap. Their outputs are compared bit by bit.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time

import numpy as np
from numpy.typing import NDArray

from delegraph import CPUDelegate, Interpreter, SimulatedDelegate
from delegraph.graph.builder import GraphBuilder

SHAPE = (1, 56, 56, 32)
LAYERS = 8


def model() -> bytes:
    """Two stages of convolutions, the first of 1x1 kernels (which the accelerator takes), the second of 3x3."""
    rng = np.random.default_rng(0)
    b = GraphBuilder()
    x = b.input(SHAPE)
    for size, layers in ((1, 2), (3, LAYERS)):
        weights = b.constant(rng.standard_normal((SHAPE[3], size, size, SHAPE[3])).astype(np.float32) / 20)
        for _ in range(layers):
            kind = "CONV_2D"
            x = b.op(kind, [x, weights, b.constant(np.zeros(SHAPE[3], np.float32))], SHAPE, padding="SAME",
                     stride_w=1, stride_h=1)  # fmt: skip
        if size == 1:
            x = b.op("TANH", [x], SHAPE)
    b.output(x)
    return b.build()


def interpreter(content: bytes, seconds: float) -> Interpreter:
    """The first three ops on an accelerator that takes `seconds`, the rest on one core of the CPU."""
    far = SimulatedDelegate("far", flops=1e15, memory=1e15, bandwidth=1e12, latency=1e-6, launch=1e-9, run=seconds)
    it = Interpreter(model_content=content, delegates=[far, CPUDelegate(num_threads=1)], pin={
        "far": [0, 1, 2], "cpu": list(range(3, 3 + LAYERS))})  # fmt: skip
    it.allocate_tensors()
    return it


def by_invoke(it: Interpreter, frames: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    index, out = it.get_input_details()[0]["index"], it.get_output_details()[0]["index"]
    made = []
    for frame in frames:
        it.set_tensor(index, frame)
        it.invoke()
        made.append(it.get_tensor(out))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--frames", type=int, default=40)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    frames = [rng.random(SHAPE, np.float32) for _ in range(options.frames)]
    content = model()
    with interpreter(content, 1e-9) as it:
        stage = statistics.median([step.seconds for step in it.profile(20)][-1:])
    ratios = []
    with interpreter(content, stage) as it:
        sides = {"invoke": lambda: by_invoke(it, frames), "stream": lambda: list(it.stream(frames, options.depth))}
        made = {name: side() for name, side in sides.items()}
        assert all(np.array_equal(a, b) for a, b in zip(*made.values(), strict=True))
        end = time.perf_counter() + options.seconds
        while time.perf_counter() < end or len(ratios) < 5:
            took = {}
            for name in random.sample(sorted(sides), 2):
                start = time.perf_counter()
                sides[name]()
                took[name] = time.perf_counter() - start
            ratios.append(took["invoke"] / took["stream"])
    medians = np.median(rng.choice(ratios, (2000, len(ratios))), axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    print(f"stages of {stage * 1e3:.1f} ms, outputs the same: stream has {np.median(ratios):.2f} "
          f"[{low:.2f}, {high:.2f}] times the throughput of invoke")  # fmt: skip


if __name__ == "__main__":
    main()
