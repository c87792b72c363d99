"""Authoring a .tflite in a few lines, without TensorFlow.

b = GraphBuilder()
x = b.input((1, 8, 8, 3))
w = b.constant(weights)
y = b.op("CONV_2D", [x, w, b.constant(bias)], (1, 8, 8, 4), stride_w=1, stride_h=1, padding="SAME")
b.output(y)
content = b.build()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import flat
from .model import NUMPY_TYPES, PACKED, Quantization
from .options import option_enum, options_table
from .schema import ENUMS, TABLES
from .sparse import sparsify

Shape = Sequence[int]
TypeLike = DTypeLike | str | None  # a numpy type, or TFLite's name of one that numpy lacks ("INT4", "STRING")


@dataclass
class _File:
    """What the subgraphs of one model share."""

    description: str
    codes: list[dict[str, Any]] = field(default_factory=list)
    buffers: list[dict[str, Any]] = field(default_factory=lambda: [{}])
    graphs: list[GraphBuilder] = field(default_factory=list)
    signatures: list[dict[str, Any]] = field(default_factory=list)


class GraphBuilder:
    """One subgraph in the making; tensors are named by the number that the method which adds one returns."""

    def __init__(self, description: str = "", *, name: str = "main", _file: _File | None = None) -> None:
        """A model with one empty subgraph; `subgraph` adds others."""
        self._file = _file or _File(description)
        self._name = name
        self.index = len(self._file.graphs)
        self._file.graphs.append(self)
        self._tensors: list[dict[str, Any]] = []
        self._names: set[str] = set()
        self._operators: list[dict[str, Any]] = []
        self._inputs: list[int] = []
        self._outputs: list[int] = []

    def subgraph(self, name: str) -> GraphBuilder:
        """Another subgraph of the same model; its `index` is what IF, WHILE and the like refer to."""
        return GraphBuilder(name=name, _file=self._file)

    def input(
        self,
        shape: Shape,
        dtype: TypeLike = "FLOAT32",
        *,
        name: str = "",
        quantization: Quantization | tuple[float, int] | None = None,
        shape_signature: Shape | None = None,
    ) -> int:
        """An input of the subgraph. `quantization` is (scale, zero point) or a Quantization."""
        t = self._tensor(shape, dtype, name or f"input_{len(self._inputs)}", quantization, shape_signature)
        self._inputs.append(t)
        return t

    def output(self, *tensors: int) -> None:
        """Make tensors outputs of the subgraph, in this order."""
        self._outputs += tensors

    def variable(
        self,
        shape: Shape,
        dtype: TypeLike = "FLOAT32",
        *,
        name: str = "",
        quantization: Quantization | tuple[float, int] | None = None,
    ) -> int:
        """A variable tensor: zeros at first, kept from one inference to the next (the state of an LSTM)."""
        t = self._tensor(shape, dtype, name or "variable", quantization)
        self._tensors[t]["is_variable"] = True
        return t

    def constant(
        self,
        value: ArrayLike,
        dtype: TypeLike = None,
        *,
        name: str = "",
        quantization: Quantization | tuple[float, int] | None = None,
    ) -> int:
        """A constant; float64 and int64 values keep their type, so give numpy arrays or a `dtype`.

        "INT4" and "INT2" take int8 values and pack them, "STRING" takes strings or bytes.
        """
        if dtype is not None and _type_name(dtype) == "STRING":
            array = np.asarray(value, object)
            return self._constant(array.shape, "STRING", name, _pack_strings(array), quantization)
        array = np.asarray(value, NUMPY_TYPES.get(_type_name(dtype)) if dtype is not None else None)
        kind = _type_name(dtype if dtype is not None else array.dtype)
        data = _packed(array, PACKED[kind]) if kind in PACKED else np.ascontiguousarray(array).tobytes()
        return self._constant(array.shape, kind, name, data, quantization)

    def sparse_constant(
        self,
        value: NDArray[Any],
        formats: Sequence[int],
        *,
        order: Sequence[int] = (),
        blocks: Mapping[int, int] | None = None,
        name: str = "",
        quantization: Quantization | tuple[float, int] | None = None,
    ) -> int:
        """A constant in TFLite's sparse format; see `sparse.sparsify`."""
        sparsity, stored = sparsify(value, formats, order, blocks)
        t = self._constant(value.shape, _type_name(value.dtype), name, stored.tobytes(), quantization)
        self._tensors[t]["sparsity"] = sparsity
        return t

    @overload
    def op(
        self, kind: str, inputs: Sequence[int], shape: Shape, /, *, dtype: TypeLike = None, name: str = "",
        quantization: Quantization | tuple[float, int] | None = None, shape_signature: Shape | None = None,
        custom_code: str = "", custom_options: bytes | None = None, op_version: int = 1,
        intermediates: Sequence[int] | None = None, **options: Any,
    ) -> int: ...  # fmt: skip

    @overload
    def op(
        self, kind: str, inputs: Sequence[int], /, *, outputs: Sequence[int], custom_code: str = "",
        custom_options: bytes | None = None, op_version: int = 1, intermediates: Sequence[int] | None = None,
        **options: Any,
    ) -> list[int]: ...  # fmt: skip

    def op(
        self, kind: str, inputs: Sequence[int], shape: Shape | None = None, /, *, outputs: Sequence[int] | None = None,
        dtype: TypeLike = None, name: str = "", quantization: Quantization | tuple[float, int] | None = None,
        shape_signature: Shape | None = None, custom_code: str = "", custom_options: bytes | None = None,
        op_version: int = 1, intermediates: Sequence[int] | None = None, **options: Any,
    ) -> int | list[int]:  # fmt: skip
        """Add an operator; returns its output tensor, or the list `outputs` where there are none or several.

        With `shape`, the one output is made here, by default of the first input's type. `outputs` are tensors made with
        `tensor`. `options` are TFLite's, enums by name or number; one called `name` goes with `outputs` alone. Raises
        ValueError for an unknown kind or option.
        """
        table = self._operator_options(kind, {**options, "name": name} if name and outputs is not None else options)
        made = -1
        if shape is not None:
            kinds = [t for t in inputs if t >= 0]
            kind_of_first = ENUMS["TensorType"].names[self._tensors[kinds[0]]["type"]] if kinds else "FLOAT32"
            dtype = dtype if dtype is not None else kind_of_first
            made = self._tensor(shape, dtype, name or kind.lower(), quantization, shape_signature)
        written = list(outputs) if outputs is not None else [made] if made >= 0 else []
        table.update(
            opcode_index=self._code(kind, custom_code, op_version), inputs=list(inputs), outputs=written,
            custom_options=custom_options, intermediates=intermediates,
        )  # fmt: skip
        self._operators.append(table)
        return made if made >= 0 else written

    def tensor(
        self,
        shape: Shape,
        dtype: TypeLike = "FLOAT32",
        *,
        name: str = "",
        quantization: Quantization | tuple[float, int] | None = None,
        shape_signature: Shape | None = None,
    ) -> int:
        """An activation that an operator will write, for operators with several outputs."""
        return self._tensor(shape, dtype, name or "tensor", quantization, shape_signature)

    def signature(self, key: str, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        """A signature of this subgraph: names for some of its inputs and outputs."""
        maps = [[{"name": n, "tensor_index": t} for n, t in m.items()] for m in (inputs, outputs)]
        self._file.signatures.append(
            {"signature_key": key, "subgraph_index": self.index, "inputs": maps[0], "outputs": maps[1]}
        )

    def tables(self) -> dict[str, Any]:
        """The whole model as nested dicts, as `flat.encode` takes them."""
        return {
            "version": 3,
            "description": self._file.description,
            "operator_codes": self._file.codes,
            "buffers": self._file.buffers,
            "signature_defs": self._file.signatures or None,
            "subgraphs": [
                {
                    "name": g._name, "tensors": g._tensors, "operators": g._operators, "inputs": g._inputs,
                    "outputs": g._outputs,
                }
                for g in self._file.graphs
            ],
        }  # fmt: skip

    def build(self) -> bytes:
        """The .tflite file. It is not checked: `read` does that."""
        return flat.encode(self.tables())

    def _tensor(
        self,
        shape: Shape,
        dtype: TypeLike,
        name: str,
        quantization: Quantization | tuple[float, int] | None = None,
        shape_signature: Shape | None = None,
        buffer: int = 0,
    ) -> int:
        while name in self._names:
            name = f"{name}_{len(self._tensors)}"
        self._names.add(name)
        self._tensors.append({
            "name": name, "shape": list(shape), "type": ENUMS["TensorType"].values[_type_name(dtype)],
            "buffer": buffer, "quantization": _quantization_table(quantization), "shape_signature": shape_signature,
        })  # fmt: skip
        return len(self._tensors) - 1

    def _constant(
        self, shape: Shape, kind: str, name: str, data: bytes, quantization: Quantization | tuple[float, int] | None
    ) -> int:
        self._file.buffers.append({"data": data})
        return self._tensor(shape, kind, name or "constant", quantization, buffer=len(self._file.buffers) - 1)

    def _code(self, kind: str, custom_code: str, version: int) -> int:
        number = ENUMS["BuiltinOperator"].values[kind]
        code: dict[str, Any] = {"deprecated_builtin_code": min(number, 127), "builtin_code": number, "version": version}
        if custom_code:
            code["custom_code"] = custom_code
        if code not in self._file.codes:
            self._file.codes.append(code)
        return self._file.codes.index(code)

    def _operator_options(self, kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
        if kind not in ENUMS["BuiltinOperator"].values:
            raise ValueError(f"unknown operator kind {kind!r}")
        found = options_table(kind)
        if found is None:
            if options:
                raise ValueError(f"{kind} has no options, so no {', '.join(options)}")
            return {}
        place, table, number = found
        values = {}
        for name, value in options.items():
            if name not in TABLES[table].fields:
                raise ValueError(f"{kind} has no option {name!r}: one of {', '.join(TABLES[table].fields)}")
            values[name] = _enum_number(option_enum(table, name), value)
        return {f"{place}_type": number, place: values}


def _enum_number(enum: str | None, value: Any) -> Any:
    if enum is None or not isinstance(value, str):
        return value
    if value not in ENUMS[enum].values:
        raise ValueError(f"{enum} has no {value!r}: one of {', '.join(ENUMS[enum].values)}")
    return ENUMS[enum].values[value]


def _type_name(dtype: TypeLike) -> str:
    """TFLite's name of a type; raises ValueError for one that it does not have."""
    if isinstance(dtype, str) and dtype in ENUMS["TensorType"].values:
        return dtype
    for name, known in NUMPY_TYPES.items():
        if known == np.dtype(dtype):
            return name
    raise ValueError(f"TensorFlow Lite has no tensor type for {dtype!r}")


def _quantization_table(quantization: Quantization | tuple[float, int] | None) -> dict[str, Any] | None:
    if quantization is None:
        return None
    if isinstance(quantization, tuple):
        return {"scale": [quantization[0]], "zero_point": [quantization[1]]}
    return {
        "scale": quantization.scales, "zero_point": quantization.zero_points, "quantized_dimension": quantization.axis,
    }  # fmt: skip


def _packed(values: NDArray[Any], bits: int) -> bytes:
    """As many elements of so many bits as fit in a byte, the first in its lowest bits."""
    each = 8 // bits
    flat = values.reshape(-1).astype(np.uint8) & ((1 << bits) - 1)
    padded = np.append(flat, np.zeros(-len(flat) % each, np.uint8)).reshape(-1, each)
    packed: bytes = (padded << np.arange(0, 8, bits, dtype=np.uint8)).sum(1, dtype=np.uint8).tobytes()
    return packed


def _pack_strings(values: NDArray[Any]) -> bytes:
    """TFLite's string tensor: count, offsets of each string and of the end, as int32, then the bytes."""
    parts = [v.encode() if isinstance(v, str) else bytes(v) for v in values.reshape(-1)]
    ends = np.cumsum([4 * (len(parts) + 2), *map(len, parts)], dtype=np.int32)
    return b"".join((np.int32(len(parts)).tobytes(), ends.tobytes(), *parts))
