"""The runtime's subgraph as our Graph, by its C structures alone: what cannot be read for sure is left as unread."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import Reason
from ..graph import flat
from ..graph.model import NUMPY_TYPES
from ..graph.options import options_table
from ..graph.read import read
from ..graph.schema import ENUMS
from ..graph.sparse import DENSE, index_vector
from . import abi
from .builtin import LAYOUTS, agreed, read_options, readable
from .native import GraphContext
from .probe import RUNTIMES
from .sources import Found

UNSIZED = ("STRING", "RESOURCE", "VARIANT")
GIVE = "model= given to tflite_delegate"

# Later than the structures of tflite-runtime 2.14, and of consequence where activations have 16 bits.
BIASES = ("CONV_2D", "FULLY_CONNECTED")


class NodeSource:
    """Writes what the structures tell into a model and reads that, so that it is checked like any other."""

    def graph(self, context: GraphContext, nodes: Iterable[int]) -> Found:
        """All that would run now, in order. Raises InvalidModel where it makes no sense."""
        return _Writer(context).found(list(nodes))


class _Writer:
    def __init__(self, context: GraphContext) -> None:
        self._context = context
        self._kinds = frozenset.intersection(*(agreed(sys.modules[m]) for m in RUNTIMES if m in sys.modules))
        self._codes: list[dict[str, Any]] = []
        self._buffers: list[dict[str, Any]] = [{}]
        self._unread: dict[int, Reason] = {}

    def found(self, nodes: list[int]) -> Found:
        """The graph of these nodes, which are all that will run."""
        operators = [self._operator(n) for n in nodes]
        read_from = {t for op in operators for t in op["inputs"] if t >= 0}
        made = {t for op in operators for t in op["outputs"]}
        tensors = [
            self._tensor(t) if t in read_from | made else _ABSENT for t in range(self._context.struct.tensors_size)
        ]
        given = [t for t in sorted(read_from - made) if not tensors[t]["buffer"] and not tensors[t]["is_variable"]]
        graph = {"tensors": tensors, "operators": operators, "inputs": given, "outputs": sorted(made - read_from)}
        model = {"version": 3, "operator_codes": self._codes, "buffers": self._buffers, "subgraphs": [graph]}
        content = flat.encode(model)
        return Found(read(content).graphs[0], {n: i for i, n in enumerate(nodes)}, self._unread)

    def _operator(self, n: int) -> dict[str, Any]:
        node, registration = self._context.node(n)
        inputs, outputs = abi.ints(node.inputs), abi.ints(node.outputs)
        kind = ENUMS["BuiltinOperator"].names.get(registration.builtin_code, f"builtin {registration.builtin_code}")
        table: dict[str, Any] = {"inputs": list(inputs), "outputs": [t for t in outputs if t >= 0]}
        reason = self._reason(kind, node, inputs, outputs)
        name = (registration.custom_name or b"").decode("utf-8", "replace")
        if reason is not None:
            self._unread[n] = reason
            kind, name = "CUSTOM", f"{kind} {name}".strip()  # whatever it does, it reads and writes these tensors
        elif (found := options_table(kind)) is not None:
            options = read_options(kind, node.builtin_data) if kind in LAYOUTS else {}
            table |= {f"{found[0]}_type": found[2], found[0]: options}
        table["opcode_index"] = self._code(kind, name, registration.version)
        return table

    def _reason(self, kind: str, node: abi.Node, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Reason | None:
        """Why a node cannot be read, if so."""
        if node.delegate:
            return Reason("taken", "another delegate has it")
        if kind == "CUSTOM":  # of one that the runtime lacks it says version 1, whatever the file does
            return Reason("unread", "which version of a custom op it is", GIVE)
        if not readable(kind):
            return Reason("unread", f"its options cannot be read for sure from the runtime: {kind}", GIVE)
        if kind in LAYOUTS and (kind not in self._kinds or read_options(kind, node.builtin_data) is None):
            return Reason("unread", f"the runtime holds its options otherwise: {kind}", GIVE)
        tensors = [self._context.tensor(t) for t in (*inputs, *outputs) if t >= 0]
        types = {abi.type_name(t) for t in tensors}
        if any(t < 0 for t in outputs) or types & set(UNSIZED) or not types <= set(ENUMS["TensorType"].values):
            return Reason("unread", f"tensors of types {', '.join(sorted(types))}", GIVE)
        if kind in BIASES and "INT16" in types:
            return Reason("unread", "whether its sums have 32 bits or 64", GIVE)
        return None

    def _code(self, kind: str, custom_code: str, version: int) -> int:
        number = ENUMS["BuiltinOperator"].values[kind]
        code: dict[str, Any] = {
            "deprecated_builtin_code": min(number, 127), "builtin_code": number, "version": max(version, 1),
            "custom_code": custom_code if kind == "CUSTOM" else None,
        }  # fmt: skip
        if code not in self._codes:
            self._codes.append(code)
        return self._codes.index(code)

    def _tensor(self, t: int) -> dict[str, Any]:
        found = self._context.tensor(t)
        kind, shape = abi.type_name(found), abi.ints(found.dims)
        buffer, value = 0, abi.constant(found)
        if value is not None and kind in ENUMS["TensorType"].values:
            dense = kind in NUMPY_TYPES and not found.sparsity
            wanted = NUMPY_TYPES[kind].itemsize * int(np.prod(shape)) if dense else len(value)
            self._buffers.append({"data": value[:wanted].tobytes()})
            buffer = len(self._buffers) - 1
        return {
            "name": f"{t}", "type": ENUMS["TensorType"].values.get(kind, 0), "shape": list(shape), "buffer": buffer,
            "quantization": _quantization(found), "is_variable": bool(found.is_variable),
            "sparsity": _sparsity(found.sparsity) if found.sparsity else None,
        }  # fmt: skip


_ABSENT: Mapping[str, Any] = {"name": "", "type": 0, "shape": [], "buffer": 0, "is_variable": False}


def _sparsity(address: int) -> dict[str, Any]:
    held = abi.Sparsity.from_address(address)
    dims = [] if not held.count else list((abi.SparseDim * held.count).from_address(held.dims))
    return {
        "traversal_order": list(abi.ints(held.order)),
        "block_map": list(abi.ints(held.block_map)),
        "dim_metadata": [
            {"format": DENSE, "dense_size": dim.dense_size}
            if dim.format == DENSE
            else {
                "format": dim.format,
                **index_vector("array_segments", np.array(abi.ints(dim.segments), np.int64)),
                **index_vector("array_indices", np.array(abi.ints(dim.indices), np.int64)),
            }
            for dim in dims
        ],
    }


def _quantization(tensor: abi.Tensor) -> dict[str, Any] | None:
    if tensor.quantization_type != abi.AFFINE or not tensor.quantization:
        return None
    affine = abi.Affine.from_address(tensor.quantization)
    scales = np.array(abi.floats(affine.scale), np.float32)
    if not len(scales):
        return None
    zeros = np.array(abi.ints(affine.zero_point) or (0,), np.int64)
    return {"scale": scales, "zero_point": zeros, "quantized_dimension": affine.axis}
