"""Ordinary models: partitions are compiled when their plan is carried out, and plans learn from what comes of it.

What edgetpu_compiler maps is known when it has run. So ops are taken by the limits that are published, and where some
are left by the compiler, that is Learned: the next plan does not take these, and says what the compiler's log says.
"""

from __future__ import annotations

from dataclasses import replace

from ...errors import InvalidModel, Learned, TwinMismatch
from ...graph.model import Graph, Op
from ...graph.read import read
from ..base import Partition, Verdict, no
from ..engine import Program
from ..submodel import submodel_program
from .compiler import Compiled, Compiler
from .limits import within
from .package import compiled, is_compiled
from .twin import Twin

Key = tuple[str, int, int]  # a model, its graph, an op


class Ahead:
    """A compiler, and what it did with the ops that it was given."""

    def __init__(self, compiler: Compiler) -> None:
        """It has not run yet."""
        self.compiler = compiler
        self._known: dict[Key, Verdict] = {}

    def supports(self, graph: Graph, op: Op) -> Verdict:
        """What the compiler did with the op where that is known, else what the limits say; the verdict tells which."""
        if any(is_compiled(other) for other in graph.ops):
            return no("compiled", "the model is a compiled one", "the model that edgetpu_compiler made it from")
        return self._known.get(_key(graph, op.index)) or within(graph, op)

    def program(self, graph: Graph, partition: Partition, keep: frozenset[int], min_runtime: int | None) -> Program:
        """A partition, compiled. Raises Learned where some of it was not, and DelegateError where nothing compiles."""
        plain = submodel_program(graph, partition, keep)
        made = self.compiler.compile(plain.content, min_runtime)
        live = sorted(set(partition.ops) - graph.folded_ops)
        mapped = {live[k] for k in _mapped(plain.content, made)}
        by = f"edgetpu_compiler {made.report.version}"
        for op in mapped:
            self._known[_key(graph, op)] = Verdict(note=f"mapped by {by}")
        left = [op for op in live if op not in mapped]
        for op in left:
            self._known[_key(graph, op)] = Verdict((made.report.reason(graph.ops[op].kind),))
        if left or made.content is None:
            why = "; ".join(dict.fromkeys(str(made.report.reason(graph.ops[op].kind)) for op in left))
            raise Learned(f"edgetpu: {by} left {len(left)} of {len(live)} ops to others: {why}")
        return replace(plain, content=made.content)


def _key(graph: Graph, op: int) -> Key:
    return graph.model.fingerprint, graph.index, op


def _mapped(content: bytes, made: Compiled) -> set[int]:
    """Which ops of a model its compiled form has on the device, counted without those that fold away.

    All, where the two do not say which: what was left then runs beside the device, in its interpreter.
    """
    if made.content is None:
        return set()
    twin = Twin(content)
    try:
        graph = read(made.content).graphs[0]
        found = {op for each in compiled(graph) for op in twin.region(graph, each).ops}
    except InvalidModel:
        return set()
    except TwinMismatch:
        found = {op.index for op in twin.graph.ops}
    live = [op.index for op in twin.graph.ops if op.index not in twin.graph.folded_ops]
    return {k for k, op in enumerate(live) if op in found}
