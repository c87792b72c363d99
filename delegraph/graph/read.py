"""A .tflite file to a checked Model: whatever is wrong with the bytes is an InvalidModel that names the field."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import InvalidModel
from . import flat
from .calls import Parts, check_calls, check_resources
from .check import check_op
from .loops import check_loops
from .model import Graph, Model, Op, Signature, Tensor
from .options import read_options
from .schema import ENUMS
from .tensors import buffer_data, read_tensor, stored

VERSION = 3  # the only one that TensorFlow Lite ever released
NOT_IN_FILES = ("DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES")

Source = str | os.PathLike[str] | bytes | bytearray | memoryview


def read(source: Source) -> Model:
    """The model in a .tflite file or in its bytes.

    Raises InvalidModel naming the field for bytes that are not a usable model, and ValueError, as TFLite's Interpreter
    does, for a file that cannot be opened.
    """
    content = _load(source)
    if len(content) < 8:
        raise InvalidModel("file", f"{len(content)} bytes are too few for a .tflite model")
    if content[4:8] != flat.IDENTIFIER:
        what = "a zip archive, not a .tflite: unpack it" if content[:2] == b"PK" else f"it is {content[4:8]!r}"
        raise InvalidModel("identifier", f"bytes 4 to 8 should be {flat.IDENTIFIER!r}, {what}")
    return _Reader(content).model()


def _load(source: Source) -> bytes:
    if isinstance(source, bytes):
        return source
    if isinstance(source, bytearray | memoryview):
        return bytes(source)
    try:
        with open(source, "rb") as file:
            return file.read()
    except OSError as error:
        raise ValueError(f"Could not open {os.fspath(source)!r}: {error.strerror}") from error


class _Reader:
    """Walks the decoded tables from the top down."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.budget = flat.Budget(len(content))
        self.tables = flat.decode(content)
        if self.tables["version"] != VERSION:
            raise InvalidModel("version", f"{self.tables['version']} is not {VERSION}")
        self.kinds = [self._kind(f"operator_codes[{i}]", c) for i, c in enumerate(self._list("operator_codes"))]
        self.buffers = [buffer_data(content, b, f"buffers[{i}]") for i, b in enumerate(self._list("buffers"))]
        self.subgraphs = self._list("subgraphs")
        if not self.subgraphs:
            raise InvalidModel("subgraphs", "there is none")

    def _list(self, field: str) -> list[flat.Table]:
        return self.tables[field] or []

    def model(self) -> Model:
        """Everything put together."""
        parts = [self._graph(f"subgraphs[{i}]", g) for i, g in enumerate(self.subgraphs)]
        check_calls(parts)
        check_loops(parts)
        check_resources(parts)
        signatures = [
            self._signature(f"signature_defs[{i}]", s, parts) for i, s in enumerate(self._list("signature_defs"))
        ]
        return Model.build(
            self.content,
            self.tables,
            self.tables["description"] or "",
            signatures,
            lambda model: (Graph(model, i, *part) for i, part in enumerate(parts)),
        )

    def _kind(self, path: str, code: Mapping[str, Any]) -> tuple[str, str, int]:
        """(kind, custom code, version). Files before 2020 hold the code in one byte only, later ones in both."""
        number = max(code["builtin_code"], code["deprecated_builtin_code"])
        kind = ENUMS["BuiltinOperator"].names.get(number)
        if kind is None or kind in NOT_IN_FILES:
            raise InvalidModel(f"{path}.builtin_code", f"{number} is not a builtin operator")
        if kind == "CUSTOM" and not code["custom_code"]:
            raise InvalidModel(f"{path}.custom_code", "a custom operator has to have one")
        if code["version"] < 1:
            raise InvalidModel(f"{path}.version", f"{code['version']} is not positive")
        return kind, (code["custom_code"] or "") if kind == "CUSTOM" else "", code["version"]

    def _graph(self, path: str, table: Mapping[str, Any]) -> Parts:
        tensors = tuple(
            read_tensor(f"{path}.tensors[{i}]", i, t, self.buffers, self.budget)
            for i, t in enumerate(table["tensors"] or [])
        )
        inputs = _indices(f"{path}.inputs", table["inputs"], len(tensors))
        outputs = _indices(f"{path}.outputs", table["outputs"], len(tensors))
        for i, t in enumerate(inputs):
            if tensors[t].data is not None or tensors[t].is_variable:
                raise InvalidModel(f"{path}.inputs[{i}]", f"tensor {t} is a constant or a variable")
        ops = tuple(self._op(f"{path}.operators[{i}]", i, o, tensors) for i, o in enumerate(table["operators"] or []))
        tensors = _with_empty(tensors, {*inputs, *(t for op in ops for t in op.outputs)})
        _check_order(path, tensors, ops, inputs, outputs)
        return Parts(table["name"] or "", tensors, ops, inputs, outputs)

    def _op(self, path: str, index: int, table: Mapping[str, Any], tensors: Sequence[Tensor]) -> Op:
        code = table["opcode_index"]
        if code >= len(self.kinds):
            raise InvalidModel(f"{path}.opcode_index", f"{code} is not one of {len(self.kinds)} operator codes")
        kind, custom_code, version = self.kinds[code]
        inputs = _indices(f"{path}.inputs", table["inputs"], len(tensors), absent=True)
        outputs = _indices(f"{path}.outputs", table["outputs"], len(tensors))
        between = _indices(f"{path}.intermediates", table["intermediates"], len(tensors))
        if table["large_custom_options_offset"] > 1:
            where = table["large_custom_options_offset"], table["large_custom_options_size"]
            outside = stored(self.content, f"{path}.large_custom_options_offset", *where)
            table = {**table, "custom_options": outside}
        op = Op(index, kind, inputs, outputs, read_options(kind, table, path), custom_code, version, between)
        check_op(path, op, tensors, self.budget)
        return op

    def _signature(self, path: str, table: Mapping[str, Any], graphs: Sequence[Parts]) -> Signature:
        graph = table["subgraph_index"]
        if graph >= len(graphs):
            raise InvalidModel(f"{path}.subgraph_index", f"{graph} is not one of {len(graphs)} subgraphs")
        if table["signature_key"] is None:
            raise InvalidModel(f"{path}.signature_key", "there is none")
        maps = {
            field: _named(f"{path}.{field}", table[field] or [], of)
            for field, of in (("inputs", graphs[graph].inputs), ("outputs", graphs[graph].outputs))
        }
        return Signature(table["signature_key"], graph, maps["inputs"], maps["outputs"])


