"""What `delegraph bench` adds to a latency of about 50 us, against a bare loop over the same interpreter in one run.

    python benchmarks/bench_overhead.py [--seconds 20]

A cell's process takes turns as in a benchmark (samples one by one) and runs bare loops of as many inferences, in
random order, round by round. Both are cut into blocks of ten inferences, of which a round counts the median, since on a
machine that does other things besides, some block is always disturbed. Printed is by how much a turn is above the bare
loop: the median of the paired ratios and its 95 % interval.
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

BLOCKS, EACH = 10, 10  # of inferences
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
        ratios, bare = [], []
        end = time.perf_counter() + options.seconds
        while time.perf_counter() < end:
            took = {}
            for what in random.sample(("turn", "bare"), 2):
                if what == "bare":
                    took[what] = np.median(stand.call("bare", BLOCKS, EACH))
                else:
                    samples = stand.call("turn", 10.0, BLOCKS * EACH, SETTLE, 0.0)
                    took[what] = np.median(np.reshape(samples, (BLOCKS, EACH)).mean(axis=1))
            ratios.append(float(took["turn"] / took["bare"]))
            bare.append(took["bare"])
        reference.close()
        stand.close()
    found = median([[ratio] for ratio in ratios])
    print(f"bare loop: {np.median(bare) * 1e6:.1f} us an inference ({len(bare)} rounds of {BLOCKS * EACH})")
    percent = [100 * (x - 1) for x in (found.value, found.low, found.high)]
    print("delegraph bench: {:+.2f} % [{:+.2f}, {:+.2f}]".format(*percent))


if __name__ == "__main__":
    main()
