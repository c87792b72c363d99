"""The engine: a program made ready by the phone's Neural Networks API, and run."""

from __future__ import annotations

import ctypes
import hashlib
import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from ctypes import byref, c_bool, c_float, c_uint8, c_uint32, c_void_p
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DelegateError
from ..engine import Port
from .abi import DTYPES, L2, L3, L5, SIGN, OperandType, PerChannel, Type
from .library import Device, Library, NNAPIError, TooOld
from .memory import shared
from .program import CONSTANT, OMITTED, Operand, Program
from .question import asked, asks

SMALL = 128  # bytes up to which the API copies a value that it is given (ANeuralNetworksModel_setOperandValue)


class NNAPIEngine:
    """Devices of this phone. Opened on first need; one engine may be used by several threads."""

    def __init__(
        self,
        library: str | None = None,
        cache_dir: str | None = None,
        share_weights: bool = True,
    ) -> None:
        """`library` is the API's file, if it is in no usual place. What was compiled is kept in `cache_dir`.

        `share_weights` hands weights over in shared memory, where there is such a thing.
        """
        self._path = library
        self._cache_dir, self.share_weights = cache_dir, share_weights
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
        flipped = (
            _check_ports(read, read.inputs, [*inputs, *variables], "input"),
            _check_ports(read, read.outputs, [*outputs, *variables], "output"),
        )
        if len(variables) != read.states:
            raise DelegateError(f"nnapi: the program remembers {read.states} values, not {len(variables)}")
        return LoadedProgram(self, read, hashlib.sha256(program).digest(), *flipped)

    def supported(self, program: Program) -> list[bool]:
        """Which of a program's operations the chosen devices, else any device, take. Needs feature level 29."""
        devices = self.chosen(program.device) or self.library.devices()
        found = (c_bool * len(program.steps))()
        with ExitStack() as stack:
            model = Model(self.library, stack, program, self.share_weights)
            handles = (c_void_p * len(devices))(*(device.handle for device in devices))
            self.library("Model_getSupportedOperationsForDevices", model.handle, handles, len(devices), found)
        return list(found)

    def cache(self) -> str | None:
        """The folder for what was compiled, made for this user alone; None where there is none."""
        if self._cache_dir is None or self.library.level < L3:
            return None
        try:
            os.makedirs(self._cache_dir, mode=0o700, exist_ok=True)
        except OSError as error:
            raise DelegateError(f"nnapi: cache_dir {self._cache_dir!r}: {error}") from error
        return self._cache_dir

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


class Model:
    """A program as the API's model, which holds on to what the API does not copy."""

    def __init__(self, library: Library, stack: ExitStack, program: Program, share: bool) -> None:
        """Build and finish it; the stack frees it."""
        self._library = library
        self._kept: list[Any] = []
        large = any(operand.length > SMALL for operand in program.operands)
        memory = shared(library, stack, program.blob) if share and large else None
        self.handle = library.make(stack, "Model_create")
        stack.callback(self._kept.clear)
        for k, operand in enumerate(program.operands):
            self._add(k, operand, program, memory)
        for step in program.steps:
            reads, writes = _numbers(step.inputs), _numbers(step.outputs)
            library("Model_addOperation", self.handle, step.code, len(reads), reads, len(writes), writes)
        inputs, outputs = _numbers(program.inputs), _numbers(program.outputs)
        library("Model_identifyInputsAndOutputs", self.handle, len(inputs), inputs, len(outputs), outputs)
        if program.relaxed and library.level >= L2:
            library("Model_relaxComputationFloat32toFloat16", self.handle, True)
        library("Model_finish", self.handle)

    def _add(self, k: int, operand: Operand, program: Program, memory: c_void_p | None) -> None:
        """An operand with its value, if it has one: copied while small, else in shared memory or kept here."""
        dims = _numbers(operand.dims) if operand.dims else None
        kind = OperandType(operand.type, len(operand.dims), dims, operand.scale, operand.zero_point)
        self._library("Model_addOperand", self.handle, byref(kind))
        if operand.scales:
            scales = (c_float * len(operand.scales))(*operand.scales)
            channels = PerChannel(operand.channel, len(scales), scales)
            self._library("Model_setOperandSymmPerChannelQuantParams", self.handle, k, byref(channels))
        if operand.origin == OMITTED:
            self._library("Model_setOperandValue", self.handle, k, None, 0)
        elif operand.origin == CONSTANT and memory is not None and operand.length > SMALL:
            function = "Model_setOperandValueFromMemory"
            self._library(function, self.handle, k, memory, operand.offset, operand.length)
        elif operand.origin == CONSTANT:
            raw = np.frombuffer(program.blob, np.uint8, operand.length, operand.offset)
            self._kept.append(raw)
            self._library("Model_setOperandValue", self.handle, k, raw.ctypes.data, raw.nbytes)


