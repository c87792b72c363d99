"""A plan as one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

from ..graph.model import Graph
from . import explain as words
from .drawing import drawing
from .plan import Decision, Plan, Run

COLOURS = 8  # that plan.html has for delegates: Okabe and Ito's (2008), which the colour-blind can tell apart


def page(plan: Plan, graph: Graph | None = None, title: str = "plan") -> str:
    """HTML that needs nothing but itself; every name in it is escaped. `graph` adds tensor names and shapes."""
    source = resources.files(__package__).joinpath("plan.html").read_text("utf-8")
    script = source.split("<script>")[1].split("</script>")[0]
    told = words.common_reasons(plan)
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return template.from_string(source).render(
        title=words.plain(title),
        plan=plan,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        tallies=words.tallies(plan),
        slots={name: slot % COLOURS for slot, name in enumerate(plan.delegates)},
        folded=sum(d.folded for d in plan.decisions),
        copies=words.copies(plan),
        memory=[(space, words.size(nbytes)) for space, nbytes in plan.arenas.items()],
        told=words.refusals(told, said="refused every op"),
        steps=_steps(plan, graph),
        drawn=drawing(plan, graph) if graph is not None else None,
        shades=_shades(plan),
        ops=[_op(d, plan, graph, told) for d in plan.decisions],
    )


def _steps(plan: Plan, graph: Graph | None) -> list[dict[str, Any]]:
    """What the page's list of steps shows."""
    shades = _shades(plan)
    steps: list[dict[str, Any]] = []
    for step in plan.steps:
        if not isinstance(step, Run):
            name = words.plain(words.tensor(step.tensor, graph))
            steps.append({"tensor": name, "src": step.src, "dst": step.dst, "size": words.size(step.nbytes)})
            continue
        partition = plan.partitions[step.partition]
        launches = words.count(plan.launches.get(step.partition, 0), "launch", "launches")
        steps.append({"run": partition, "shade": shades[step.partition], "launches": launches})
    return steps


def _shades(plan: Plan) -> dict[int, int]:
    """Partition -> 0 or 1, which tells neighbouring partitions of one delegate apart."""
    seen: dict[str, int] = {}
    shades = {}
    for partition in plan.partitions:
        seen[partition.delegate] = seen.get(partition.delegate, -1) + 1
        shades[partition.index] = seen[partition.delegate] % 2
    return shades


def _op(d: Decision, plan: Plan, graph: Graph | None, told: words.Reasons) -> dict[str, Any]:
    outputs = graph.ops[d.op].outputs if graph is not None else ()
    return {
        "index": d.op,
        "kind": words.shorten(words.plain(d.kind)),
        "delegate": d.delegate,
        "partition": d.partition,
        "state": "folded" if d.folded or d.partition is None else "fused" if d.fused is not None else "launched",
        "fate": words.plain(words.fate(d)),
        "output": words.type_and_shape(graph, outputs[0]) if graph is not None and outputs else "",
        "why": "" if d.folded else "; ".join(words.refusals(d.reasons, but=told)),
        "all": words.explain(plan, d.op, graph),
    }
