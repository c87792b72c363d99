"""Stands in for ncnn where it is not installed: networks of a few layers, of which Vulkan lacks Reduction."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

__version__ = "double"
FUNCTIONS = {"ReLU": lambda x: np.maximum(x, 0), "Reduction": lambda x: x.mean(keepdims=True), "Half": lambda x: x / 2}


class Mat(np.ndarray[Any, Any]):
    def __new__(cls, array: Any) -> Mat:
        return np.asarray(array, np.float32).view(cls)

    def clone(self) -> Mat:
        return self.copy()


class Net:
    def __init__(self) -> None:
        self.opt = SimpleNamespace(use_fp16_storage=True, use_bf16_storage=True)

    def set_vulkan_device(self, index: int) -> None:
        assert self.opt.use_vulkan_compute and not self.opt.use_fp16_storage

    def load_param(self, path: str) -> int:
        self._lines = [line.split() for line in Path(path).read_text().splitlines()[2:]]
        return 0 if all(line[0] in ("Input", *FUNCTIONS) for line in self._lines) else -1

    def load_model(self, path: str) -> int:
        return 0 if Path(path).is_file() else -1

    def layers(self) -> list[Any]:
        return [SimpleNamespace(type=line[0], support_vulkan=line[0] != "Reduction") for line in self._lines]

    def input_names(self) -> list[str]:
        return [line[-1] for line in self._lines if line[0] == "Input"]

    def output_names(self) -> list[str]:
        return [line[-1] for line in self._lines if line[0] != "Input"]

    def create_extractor(self) -> Extractor:
        return Extractor(self._lines)


class Extractor:
    def __init__(self, lines: list[list[str]]) -> None:
        self._lines, self._values = lines, dict[str, Any]()

    def input(self, name: str, mat: Mat) -> None:
        self._values[name] = mat

    def extract(self, name: str) -> tuple[int, Any]:
        kind, *_, source, _ = next(line for line in self._lines if line[-1] == name)
        x = self._values[source]
        return 0, FUNCTIONS[kind](x)


def get_gpu_count() -> int:
    return 1


def get_gpu_info(index: int) -> Any:
    return SimpleNamespace(device_name=lambda: f"double {index}")