class LoadedProgram:
    """A compiled program. One run at a time; runs of several threads follow each other."""

    def __init__(
        self, engine: NNAPIEngine, program: Program, token: bytes, given: Sequence[int] = (), made: Sequence[int] = ()
    ) -> None:
        """Compile it for the device that it names. Raises DelegateError.

        Inputs `given` and outputs `made` are signed bytes outside and unsigned ones in the program.
        """
        self._library, self._program = engine.library, program
        self._given = {k: np.empty(program.operands[program.inputs[k]].dims, np.uint8) for k in given}
        self._made = tuple(made)
        kept = [program.operands[k] for k in program.inputs[len(program.inputs) - program.states :]]
        self._states = [np.full(o.dims, o.zero_point, DTYPES[o.type]) for o in kept]
        self._next = [np.empty_like(state) for state in self._states]
        self._lock = threading.Lock()
        self._reused: tuple[tuple[int, ...], c_void_p, ExitStack] | None = None
        with ExitStack() as stack:
            model = Model(self._library, stack, program, engine.share_weights)
            self._compilation = self._compile(stack, model, engine, token)
            burst = self._library.level >= L3
            self._burst = self._library.make(stack, "Burst_create", self._compilation) if burst else None
            self._stack: ExitStack | None = stack.pop_all()

    def _compile(self, stack: ExitStack, model: Model, engine: NNAPIEngine, token: bytes) -> c_void_p:
        library, devices = self._library, engine.chosen(self._program.device)
        if devices:
            handles = (c_void_p * len(devices))(*(device.handle for device in devices))
            made = library.make(stack, "Compilation_createForDevices", model.handle, handles, len(devices))
        else:
            made = library.make(stack, "Compilation_create", model.handle)
        library("Compilation_setPreference", made, self._program.preference)
        if (folder := engine.cache()) is not None:
            about = " ".join(f"{d.name} {d.version}" for d in devices or library.devices())
            key = hashlib.sha256(token + about.encode()).digest()
            library("Compilation_setCaching", made, os.fsencode(folder), (c_uint8 * len(key))(*key))
        library("Compilation_finish", made)
        return made

    def run(self, inputs: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]]) -> None:
        """Run once: read `inputs`, fill `outputs`, each C-contiguous, in the program's order. Raises DelegateError."""
        with self._lock, ExitStack() as stack:
            for k, unsigned in self._given.items():
                np.bitwise_xor(inputs[k].view(np.uint8).reshape(unsigned.shape), SIGN, out=unsigned)
            read = [*(self._given.get(k, array) for k, array in enumerate(inputs)), *self._states]
            try:
                execution = self._execution(stack, read, [*outputs, *self._next])
                self._compute(stack, execution)
            except DelegateError:
                self._forget()
                raise
            if self._library.level >= L3:
                self._check(execution, outputs)
            for state, after in zip(self._states, self._next, strict=True):
                np.copyto(state, after)
            for k in self._made:
                flat = outputs[k].reshape(-1).view(np.uint8)
                np.bitwise_xor(flat, SIGN, out=flat)

    def state(self, values: Sequence[NDArray[Any]]) -> None:
        """Copy what it remembers out."""
        with self._lock:
            for value, state in zip(values, self._states, strict=True):
                np.copyto(value, state.reshape(value.shape))

    def restore(self, values: Sequence[NDArray[Any]]) -> None:
        """Give what it remembers these values."""
        with self._lock:
            for value, state in zip(values, self._states, strict=True):
                np.copyto(state, value.reshape(state.shape))

    def reset(self) -> None:
        """Set what it remembers back to its start: what stands for 0."""
        with self._lock:
            for k, state in zip(self._program.inputs[-len(self._states) :], self._states, strict=False):
                state.fill(self._program.operands[k].zero_point)

    def run_unsized(self, inputs: Sequence[NDArray[Any]], most: Sequence[int]) -> list[NDArray[Any]]:
        """Run a program some of whose outputs have sizes that only the run tells; `most` bounds the bytes of each.

        Buffers that are too small are made as large as the run says and it is run again. Needs feature level 29.
        Raises DelegateError.
        """
        operands = [self._program.operands[k] for k in self._program.outputs]
        room = [operand.nbytes or min(1 << 12, limit) for operand, limit in zip(operands, most, strict=True)]
        for _ in range(2):
            outputs = [np.empty(nbytes, np.uint8) for nbytes in room]
            with self._lock, ExitStack() as stack:
                execution = self._fresh(stack, inputs, outputs)
                try:
                    self._compute(stack, execution)
                except NNAPIError as error:
                    if error.code != "OUTPUT_INSUFFICIENT_SIZE":
                        raise
                    room = self._needed(execution, room, most)
                    continue
                shapes = [self._shape(execution, k) for k in range(len(outputs))]
            return [_shaped(*each) for each in zip(outputs, operands, shapes, strict=True)]
        raise NNAPIError("Execution_compute", "OUTPUT_INSUFFICIENT_SIZE")

    def _needed(self, execution: c_void_p, room: Sequence[int], most: Sequence[int]) -> list[int]:
        needed = []
        for k, (has, limit) in enumerate(zip(room, most, strict=True)):
            operand = self._program.operands[self._program.outputs[k]]
            nbytes = int(np.prod(self._shape(execution, k), dtype=np.int64)) * DTYPES[operand.type].itemsize
            if nbytes > limit:
                raise DelegateError(f"nnapi: output {k} takes {nbytes} bytes, where {limit} are allowed")
            needed.append(max(has, nbytes))
        return needed

    def _execution(self, stack: ExitStack, inputs: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]]) -> c_void_p:
        """An execution over these arrays: the last one again, where the API lets it (from level 31) and they agree."""
        if self._library.level < L5 or not self._library.has("Execution_setReusable"):
            return self._fresh(stack, inputs, outputs)
        places = tuple(n for array in (*inputs, *outputs) for n in (array.ctypes.data, array.nbytes))
        if self._reused is None or self._reused[0] != places:
            self._forget()
            with ExitStack() as own:
                execution = self._fresh(own, inputs, outputs, reusable=True)
                self._reused = places, execution, own.pop_all()
        return self._reused[1]

    def _fresh(
        self, stack: ExitStack, inputs: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]], reusable: bool = False
    ) -> c_void_p:
        if self._stack is None:
            raise DelegateError("nnapi: the program is closed")
        execution = self._library.make(stack, "Execution_create", self._compilation)
        if reusable:
            self._library("Execution_setReusable", execution, True)
        for function, arrays in (("Execution_setInput", inputs), ("Execution_setOutput", outputs)):
            for k, array in enumerate(arrays):
                self._library(function, execution, k, None, array.ctypes.data, array.nbytes)
        return execution

    def _compute(self, stack: ExitStack, execution: c_void_p) -> None:
        if self._burst is not None:
            self._library("Execution_burstCompute", execution, self._burst)
        else:
            event = self._library.make(stack, "Execution_startCompute", execution)
            self._library("Event_wait", event)

    def _check(self, execution: c_void_p, outputs: Sequence[NDArray[Any]]) -> None:
        """What came out has the shape that its array has; a scalar comes out as [1]."""
        for k, array in enumerate(outputs):
            if (found := self._shape(execution, k)) != (array.shape or (1,)):
                raise DelegateError(f"nnapi: output {k} came out as {list(found)}, not {list(array.shape)}")

    def _shape(self, execution: c_void_p, k: int) -> tuple[int, ...]:
        """The shape of an output, told even where its buffer was too small for it."""
        rank = c_uint32()
        self._told("Execution_getOutputOperandRank", execution, k, byref(rank))
        dims = (c_uint32 * max(rank.value, 1))()
        if rank.value:
            self._told("Execution_getOutputOperandDimensions", execution, k, dims)
        return tuple(dims[: rank.value])

    def _told(self, function: str, *arguments: Any) -> None:
        try:
            self._library(function, *arguments)
        except NNAPIError as error:
            if error.code != "OUTPUT_INSUFFICIENT_SIZE":
                raise

    def _forget(self) -> None:
        if self._reused is not None:
            self._reused[2].close()
        self._reused = None

    def close(self) -> None:
        """Free everything, last made first. May be called twice."""
        with self._lock:
            self._forget()
            if self._stack is not None:
                self._stack.close()
            self._stack = None


