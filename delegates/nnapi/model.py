"""A program as the API's model: operands, their values, operations."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from contextlib import ExitStack
from ctypes import byref, c_float, c_uint32, c_void_p

import numpy as np

from .abi import L2, OperandType, PerChannel
from .library import Library
from .memory import shared
from .program import CONSTANT, OMITTED, Operand, Program

SMALL = 128  # bytes up to which the API copies a value that it is given (ANeuralNetworksModel_setOperandValue)


class Model:
    """A program as the API's model. What the API does not copy lies in the program, which has to outlive this."""

    def __init__(self, library: Library, stack: ExitStack, program: Program, share: bool) -> None:
        """Build and finish it; the stack frees it. Raises DelegateError."""
        self._library = library
        large = any(operand.length > SMALL for operand in program.operands)
        memory = shared(library, stack, program.blob) if share and large else None
        self.handle = library.make(stack, "Model_create")
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
        """An operand with its value, if it has one: copied while small, else in shared memory or where it is."""
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
            self._library("Model_setOperandValue", self.handle, k, raw.ctypes.data, raw.nbytes)


def _numbers(values: Sequence[int]) -> ctypes.Array[c_uint32]:
    return (c_uint32 * len(values))(*values)
