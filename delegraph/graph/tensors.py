"""One Tensor from its table, with its shape, data and quantisation checked against each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InvalidModel
from .flat import Budget
from .model import NUMPY_TYPES, PACKED, Quantization, Tensor
from .schema import ENUMS
from .sparse import check_sparsity

MAX_RANK = 32  # numpy's limit before 2.0, the lowest of all that read these
MAX_ELEMENTS = (1 << 31) - 1  # the runtimes count elements in an int

# A sparse constant may be this much larger when dense, so that expanding it stays in proportion to the file.
MIN_SPARSE_BYTES, MAX_EXPANSION = 1 << 24, 1024

UNSIZED = ("STRING", "RESOURCE", "VARIANT")

# Types that hold quantised values, and the zero points that these can have.
RANGES = {"INT8": (-128, 127), "UINT8": (0, 255), "INT16": (-32768, 32767), "INT4": (-8, 7), "INT2": (-2, 1)}

# Beyond these the runtimes' arithmetic on ratios of scales leaves float32. Channels that died in training have less.
MIN_SCALE, MAX_SCALE = 1e-20, 1e20

# Bits of one element, for types that numpy does not have.
BITS = {**PACKED, "UINT4": 4, "BFLOAT16": 16, "FLOAT8_E4M3FN": 8, "FLOAT8_E5M2": 8}


def stored(content: bytes, path: str, offset: int, size: int) -> memoryview:
    """Bytes that stand in the file but outside the flatbuffer, as in models of more than 2 GB."""
    if offset + size > len(content):
        raise InvalidModel(path, f"{offset} + {size} bytes is past the end of the file ({len(content)} bytes)")
    return memoryview(content)[offset : offset + size]


def buffer_data(content: bytes, table: Mapping[str, Any], path: str) -> memoryview | None:
    """What a Buffer table holds, inside the flatbuffer or outside; None for the buffer of an activation."""
    if table["data"] is not None or table["offset"] <= 1:
        data: memoryview | None = table["data"]
        return data
    return stored(content, f"{path}.offset", table["offset"], table["size"])


def read_tensor(
    path: str, index: int, table: Mapping[str, Any], buffers: Sequence[memoryview | None], budget: Budget
) -> Tensor:
    """A tensor of a subgraph. Raises InvalidModel naming the field that is wrong."""
    kind = ENUMS["TensorType"].names.get(table["type"])
    if kind is None:
        raise InvalidModel(f"{path}.type", f"{table['type']} is not a tensor type")
    shape = _shape(f"{path}.shape", table["shape"])
    signature = _signature(path, shape, table["shape_signature"])
    if table["buffer"] >= len(buffers):
        raise InvalidModel(f"{path}.buffer", f"{table['buffer']} is not one of {len(buffers)} buffers")
    data = buffers[table["buffer"]] if table["buffer"] else None
    sparsity, variable = table["sparsity"], table["is_variable"]
    if data is not None and variable:
        raise InvalidModel(f"{path}.is_variable", "a variable tensor cannot have constant data")
    if sparsity is not None:
        _check_sparse(path, kind, shape, data, sparsity)
    elif data is not None:
        _check_data(f"{path}.buffer", kind, shape, data, budget)
    quantization = _quantization(f"{path}.quantization", table["quantization"], kind, shape)
    return Tensor(
        index, table["name"] or "", kind, shape, signature, data, quantization, variable, sparsity is not None
    )


def _shape(path: str, values: Any) -> tuple[int, ...]:
    shape: tuple[int, ...] = tuple(values.tolist()) if values is not None else ()
    if len(shape) > MAX_RANK:
        raise InvalidModel(path, f"{len(shape)} dimensions are more than {MAX_RANK}")
    size = 1
    for i, d in enumerate(shape):
        if d < 0:
            raise InvalidModel(f"{path}[{i}]", f"{d} is negative")
        size *= max(d, 1)
    if size > MAX_ELEMENTS:
        raise InvalidModel(path, f"{list(shape)} has more than {MAX_ELEMENTS} elements")
    return shape


def _signature(path: str, shape: tuple[int, ...], values: Any) -> tuple[int, ...]:
    if values is None or not len(values):
        return shape
    signature: tuple[int, ...] = tuple(values.tolist())
    if len(signature) != len(shape) or any(d < -1 for d in signature):
        raise InvalidModel(f"{path}.shape_signature", f"{list(signature)} does not fit shape {list(shape)}")
    return signature


def _check_data(path: str, kind: str, shape: tuple[int, ...], data: memoryview, budget: Budget) -> None:
    if kind == "STRING":
        return _check_strings(path, math.prod(shape), data, budget)
    if kind in UNSIZED:
        raise InvalidModel(path, f"a {kind} cannot be a constant")
    wanted = _nbytes(kind, math.prod(shape))
    if len(data) != wanted:
        raise InvalidModel(path, f"{len(data)} bytes, where {kind} of shape {list(shape)} takes {wanted}")


def _nbytes(kind: str, count: int) -> int:
    return -(-count * (BITS.get(kind) or NUMPY_TYPES[kind].itemsize * 8) // 8)


def _check_strings(path: str, count: int, data: memoryview, budget: Budget) -> None:
    """A count, the offset of each string and of the end, all int32, then the bytes (TFLite's string_util.h)."""
    if len(data) < 4 * (count + 2):
        raise InvalidModel(path, f"{len(data)} bytes are too few for {count} strings")
    if not budget.spend(4 * count):
        raise InvalidModel(path, "is shared by too many tensors")
    header = np.frombuffer(data, "<i4", count + 2)
    if header[0] != count:
        raise InvalidModel(path, f"holds {header[0]} strings, where the shape says {count}")
    if header[1] != 4 * (count + 2) or (np.diff(header[1:]) < 0).any() or header[-1] > len(data):
        raise InvalidModel(path, "the offsets of the strings are out of order or range")


def _check_sparse(
    path: str, kind: str, shape: tuple[int, ...], data: memoryview | None, table: Mapping[str, Any]
) -> None:
    if data is None or kind in UNSIZED:
        raise InvalidModel(f"{path}.sparsity", "only a constant of numbers can be sparse")
    wanted = _nbytes(kind, check_sparsity(f"{path}.sparsity", table, shape))
    if len(data) != wanted:
        raise InvalidModel(f"{path}.buffer", f"{len(data)} bytes, where the sparsity speaks of {wanted}")
    if _nbytes(kind, math.prod(shape)) > max(MIN_SPARSE_BYTES, MAX_EXPANSION * len(data)):
        raise InvalidModel(f"{path}.shape", f"{list(shape)} is out of proportion to {len(data)} bytes of stored values")


def _quantization(path: str, table: Mapping[str, Any] | None, kind: str, shape: tuple[int, ...]) -> Quantization | None:
    if table is None:
        return None
    scales, zeros, axis = table["scale"], table["zero_point"], table["quantized_dimension"]
    if scales is None or not len(scales):
        return None
    if zeros is None or len(zeros) not in (1, len(scales)):
        raise InvalidModel(f"{path}.zero_point", f"{0 if zeros is None else len(zeros)} for {len(scales)} scales")
    if not np.isfinite(scales).all():
        raise InvalidModel(f"{path}.scale", "not finite")
    if kind in RANGES:
        low, high = RANGES[kind]
        if (scales < 0).any() or (len(scales) == 1 and not MIN_SCALE <= scales[0] <= MAX_SCALE):
            raise InvalidModel(f"{path}.scale", f"{scales.min()} is not a usable scale")
        if ((zeros < low) | (zeros > high)).any():
            raise InvalidModel(f"{path}.zero_point", f"outside the {low} to {high} of {kind}")
    if shape and not 0 <= axis < len(shape):
        raise InvalidModel(f"{path}.quantized_dimension", f"{axis} is not a dimension of {list(shape)}")
    if len(scales) > 1 and (not shape or shape[axis] != len(scales)):
        raise InvalidModel(f"{path}.scale", f"{len(scales)} of them do not fit dimension {axis} of {list(shape)}")
    return Quantization(scales, zeros, axis)
