"""Kernels that users registered for custom ops: whatever they do, programs that run come of it, or a Reason."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import Any

from numpy.typing import NDArray

from ...errors import DelegateError, Reason
from ...graph.model import Graph, Op
from ...shaders.program import Alias, Const, Elementwise, Limits, Lowered, Program
from ...shaders.types import FLOAT
from ..custom import GPUKernel
from .compiler import beside, body

log = logging.getLogger("delegraph")


class RegisteredKernel:
    """A user's kernel behind the interface of those that are shipped."""

    def __init__(self, name: str, kernel: GPUKernel) -> None:
        """`name` is the custom op's."""
        self.name = name
        self._kernel = kernel
        self.TYPES = getattr(kernel, "TYPES", FLOAT)
        self.RESULTS = getattr(kernel, "RESULTS", self.TYPES)

    def lower(self, graph: Graph, op: Op, limits: Limits) -> Lowered:
        """The kernel's answer, its programs told where their bodies are; a Reason where it raises or makes no sense."""
        try:
            found = self._kernel.lower(graph, op, limits)
        except Exception as error:
            log.exception("the GPU kernel that is registered for %s raised", self.name)
            return Reason("kernel", f"the registered kernel raised {type(error).__name__}: {error}")
        if isinstance(found, Alias | Elementwise | Reason):
            return found
        if not isinstance(found, tuple) or not found or not all(isinstance(program, Program) for program in found):
            return Reason("kernel", f"the registered kernel returned {found!r:.80}", "a tuple of Programs or a Reason")
        return self._strange(graph, op, found) or tuple(self._at_home(program, op) for program in found)

    def _strange(self, graph: Graph, op: Op, programs: tuple[Program, ...]) -> Reason | None:
        """What speaks against running some programs for an op."""
        own = {*op.inputs, *op.outputs}
        reads = {arg.source for p in programs for arg in (*p.inputs, *p.states) if isinstance(arg.source, int)}
        if not reads <= own or {program.output for program in programs} != set(op.outputs):
            return Reason("kernel", "the registered kernel reads or writes other tensors than its op", "its own, all")
        home = self._kernel.lower.__module__
        for program in programs:
            name = f"{program.body}.glsl"
            if beside(home, name) is None and not _is_shipped(program.body):
                return Reason("kernel", f"there is no {name} beside {home}")
            if untold := [size for size in program.sizes if not _is_told(program.constants.get(size))]:
                return Reason("kernel", f"the registered kernel's size {untold[0]} is no constant", "32-bit integers")
        return None

    def _at_home(self, program: Program, op: Op) -> Program:
        inputs = tuple(
            replace(arg, source=replace(arg.source, pack=partial(packed, arg.source, op)))
            if isinstance(arg.source, Const)
            else arg
            for arg in program.inputs
        )
        return replace(program, inputs=inputs, home=self._kernel.lower.__module__)


def packed(const: Const, op: Op) -> NDArray[Any]:
    """A constant of a registered kernel. Raises DelegateError, naming the op, where it cannot be made."""
    try:
        return const.pack()
    except Exception as error:
        raise DelegateError(
            f"gpu: op {op.index} ({op.label}): packing a constant raised {type(error).__name__}: {error}"
        ) from error


def _is_told(value: object) -> bool:
    """Whether a constant can be told at a launch: it is an integer, or a tuple of them, that a uniform holds."""
    return all(isinstance(n, int) and abs(n) < 1 << 31 for n in (value if isinstance(value, tuple) else (value,)))


def _is_shipped(name: str) -> bool:
    try:
        body(name)
    except OSError:
        return False
    return True
