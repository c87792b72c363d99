"""What `delegraph bench` adds to a latency of about 50 us, against a bare loop over the same interpreter in one run.

    python benchmarks/bench_overhead.py [--seconds 20]

A cell's process takes turns as in a benchmark (samples one by one) and runs bare loops of as many inferences, in random
order, round by round. Printed is by how much the mean of a turn, and the median sample that reports show, is above an
inference of the bare loop: the median of the paired ratios and its 95 % interval.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

import numpy as np

from delegraph.bench.child import Child
from delegraph.bench.inputs import Feed
from delegraph.bench.record import Configuration
from delegraph.bench.reference import Reference
from delegraph.bench.stand import Stand
from delegraph.bench.stats import median
from delegraph.graph.builder import GraphBuilder

EACH = 100  # inferences of a turn, and of a bare loop
SETTLE = 0.01  # seconds before a turn counts, as in a benchmark of 2 s a cell; a bare loop has as many inferences


def small_model(layers: int = 6) -> bytes:
    """3x3 convolutions of 12x12 pixels with 16 channels."""
    rng = np.random.default_rng(0)
    b = GraphBuilder()
    x = b.input((1, 12, 12, 16))
    for _ in range(layers):
        weight = b.constant(rng.standard_normal((16, 3, 3, 16)).astype(np.float32) / 12)
        bias = b.constant(np.zeros(16, np.float32))
        x = b.op("CONV_2D", [x, weight, bias], (1, 12, 12, 16), stride_w=1, stride_h=1, padding="SAME")
    b.output(x)
    return b.build()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model, inputs = Path(folder) / "small.tflite", Path(folder) / "inputs.npz"
        model.write_bytes(small_model())
        reference, stand = Child(Reference), Child(Stand)
        reference.call("inputs", str(model), "small", 1, Feed(), str(inputs))
        stand.call("open", str(model), Configuration("cpu", threads=1), str(inputs))
        stand.call("warm", 2.0)
        means, medians, bare = [], [], []
        end = time.perf_counter() + options.seconds
        while time.perf_counter() < end:
            turn, loop = (), 0.0
            for what in random.sample(("turn", "bare"), 2):
                if what == "turn":
                    turn = stand.call("turn", 10.0, EACH, SETTLE, 0.0)
                else:
                    loop = stand.call("bare", EACH)
            means.append(float(np.mean(turn)))
            medians.append(float(np.median(turn)))
            bare.append(loop)
        reference.close()
        stand.close()
    print(f"{len(bare)} rounds of {EACH} inferences; bare loop {np.median(bare) * 1e6:.1f} us an inference")
    for name, found in (("mean of a turn", means), ("median of a turn", medians)):
        ratio = median([[a / b] for a, b in zip(found, bare, strict=True)])
        print(f"{name}: {100 * (ratio.value - 1):+.2f} % [{100 * (ratio.low - 1):+.2f}, {100 * (ratio.high - 1):+.2f}]")


if __name__ == "__main__":
    main()
