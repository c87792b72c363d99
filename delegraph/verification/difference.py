"""How far a tensor is from what the reference gave, and whether that is too far."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Tensor

LEAST = 1e-6  # what floats are at least measured by, so that noise around nothing is not infinitely wrong

Unit = Literal["of scale", "steps", "values"]


@dataclass(frozen=True)
class Difference:
    """Of one tensor: `worst` and `mean` over its elements, and how many of them differ.

    `unit` says of what: of floats parts of max(range, largest absolute value) of what is wanted ("of scale"), of
    quantised integers their steps, of everything else 1 for each value that is another ("values"). Infinite where one
    side has a NaN or an infinity that the other has not. `at` is the place of the worst, `got` and `wanted` its values.
    """

    tensor: str
    unit: Unit
    worst: float
    mean: float
    differing: int
    size: int
    at: tuple[int, ...] = ()
    got: str = ""
    wanted: str = ""

    def __str__(self) -> str:
        """In words, such as "3 steps in 12 of 64"."""
        if not self.differing:
            return "same"
        if self.unit == "of scale":
            return "not finite" if math.isinf(self.worst) else f"{self.worst:.1e}"
        many = f"{self.differing} of {self.size}"
        return f"{self.worst:.0f} {'step' if self.worst == 1 else 'steps'} in {many}" if self.unit == "steps" else many


@dataclass(frozen=True)
class Tolerance:
    """What is near enough: floats within `scale` of the reference's scale, quantised integers within `steps` of them.

    All other values have to be the same.
    """

    scale: float = 1e-4
    steps: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for a number that says nothing."""
        for name, value in (("tolerance", self.scale), ("steps", self.steps)):
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} is a number of at least 0, not {value!r}")

    def exceeded(self, difference: Difference) -> bool:
        """Whether a tensor is off."""
        if difference.unit == "values":
            return difference.differing > 0
        return difference.worst > (self.scale if difference.unit == "of scale" else self.steps)


def difference(tensor: Tensor, got: NDArray[Any], wanted: NDArray[Any]) -> Difference:
    """How far `got` is from `wanted`, both values of `tensor`."""
    if got.shape != wanted.shape:
        shapes = f"shape {list(got.shape)}", f"shape {list(wanted.shape)}"
        return Difference(tensor.name, "values", 1.0, 1.0, max(wanted.size, 1), wanted.size, (), *shapes)
    unit, apart = _apart(tensor, got, wanted)
    if not apart.size or not apart.any():
        return Difference(tensor.name, unit, 0.0, 0.0, 0, wanted.size)
    at = tuple(int(k) for k in np.unravel_index(int(apart.argmax()), apart.shape))
    with np.errstate(invalid="ignore"):
        mean = float(apart.mean())
    values = (str(value[at]) for value in (got, wanted))
    return Difference(tensor.name, unit, float(apart.max()), mean, int((apart > 0).sum()), apart.size, at, *values)


def worst(differences: Iterable[Difference]) -> Difference | None:
    """The largest of several, those of one unit before others; None of none."""
    order = {"of scale": 0, "steps": 1, "values": 2}
    return max(differences, key=lambda d: (d.differing > 0, order[d.unit], d.worst), default=None)


def _apart(tensor: Tensor, got: NDArray[Any], wanted: NDArray[Any]) -> tuple[Unit, NDArray[np.float64]]:
    """The unit, and how far each element is off in it."""
    if wanted.dtype.kind in "fc":
        return "of scale", _of_scale(got, wanted)
    if wanted.dtype.kind in "iu" and tensor.quantization is not None and tensor.quantization.scales.size:
        return "steps", np.abs(got.astype(np.float64) - wanted.astype(np.float64))
    return "values", np.asarray(got != wanted).astype(np.float64)


def _of_scale(got: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.float64]:
    wide = np.complex128 if wanted.dtype.kind == "c" else np.float64
    got, wanted = got.astype(wide), wanted.astype(wide)
    finite = wanted[np.isfinite(wanted)]
    scale = LEAST
    if finite.size:
        parts = [finite.real, finite.imag] if wide is np.complex128 else [finite]
        scale = max(float(np.abs(finite).max()), *(float(np.ptp(part)) for part in parts), LEAST)
    with np.errstate(invalid="ignore", over="ignore"):
        apart: NDArray[np.float64] = np.abs(got - wanted) / scale
        same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    apart[same] = 0.0
    apart[~same & ~np.isfinite(apart)] = math.inf
    return apart
