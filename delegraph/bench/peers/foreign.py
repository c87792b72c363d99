"""What other runtimes have in common here: inputs and outputs as the model's file tells them, and nothing to plan."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
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

    def module(self, name: str, package: str) -> Any:
        """The runtime's module. Raises ImportError saying where it is missing and how to get it."""
        try:
            return import_module(name)
        except ImportError as error:
            peer = self.configuration.peer
            remedy = f"pip install {package} there, or name a Python that has it: --python {peer}=VENV/bin/python"
            raise ImportError(f"{peer} is not in {sys.executable} ({error}): {remedy}") from None

    def companion(self, *suffixes: str) -> Path:
        """The model as another format beside it. Raises OSError naming what is looked for."""
        for suffix in suffixes:
            path = self.path.with_suffix(suffix)
            if path.is_file():
                return path
        wanted = " or ".join(self.path.with_suffix(suffix).name for suffix in suffixes)
        raise FileNotFoundError(f"{self.configuration.peer} runs no .tflite: convert the model to {wanted} beside it")

    def real(self, arrays: Sequence[NDArray[Any]], names: Sequence[str] = ()) -> dict[str, Reals]:
        """Outputs in the model's order, as real values in its shapes. Raises ValueError where they are others.

        Converters change the order of outputs: one is found by its name, else it is the next one of its size.
        """
        found: dict[str, Reals] = {}
        left = dict(enumerate(arrays))
        named = {name.partition(":")[0]: k for k, name in enumerate(names)}
        for position, d in enumerate(self.results):
            size = int(np.prod(d["shape"]))
            alike = [k for k, array in left.items() if array.size == size]
            if not alike:
                made = ", ".join(str(list(array.shape)) for array in left.values()) or "no other"
                wanted = f"output {position} of the model has shape {list(map(int, d['shape']))}"
                raise ValueError(f"{wanted}, {self.configuration.peer} makes {made}")
            its = named.get(d["name"].partition(":")[0], -1)
            array = left.pop(its if its in alike else alike[0])
            name = d["name"] if d["name"] not in found else f"{d['name']}_{position}"
            stands_for = d["quantization"] if array.dtype == d["dtype"] else (0.0, 0)
            found[name] = dequantize(array.reshape(d["shape"]), *stands_for)
        return found

    def described(self, version: str, unit: str, *notes: str) -> dict[str, Any]:
        """What `describe` answers: the runtime, what it runs on, and what has to be known of its times."""
        peer = self.configuration.peer
        return {"devices": {peer: f"{peer} {version}, {unit}"}, "notes": tuple(filter(None, notes))}

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


def left_to_cpu(kinds: Iterable[str], total: int) -> str:
    """In words, which of `total` nodes a GPU runtime runs on the CPU; "" for none."""
    counted = Counter(kinds)
    number = sum(counted.values())
    if not number:
        return ""
    named = ", ".join(kind for kind, _ in counted.most_common(4)) + ", ..." * (len(counted) > 4)
    return f"{number} of its {total} nodes run on the CPU ({named})"
