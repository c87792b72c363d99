"""A compiled program: its executions, what it remembers, sizes that only a run tells."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from ctypes import byref, c_uint8, c_uint32, c_void_p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DelegateError
from .abi import DTYPES, L3, L5, SIGN, Operation, Type
from .library import Device, Library, NNAPIError
from .model import Model
from .program import Operand, Program


class LoadedProgram:
    """A compiled program. One run at a time; runs of several threads follow each other."""

    def __init__(
        self,
        library: Library,
        program: Program,
        devices: Sequence[Device] = (),
        share: bool = True,
        cache: tuple[str, bytes] | None = None,
        given: Sequence[int] = (),
        made: Sequence[int] = (),
        longer: Sequence[int] = (),
    ) -> None:
        """Compile it for some devices, or where Android chooses. Raises DelegateError.

        `share` hands weights over in shared memory. `cache` is a folder for what is compiled, and a token of 32 bytes
        that stands for the program. Inputs `given` and outputs `made` are signed bytes outside, unsigned ones inside;
        outputs `longer` are INT64 outside, INT32 inside.
        """
        self._library, self._program = library, program
        self._devices, self._share, self._cache = devices, share, cache
        self._given = {k: np.empty(program.operands[program.inputs[k]].dims, np.uint8) for k in given}
        self._made = tuple(made)
        self._short = {k: np.empty(program.operands[program.outputs[k]].dims, np.int32) for k in longer}
        kept = [program.operands[k] for k in program.inputs[len(program.inputs) - program.states :]]
        self._states = [np.zeros(operand.dims, DTYPES[operand.type]) for operand in kept]
        signed = Type.TENSOR_QUANT8_ASYMM_SIGNED
        self._starts = [operand.zero_point if operand.type is signed else 0 for operand in kept]
        self._moved_on = [_moved_on(program, k) for k in program.inputs[len(program.inputs) - program.states :]]
        self._next = [np.empty_like(state) for state in self._states]
        self._lock = threading.Lock()
        self._reused: tuple[tuple[int, ...], c_void_p, ExitStack] | None = None
        self._dead = False  # whether what was compiled went with its driver
        self.reset()
        self._stack: ExitStack | None = None
        self._open()

    def _open(self) -> None:
        """Compile it, in place of what was compiled before."""
        if self._stack is not None:
            self._stack.close()
            self._stack = None
        with ExitStack() as stack:
            model = Model(self._library, stack, self._program, self._share)
            self._compilation = self._compile(stack, model)
            burst = self._library.level >= L3
            self._burst = self._library.make(stack, "Burst_create", self._compilation) if burst else None
            self._stack = stack.pop_all()
        self._dead = False

    def _compile(self, stack: ExitStack, model: Model) -> c_void_p:
        library, devices = self._library, self._devices
        if devices:
            handles = (c_void_p * len(devices))(*(device.handle for device in devices))
            made = library.make(stack, "Compilation_createForDevices", model.handle, handles, len(devices))
        else:
            made = library.make(stack, "Compilation_create", model.handle)
        library("Compilation_setPreference", made, self._program.preference)
        if self._cache is not None:
            folder, token = self._cache
            library("Compilation_setCaching", made, os.fsencode(folder), (c_uint8 * len(token))(*token))
        library("Compilation_finish", made)
        return made

    def run(self, inputs: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]]) -> None:
        """Run once: read `inputs`, fill `outputs`, each C-contiguous, in the program's order. Raises DelegateError.

        Where its driver had died before, it is compiled again for the one that took its place.
        """
        with self._lock, ExitStack() as stack:
            if self._dead:
                self._open()
            for k, unsigned in self._given.items():
                np.bitwise_xor(inputs[k].view(np.uint8).reshape(unsigned.shape), SIGN, out=unsigned)
            read = [*(self._given.get(k, array) for k, array in enumerate(inputs)), *self._states]
            try:
                written = [self._short.get(k, array) for k, array in enumerate(outputs)]
                execution = self._execution(stack, read, [*written, *self._next])
                self._compute(stack, execution)
            except DelegateError as error:
                self._forget()
                self._dead = isinstance(error, NNAPIError) and error.code == "DEAD_OBJECT"
                raise
            if self._library.level >= L3:
                self._check(execution, outputs)
            for state, after in zip(self._states, self._next, strict=True):
                np.copyto(state, after)
            for k, short in self._short.items():
                np.copyto(outputs[k], short.reshape(outputs[k].shape))
            for k in self._made:
                flat = outputs[k].reshape(-1).view(np.uint8)
                np.bitwise_xor(flat, SIGN, out=flat)

    def state(self, values: Sequence[NDArray[Any]]) -> None:
        """Copy what it remembers out."""
        with self._lock:
            for value, state, columns in zip(values, self._states, self._moved_on, strict=True):
                np.copyto(value, np.roll(state.reshape(-1, columns), 1, 1).reshape(value.shape))

    def restore(self, values: Sequence[NDArray[Any]]) -> None:
        """Give what it remembers these values."""
        with self._lock:
            for value, state, columns in zip(values, self._states, self._moved_on, strict=True):
                np.copyto(state, np.roll(value.reshape(-1, columns), -1, 1).reshape(state.shape))

    def reset(self) -> None:
        """Set what it remembers back to its start: 0, and the zero point of INT8, as TensorFlow Lite has it."""
        with self._lock:
            for state, start in zip(self._states, self._starts, strict=True):
                state.fill(start)

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
            self._stack, self._dead = None, False


def _moved_on(program: Program, state: int) -> int:
    """In rows of how many a state comes out moved on by one value: by as many as SVDF keeps of a filter, else 1.

    TensorFlow Lite's SVDF makes room for the newest value before it runs, Android's after it ran.
    """
    found = (step for step in program.steps if step.code is Operation.SVDF and step.inputs[4] == state)
    return next((program.operands[step.inputs[2]].dims[1] for step in found), 1)


def _shaped(raw: NDArray[np.uint8], operand: Operand, shape: tuple[int, ...]) -> NDArray[Any]:
    dtype = DTYPES[operand.type]
    count = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    return raw[:count].view(dtype).reshape(shape)