def _named(path: str, entries: Sequence[Mapping[str, Any]], tensors: Sequence[int]) -> dict[str, int]:
    found: dict[str, int] = {}
    own = set(tensors)
    for i, entry in enumerate(entries):
        if entry["tensor_index"] not in own:
            raise InvalidModel(f"{path}[{i}].tensor_index", f"{entry['tensor_index']} is none of the subgraph's own")
        if entry["name"] is None or entry["name"] in found:
            raise InvalidModel(f"{path}[{i}].name", f"{entry['name']!r} is not a name of its own")
        found[entry["name"]] = entry["tensor_index"]
    return found


def _indices(path: str, values: Any, count: int, absent: bool = False) -> tuple[int, ...]:
    """Tensor indices in range, -1 among them where one may be `absent`."""
    found: tuple[int, ...] = tuple(values.tolist()) if values is not None else ()
    low = -1 if absent else 0
    for i, t in enumerate(found):
        if not low <= t < count:
            raise InvalidModel(f"{path}[{i}]", f"{t} is not one of {count} tensors")
    return found


def _with_empty(tensors: tuple[Tensor, ...], made: set[int]) -> tuple[Tensor, ...]:
    """Tensors without elements that nothing makes count as constants: some converters give them no buffer."""
    return tuple(
        replace(t, data=memoryview(b"")) if 0 in t.shape and t.data is None and t.index not in made else t
        for t in tensors
    )


def _check_order(
    path: str, tensors: Sequence[Tensor], ops: Sequence[Op], inputs: Sequence[int], outputs: Sequence[int]
) -> None:
    """Every tensor is written once, before it is read, and only where it is not there from the start."""
    given = {t.index for t in tensors if t.data is not None or t.is_variable} | set(inputs)
    ready = set(given)
    written: set[int] = set()
    for op in ops:
        for i, t in enumerate(op.inputs):
            if t >= 0 and t not in ready:
                raise InvalidModel(
                    f"{path}.operators[{op.index}].inputs[{i}]", f"tensor {t} is read before any operator writes it"
                )
        for i, t in enumerate(op.outputs):
            if t in written or t in given:
                what = "written twice" if t in written else "written, but it is a constant, a variable or an input"
                raise InvalidModel(f"{path}.operators[{op.index}].outputs[{i}]", f"tensor {t} is {what}")
            written.add(t)
            ready.add(t)
    for i, t in enumerate(outputs):
        if t not in ready:
            raise InvalidModel(f"{path}.outputs[{i}]", f"tensor {t} is never written")
