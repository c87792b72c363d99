"""What a model gave: its outputs, each with the real values that it stands for."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .affine import dequantize
from .interpreter import Interpreter


@dataclass(frozen=True)
class Output:
    """One output: its array as the model gave it, and what a quantised one stands for (`scale` 0: itself)."""

    name: str
    array: NDArray[Any]
    scale: float
    zero_point: int

    @property
    def real(self) -> NDArray[np.float64]:
        """The real values."""
        return dequantize(self.array, self.scale, self.zero_point)


def outputs_of(it: Interpreter) -> list[Output]:
    """The outputs of the last inference, under names made unique."""
    found: dict[str, Output] = {}
    for d in it.get_output_details():
        name = d["name"] if d["name"] not in found else f"{d['name']}_{len(found)}"
        found[name] = Output(name, it.get_tensor(d["index"]), *d["quantization"])
    return list(found.values())


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """An .npz of arrays by name, whatever their names. Raises OSError."""
    with zipfile.ZipFile(path, "w") as archive:  # np.savez cannot take every name
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
