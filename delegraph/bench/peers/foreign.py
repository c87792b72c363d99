"""What other runtimes have in common here: inputs and outputs as the model's file tells them, and nothing to plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...affine import dequantize
from ...details import tensor_details
from ...graph.read import read
from ..record import Configuration, OpRecord, StepRecord

Reals = NDArray[np.float64]


class Foreign:
    """A model in another runtime. A peer says how it is opened, loaded, compiled, fed, run, and what came out."""

    infer: Callable[[], Any]

    def __init__(self, model: Path, configuration: Configuration, shapes: Sequence[tuple[int, ...]]) -> None:
        """`shapes` are those of the inputs; they have to be the file's own."""
        self.path, self.configuration, self.shapes = model, configuration, [tuple(shape) for shape in shapes]
        graph = read(model).graphs[0]
        self.inputs = [tensor_details(graph, t) for t in graph.inputs]
        self.results = [tensor_details(graph, t) for t in graph.outputs]
        if [tuple(d["shape"]) for d in self.inputs] != self.shapes:
            raise ValueError(f"{configuration.peer} takes this model's inputs in their own shapes only, no batches")

    def companion(self, *suffixes: str) -> Path:
        """The model as another format beside it. Raises OSError naming what is looked for."""
        for suffix in suffixes:
            path = self.path.with_suffix(suffix)
            if path.is_file():
                return path
        wanted = " or ".join(self.path.with_suffix(suffix).name for suffix in suffixes)
        raise FileNotFoundError(f"{self.configuration.peer} runs no .tflite: convert the model to {wanted} beside it")

    def real(self, arrays: Sequence[NDArray[Any]]) -> dict[str, Reals]:
        """Outputs in the model's order, as real values in its shapes. Raises ValueError where they are others."""
        found: dict[str, Reals] = {}
        for position, (d, array) in enumerate(zip(self.results, arrays, strict=True)):
            if array.size != np.prod(d["shape"]):
                shapes = f"{list(array.shape)}, the model {list(map(int, d['shape']))}"
                raise ValueError(f"output {position} of {self.configuration.peer} has shape {shapes}")
            name = d["name"] if d["name"] not in found else f"{d['name']}_{position}"
            stands_for = d["quantization"] if array.dtype == d["dtype"] else (0.0, 0)
            found[name] = dequantize(array.reshape(d["shape"]), *stands_for)
        return found

    def open(self) -> None:
        """Nothing, where devices are opened with the model."""

    def plan(self) -> None:
        """Nothing that could be told from loading."""

    def stream(self, frames: Sequence[Sequence[NDArray[Any]]], depth: int) -> None:
        """Not measured: how peers overlap frames is not theirs to be judged by here."""
        raise ValueError(f"{self.configuration.peer} is not streamed")

    def device_bytes(self) -> dict[str, int]:
        """Not told."""
        return {}

    def profile(self, repeat: int) -> tuple[tuple[StepRecord, ...], tuple[OpRecord, ...]]:
        """Not told."""
        return (), ()

    def close(self) -> None:
        """The process ends with it."""
