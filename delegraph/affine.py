"""TensorFlow Lite's affine quantisation: real = scale * (q - zero_point)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def quantize(real: NDArray[Any], dtype: np.dtype[Any], scale: float, zero_point: int) -> NDArray[Any]:
    """The nearest integers that stand for real values, kept in the range of `dtype`; a cast where `scale` is 0."""
    if not scale:
        return real.astype(dtype)
    limits = np.iinfo(dtype)
    stored: NDArray[Any] = np.clip(np.rint(real / scale) + zero_point, limits.min, limits.max).astype(dtype)
    return stored


def dequantize(values: NDArray[Any], scale: float, zero_point: int) -> NDArray[np.float64]:
    """What values stand for; themselves where `scale` is 0."""
    return (values.astype(np.float64) - zero_point) * scale if scale else values.astype(np.float64)
