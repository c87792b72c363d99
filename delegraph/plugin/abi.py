"""The C structures of TensorFlow Lite's delegate interface, as ctypes; `probe` says whether a runtime agrees with them.

Field names and order are those of `tensorflow/lite/core/c/common.h`, as tflite-runtime 2.14 and LiteRT have it. Only
fields at the end were ever added; `Registration`, which goes by value, is the longest form and has room behind it.
"""

from __future__ import annotations

from collections.abc import Iterable
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_void_p,
)  # fmt: skip
from typing import Any

import numpy as np
from numpy.typing import NDArray

OK, ERROR = 0, 1  # TfLiteStatus
ALLOW_DYNAMIC, PROPAGATE_SHAPES = 1, 2  # TfLiteDelegateFlags
READ_ONLY, DYNAMIC = 1, 4  # TfLiteAllocationType
AFFINE = 1  # TfLiteQuantizationType

TYPES = (
    "", "FLOAT32", "INT32", "UINT8", "INT64", "STRING", "BOOL", "INT16", "COMPLEX64", "INT8", "FLOAT16", "FLOAT64",
    "COMPLEX128", "UINT64", "RESOURCE", "VARIANT", "UINT32", "UINT16", "INT4", "BFLOAT16", "INT2", "UINT4",
)  # fmt: skip
"""TfLiteType by number, under the names that files use."""


class IntArray(Structure):
    """TfLiteIntArray: the length, then as many int32."""

    _fields_ = [("size", c_int), ("data", c_int * 0)]


class Affine(Structure):
    """TfLiteAffineQuantization; `scale` is a TfLiteFloatArray."""

    _fields_ = [("scale", c_void_p), ("zero_point", c_void_p), ("axis", c_int32)]


class Sparsity(Structure):
    """TfLiteSparsity."""

    _fields_ = [("order", c_void_p), ("block_map", c_void_p), ("dims", c_void_p), ("count", c_int)]


class SparseDim(Structure):
    """TfLiteDimensionMetadata."""

    _fields_ = [("format", c_int), ("dense_size", c_int), ("segments", c_void_p), ("indices", c_void_p)]


class Tensor(Structure):
    """TfLiteTensor."""

    _fields_ = [
        ("type", c_int), ("data", c_void_p), ("dims", c_void_p), ("scale", c_float), ("zero_point", c_int32),
        ("allocation_type", c_int), ("bytes", c_size_t), ("allocation", c_void_p), ("name", c_char_p),
        ("delegate", c_void_p), ("buffer_handle", c_int), ("data_is_stale", c_bool), ("is_variable", c_bool),
        ("quantization_type", c_int), ("quantization", c_void_p), ("sparsity", c_void_p), ("dims_signature", c_void_p),
    ]  # fmt: skip


class Node(Structure):
    """TfLiteNode."""

    _fields_ = [
        ("inputs", c_void_p), ("outputs", c_void_p), ("intermediates", c_void_p), ("temporaries", c_void_p),
        ("user_data", c_void_p), ("builtin_data", c_void_p), ("custom_initial_data", c_void_p),
        ("custom_initial_data_size", c_int), ("delegate", c_void_p), ("might_have_side_effect", c_bool),
    ]  # fmt: skip


class DelegateParams(Structure):
    """TfLiteDelegateParams: what a kernel's `init` is told of its part of the graph."""

    _fields_ = [("delegate", c_void_p), ("nodes", c_void_p), ("inputs", c_void_p), ("outputs", c_void_p)]


INIT = CFUNCTYPE(c_void_p, c_void_p, c_void_p, c_size_t)
FREE = CFUNCTYPE(None, c_void_p, c_void_p)
STEP = CFUNCTYPE(c_int, c_void_p, c_void_p)  # a kernel's prepare and invoke, and a delegate's Prepare


class Registration(Structure):
    """TfLiteRegistration; `spare` is read by a runtime that has added fields, and zero means none of them."""

    _fields_ = [
        ("init", INIT), ("free", FREE), ("prepare", STEP), ("invoke", STEP), ("profiling_string", c_void_p),
        ("builtin_code", c_int32), ("custom_name", c_char_p), ("version", c_int), ("registration_external", c_void_p),
        ("async_kernel", c_void_p), ("inplace_operator", c_size_t), ("spare", c_void_p * 4),
    ]  # fmt: skip


