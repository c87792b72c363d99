"""Whether a runtime's structures are laid out as `abi` has them: asked of the runtime, before they are used.

A tiny model is shown to delegates that only look. What they look at is read through the operating system, which says
no where a pointer leads nowhere, so a runtime that differs is found out and not crashed. Functions are called only once
their places are known: the runtime changes six of them, and nothing else, while a delegate prepares.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import DelegateError
from ..fresh import fresh_python
from ..graph.builder import GraphBuilder
from ..graph.model import Graph, Quantization
from ..graph.read import read
from ..graph.schema import ENUMS
from . import abi
from .looker import Differs, Looker, same
from .native import GraphContext
from .trial import run

RUNTIMES = {
    "ai_edge_litert.interpreter": "ai_edge_litert",
    "tflite_runtime.interpreter": "tflite_runtime",
    "tensorflow.lite.python.interpreter": "tensorflow",
}
"""Modules that have an Interpreter, and the package of each."""

ONLY_WHILE_PREPARING = (
    "GetExecutionPlan", "GetNodeAndRegistration", "ReplaceNodeSubsetsWithDelegateKernels",
    "PreviewDelegatePartitioning", "AcquireSubgraphContext", "ReleaseSubgraphContext",
)  # fmt: skip

_lock = threading.RLock()
_known: dict[str, str] = {}  # module -> what is different there; empty if nothing is


def check_runtimes() -> list[ModuleType]:
    """The modules of the runtimes that are imported, each looked at once.

    Raises DelegateError where there is none, or one has other structures than those known here.
    """
    found = [name for name in RUNTIMES if name in sys.modules]
    if not found:
        raise DelegateError(f"no TensorFlow Lite runtime that is known here is imported: {', '.join(RUNTIMES)}")
    with _lock:
        for name in found:
            if name not in _known:
                _known[name] = _difference(name)
            if _known[name]:
                raise DelegateError(
                    f"{RUNTIMES[name]} has other structures than delegraph knows ({_known[name]}); "
                    "use delegraph.Interpreter, or a version of the runtime that is known to work"
                )
    return [sys.modules[name] for name in found]


def _difference(name: str) -> str:
    try:
        with memory() as look:
            if look is None:  # nothing here reads memory safely: let another process run into what there is
                code = f"import {name}, delegraph.plugin.probe as p; p.examine({name}, p.plain)"
                done = subprocess.run(fresh_python(code), capture_output=True, text=True, check=False)
                if done.returncode:
                    raise Differs((done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1])
            examine(sys.modules[name], look or plain)
    except (Differs, RuntimeError, ValueError, OSError) as error:
        return str(error) or type(error).__name__
    return ""


Look = Callable[[int, int], bytes]  # address, how many bytes -> these


@contextmanager
def memory() -> Iterator[Look | None]:
    """A way to read this process's memory that raises OSError where there is none; None where there is no such way."""
    try:
        file = os.open("/proc/self/mem", os.O_RDONLY)
    except OSError:
        yield None
        return

    def look(address: int, nbytes: int) -> bytes:
        if not address:
            raise Differs("a pointer is null")
        found = os.pread(file, nbytes, address)
        if len(found) != nbytes:
            raise Differs(f"there are no {nbytes} bytes where a pointer leads")
        return found

    try:
        yield look
    finally:
        os.close(file)


def plain(address: int, nbytes: int) -> bytes:
    """Memory as it is."""
    return ctypes.string_at(address, nbytes)


def examine(runtime: ModuleType, look: Look) -> None:
    """Raise Differs, or what the runtime raises, where something is not as expected."""
    model = _model()
    _Examined(look, read(model).graphs[0]).examine(runtime, model)
    run(runtime)


def _model() -> bytes:
    b = GraphBuilder()
    x = b.input((1, 3, 2), name="probe x", shape_signature=(-1, 3, 2))
    q = b.input((3, 4), "INT8", name="probe q", quantization=(0.25, -3))
    scales = Quantization(np.array([0.5, 0.125, 2], np.float32), np.array([0, 0, 0], np.int64), 0)
    w = b.constant(np.arange(-6, 6, dtype=np.int8).reshape(3, 4), name="probe w", quantization=scales)
    b.variable((5,), name="probe v")
    thin = b.sparse_constant(np.diag(np.array([7, 8, 9], np.float32)), [0, 1], name="probe s")
    b.output(b.op("DENSIFY", [thin], (3, 3)))
    b.output(b.op("ADD", [x, x], (1, 3, 2), fused_activation_function="RELU6", name="probe sum"))
    b.output(b.op("DEQUANTIZE", [w], (3, 4), dtype="FLOAT32", op_version=2))
    b.output(b.op("SUB", [q, q], (3, 4), quantization=(0.5, 7), op_version=2))
    b.output(b.op("CUSTOM", [x], (4,), custom_code="delegraph probe", custom_options=b"some options"))
    return b.build()


