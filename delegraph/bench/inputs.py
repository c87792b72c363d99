"""What a benchmark feeds: sets of input arrays, seeded noise or files, kept in a file that every cell reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inputs import Input, arrays_for, inputs_of
from ..interpreter import Interpreter

Arrays = list[NDArray[Any]]


@dataclass(frozen=True)
class Feed:
    """Where inputs are from.

    `given` holds NAME=FILE (a .npy file, a picture), where FILE may be a folder of such: each is a set of its own.
    What is not given is noise, in `sets` sets, from `seed` on. `span` is what black and white become.
    """

    given: tuple[str, ...] = ()
    seed: int = 0
    sets: int = 3
    span: tuple[float, float] | None = None

    def __str__(self) -> str:
        """In words."""
        noise = f"random, seed {self.seed}"
        return f"{', '.join(self.given)}; else {noise}" if self.given else noise

    def arrays(self, it: Interpreter, batch: int) -> list[Arrays]:
        """The sets for a model, each in the order of its inputs. Raises ValueError naming the input, and OSError."""
        inputs = [batched(found, batch) for found in inputs_of(it)]
        sets = []
        for number, files in enumerate(self._files()):
            arrays = arrays_for(inputs, files, self.seed + number, self.span)
            sets.append([np.ascontiguousarray(arrays[i.index]) for i in inputs])
        return sets

    def _files(self) -> list[list[str]]:
        """What is given for each set; what is no folder is in all of them."""
        expanded = [_expanded(text) for text in self.given]
        most = max((len(files) for files in expanded), default=self.sets)
        for text, files in zip(self.given, expanded, strict=True):
            if len(files) not in (1, most):
                raise ValueError(f"{text} holds {len(files)} files, where another folder holds {most}")
        return [[files[k % len(files)] for files in expanded] for k in range(most)]


def _expanded(text: str) -> list[str]:
    name, equals, path = text.rpartition("=")
    if not Path(path).is_dir():
        return [text]
    files = sorted(p for p in Path(path).iterdir() if p.is_file() and not p.name.startswith("."))
    if not files:
        raise ValueError(f"{path}: there are no files in this folder")
    return [f"{name}{equals}{file}" for file in files]


def batched(wanted: Input, batch: int) -> Input:
    """The input for `batch` times as much along its first dimension."""
    if batch == 1:
        return wanted
    if not wanted.shape:
        raise ValueError(f"input {wanted} has no dimension for a batch of {batch}")
    shape = (wanted.shape[0] * batch, *wanted.shape[1:])
    return replace(wanted, shape=shape, signature=(shape[0], *wanted.signature[1:]))


def save_sets(path: Path, sets: Sequence[Sequence[NDArray[Any]]]) -> None:
    """Write sets of arrays into one .npz file."""
    np.savez(path, **{f"{s}_{k}": array for s, arrays in enumerate(sets) for k, array in enumerate(arrays)})  # type: ignore[arg-type]


def load_sets(path: Path) -> list[Arrays]:
    """The sets that `save_sets` wrote."""
    with np.load(path, allow_pickle=False) as file:
        keys = sorted(tuple(map(int, key.split("_"))) for key in file.files)
        sets: list[Arrays] = [[] for _ in range(keys[-1][0] + 1)] if keys else []
        for s, k in keys:
            sets[s].append(file[f"{s}_{k}"])
    return sets
