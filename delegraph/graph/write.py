"""Cutting: some ops of a graph as a .tflite of their own, with all that they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import flat
from .fold import FOLDABLE
from .model import Graph, Model
from .options import calls
from .tensors import buffer_data, stored

SIGNATURE = "delegraph"


def submodel(graph: Graph, ops: Iterable[int], keep: frozenset[int] = frozenset()) -> bytes:
    """A .tflite of just these ops; see Graph.submodel. Raises ValueError if the set is not convex."""
    chosen = submodel_ops(graph, ops)
    inputs, outputs = graph.boundary(chosen, keep)
    writer = _Writer(graph.model)
    names = _names(graph, chosen)
    shapes = {t: graph.tensors[t].shape for t in names}
    source = writer.tables["subgraphs"][graph.index]
    places = {t: i for i, t in enumerate(names)}
    writer.subgraphs.append({})  # the place is taken before the subgraphs that its operators bring along
    expanded = {t for i in chosen for t in graph.ops[i].outputs}
    worked_out = {t: graph.folded[t].data for t in names if t in graph.folded and t not in expanded}
    writer.subgraphs[0] = {
        "name": source["name"],
        "tensors": [
            writer.tensor(source["tensors"][t], name, shapes[t], worked_out.get(t)) for t, name in names.items()
        ],
        "operators": [writer.operator(source["operators"][i], places) for i in chosen],
        "inputs": [places[t] for t in inputs],
        "outputs": [places[t] for t in outputs],
    }
    signature = {
        "signature_key": SIGNATURE,
        "inputs": [{"name": names[t], "tensor_index": places[t]} for t in inputs],
        "outputs": [{"name": names[t], "tensor_index": places[t]} for t in outputs],
    }
    return flat.encode(writer.model(signature, graph.model.description))


def submodel_names(graph: Graph, ops: Iterable[int], keep: frozenset[int] = frozenset()) -> dict[int, str]:
    """Tensor index -> unique name, for every input, output and variable that `submodel` of the same ops has."""
    chosen = submodel_ops(graph, ops)
    names = _names(graph, chosen)
    inputs, outputs = graph.boundary(chosen, keep)
    variables = (t for t in names if graph.tensors[t].is_variable)
    return {t: names[t] for t in (*inputs, *outputs, *variables)}


def submodel_ops(graph: Graph, ops: Iterable[int]) -> list[int]:
    """The ops of a sub-model in order, with those that expand constants that they read; what else folds is as it is.

    Raises ValueError if the set is not convex.
    """
    inside = set(ops) - graph.folded_ops
    _check_convex(graph, inside)
    for i in sorted(inside, reverse=True):
        wanted = [t for t in graph.ops[i].inputs if t in graph.folded]
        while wanted:
            maker = graph.ops[graph.producer[wanted.pop()]]
            if maker.kind in FOLDABLE:
                inside.add(maker.index)
                wanted += [t for t in maker.inputs if t in graph.folded]
    return sorted(inside)


def _check_convex(graph: Graph, inside: set[int]) -> None:
    """No value may leave the set and come back into it."""
    left: dict[int, bool] = {}  # tensors that depend on the set -> whether by way of an op outside it
    for op in graph.ops:
        found = [left[t] for t in op.inputs if t in left] if op.index not in graph.folded_ops else []
        if op.index in inside and any(found):
            raise ValueError(f"op {op.index} ({op.label}) reads what ops outside the set make of the set's own results")
        if op.index in inside or found:
            left.update(dict.fromkeys(op.outputs, op.index not in inside))


def _names(graph: Graph, ops: Sequence[int]) -> dict[int, str]:
    """Tensor index -> name, unique, for every tensor that the ops touch, in index order."""
    source = graph.model.tables["subgraphs"][graph.index]["operators"]
    touched = {t for i in ops for t in (*graph.ops[i].inputs, *graph.ops[i].outputs) if t >= 0}
    touched |= {t for i in ops if source[i]["intermediates"] is not None for t in source[i]["intermediates"].tolist()}
    names: dict[int, str] = {}
    used: set[str] = set()
    for t in sorted(touched):
        name = graph.tensors[t].name or f"tensor_{t}"
        while name in used:
            name = f"{name}_{t}"
        names[t] = name
        used.add(name)
    return names


class _Writer:
    """Collects what the new model needs of the old one, re-indexed as it is met."""

    def __init__(self, model: Model) -> None:
        self.content = model.content
        self.tables = model.tables
        self.subgraphs: list[dict[str, Any]] = []
        self.codes: dict[int, int] = {}
        self.buffers: dict[int, int] = {0: 0}
        self.worked_out: dict[int, memoryview] = {}
        self.graphs: dict[int, int] = {}

    def model(self, signature: Mapping[str, Any], description: str) -> dict[str, Any]:
        """The Model table around what has been collected."""
        return {
            "version": self.tables["version"],
            "operator_codes": [self.tables["operator_codes"][i] for i in self.codes],
            "subgraphs": self.subgraphs,
            "description": description,
            "buffers": [{}, *({"data": self._data(i)} for i in list(self.buffers)[1:])],
            "signature_defs": [signature],
        }

    def _data(self, buffer: int) -> memoryview | None:
        """A buffer's bytes: of the model, or by a negative number what was worked out."""
        if buffer < 0:
            return self.worked_out[buffer]
        return buffer_data(self.content, self.tables["buffers"][buffer], f"buffers[{buffer}]") if buffer else None

    def tensor(
        self, table: Mapping[str, Any], name: str, shape: Sequence[int] | None, value: memoryview | None = None
    ) -> dict[str, Any]:
        """A Tensor table under its new name and shape, or a constant; activations share the empty buffer 0."""
        buffer = table["buffer"]
        if value is not None:
            buffer = -1 - len(self.worked_out)
            self.worked_out[buffer] = value
        constant = self._data(buffer) is not None
        place = self.buffers.setdefault(buffer, len(self.buffers)) if constant else 0
        return {**table, "name": name, "shape": shape, "buffer": place}

    def operator(self, table: Mapping[str, Any], places: Mapping[int, int]) -> dict[str, Any]:
        """An Operator table over the new tensor indices, its subgraphs brought along."""
        out = dict(table)
        out["opcode_index"] = self.codes.setdefault(table["opcode_index"], len(self.codes))
        for field in ("inputs", "outputs", "intermediates"):
            if table[field] is not None:
                out[field] = [places[t] if t >= 0 else -1 for t in table[field].tolist()]
        if table["large_custom_options_offset"] > 1:
            where = table["large_custom_options_offset"], table["large_custom_options_size"]
            out["custom_options"] = stored(self.content, "large_custom_options", *where)
            out["large_custom_options_offset"] = out["large_custom_options_size"] = 0
        for field in ("builtin_options", "builtin_options_2"):
            if table[field] is not None:
                out[field] = self._options(table[field])
        return out

    def _options(self, table: Mapping[str, Any]) -> dict[str, Any]:
        out = dict(table)
        for name, indices in calls(table).items():
            moved = [self._subgraph(i) if i >= 0 else i for i in indices]
            out[name] = moved if np.ndim(table[name]) else moved[0]
        return out

    def _subgraph(self, index: int) -> int:
        """The new index of a subgraph that an op calls, copied whole when it is first met."""
        if index not in self.graphs:
            self.graphs[index] = place = len(self.subgraphs)
            self.subgraphs.append({})
            table = self.tables["subgraphs"][index]
            tensors = table["tensors"] or []
            places = {i: i for i in range(len(tensors))}
            self.subgraphs[place] = {
                **table,
                "tensors": [self.tensor(t, t["name"], t["shape"]) for t in tensors],
                "operators": [self.operator(o, places) for o in table["operators"] or []],
            }
        return self.graphs[index]
