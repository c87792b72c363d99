"""Predictor: a model as a callable on batches of rows, such as `ray.data.Dataset.map_batches` takes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .delegates.base import Delegate
from .inputs import Input, inputs_of, shown
from .interpreter import Interpreter
from .known import make_delegates


class Predictor:
    """One model in one worker: its interpreter is made there, at the first batch, and is nobody else's.

        dataset.map_batches(Predictor, fn_constructor_args=("model.tflite", "gpu,cpu"), concurrency=2)

    A batch maps columns to arrays of rows; a row is one item of the first dimension that the model has. The columns of
    the inputs go in, those of the outputs are added. An instance may be pickled: what it holds open stays behind.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | bytes,
        delegates: str = "auto",
        *,
        placement: str | None = None,
        columns: Mapping[str, str] | None = None,
        keep: bool = True,
    ) -> None:
        """`model` is a file, which has to be where the worker is, or its bytes. `delegates` is a list as "gpu,cpu".

        `columns` says from which column an input is taken, or to which an output goes, by their names; by default
        columns are called as inputs and outputs are by the model's signature, or by its tensors without one. Where
        model and batch have one input and one column, they belong together. With `keep` the batch's columns are handed
        on. Raises nothing: what is wrong is said where the worker is.
        """
        self._model, self._delegates, self._placement = model, delegates, placement
        self._columns, self._keep = dict(columns or {}), keep
        self._it: Interpreter | None = None
        self._made: list[Delegate] = []

    def __call__(self, batch: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The batch with the outputs' columns. Raises ValueError naming a column that lacks or does not fit."""
        it = self._it or self._open()
        inputs = inputs_of(it)
        given = {i.position: self._column(i, inputs, batch) for i in inputs}
        counts = {len(rows) for rows in given.values()}
        if len(counts) > 1:
            raise ValueError(f"columns have {sorted(counts)} rows: they belong together, so all have as many")
        count = counts.pop() if counts else 0
        each = inputs[0].shape[0] if inputs and inputs[0].shape else 1
        outputs: dict[str, list[NDArray[Any]]] = {name: [] for name in self._outputs(it)}
        for start in range(0, max(count, 1), each):
            taken = min(each, count - start) if count else 0
            for i in inputs:
                it.set_tensor(i.index, _filled(given[i.position][start : start + each], i))
            it.invoke()
            for name, index in self._outputs(it).items():
                outputs[name].append(_rows(it.get_tensor(index), each)[:taken])
        made = {name: np.concatenate(parts) for name, parts in outputs.items()}
        return {**(batch if self._keep else {}), **made}

    def _open(self) -> Interpreter:
        self._made = [] if self._delegates.strip() == "auto" else make_delegates(self._delegates)
        content = self._model if isinstance(self._model, bytes) else Path(self._model).read_bytes()
        it = Interpreter(
            model_content=content, delegates=self._made or "auto", placement=self._placement, on_failure="replan"
        )
        it.allocate_tensors()
        self._it = it
        return it

    def _column(self, wanted: Input, inputs: list[Input], batch: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """The rows for an input. Raises ValueError where there is no such column."""
        names = [self._columns[name] for name in wanted.names if name in self._columns] or list(wanted.names)
        if len(inputs) == len(batch) == 1 and not self._columns:
            names = list(batch)
        for name in names:
            if name in batch:
                return np.asarray(batch[name])
        raise ValueError(f"input {wanted} finds no column {' or '.join(map(repr, names))} among {sorted(batch)}")

    def _outputs(self, it: Interpreter) -> dict[str, int]:
        """Column -> tensor. The names of the model's one signature come before those of its tensors."""
        graph = it.graph
        signatures = [s for s in graph.model.signatures if s.graph == graph.index]
        by_name = dict(signatures[0].outputs) if len(signatures) == 1 else {}
        if set(by_name.values()) != set(graph.outputs):
            by_name = {graph.tensors[t].name: t for t in graph.outputs}
        return {self._columns.get(name, name): index for name, index in by_name.items()}

    def close(self) -> None:
        """Give devices and memory back; a later batch opens them again. May be called twice."""
        if self._it is not None:
            self._it.close()
        for delegate in self._made:
            delegate.close()
        self._it, self._made = None, []

    def __getstate__(self) -> dict[str, Any]:
        """What an instance in another process is made of."""
        return {**self.__dict__, "_it": None, "_made": []}


def _filled(rows: NDArray[Any], wanted: Input) -> NDArray[Any]:
    """Rows as the model takes them, zeros where they are too few. Raises ValueError where they do not fit."""
    shape = wanted.shape[1:]
    if rows.dtype != wanted.dtype or (len(rows) and rows.shape[1:] != shape):
        raise ValueError(f"rows are {rows.dtype} {shown(rows.shape[1:])}, but input {wanted} takes {shown(shape)}")
    each = wanted.shape[0] if wanted.shape else 1
    if len(rows) == each:
        return np.ascontiguousarray(rows).reshape(wanted.shape)
    full = np.zeros((each, *shape), wanted.dtype)
    full[: len(rows)] = rows.reshape(len(rows), *shape)
    return full.reshape(wanted.shape)


def _rows(output: NDArray[Any], each: int) -> NDArray[Any]:
    """An output row by row; where it has no dimension for them, it is each row's."""
    if output.ndim and output.shape[0] == each:
        return output
    return np.broadcast_to(output, (each, *output.shape))
