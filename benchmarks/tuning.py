"""What tuning gives, in one interleaved run a model: the GPU before and after, and `fastest` beside each device alone.

    python benchmarks/tuning.py MODEL... [--tune 60] [--seconds 20] [--only ways,fastest]

MODEL is a file, or "mixed", a small network that begins in 16 bits, for which the CPU has slow kernels.

ways      The ways to do ops are timed for `--tune` seconds; then the model runs on the GPU as the rules have it and as
          was measured, in turn and in random order.
fastest   The model is tuned; then `fastest` runs in turn with all that the GPU takes on it, and with all on the CPU.

Printed are medians of paired ratios and their 95 % intervals by bootstrap; milliseconds are for scale. What is measured
is kept in a folder that is thrown away at the end.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from architectures import Net
from overhead import interval, step_of
from placement import shares

from delegraph import CPUDelegate, GPUDelegate, Interpreter
from delegraph.costbook import CostBook
from delegraph.graph.model import Quantization
from delegraph.graph.read import read
from delegraph.partitioner.plan import Plan
from delegraph.partitioner.planner import make_plan
from delegraph.placing import Placing
from delegraph.timing import Trial, in_turn
from delegraph.ways import time_ways


def mixed() -> bytes:
    """Convolutions of 16 bits by weights of 8, for which the CPU has a slow kernel, before others of floats."""
    net, channels = Net(1, 112), 32
    b, rng = net.b, np.random.default_rng(7)
    x, depth = b.op("QUANTIZE", [net.image], (1, 112, 112, 3), dtype="INT16", quantization=(2.0**-15, 0)), 3
    for stride in (2, 1, 1):
        scales = Quantization(np.full(channels, 2.0**-10, np.float32), np.zeros(channels, np.int64), 0)
        sums = Quantization(scales.scales * np.float32(2.0**-15), scales.zero_points, 0)
        weights = rng.integers(-127, 128, (channels, 3, 3, depth)).astype(np.int8)
        given = b.constant(weights, quantization=scales), b.constant(np.zeros(channels, np.int64), quantization=sums)
        options = {"stride_w": stride, "stride_h": stride, "padding": "SAME"}
        shape = (1, 56, 56, channels)
        x, depth = b.op("CONV_2D", [x, *given], shape, dtype="INT16", quantization=(2.0**-15, 0), **options), channels
    x = net.op("DEQUANTIZE", [x], (1, 56, 56, channels), dtype="FLOAT32")
    for more, stride in ((64, 1), (128, 2), (256, 2), (512, 2), (512, 1), (512, 1)):
        x = net.conv(net.depthwise(x, 3, stride, "RELU6"), more, act="RELU6")
    return net.finish(x)


def raced(runs: Sequence[Callable[[], None]], seconds: float) -> list[list[float]]:
    """What each took, run in turn for so long, after two runs that do not count."""
    times: list[list[float]] = [[] for _ in runs]

    def timed(k: int) -> None:
        start = time.perf_counter()
        runs[k]()
        times[k].append(time.perf_counter() - start)

    for run in runs:
        run()
        run()
    rng, end = random.Random(0), time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 15:
        in_turn([partial(timed, k) for k in range(len(runs))], rng)
    return times


def told(ours: Sequence[float], base: Sequence[float]) -> str:
    """How many times as long ours takes as the base."""
    value, low, high = interval(np.array(ours) / np.array(base))
    scale = f"{statistics.median(ours) * 1e3:.2f} ms, {statistics.median(base) * 1e3:.2f}"
    return f"{value:.3f} [{low:.3f}, {high:.3f}] ({scale}; {len(ours)} rounds)"


def by_ways(content: bytes, options: argparse.Namespace) -> str:
    """The GPU alone, after its ways are timed over before."""
    graph, book = read(content).graphs[0], CostBook()
    start, delegates = time.perf_counter(), [GPUDelegate(), CPUDelegate()]
    time_ways(graph, delegates, book, start + options.tune, lambda what: None)
    took = time.perf_counter() - start
    graphs = graph, Placing(book=book).tuned(graph, delegates)
    plans = [make_plan(g, delegates) for g in graphs]
    with ExitStack() as stack:
        trials = [stack.enter_context(Trial(g, plan, delegates)) for g, plan in zip(graphs, plans, strict=True)]
        before, after = raced([trial.run for trial in trials], options.seconds)
    return f"{told(after, before)}; {changed(*plans)}, found in {took:.0f} s"


def changed(before: Plan, after: Plan) -> str:
    """How many ops are done in another way than by the rules."""
    both = [(a.way, b.way) for a, b in zip(before.decisions, after.decisions, strict=True) if a.way]
    return f"{sum(a != b for a, b in both)} of {len(both)} ops in another way"


def by_fastest(content: bytes, options: argparse.Namespace) -> str:
    """`fastest` after tuning over what each device does, alone as far as it can."""
    with ExitStack() as stack:
        fast, gpu, cpu = (
            stack.enter_context(Interpreter(model_content=content, delegates=delegates, placement=placement))
            for delegates, placement in (
                ([GPUDelegate(), CPUDelegate()], "fastest"), ([GPUDelegate(), CPUDelegate()], "priority"),
                ([CPUDelegate()], "priority"),
            )
        )  # fmt: skip
        fast.tune(options.tune)
        ours, *others = raced([step_of(it) for it in (fast, gpu, cpu)], options.seconds)
        plans = shares(fast.plan), f"GPU ({shares(gpu.plan)})"
    return f"fastest ({plans[0]}) / {plans[1]} {told(ours, others[0])}; / CPU {told(ours, others[1])}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--only", default="ways,fastest")
    parser.add_argument("--tune", type=float, default=60.0, help="seconds of tuning a model")
    parser.add_argument("--seconds", type=float, default=20.0, help="seconds of a race")
    options = parser.parse_args()
    print(f"gpu is {GPUDelegate().probe().detail}; cpu is {CPUDelegate().probe().detail}")
    for model in options.models:
        content = mixed() if model == "mixed" else Path(model).read_bytes()
        for part, measure in (("ways", by_ways), ("fastest", by_fastest)):
            if part in options.only.split(","):
                with tempfile.TemporaryDirectory() as folder:
                    os.environ["XDG_CACHE_HOME"] = folder
                    said = "tuned / by rule " if part == "ways" else ""
                    print(f"{Path(model).stem}: {said}{measure(content, options)}", flush=True)


if __name__ == "__main__":
    main()