class Delegate(Structure):
    """TfLiteDelegate; without buffer handles, so tensors always lie in the runtime's memory."""

    _fields_ = [
        ("data", c_void_p), ("prepare", STEP), ("copy_from_handle", c_void_p), ("copy_to_handle", c_void_p),
        ("free_handle", c_void_p), ("flags", c_int64), ("opaque_builder", c_void_p), ("spare", c_void_p * 4),
    ]  # fmt: skip


class Context(Structure):
    """TfLiteContext, up to the last function that is called here."""


_GET_PLAN = CFUNCTYPE(c_int, c_void_p, POINTER(c_void_p))
_GET_NODE = CFUNCTYPE(c_int, c_void_p, c_int, POINTER(c_void_p), POINTER(c_void_p))
_REPLACE = CFUNCTYPE(c_int, c_void_p, Registration, c_void_p, c_void_p)
_PREVIEW = CFUNCTYPE(c_int, c_void_p, c_void_p, POINTER(c_void_p), POINTER(c_int))
_ACQUIRE = CFUNCTYPE(c_int, c_void_p, c_int, POINTER(c_void_p))
_RELEASE = CFUNCTYPE(c_int, c_void_p, c_int)
_REPORT = CFUNCTYPE(None, c_void_p, c_char_p, c_char_p)  # variadic in C: always called with the format "%s"
FUNCTIONS = ("GetExecutionPlan", "GetNodeAndRegistration", "ReplaceNodeSubsetsWithDelegateKernels", "ReportError")

Context._fields_ = [
    ("tensors_size", c_size_t), ("GetExecutionPlan", _GET_PLAN), ("tensors", c_void_p), ("impl", c_void_p),
    ("ResizeTensor", c_void_p), ("ReportError", _REPORT), ("AddTensors", c_void_p),
    ("GetNodeAndRegistration", _GET_NODE), ("ReplaceNodeSubsetsWithDelegateKernels", _REPLACE),
    ("recommended_num_threads", c_int), ("GetExternalContext", c_void_p), ("SetExternalContext", c_void_p),
    ("allow_fp32_relax_to_fp16", c_bool), ("profiler", c_void_p), ("AllocatePersistentBuffer", c_void_p),
    ("AllocateBufferForEval", c_void_p), ("RequestScratchBufferInArena", c_void_p), ("GetScratchBuffer", c_void_p),
    ("ResizeTensorExplicit", c_void_p), ("PreviewDelegatePartitioning", _PREVIEW), ("GetTensor", c_void_p),
    ("GetEvalTensor", c_void_p), ("GetModelMetadata", c_void_p), ("AcquireSubgraphContext", _ACQUIRE),
    ("ReleaseSubgraphContext", _RELEASE),
]  # fmt: skip


def ints(address: int | None) -> tuple[int, ...]:
    """The elements of the TfLiteIntArray at an address; none for a null pointer."""
    return _elements(address, c_int32)


def floats(address: int | None) -> tuple[float, ...]:
    """The elements of the TfLiteFloatArray at an address; none for a null pointer."""
    return _elements(address, c_float)


def _elements(address: int | None, kind: Any) -> tuple[Any, ...]:
    if not address:
        return ()
    count = c_int.from_address(address).value
    return tuple((kind * count).from_address(address + 4))


def type_name(tensor: Tensor) -> str:
    """A tensor's type as files name it; its number where that is newer."""
    return TYPES[tensor.type] if 0 <= tensor.type < len(TYPES) else f"type {tensor.type}"


def constant(tensor: Tensor) -> NDArray[np.uint8] | None:
    """The bytes of a tensor that is part of the model, where they lie; None for another."""
    if tensor.allocation_type != READ_ONLY or not tensor.data:
        return None
    return raw(tensor.data, tensor.bytes)


def raw(address: int, nbytes: int) -> NDArray[np.uint8]:
    """Memory of the runtime's as an array, which keeps nothing alive."""
    return np.frombuffer(memoryview((c_uint8 * nbytes).from_address(address)), np.uint8)


def int_array(values: Iterable[int]) -> Any:
    """A TfLiteIntArray of Python's own; keep it while the runtime reads it."""
    values = list(values)
    return (c_int32 * (1 + len(values)))(len(values), *values)
