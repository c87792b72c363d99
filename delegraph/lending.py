"""Engines over sub-models that a bridge lends: delegraph's own Interpreter, on the machine where the device is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .delegates.base import Delegate
from .delegates.cpu import CPUDelegate, processor
from .delegates.engine import Near, Port, Site
from .delegates.gpu.delegate import GPUDelegate
from .errors import DelegateError, DelegraphError
from .interpreter import Interpreter

PROBLEMS = (DelegraphError, ValueError, RuntimeError, KeyError)


class InterpreterEngine:
    """Runs a sub-model whole on one delegate."""

    def __init__(self, make: Callable[[], Delegate]) -> None:
        """`make` makes the delegate, which stays open until this is closed."""
        self._delegate = make()

    def here(self) -> str:
        """The delegate's device, and the processor. Raises DelegateError."""
        probe = self._delegate.probe()
        if not probe.here:
            raise DelegateError(f"{probe.detail}; {probe.remedy}")
        return f"{probe.detail}, {processor()}"

    def load(
        self, program: bytes, inputs: Sequence[Port], outputs: Sequence[Port], variables: Sequence[Port] = ()
    ) -> LoadedModel:
        """Open a sub-model; its bytes are checked first. Raises DelegateError."""
        if variables:
            raise DelegateError(f"{self._delegate.name}: ops that remember are not lent")
        try:
            return LoadedModel(program, self._delegate, inputs, outputs)
        except PROBLEMS as error:
            raise DelegateError(f"{self._delegate.name}: {error}") from error

    def close(self) -> None:
        """Give the device back."""
        self._delegate.close()


class LoadedModel:
    """A sub-model in an Interpreter, its tensors found by name."""

    def __init__(self, content: bytes, delegate: Delegate, inputs: Sequence[Port], outputs: Sequence[Port]) -> None:
        """Raises what the Interpreter does, and DelegateError where the ports are not the model's."""
        self._interpreter: Interpreter | None = None
        self._name = delegate.name
        interpreter = Interpreter(model_content=content, delegates=[delegate])
        try:
            if strays := {d.delegate for d in interpreter.plan.decisions} - {delegate.name, ""}:
                raise DelegateError(f"some ops would run on {', '.join(sorted(strays))} there, not on it")
            interpreter.allocate_tensors()
            self._inputs = _indices(inputs, interpreter.get_input_details())
            self._outputs = _indices(outputs, interpreter.get_output_details())
        except BaseException:
            interpreter.close()
            raise
        self._interpreter = interpreter

    def run(self, inputs: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]]) -> None:
        """Run once. Raises DelegateError."""
        if self._interpreter is None:
            raise DelegateError(f"{self._name}: the program was unloaded")
        try:
            for index, value in zip(self._inputs, inputs, strict=True):
                self._interpreter.set_tensor(index, value)
            self._interpreter.invoke()
            for index, out in zip(self._outputs, outputs, strict=True):
                np.copyto(out, self._interpreter.tensor(index)(), casting="no")
        except PROBLEMS as error:
            raise DelegateError(f"{self._name}: {error}") from error

    def close(self) -> None:
        """Close the interpreter."""
        if self._interpreter is not None:
            self._interpreter.close()
            self._interpreter = None


def _indices(ports: Sequence[Port], details: Sequence[dict[str, Any]]) -> list[int]:
    """The index of each port's tensor. Raises DelegateError where one is not there so."""
    found = {d["name"]: d for d in details}
    for port in ports:
        d = found.get(port.name)
        if d is None or tuple(d["shape"]) != port.shape or np.dtype(d["dtype"]) != port.dtype:
            raise DelegateError(f"the program has no tensor {port.name!r} of {port.dtype} {list(port.shape)}")
    return [int(found[port.name]["index"]) for port in ports]


def cpu(num_threads: int | None = None) -> Site:
    """The CPU's runtime, with no more threads than there are processors. Raises ValueError for less than one."""
    if num_threads is not None and num_threads < 1:
        raise ValueError(f"num_threads is a number from 1 on, not {num_threads}")
    threads = None if num_threads is None else min(num_threads, os.cpu_count() or 1)
    return Near(InterpreterEngine(partial(CPUDelegate, threads)))


def gpu(**options: Any) -> Site:
    """A GPU through OpenGL, with options of GPUDelegate. Raises what that does."""
    return Near(InterpreterEngine(partial(GPUDelegate, **options)))
