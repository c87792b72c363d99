"""Joining: models that follow one another as one, the outputs of each being inputs of those behind it by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InvalidModel
from . import flat
from .model import Graph, Model
from .options import calls


def join(models: Sequence[Model]) -> bytes:
    """A .tflite of the main subgraphs of models, in order.

    An input that an earlier model makes, or has as well, is that tensor. Outputs are those that none behind
    reads, in order. Raises InvalidModel where tensors of one name differ, or an op calls a subgraph.
    """
    joined = _Joined()
    for number, model in enumerate(models):
        joined.add(model, f"models[{number}]")
    return joined.write()


class _Joined:
    def __init__(self) -> None:
        self.buffers: list[Mapping[str, Any]] = [{}]
        self.codes: list[Any] = []
        self.tensors: list[Mapping[str, Any]] = []
        self.operators: list[Mapping[str, Any]] = []
        self.inputs: list[int] = []
        self.outputs: list[int] = []
        self.named: dict[str, int] = {}  # what a model behind may read

    def add(self, model: Model, path: str) -> None:
        """Put one model behind those that are there."""
        graph, tables = model.graphs[0], model.tables
        source = tables["subgraphs"][0]
        places = {t.index: self._place(graph, t.index, path, source["tensors"][t.index]) for t in graph.tensors}
        first = len(self.codes)
        self.codes += tables["operator_codes"]
        for i, table in enumerate(source["operators"]):
            self.operators.append(_operator(table, places, first, f"{path}.operators[{i}]"))
        self.inputs += [places[t] for t in graph.inputs if places[t] not in self.named.values()]
        read = {places[t] for t in graph.inputs}
        self.outputs = [t for t in self.outputs if t not in read] + [places[t] for t in graph.outputs]
        self.named |= {graph.tensors[t].name: places[t] for t in (*graph.inputs, *graph.outputs)}

    def _place(self, graph: Graph, index: int, path: str, table: Mapping[str, Any]) -> int:
        """Where a tensor of a model lies among all."""
        tensor = graph.tensors[index]
        if index in graph.inputs and tensor.name in self.named:
            found = self.named[tensor.name]
            for field in ("type", "shape", "quantization"):
                if not _same(self.tensors[found][field], table[field]):
                    raise InvalidModel(f"{path}.inputs", f"{tensor.name!r} has another {field} than before it")
            return found
        if tensor.data is not None:
            self.buffers.append({"data": tensor.data})
        self.tensors.append({**table, "buffer": len(self.buffers) - 1 if tensor.data is not None else 0})
        return len(self.tensors) - 1

    def write(self) -> bytes:
        """The bytes of all that was added."""
        subgraph = {
            "tensors": self.tensors,
            "operators": self.operators,
            "inputs": self.inputs,
            "outputs": self.outputs,
        }
        model = {"version": 3, "operator_codes": self.codes, "subgraphs": [subgraph], "buffers": self.buffers}
        return flat.encode(model)


def _operator(table: Mapping[str, Any], places: Mapping[int, int], first: int, path: str) -> dict[str, Any]:
    """An Operator table over the joined indices."""
    for field in ("builtin_options", "builtin_options_2"):
        if table[field] is not None and calls(table[field]):
            raise InvalidModel(path, "an op that calls a subgraph cannot be joined")
    moved = {
        field: [places[t] if t >= 0 else -1 for t in table[field].tolist()]
        for field in ("inputs", "outputs", "intermediates")
        if table[field] is not None
    }
    return {**table, **moved, "opcode_index": table["opcode_index"] + first}


def _same(one: Any, other: Any) -> bool:
    """Whether two fields of decoded tables are alike, numpy's vectors among them."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if hasattr(one, "tolist") and hasattr(other, "tolist"):
        return bool(one.tolist() == other.tolist())
    return bool(one == other)
