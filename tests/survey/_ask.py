"""Asks the reference, then the GPU, about forms; each in a process of its own, for the reference dies of some."""

from __future__ import annotations

import multiprocessing
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from case import Case
from conformance.oracle import drawn, model, prepare
from delegraph.delegates.gpu import GPUDelegate
from delegraph.delegates.gpu.kernels import kernels
from delegraph.errors import InvalidModel
from delegraph.graph.read import read

from . import makers


@dataclass(frozen=True)
class Refused:
    """A form that the reference runs and the GPU does not."""

    label: str
    types: str
    reason: str
    codes: tuple[str, ...]


def types(found: Case) -> str:
    """What tensors a form has, whatever their shapes; quantised ones marked."""
    marks = {"computed": "", "constant": "=", "variable": "~"}
    given = [f"{marks[v.role]}{v.type.name}{'q' * bool(v.type.quantization)}" if v else "-" for v in found.inputs]
    return f"{' '.join(given)} -> {' '.join(made.name for made in found.makes)}"


@cache
def latest(kind: str) -> int:
    """The latest version of an op that the reference has; 0 for none."""
    form = next(iter(makers()[kind](kind)))
    held = drawn(form, np.random.default_rng(0))
    for version in range(12, 0, -1):
        asked = replace(form, options={**form.options, "op_version": version})
        content = model(asked, held, [(1,)] * len(form.makes))
        try:
            Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        except ValueError:
            continue
        return version
    return 0


def ask(found: Case, gpu: GPUDelegate) -> Refused | bool:
    """Whether the reference runs a form; Refused where it does and the GPU does not."""
    try:
        prepared = prepare(found)
    except (RuntimeError, ValueError, OverflowError, TypeError):
        return False
    try:
        graph = read(prepared.content).graphs[0]
    except InvalidModel as error:
        return Refused(found.label, types(found), f"not read: {error}", ("invalid",))
    verdict = gpu.supports(graph, graph.ops[0])
    if verdict.ok or graph.folded_ops:
        return True
    return Refused(
        found.label, types(found), "; ".join(map(str, verdict.reasons)), tuple(r.code for r in verdict.reasons)
    )


def _worker(found: Sequence[tuple[int, Case]], pipe: Any) -> None:
    gpu = GPUDelegate()
    for k, form in found:
        pipe.send((k, None))
        pipe.send((k, ask(form, gpu)))
    pipe.send(None)


@dataclass
class Survey:
    """How many forms of a kind the reference runs, which of them the GPU refuses, and of which the reference dies."""

    ran: int
    refused: list[Refused]
    deadly: list[str]


def survey(kind: str) -> Survey:
    """Each form in a process that may die; where the reference dies of two of the same types, the others are left."""
    found = Survey(0, [], [])
    kernels()  # imported once, before processes part
    version = latest(kind)
    forms = [replace(form, options={"op_version": version, **form.options}) for form in makers()[kind](kind)]
    left = dict(enumerate(forms if version else []))
    died: Counter[str] = Counter()
    fork = multiprocessing.get_context("fork")
    while left:
        ours, theirs = fork.Pipe(False)
        process = fork.Process(target=_worker, args=(list(left.items()), theirs))
        process.start()
        theirs.close()
        asking = next(iter(left))
        try:
            while (message := ours.recv()) is not None:
                asking, answer = message
                if answer is not None:
                    del left[asking]
                    found.ran += answer is not False
                    if isinstance(answer, Refused):
                        found.refused.append(answer)
            left.clear()
        except EOFError:
            form = left.pop(asking)
            found.deadly.append(form.label)
            died[types(form)] += 1
            if died[types(form)] == 2:
                left = {k: other for k, other in left.items() if types(other) != types(form)}
        process.join()
    return found


def grouped(refused: Iterable[Refused]) -> dict[str, list[Refused]]:
    """Refusals for the same reason, whatever the names and numbers in it."""
    groups: dict[str, list[Refused]] = {}
    for one in refused:
        groups.setdefault(re.sub(r"'[^']*'", "it", re.sub(r"\[[0-9, ]+\]", "[...]", one.reason)), []).append(one)
    return groups
