"""What a phone said of itself, kept so that planning for it needs no phone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import Reason
from ...graph.model import Graph
from ..engine import Port, Site
from ..engine import Program as Shipped
from .abi import LEVELS
from .node import Node, Nodes, assemble, lowered, type_of
from .program import Program
from .question import question
from .samples import samples

VERSION = 1


@dataclass(frozen=True)
class Recording:
    """A device, its feature level, and which operations it takes of which type; what was not asked is taken."""

    device: str
    level: int
    answers: Mapping[str, bool] = field(default_factory=dict)

    def refusal(self, graph: Graph, nodes: Nodes) -> str:
        """What of some nodes the device said that it does not take; empty if nothing."""
        refused = [key for key in (_key(graph, node) for node in nodes) if not self.answers.get(key, True)]
        return f"{self.device} does not take {', '.join(refused)}" if refused else ""

    def save(self, path: str | Path) -> None:
        """As JSON. Raises OSError."""
        told = {"version": VERSION, "device": self.device, "level": self.level, "answers": dict(self.answers)}
        Path(path).write_text(json.dumps(told, indent=1) + "\n", "utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Recording:
        """From what `save` wrote. Raises OSError, and ValueError naming what is wrong with it."""
        try:
            told = json.loads(Path(path).read_text("utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"{path} is not JSON: {error}") from None
        if not isinstance(told, dict) or told.get("version") != VERSION:
            raise ValueError(f"{path} is not a recording of version {VERSION}: make it anew with probe()")
        answers = told.get("answers")
        if not isinstance(answers, dict) or not all(isinstance(taken, bool) for taken in answers.values()):
            raise ValueError(f"{path}: answers have to be true or false, by operation")
        if told.get("level") not in LEVELS or not isinstance(told.get("device"), str):
            met = f"device {told.get('device')!r}, level {told.get('level')!r}"
            raise ValueError(f"{path}: {met}: it has to be a name, and one of {LEVELS}")
        return cls(told["device"], told["level"], answers)


def record(site: Site, device: str, name: str) -> Recording:
    """Ask a device behind a site what it takes; `name` is for people. Raises DelegateError."""
    (level,) = _answers(site, device, [])
    known = max((k for k in LEVELS if k <= level), default=LEVELS[0])
    keys, programs = [], []
    for _, _, graph in samples():
        nodes = lowered(graph, graph.ops[0], known)
        if not isinstance(nodes, Reason):
            keys.append([_key(graph, node) for node in nodes])
            programs.append(assemble(graph, nodes, *graph.boundary([0])))
    answers: dict[str, bool] = {}
    for key, taken in zip([key for part in keys for key in part], _answers(site, device, programs)[1:], strict=True):
        answers[key] = answers.get(key, False) or bool(taken)
    return Recording(name, known, answers)


def _answers(site: Site, device: str, about: list[Program]) -> list[int]:
    """The feature level, and for each operation 1 if it is taken."""
    found = np.zeros(1 + sum(len(program.steps) for program in about), np.int64)
    asked = Shipped(question(device, about), {}, {0: Port("answers", found.shape, found.dtype)})
    arena = site.allocate(found.nbytes)
    try:
        executable = site.load(asked, arena, {0: 0})
        try:
            executable.run()
            arena.read(0, found)
        finally:
            executable.close()
    finally:
        arena.close()
    return [int(n) for n in found]


def _key(graph: Graph, node: Node) -> str:
    """What an answer is about: the operation, and the type of the tensor that it is about."""
    kinds = [type_of(graph, arg) for arg in (*node.inputs, *node.outputs)]
    main = next((kind for kind in kinds if not kind.scalar and kind.name != "TENSOR_INT32"), kinds[0])
    return f"{node.code.name}/{main.name}"
