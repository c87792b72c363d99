"""`delegraph demo`: the shipped digits models on every delegate that is here."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

import numpy as np
import typer
from numpy.typing import NDArray
from rich.table import Table

from .. import data
from ..affine import dequantize, quantize
from ..delegates.base import Delegate
from ..interpreter import Interpreter
from ..known import FACTORIES
from ..partitioner.explain import duration, refusals
from ..partitioner.page import page
from ..partitioner.plan import Plan
from .console import DelegatesOption, clean, devices, progress, show, table

EVERY = ",".join(FACTORIES)


@dataclass(frozen=True)
class Result:
    """One model on one delegate: ops that it took, seconds an image, and real outputs [images, classes]."""

    model: str
    delegate: str
    plan: Plan
    taken: int
    seconds: float
    outputs: NDArray[np.float64]


def demo(
    html: Annotated[
        Path, typer.Option("--html", metavar="FILE", help="Where to write the plan as an HTML page.")
    ] = Path("delegraph-demo.html"),
    delegates: DelegatesOption = EVERY,
) -> None:
    """Recognise digits on every delegate that is here, compare them, and write the plan as an HTML page."""
    with devices(delegates) as made:
        probes = {delegate.name: delegate.probe() for delegate in made}
        images, labels = data.held_out()
        here = [delegate for delegate in made if probes[delegate.name].here]
        show(f"{len(images)} held-out images of handwritten digits, one by one, through each delegate:", "")
        results = _run_all(here, images)
        show(result_table(results, labels), "")
        for r in results:
            if not r.taken:
                why = refusals(r.plan.decisions[0].reasons)
                show(f"{r.model}: the CPU did it all; of op 0 {'; '.join(why)}")
        for name, probe in probes.items():
            if probe.here:
                show(f"{name} is {probe.detail}")
            else:
                show(f"{name} is not here: {probe.detail}" + (f"; to mend it, {probe.remedy}" if probe.remedy else ""))
        with Interpreter(model_content=data.digits("f32"), delegates=here) as it:
            html.write_text(page(it.plan, it.graph, "digits_f32.tflite"), "utf-8")
        show(f"the plan is at {html.resolve()}")


def _run_all(here: list[Delegate], images: NDArray[np.float32]) -> list[Result]:
    """Each model on each delegate, the CPU first: the others are compared to it."""
    order = sorted(here, key=lambda d: d.name != "cpu")
    kinds = get_args(data.Kind)
    with progress() as bar:
        task = bar.add_task("digits", total=len(kinds) * len(order) * len(images))
        results = []
        for kind in kinds:
            for delegate in order:
                bar.update(task, description=f"{kind} on {delegate.name}")
                results.append(_run(kind, delegate, images, lambda: bar.advance(task)))
        return results


def _run(kind: data.Kind, delegate: Delegate, images: NDArray[np.float32], tick: Callable[[], None]) -> Result:
    seconds, outputs = [], []
    with Interpreter(model_content=data.digits(kind), delegates=[delegate]) as it:
        it.allocate_tensors()
        (wanted,), (given,) = it.get_input_details(), it.get_output_details()
        for image in images[:, None]:
            value = quantize(image, np.dtype(wanted["dtype"]), *wanted["quantization"])
            start = time.perf_counter()
            it.set_tensor(wanted["index"], value)
            it.invoke()
            found = it.get_tensor(given["index"])
            seconds.append(time.perf_counter() - start)
            outputs.append(dequantize(found, *given["quantization"])[0])
            tick()
        taken = sum(d.delegate == delegate.name for d in it.plan.decisions)
        return Result(kind, delegate.name, it.plan, taken, statistics.median(seconds), np.array(outputs))


def result_table(results: list[Result], labels: NDArray[np.int64]) -> Table:
    """A row a model and delegate."""
    numbers = ("ops", "median", "accuracy", "largest difference to cpu")
    rows = table("model", "delegate", *numbers, right=numbers, long=numbers[-1:])
    cpu = {r.model: r.outputs for r in results if r.delegate == "cpu"}
    for r in results:
        accuracy = float(np.mean(r.outputs.argmax(1) == labels))
        difference = "-"
        if r.delegate != "cpu" and r.model in cpu:
            difference = f"{np.abs(r.outputs - cpu[r.model]).max():.2g}"
        ops = f"{r.taken} of {len(r.plan.decisions)}"
        rows.add_row(r.model, clean(r.delegate), ops, duration(r.seconds), f"{accuracy:.1%}", difference)
    return rows
