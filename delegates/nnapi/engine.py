"""The engine: a program made ready by the phone's Neural Networks API, and run."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from ctypes import c_bool, c_void_p
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DelegateError
from ..engine import Port
from .abi import DTYPES, L3, Type
from .library import Device, Library, NNAPIError, TooOld
from .loaded import LoadedProgram
from .model import Model
from .program import Program
from .question import asked, asks


class NNAPIEngine:
    """Devices of this phone. Opened on first need; one engine may be used by several threads."""

    def __init__(
        self,
        library: str | None = None,
        cache_dir: str | None = None,
        share_weights: bool = True,
    ) -> None:
        """`library` is the API's file, if it is in no usual place. What was compiled is kept in `cache_dir`.

        `share_weights` hands weights over in shared memory, where there is such a thing and the device can map it.
        """
        self._path = library
        self._cache_dir, self._share = cache_dir, share_weights
        self._lock = threading.Lock()
        self._opened: Library | None = None

    @property
    def library(self) -> Library:
        """The API itself. Raises DelegateError where there is none."""
        with self._lock:
            if self._opened is None:
                self._opened = Library(self._path)
            return self._opened

    def chosen(self, device: str) -> list[Device]:
        """The devices that are meant by a type, a name or part of one; none of "": the choice is Android's.

        Raises DelegateError where there is none such.
        """
        return self.library.choose(device) if device else []

    def level(self, device: str) -> int:
        """The feature level that programs may need: that of the device chosen, else the runtime's own."""
        found = (each.level for each in self.chosen(device))
        return max((min(level, self.library.level) for level in found), default=self.library.level)

    def here(self) -> str:
        """The devices with their versions, and the feature level. Raises DelegateError."""
        found = ", ".join(map(str, self.library.devices()))
        return f"NNAPI feature level {self.library.level}: {found or 'devices are not told'}"

    def load(
        self, program: bytes, inputs: Sequence[Port], outputs: Sequence[Port], variables: Sequence[Port] = ()
    ) -> LoadedProgram | Answers:
        """Compile a program, or take a question (`question.py`). Raises InvalidProgram, TooOld, DelegateError."""
        if asks(program):
            return Answers(self, program, outputs)
        read = Program.read(program)
        if read.level > (level := self.level(read.device)):
            raise TooOld("the program", read.level, level)
        given, _ = _check_ports(read, read.inputs, [*inputs, *variables], "input")
        ports = (given, *_check_ports(read, read.outputs, [*outputs, *variables], "output"))
        if len(variables) != read.states:
            raise DelegateError(f"nnapi: the program remembers {read.states} values, not {len(variables)}")
        devices, cache = self.chosen(read.device), self._cache(program, read.device)
        try:
            return LoadedProgram(self.library, read, devices, self._share, cache, *ports)
        except NNAPIError as error:
            if error.code != "UNMAPPABLE" or not self._share:
                raise
        return LoadedProgram(self.library, read, devices, False, cache, *ports)

    def supported(self, program: Program) -> list[bool]:
        """Which of a program's operations the chosen devices, else any device, take. Needs feature level 29."""
        devices = self.chosen(program.device) or self.library.devices()
        found = (c_bool * len(program.steps))()
        with ExitStack() as stack:
            model = Model(self.library, stack, program, self._share)
            handles = (c_void_p * len(devices))(*(device.handle for device in devices))
            self.library("Model_getSupportedOperationsForDevices", model.handle, handles, len(devices), found)
        return list(found)

    def _cache(self, program: bytes, device: str) -> tuple[str, bytes] | None:
        """The folder for what was compiled, for this user alone, and a token of program, devices and drivers."""
        if self._cache_dir is None or self.library.level < L3:
            return None
        try:
            os.makedirs(self._cache_dir, mode=0o700, exist_ok=True)
        except OSError as error:
            raise DelegateError(f"nnapi: cache_dir {self._cache_dir!r}: {error}") from error
        about = " ".join(f"{d.name} {d.version}" for d in self.chosen(device) or self.library.devices())
        return self._cache_dir, hashlib.sha256(program + about.encode()).digest()

    def close(self) -> None:
        """Let go of the library, which stays loaded in the process."""
        with self._lock:
            self._opened = None


class Answers:
    """A question that was asked: its answers are what a run gives."""

    def __init__(self, engine: NNAPIEngine, content: bytes, outputs: Sequence[Port]) -> None:
        """Ask the device. Raises InvalidProgram for what is no question, and DelegateError."""
        device, about = asked(content)
        found = [engine.level(device)]
        for program in about:
            found += self._asked(engine, replace(program, device=device))
        self._found = np.array(found, np.int64)
        if [(port.shape, port.dtype) for port in outputs] != [(self._found.shape, self._found.dtype)]:
            raise DelegateError(f"nnapi: {len(self._found)} answers of int64, and ports for other ones")

    def _asked(self, engine: NNAPIEngine, program: Program) -> list[int]:
        """1 for each operation that is taken, else 0; where nothing can be asked, what is not too new is taken."""
        if program.level > engine.level(program.device):
            return [0] * len(program.steps)
        if engine.library.level < L3:
            return [1] * len(program.steps)
        try:
            return [int(taken) for taken in engine.supported(program)]
        except NNAPIError:
            return [0] * len(program.steps)

    def run(self, inputs: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]]) -> None:
        """The feature level, then an answer for each operation asked about."""
        np.copyto(outputs[0], self._found)

    def close(self) -> None:
        """Nothing is held."""


def _check_ports(
    program: Program, operands: Sequence[int], ports: Sequence[Port], what: str
) -> tuple[list[int], list[int]]:
    """Which ports are signed bytes where the program has unsigned ones, which outputs are INT64 where it has INT32.

    Raises DelegateError where they do not fit.
    """
    flipped, longer = [], []
    if len(ports) != len(operands):
        raise DelegateError(f"nnapi: the program has {len(operands)} {what}s, not {len(ports)}")
    for place, (port, k) in enumerate(zip(ports, operands, strict=True)):
        operand = program.operands[k]
        signed = port.dtype == np.int8 and operand.type is Type.TENSOR_QUANT8_ASYMM
        wide = what == "output" and port.dtype == np.int64 and operand.type is Type.TENSOR_INT32
        fits = signed or wide or port.dtype == DTYPES[operand.type]
        if not fits or operand.nbytes not in (0, port.nbytes // 2 if wide else port.nbytes):
            wanted = f"{operand.type.name} {list(operand.dims)}"
            raise DelegateError(f"nnapi: {what} {port.name!r} is {port.dtype} {list(port.shape)}, not {wanted}")
        if signed:
            flipped.append(place)
        if wide:
            longer.append(place)
    return flipped, longer
