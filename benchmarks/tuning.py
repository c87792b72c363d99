"""What tuning gives, in one interleaved run a model: the GPU before and after, and `fastest` beside each device alone.

    python benchmarks/tuning.py MODEL... [--tune 60] [--seconds 20] [--only ways,fastest]

ways      The ways to do ops are timed for `--tune` seconds; then the model runs on the GPU as the rules have it and as
          was measured, in turn and in random order.
fastest   The model is tuned; then `fastest` races the plans with all that a delegate can run on that delegate.

Printed are medians of paired ratios and their 95 % intervals by bootstrap; milliseconds are for scale. What is measured
is kept in a folder that is thrown away at the end.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from overhead import interval
from placement import shares, simple_plans

from delegraph import CPUDelegate, GPUDelegate
from delegraph.costbook import CostBook
from delegraph.delegates.base import Delegate
from delegraph.graph.model import Graph
from delegraph.graph.read import read
from delegraph.partitioner.plan import Plan
from delegraph.partitioner.planner import make_plan
from delegraph.placing import Placing
from delegraph.timing import Trial, in_turn
from delegraph.tune import tune
from delegraph.ways import time_ways


def raced(trials: list[Trial], seconds: float) -> None:
    """Run each in turn for so long, after two runs that do not count."""
    for trial in trials:
        trial.run()
        trial.run()
        trial.forget()
    rng, end = random.Random(0), time.perf_counter() + seconds
    while time.perf_counter() < end or len(trials[0].seconds) < 15:
        in_turn([trial.run for trial in trials], rng)


def told(ours: Trial, base: Trial) -> str:
    """How many times as long ours takes as the base."""
    value, low, high = interval(np.array(ours.seconds) / np.array(base.seconds))
    scale = f"{ours.median * 1e3:.2f} ms, {base.median * 1e3:.2f}"
    return f"{value:.3f} [{low:.3f}, {high:.3f}] ({scale}; {len(ours.seconds)} rounds)"


def by_ways(graph: Graph, gpu: GPUDelegate, book: CostBook, options: argparse.Namespace) -> str:
    """The GPU alone, after its ways are timed over before."""
    start, delegates = time.perf_counter(), [gpu, CPUDelegate()]
    time_ways(graph, delegates, book, start + options.tune, lambda what: None)
    took = time.perf_counter() - start
    tuned = Placing(book=book).tuned(graph, delegates)
    plans = [(g, make_plan(g, delegates)) for g in (graph, tuned)]
    with ExitStack() as stack:
        before, after = (stack.enter_context(Trial(g, plan, delegates)) for g, plan in plans)
        raced([before, after], options.seconds)
        return f"{told(after, before)}; {changed(*(plan for _, plan in plans))}, found in {took:.0f} s"


def changed(before: Plan, after: Plan) -> str:
    """How many ops are done in another way than by the rules."""
    both = [(a.way, b.way) for a, b in zip(before.decisions, after.decisions, strict=True) if a.way]
    return f"{sum(a != b for a, b in both)} of {len(both)} ops in another way"


def by_fastest(graph: Graph, delegates: list[Delegate], book: CostBook, options: argparse.Namespace) -> str:
    """`fastest` after tuning over what each delegate alone does."""
    placing = Placing("fastest", book=book)
    tune(graph, delegates, placing, seconds=options.tune)
    graph = placing.tuned(graph, delegates)
    planner = placing.planner(graph, delegates)
    plan = planner.plan("fastest")
    rivals = [rival for rival in simple_plans(planner) if rival.partitions != plan.partitions]
    with ExitStack() as stack:
        ours, *others = [stack.enter_context(Trial(graph, p, delegates)) for p in (plan, *rivals)]
        raced([ours, *others], options.seconds)
        found = [f"{told(ours, other)} of {shares(other.plan)}" for other in others]
    return "; ".join([f"{shares(plan)}: {ours.median * 1e3:.2f} ms", *found])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("--only", default="ways,fastest")
    parser.add_argument("--tune", type=float, default=60.0, help="seconds of tuning a model")
    parser.add_argument("--seconds", type=float, default=20.0, help="seconds of a race")
    options = parser.parse_args()
    gpu, parts = GPUDelegate(), options.only.split(",")
    print(f"gpu is {gpu.probe().detail}; cpu is {CPUDelegate().probe().detail}")
    for path in options.models:
        graph = read(path).graphs[0]
        with tempfile.TemporaryDirectory() as folder:
            book = CostBook(Path(folder) / "costs.jsonl")
            if "ways" in parts:
                print(f"{path.stem}: tuned / by rule {by_ways(graph, gpu, book, options)}", flush=True)
            if "fastest" in parts:
                print(f"{path.stem}: {by_fastest(graph, [gpu, CPUDelegate()], book, options)}", flush=True)
    gpu.close()


if __name__ == "__main__":
    main()
