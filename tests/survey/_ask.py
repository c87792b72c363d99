"""Asks the reference, then the GPU, about forms; each in a process of its own, for the reference dies of some."""

from __future__ import annotations

import faulthandler
import multiprocessing
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from random import Random
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from case import Case
from conformance.oracle import drawn, model, prepare
from delegraph.delegates.gpu.kernels import kernels
from delegraph.delegates.gpu.lowering import Refusal, lower_op
from delegraph.errors import InvalidModel
from delegraph.graph.read import read
from delegraph.shaders.program import ES_LIMITS

from . import makers

PATIENCE = 60.0  # seconds for one form: some of the reference's loops never end


@dataclass(frozen=True)
class Refused:
    """A form that the reference runs and the GPU does not."""

    form: Case
    reason: str


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


def ask(found: Case) -> Refused | bool:
    """Whether the reference runs a form; Refused where it does and the GPU does not, even the least of OpenGL ES."""
    try:
        prepared = prepare(found)
    except (RuntimeError, ValueError, OverflowError, TypeError):
        return False
    try:
        graph = read(prepared.content).graphs[0]
    except InvalidModel as error:
        return Refused(found, f"not read: {error}")
    if graph.folded_ops or not isinstance(refusal := lower_op(graph, graph.ops[0], ES_LIMITS), Refusal):
        return True
    return Refused(found, "; ".join(map(str, refusal.reasons)))


def _worker(found: Sequence[tuple[int, Case]], pipe: Any) -> None:
    faulthandler.disable()  # a death here is an answer
    for k, form in found:
        pipe.send((k, None))
        answer = ask(form)
        pipe.send((k, answer.reason if isinstance(answer, Refused) else answer))
    pipe.send(None)


@dataclass
class Survey:
    """How many forms the reference runs, which of them the GPU refuses, and of which the reference dies."""

    ran: int
    refused: list[Refused]
    deadly: list[Case]


def sampled(kind: str, count: int | None = None) -> list[Case]:
    """The forms of a kind, or so many of them, always the same; none where the reference has no such op."""
    version = latest(kind)
    found = list(makers()[kind](kind)) if version else []
    if count is not None:
        found = Random(kind).sample(found, min(count, len(found)))
    return [replace(form, options={"op_version": version, **form.options}) for form in found]


def survey(forms: Sequence[Case]) -> Survey:
    """Each form in a process that may die, or never end; where one does, forms that are alike are left out.

    It may die of what an earlier form did to its memory: one is deadly if a process dies that asked nothing before.
    """
    found = Survey(0, [], [])
    kernels()  # imported once, before processes part
    left = dict(enumerate(forms))
    fork = multiprocessing.get_context("fork")
    while left:
        ours, theirs = fork.Pipe(False)
        process = fork.Process(target=_worker, args=(list(left.items()), theirs))
        process.start()
        theirs.close()
        asking = first = next(iter(left))
        try:
            while (message := _heard(ours, process)) is not None:
                asking, answer = message
                if answer is not None:
                    form = left.pop(asking)
                    found.ran += answer is not False
                    if isinstance(answer, str):
                        found.refused.append(Refused(form, answer))
            left.clear()
        except EOFError:
            if asking == first and asking in left:  # else it died of what it had done before
                found.deadly.append(left[asking])
                left = {k: other for k, other in left.items() if alike(other) != alike(left[asking])}
        process.join()
        ours.close()
    return found


def _heard(ours: Connection, process: BaseProcess) -> Any:
    """The next message. Raises EOFError where the process died, or is killed since it takes too long."""
    if not ours.poll(PATIENCE):
        process.kill()
        raise EOFError
    return ours.recv()


def alike(found: Case) -> object:
    """What forms have in common of which the reference dies for the same reason: types and ranks."""
    return found.kind, types(found), tuple(len(value.shape) for value in found.inputs if value is not None)


def grouped(refused: Iterable[Refused]) -> dict[str, list[Refused]]:
    """Refusals for the same reason, whatever the names and numbers in it."""
    groups: dict[str, list[Refused]] = {}
    for one in refused:
        groups.setdefault(re.sub(r"'[^']*'", "it", re.sub(r"\[[0-9, ]+\]", "[...]", one.reason)), []).append(one)
    return groups
