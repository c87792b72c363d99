"""One op under examination, as checks see it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidModel
from .flat import Budget
from .model import NUMPY_TYPES, Op, Tensor

Ints = NDArray[np.int64]


class Case:
    """One op under examination."""

    def __init__(self, path: str, op: Op, tensors: Sequence[Tensor], budget: Budget) -> None:
        """`path` names the op in errors; looking at constants is paid for from `budget`."""
        self.path = path
        self.op = op
        self.tensors = tensors
        self._budget = budget

    def input(self, i: int) -> Tensor:
        """Input `i`, which is there."""
        return self.tensors[self.op.inputs[i]]

    def ints(self, i: int) -> Ints | None:
        """An integer input as a flat array if it is constant, else None."""
        t = self.input(i) if i < len(self.op.inputs) and self.op.inputs[i] >= 0 else None
        if t is None or t.data is None or t.is_sparse or t.type not in NUMPY_TYPES or t.dtype.kind not in "iu":
            return None
        if not self._budget.spend(len(t.data)):
            self.wrong(f"inputs[{i}]", "a constant that is shared by too many operators")
        return t.array.reshape(-1).astype(np.int64)

    def wrong(self, field: str, problem: str) -> NoReturn:
        """Raise InvalidModel for a field of the op."""
        raise InvalidModel(f"{self.path}.{field}", problem)

    def within(self, i: int, low: int, high: int, most: float = math.inf) -> None:
        """A constant input's values lie between `low` and `high`, and their product is `most` at most."""
        found = self.ints(i)
        if found is not None and (
            ((found < low) | (found > high)).any() or (len(found) and abs(np.prod(found.astype(float))) > most)
        ):
            self.wrong(f"inputs[{i}]", f"{found.tolist()} is out of range")
