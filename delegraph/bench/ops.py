"""What each step and each op of a plan takes, as far as delegates can tell; else each op by itself."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..delegates.base import Ceiling, Delegate
from ..delegates.cpu import CPUDelegate
from ..errors import DelegraphError
from ..graph.model import Graph
from ..interpreter import Interpreter
from ..partitioner.explain import manner, plain, shorten
from ..partitioner.plan import Decision, Plan, Run, Transfer
from ..timing import StepTime, noise, typical
from .floor import floors
from .record import OpRecord, StepRecord

ALONE = 0.005  # seconds for an op by itself
MOST = 10.0  # seconds for all of them

Timing = tuple[float, str]  # seconds, and by which means


def profiled(
    it: Interpreter, delegates: Sequence[Delegate], ceilings: dict[str, Ceiling], repeat: int
) -> tuple[tuple[StepRecord, ...], tuple[OpRecord, ...]]:
    """The steps of the plan and its ops, by medians over `repeat` inferences, against floors by what devices could do.

    Raises what `profile` does.
    """
    steps = it.profile(repeat)
    plan, graph = it.plan, it.graph
    times: dict[int, Timing] = {}
    end = time.perf_counter() + MOST
    cpu = next((d for d in delegates if isinstance(d, CPUDelegate)), None)
    for step in steps:
        for launch in step.launches:
            times[launch.op] = times.get(launch.op, (0.0, ""))[0] + launch.seconds, launch.clock
        if isinstance(step.step, Run) and not step.launches and cpu is not None:
            partition = plan.partitions[step.step.partition]
            if partition.delegate == cpu.name:
                run = [i for i in partition.ops if not plan.decisions[i].folded]
                times |= _alone(cpu, graph, run, step.seconds, end)
    least = floors(graph, plan, delegates, ceilings)
    return tuple(_step(step, plan, graph) for step in steps), tuple(_op(d, times, least) for d in plan.decisions)


def _step(timed: StepTime, plan: Plan, graph: Graph) -> StepRecord:
    step = timed.step
    if isinstance(step, Transfer):
        name = shorten(plain(graph.tensors[step.tensor].name))
        return StepRecord(
            "transfer", name, timed.seconds, source=step.src, target=step.dst, nbytes=step.nbytes
        )  # fmt: skip
    partition = plan.partitions[step.partition]
    first, last = partition.ops[0], partition.ops[-1]
    label = f"op {first}" if first == last else f"{len(partition.ops)} ops, {first} to {last}"
    return StepRecord("run", label, timed.seconds, partition.delegate, step.partition)


def _op(d: Decision, times: dict[int, Timing], floors: dict[int, float]) -> OpRecord:
    kind = shorten(plain(d.kind))
    if d.folded or d.partition is None:
        return OpRecord(d.op, kind, d.delegate, d.partition, "folded")
    if d.fused is not None:
        return OpRecord(d.op, kind, d.delegate, d.partition, "fused", d.fused)
    seconds, timing = times.get(d.op, (None, ""))
    return OpRecord(
        d.op, kind, d.delegate, d.partition, "launched", None, seconds, timing,  # type: ignore[arg-type]
        floors.get(d.op), shorten(manner(d)),
    )  # fmt: skip


def _alone(cpu: CPUDelegate, graph: Graph, ops: Sequence[int], together: float, end: float) -> dict[int, Timing]:
    """Each op by itself, scaled to what they take together; one that cannot be run by itself is left out."""
    found: dict[int, float] = {}
    for i in ops:
        if time.perf_counter() > end:
            break
        try:
            found[i] = _one(cpu, graph, i)
        except (DelegraphError, ValueError, RuntimeError):  # what it needs is in another op or subgraph
            continue
    total = sum(found.values())
    scale = together / total if total else 1.0
    if len(found) < len(ops):
        scale = min(scale, 1.0)
    return {i: (seconds * scale, "alone") for i, seconds in found.items()}


def _one(cpu: CPUDelegate, graph: Graph, op: int) -> float:
    runtime = cpu.open(graph.submodel([op]))
    runtime.allocate_tensors()
    places = {d["name"]: d["index"] for d in runtime.get_input_details()}
    names = graph.submodel_names([op])
    for t in graph.boundary([op])[0]:
        runtime.set_tensor(places[names[t]], noise(graph.tensors[t]))
    return typical(runtime.invoke, ALONE, least=3)