def _numbers(values: Sequence[int]) -> ctypes.Array[c_uint32]:
    return (c_uint32 * len(values))(*values)


def _shaped(raw: NDArray[np.uint8], operand: Operand, shape: tuple[int, ...]) -> NDArray[Any]:
    dtype = DTYPES[operand.type]
    count = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    return raw[:count].view(dtype).reshape(shape)


def _check_ports(program: Program, operands: Sequence[int], ports: Sequence[Port], what: str) -> list[int]:
    """Which ports are signed bytes where the program has unsigned ones. Raises DelegateError where they do not fit."""
    flipped = []
    if len(ports) != len(operands):
        raise DelegateError(f"nnapi: the program has {len(operands)} {what}s, not {len(ports)}")
    for place, (port, k) in enumerate(zip(ports, operands, strict=True)):
        operand = program.operands[k]
        signed = port.dtype == np.int8 and operand.type is Type.TENSOR_QUANT8_ASYMM
        if not (signed or port.dtype == DTYPES[operand.type]) or operand.nbytes not in (0, port.nbytes):
            wanted = f"{operand.type.name} {list(operand.dims)}"
            raise DelegateError(f"nnapi: {what} {port.name!r} is {port.dtype} {list(port.shape)}, not {wanted}")
        if signed:
            flipped.append(place)
    return flipped