class _Examined:
    """Looks at the structures of a model that is known."""

    def __init__(self, look: Look, graph: Graph) -> None:
        self._look, self._graph = look, graph
        self._while_preparing = b""

    def examine(self, runtime: ModuleType, model: bytes) -> None:
        """First only by looking; once that is as expected, by calling the runtime's functions."""
        looker = Looker(self._remember)
        interpreter = looker.show(runtime, model)
        self._context(looker.address)
        del interpreter
        Looker(self._functions).show(runtime, model)

    def _remember(self, context: int) -> None:
        self._while_preparing = self._look(context, ctypes.sizeof(abi.Context))

    def _context(self, address: int) -> None:
        now = self._look(address, ctypes.sizeof(abi.Context))
        words = [np.frombuffer(found, np.uint64) for found in (self._while_preparing, now)]
        changed = {int(i) * 8 for i in np.flatnonzero(words[0] != words[1])}
        same("TfLiteContext", changed, {getattr(abi.Context, name).offset for name in ONLY_WHILE_PREPARING})
        context = abi.Context.from_buffer_copy(now)
        same("TfLiteContext.tensors_size", context.tensors_size, len(self._graph.tensors))
        for i in range(len(self._graph.tensors)):
            self._tensor(i, self._struct(abi.Tensor, context.tensors + i * ctypes.sizeof(abi.Tensor)))

    def _tensor(self, index: int, found: abi.Tensor) -> None:
        wanted = self._graph.tensors[index]
        what = f"TfLiteTensor {index}."
        same(f"{what}type", abi.type_name(found), wanted.type)
        same(f"{what}dims", self._ints(found.dims), wanted.shape)
        same(f"{what}bytes", found.bytes, wanted.nbytes if wanted.data is None else len(wanted.data))
        same(f"{what}is_variable", found.is_variable, wanted.is_variable)
        same(f"{what}allocation_type == READ_ONLY", found.allocation_type == abi.READ_ONLY, wanted.is_constant)
        same(f"{what}delegate", found.delegate, None)
        if wanted.is_sparse:
            return self._sparse(what, self._struct(abi.Sparsity, found.sparsity))
        same(f"{what}sparsity", found.sparsity, None)
        same(f"{what}buffer_handle", found.buffer_handle, -1)
        name = abi.Tensor.name.offset
        raw = ctypes.c_size_t.from_buffer_copy(bytes(found)[name : name + 8]).value
        same(f"{what}name", self._look(raw, len(wanted.name) + 1), wanted.name.encode() + b"\0")
        if wanted.data is not None:
            same(f"{what}data", self._look(found.data, wanted.nbytes), bytes(wanted.data))
        if -1 in wanted.shape_signature:
            same(f"{what}dims_signature", self._ints(found.dims_signature), wanted.shape_signature)
        if (quantization := wanted.quantization) is None:
            return
        same(f"{what}quantization.type", found.quantization_type, abi.AFFINE)
        affine = self._struct(abi.Affine, found.quantization)
        scales = np.frombuffer(self._look(affine.scale + 4, quantization.scales.nbytes), np.float32)
        same(f"{what}quantization.scale", scales.tolist(), quantization.scales.tolist())
        same(f"{what}quantization.zero_point", self._ints(affine.zero_point), tuple(quantization.zero_points.tolist()))
        same(f"{what}quantization.quantized_dimension", affine.axis, quantization.axis)
        if len(scales) == 1:
            one = (float(scales[0]), int(quantization.zero_points[0]))
            same(f"{what}params", (found.scale, found.zero_point), one)

    def _sparse(self, what: str, found: abi.Sparsity) -> None:
        """Of a diagonal of three, stored as dense rows of sparse columns."""
        same(f"{what}sparsity.traversal_order", self._ints(found.order), (0, 1))
        same(f"{what}sparsity.dim_metadata_size", found.count, 2)
        rows, columns = (self._struct(abi.SparseDim, found.dims + i * ctypes.sizeof(abi.SparseDim)) for i in (0, 1))
        same(f"{what}sparsity, first", (rows.format, rows.dense_size), (0, 3))
        held = (columns.format, self._ints(columns.segments), self._ints(columns.indices))
        same(f"{what}sparsity, second", held, (1, (0, 1, 2, 3), (0, 1, 2)))

    def _functions(self, address: int) -> None:
        context = GraphContext(address)
        same("GetExecutionPlan", context.plan(), tuple(range(len(self._graph.ops))))
        same("AcquireSubgraphContext", context.subgraph(1), 0)
        for op in self._graph.ops:
            node, registration = context.node(op.index)
            node = self._struct(abi.Node, ctypes.addressof(node))
            registration = self._struct(abi.Registration, ctypes.addressof(registration))
            same("TfLiteNode.inputs", self._ints(node.inputs), op.inputs)
            same("TfLiteNode.outputs", self._ints(node.outputs), op.outputs)
            same("TfLiteNode.delegate", node.delegate, None)
            same("TfLiteRegistration.builtin_code", registration.builtin_code, ENUMS["BuiltinOperator"].values[op.kind])
            same("TfLiteRegistration.version", registration.version, op.version)
            if op.kind == "CUSTOM":
                same("TfLiteRegistration.custom_name", registration.custom_name, op.custom_code.encode())
                given = self._look(node.custom_initial_data, node.custom_initial_data_size)
                same("TfLiteNode.custom_initial_data", given, bytes(op.options["custom_options"]))

    def _struct(self, kind: Any, address: int) -> Any:
        return kind.from_buffer_copy(self._look(address, ctypes.sizeof(kind)))

    def _ints(self, address: int) -> tuple[int, ...]:
        count = int.from_bytes(self._look(address, 4), sys.byteorder, signed=True)
        if not 0 <= count < 100:
            raise Differs(f"a TfLiteIntArray has {count} elements")
        return tuple(np.frombuffer(self._look(address + 4, 4 * count), np.int32).tolist())
