"""A program for NNAPI as plain data, to and from bytes; numpy alone is needed to read it.

The bytes: a header, then tables of fixed-width records (operands, operations, the numbers of what operations and the
program read and write, scales of channels), then the blob with the constants. `Program.read` takes nothing on trust.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DelegateError
from .abi import DTYPES, LEVELS, PREFERENCES, TYPE_LEVELS, Operation, Type

MAGIC, VERSION = b"DGNN", 1
MOST_RANK = 8
ALIGN = 16  # bytes, of each constant in the blob
HEADER = struct.Struct("<4sHHqHHIIIIIIIQ")
# `origin`: 0 where it is computed or given when it runs, 1 for a constant in the blob, 2 for one that is left out.
OPERAND = np.dtype([
    ("type", "<i4"), ("rank", "<u4"), ("dims", "<u4", (MOST_RANK,)), ("scale", "<f4"), ("zero_point", "<i4"),
    ("channel", "<u4"), ("scales", "<u4"), ("origin", "<u4"), ("offset", "<u8"), ("length", "<u8"),
])  # fmt: skip
OPERATION = np.dtype([("code", "<i4"), ("level", "<i4"), ("inputs", "<u4"), ("outputs", "<u4")])
COMPUTED, CONSTANT, OMITTED = range(3)


class InvalidProgram(DelegateError, ValueError):
    """The bytes are not a program for NNAPI that this version reads; the message says what is wrong with them."""


@dataclass(frozen=True)
class Operand:
    """A value: `dims` are empty for a scalar, and 0 where a size is known only when it ran.

    real = scale * (q - zero_point); with `scales`, by channel along dimension `channel`. A constant lies in the blob at
    `offset`, `length` bytes of it; one that is `omitted` is an optional input left out.
    """

    type: Type
    dims: tuple[int, ...] = ()
    scale: float = 0.0
    zero_point: int = 0
    channel: int = 0
    scales: tuple[float, ...] = ()
    origin: int = COMPUTED
    offset: int = 0
    length: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the whole value; 0 where a size is not known."""
        known = self.type.scalar or self.dims
        return math.prod(self.dims) * DTYPES[self.type].itemsize if known else 0


@dataclass(frozen=True)
class Step:
    """One operation: the operands that it reads and writes, by number, and the feature level that it needs."""

    code: Operation
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    level: int


