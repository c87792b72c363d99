"""How good plans by cost are: against random legal plans, against brute force, and how long planning takes.

    python benchmarks/placement.py [MODEL...] [--only real,simulated,force,growth] [--plans 50] [--quick] [--plot FILE]

real, simulated   Each model is tuned. Then its plan by `fastest` races its rivals: all that one delegate can run there,
                  and random legal plans. A rival is run beside `fastest` until it is clearly behind; those that are
                  not are run again with it in one interleaved race. Printed is the median of `fastest` over that of
                  the best rival. `real` is on the GPU and CPU that are here; `simulated` on two accelerators, of which
                  one is fast at arithmetic and the other at memory, without the CPU.
force             Stretches of up to 14 ops of each model: the plan's expected time over the best of all assignments to
                  the two accelerators.
growth            Planning time of synthetic graphs on 4 delegates, and the exponent that fits it; `--plot` draws it.

What is measured is kept in a folder that is thrown away at the end.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from delegraph import CPUDelegate, GPUDelegate, NullDelegate, SimulatedDelegate
from delegraph.costbook import CostBook
from delegraph.delegates.base import Delegate, Link, Rates
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph, Op
from delegraph.graph.read import read
from delegraph.partitioner.capability import capability
from delegraph.partitioner.cost import Costs
from delegraph.partitioner.fastest import place
from delegraph.partitioner.plan import Plan
from delegraph.partitioner.planner import Planner, make_plan
from delegraph.placing import Placing
from delegraph.timing import Trial, in_turn
from delegraph.tune import tune

FAR = 1.25  # times as slow as `fastest` in two runs beside it: out
FINALISTS = 4
ROUNDS = 10
SIZES = (100, 300, 1000, 3000, 10_000)


def accelerators() -> list[Delegate]:
    """One fast at arithmetic, one at memory; both so slow that the CPU, which computes for them, keeps up."""
    bus = {"bandwidth": 6e9, "latency": 3e-5, "run": 3e-5}
    return [
        SimulatedDelegate("arithmetic", flops=3e10, memory=6e8, **bus),
        SimulatedDelegate("memory", flops=3e9, memory=6e9, **bus),
    ]


def random_plan(planner: Planner, rng: random.Random) -> Plan:
    """A legal plan: stretches of random length on random delegates, as far as these take the ops."""
    length, wanted, chosen = rng.choice((2, 5, 15, 50)), "", {}
    for op in planner.search.ops:
        if not wanted or rng.random() < 1 / length:
            wanted = rng.choice(planner.names)
        able = [name for name in planner.names if planner.allowed[op][name].ok]
        chosen[op] = wanted if wanted in able else rng.choice(able)
    return planner.given(chosen, "priority")


def simple_plans(planner: Planner) -> list[Plan]:
    """By priority, and for each delegate all that it can run."""
    labels = planner.search.starts()
    found = [planner.given(planner.search.placed(x).chosen, "priority") for x in labels]
    return [plan for k, plan in enumerate(found) if plan.partitions not in [p.partitions for p in found[:k]]]


def shares(plan: Plan) -> str:
    ops: Counter[str] = Counter()
    for p in plan.partitions:
        ops[p.delegate] += len(p.ops)
    return ", ".join(f"{n} {name}" for name, n in ops.items()) + f" in {len(plan.partitions)}"


def beside(ours: Trial, theirs: Trial, rng: random.Random) -> bool:
    """Whether a rival is clearly behind after two runs of each; the first of all does not count."""
    theirs.run()
    theirs.forget()
    ours.forget()
    for _ in range(2):
        in_turn([ours.run, theirs.run], rng)
    return min(theirs.seconds) > FAR * max(ours.seconds)


def race(path: Path, delegates: list[Delegate], options: argparse.Namespace) -> bool:
    """Tune a model, race `fastest` against its rivals and print how it went; whether its plan is a mixed one."""
    rng = random.Random(0)
    graph = read(path).graphs[0]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        placing = Placing("fastest", book=CostBook(Path(folder) / "costs.jsonl"))
        tune(graph, delegates, placing, seconds=options.tune)
        graph = placing.tuned(graph, delegates)
        planner = placing.planner(graph, delegates)
        plan = planner.plan("fastest")
        ours = stack.enter_context(Trial(graph, plan, delegates))
        ours.run()
        rivals: list[tuple[float, str, Plan]] = []
        met, end = 0, time.perf_counter() + options.screen
        simple = simple_plans(planner)
        for number in range(len(simple) + options.plans):
            if time.perf_counter() > end and number >= len(simple):
                break
            rival = simple[number] if number < len(simple) else random_plan(planner, rng)
            met += number >= len(simple)
            if rival.partitions == plan.partitions:
                continue
            with Trial(graph, rival, delegates) as theirs:
                if not beside(ours, theirs, rng):
                    gap = statistics.median(theirs.seconds) / statistics.median(ours.seconds)
                    rivals.append((gap, "simple" if number < len(simple) else "random", rival))
        rivals = sorted(rivals, key=lambda r: r[0])[:FINALISTS]
        trials = [ours, *(stack.enter_context(Trial(graph, rival, delegates)) for _, _, rival in rivals)]
        for trial in trials:
            trial.run()
            trial.forget()
        for _ in range(ROUNDS):
            in_turn([trial.run for trial in trials], rng)
        best = min(trials[1:], key=lambda t: t.median, default=None)
        ratio = f"{ours.median / best.median:5.3f} to {shares(best.plan)}" if best else f"< {1 / FAR:.2f}  to all"
        print(
            f"{path.stem:<34} {ours.median * 1e3:8.2f} ms, {plan.expected.seconds * 1e3:8.2f} expected"
            f" | {shares(plan):<34} | {ratio} | {met} random plans, {len(rivals)} finalists",
            flush=True,
        )
        return len({p.delegate for p in plan.partitions}) > 1


def force(path: Path, cuts: int) -> float:
    """The worst ratio of what a plan should take to the best of all assignments, over two stretches of a model."""
    graph = read(path).graphs[0]
    delegates = accelerators()
    regions = Costs(graph, delegates, capability(graph, delegates)).regions("arithmetic")
    ops = max(regions, key=len)
    worst = 1.0
    for start in (len(ops) // 4, len(ops) // 2):
        piece = read(graph.submodel(ops[start : start + cuts])).graphs[0]
        planner = Planner(piece, delegates)
        names, live = planner.names, planner.search.ops
        least = min(
            place(piece, dict(zip(live, chosen, strict=True)), names, planner.costs).expected.seconds
            for chosen in itertools.product(names, repeat=len(live))
        )
        worst = max(worst, planner.plan("fastest").expected.seconds / least)
    return worst


def synthetic(ops: int) -> Graph:
    """A long graph whose ops read the one before and, at times, one of the six before that."""
    rng, shape = random.Random(ops), (1, 16, 16, 8)
    b = GraphBuilder()
    made = [b.input(shape)]
    for _ in range(ops):
        other = made[-1] if rng.random() < 0.6 else rng.choice(made[-6:])
        made.append(b.op(rng.choice(("ADD", "MUL", "MAXIMUM", "SUB")), [made[-1], other], shape))
    b.output(made[-1])
    return read(b.build()).graphs[0]


def four_delegates(ops: int) -> list[Delegate]:
    """Each with a random time an op; all but the first refuse some."""

    def one(number: int) -> NullDelegate:
        seconds = np.random.default_rng(number).random(ops) * 2e-5

        def takes(graph: Graph, op: Op) -> bool:
            return number == 0 or (op.index * 7 + number) % 11 != 0

        rates = Rates(1e12, 1e11, run=1e-5, upload=Link(1e10, 3e-6), download=Link(1e10, 3e-6), source="modelled")
        space = "host" if number == 0 else None
        return NullDelegate(None, takes, f"d{number}", space, lambda graph, op: float(seconds[op.index]), rates)

    return [one(number) for number in range(4)]


def growth(sizes: Sequence[int], plot: Path | None) -> None:
    rows = []
    for ops in sizes:
        graph, delegates = synthetic(ops), four_delegates(ops)
        start = time.perf_counter()
        plan = make_plan(graph, delegates, "fastest")
        rows.append((ops, time.perf_counter() - start))
        print(f"{ops:>6} ops, 4 delegates: {rows[-1][1]:6.2f} s, {len(plan.partitions)} partitions", flush=True)
    slope, shift = np.polyfit(*np.log(np.array(rows)).T, 1)
    print(f"planning time grows with the {slope:.2f}th power of the number of ops")
    if plot is not None:
        draw(np.array(rows), float(slope), float(shift), plot)
        print(f"wrote {plot}")


def draw(rows: NDArray[np.float64], slope: float, shift: float, path: Path) -> None:
    """Seconds over ops, both axes logarithmic, and the line that fits. It takes `pip install 'delegraph[bench]'`."""
    from matplotlib.figure import Figure

    ops, seconds = rows.T
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.loglog(ops, seconds, "o", label="measured")
    axes.loglog(ops, np.exp(shift) * ops**slope, "-", color="gray", label=f"exponent {slope:.2f}")
    axes.set(xlabel="ops", ylabel="seconds", title="Planning time on 4 delegates")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="*", metavar="MODEL")
    parser.add_argument("--only", default="real,simulated,force,growth")
    parser.add_argument("--plans", type=int, default=50, help="random plans a model")
    parser.add_argument("--screen", type=float, default=8.0, help="seconds for them a model, as far as they reach")
    parser.add_argument("--tune", type=float, default=3.0, help="seconds of tuning a model")
    parser.add_argument("--cuts", type=int, default=12, help="ops of a stretch that is placed by brute force, up to 14")
    parser.add_argument("--quick", action="store_true", help="a tenth of the plans and of the time, and smaller graphs")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    if options.quick:
        options.plans, options.screen, options.tune, options.cuts = 5, 2.0, 1.0, 8
    parts = options.only.split(",")
    gpu = GPUDelegate()
    if "real" in parts:
        print(f"real: gpu is {gpu.probe().detail}; cpu is {CPUDelegate().probe().detail}")
        mixed = sum(race(path, [gpu, CPUDelegate()], options) for path in options.models)
        print(f"a mixed plan on {mixed} of {len(options.models)}\n")
    if "simulated" in parts:
        mixed = sum(race(path, accelerators(), options) for path in options.models)
        print(f"two simulated accelerators: a mixed plan on {mixed} of {len(options.models)}\n")
    if "force" in parts:
        for path in options.models:
            print(f"{path.stem:<34} {force(path, options.cuts):.4f} of the best by brute force, {options.cuts} ops")
    if "growth" in parts:
        growth(SIZES[:3] if options.quick else SIZES, options.plot)
    gpu.close()


if __name__ == "__main__":
    main()