@dataclass(frozen=True)
class Program:
    """Operands, operations in an order in which they can run, what is given and wanted, and the constants' bytes.

    The last `states` inputs are what it remembers, the last outputs what they are in the next run.
    """

    operands: tuple[Operand, ...]
    steps: tuple[Step, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    blob: bytes = b""
    states: int = 0
    relaxed: bool = False
    device: str = ""  # where it is to run, as people say it; empty: the phone chooses
    preference: int = PREFERENCES["fast_single_answer"]

    @property
    def level(self) -> int:
        """The feature level that all of it needs."""
        types = (TYPE_LEVELS[operand.type] for operand in self.operands)
        return max((*types, *(step.level for step in self.steps), LEVELS[1] if self.relaxed else LEVELS[0]))

    def write(self) -> bytes:
        """As bytes that `read` takes."""
        operands = np.zeros(len(self.operands), OPERAND)
        for row, operand in zip(operands, self.operands, strict=True):
            row["dims"][: len(operand.dims)] = operand.dims
            for name, value in (("type", operand.type), ("rank", len(operand.dims)), ("scales", len(operand.scales))):
                row[name] = value
            for name in ("scale", "zero_point", "channel", "origin", "offset", "length"):
                row[name] = getattr(operand, name)
        steps = np.array([(s.code, s.level, len(s.inputs), len(s.outputs)) for s in self.steps], OPERATION)
        numbers = [n for s in self.steps for n in (*s.inputs, *s.outputs)] + [*self.inputs, *self.outputs]
        scales = [scale for operand in self.operands for scale in operand.scales]
        sides = (len(self.inputs), len(self.outputs), self.states)
        counts = (len(operands), len(steps), *sides, len(numbers), len(scales))
        device = self.device.encode()
        wanted = (self.preference, len(device))
        header = HEADER.pack(MAGIC, VERSION, int(self.relaxed), self.level, *wanted, *counts, len(self.blob))
        tables = (operands, steps, np.array(numbers, "<u4"), np.array(scales, "<f4"))
        return b"".join((header, device, *(table.tobytes() for table in tables), self.blob))

    @classmethod
    def read(cls, content: bytes) -> Program:
        """A program from bytes that may come from anywhere. Raises InvalidProgram."""
        if len(content) < HEADER.size or content[:4] != MAGIC:
            raise InvalidProgram("not a program for NNAPI: it does not begin with DGNN and a header")
        _, version, flags, level, preference, length, *counts, blob = HEADER.unpack_from(content)
        if version != VERSION:
            raise InvalidProgram(f"a program of version {version}: this side reads {VERSION}; update the older side")
        device = name_in(content, HEADER.size, length)
        if preference not in PREFERENCES.values():
            raise InvalidProgram(f"a preference of {preference}, which is none")
        tables, at = [], HEADER.size + length
        n_operands, n_steps, n_inputs, n_outputs, states, n_numbers, n_scales = counts
        for count, dtype in ((n_operands, OPERAND), (n_steps, OPERATION), (n_numbers, "<u4"), (n_scales, "<f4")):
            end = at + count * np.dtype(dtype).itemsize
            if end > len(content):
                raise InvalidProgram(f"{len(content)} bytes where the header tells of at least {end}")
            tables.append(np.frombuffer(content, dtype, count, at))
            at = end
        if len(content) != at + blob:
            raise InvalidProgram(f"{len(content)} bytes where the header tells of {at + blob}")
        operands = _operands(tables[0], tables[3], blob)
        steps, rest = _steps(tables[1], tables[2])
        if len(rest) != n_inputs + n_outputs or flags > 1:
            raise InvalidProgram("its tables do not fit each other")
        inputs, outputs = tuple(rest[:n_inputs]), tuple(rest[n_inputs:])
        found = cls(operands, steps, inputs, outputs, content[at:], states, bool(flags), device, preference)
        _check_order(found)
        if found.level != level:
            raise InvalidProgram(f"it says that it needs feature level {level}, and needs {found.level}")
        return found


def _operands(table: NDArray[Any], scales: NDArray[Any], blob: int) -> tuple[Operand, ...]:
    found, at = [], 0
    for k, row in enumerate(table):
        where = f"operand {k}"
        if int(row["type"]) not in set(Type) or row["rank"] > MOST_RANK or row["origin"] > OMITTED:
            raise InvalidProgram(f"{where} has type {row['type']}, rank {row['rank']}, origin {row['origin']}")
        kind, rank, count = Type(int(row["type"])), int(row["rank"]), int(row["scales"])
        if at + count > len(scales) or (count > 0) != (kind is Type.TENSOR_QUANT8_SYMM_PER_CHANNEL):
            raise InvalidProgram(f"{where} of type {kind.name} has {count} scales of channels")
        operand = Operand(
            kind, tuple(int(d) for d in row["dims"][:rank]), float(row["scale"]), int(row["zero_point"]),
            int(row["channel"]), tuple(float(s) for s in scales[at : at + count]), int(row["origin"]),
            int(row["offset"]), int(row["length"]),
        )  # fmt: skip
        at += count
        _check_operand(operand, where, blob)
        found.append(operand)
    if at != len(scales):
        raise InvalidProgram("scales of channels are left over")
    return tuple(found)


def _check_operand(operand: Operand, where: str, blob: int) -> None:
    if not (math.isfinite(operand.scale) and all(0 < s < math.inf for s in operand.scales) and operand.scale >= 0):
        raise InvalidProgram(f"{where} has a scale that is none: {operand.scale}, {operand.scales[:4]}")
    if (operand.type.scalar and operand.dims) or operand.nbytes >= 1 << 32:
        raise InvalidProgram(f"{where} of type {operand.type.name} has dimensions {operand.dims}")
    if operand.scales and not (
        operand.channel < len(operand.dims) and operand.dims[operand.channel] == len(operand.scales)
    ):
        raise InvalidProgram(f"{where} has {len(operand.scales)} scales along dimension {operand.channel}")
    if operand.origin == CONSTANT and (
        operand.length != operand.nbytes or not operand.length or operand.offset + operand.length > blob
    ):
        raise InvalidProgram(f"{where} takes {operand.nbytes} bytes; {operand.length} at {operand.offset} of {blob}")


def _steps(table: NDArray[Any], numbers: NDArray[Any]) -> tuple[tuple[Step, ...], list[int]]:
    found, at, all_numbers = [], 0, [int(n) for n in numbers]
    for k, row in enumerate(table):
        if int(row["code"]) not in set(Operation) or int(row["level"]) not in LEVELS:
            raise InvalidProgram(f"operation {k} has code {row['code']} and level {row['level']}")
        middle, end = at + int(row["inputs"]), at + int(row["inputs"]) + int(row["outputs"])
        if end > len(all_numbers):
            raise InvalidProgram(f"operation {k} reads or writes more than there is")
        reads, writes = tuple(all_numbers[at:middle]), tuple(all_numbers[middle:end])
        found.append(Step(Operation(int(row["code"])), reads, writes, int(row["level"])))
        at = end
    return tuple(found), all_numbers[at:]


def _check_order(program: Program) -> None:
    """Every operand is there before it is read, and is written once; what is given is not written."""
    count = len(program.operands)
    if (
        max((*program.inputs, *program.outputs, *(n for s in program.steps for n in s.inputs + s.outputs)), default=0)
        >= count
    ):
        raise InvalidProgram(f"there are {count} operands, and some number is beyond them")
    known = {k for k, operand in enumerate(program.operands) if operand.origin != COMPUTED}
    if known & set(program.inputs) or len(set(program.inputs)) != len(program.inputs) or not program.outputs:
        raise InvalidProgram("an input is a constant, or is named twice, or there is no output")
    known |= set(program.inputs)
    for k, step in enumerate(program.steps):
        if not known.issuperset(step.inputs) or known.intersection(step.outputs):
            raise InvalidProgram(f"operation {k} reads what is not there yet, or writes what is there already")
        if len(set(step.outputs)) != len(step.outputs):
            raise InvalidProgram(f"operation {k} writes an operand twice")
        known.update(step.outputs)
    _check_states(program)
    written = {n for step in program.steps for n in step.outputs}
    if not written.issuperset(program.outputs) or len(set(program.outputs)) != len(program.outputs):
        raise InvalidProgram("an output is not written by any operation, or is named twice")


def _check_states(program: Program) -> None:
    """What is remembered is of known size, and comes out as it goes in."""
    count = program.states
    if count > min(len(program.inputs), len(program.outputs)):
        raise InvalidProgram(f"it remembers {count} values, more than go in and come out")
    pairs = zip(
        program.inputs[len(program.inputs) - count :], program.outputs[len(program.outputs) - count :], strict=True
    )
    for before, after in pairs:
        one, two = program.operands[before], program.operands[after]
        if replace(one, origin=two.origin) != two or not one.nbytes:
            raise InvalidProgram(f"operand {after} is not as operand {before}, whose next value it is")


def name_in(content: bytes, at: int, length: int) -> str:
    """A device's name among some bytes. Raises InvalidProgram."""
    try:
        found = content[at : at + length].decode()
    except UnicodeDecodeError:
        raise InvalidProgram("the name of its device is not UTF-8") from None
    if at + length > len(content):
        raise InvalidProgram("the name of its device is cut off")
    return found


def values(program: Program, operand: Operand) -> NDArray[Any]:
    """What a constant holds."""
    return np.frombuffer(program.blob, DTYPES[operand.type], math.prod(operand.dims), operand.offset).reshape(
        operand.dims
    )


def aligned(arrays: Sequence[NDArray[Any]]) -> tuple[bytes, list[int]]:
    """(one blob of all these, the offset of each), each aligned."""
    parts, offsets, at = [], [], 0
    for array in arrays:
        offsets.append(at)
        raw = np.ascontiguousarray(array).tobytes()
        parts.append(raw + bytes(-len(raw) % ALIGN))
        at += len(parts[-1])
    return b"".join(parts), offsets
