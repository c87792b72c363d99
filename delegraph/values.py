"""What a tensor takes from a user, with the words in which TensorFlow Lite's interpreter refuses the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .graph.model import Tensor


def fitting(value: Any, tensor: Tensor, place: NDArray[Any]) -> NDArray[Any]:
    """A value as an array for a tensor's `place` in memory. Raises ValueError for another type or shape."""
    array = np.asarray(value)
    strings = tensor.type == type_name(array.dtype) == "STRING"
    if array.dtype != place.dtype and not strings:
        raise ValueError(
            f"Cannot set tensor: Got value of type {type_name(array.dtype)} but expected type {tensor.type} "
            f"for input {tensor.index}, name: {tensor.name} "
        )
    if array.ndim != place.ndim:
        raise ValueError(
            f"Cannot set tensor: Dimension mismatch. Got {array.ndim} but expected {place.ndim} "
            f"for input {tensor.index}."
        )
    for axis, (got, wanted) in enumerate(zip(array.shape, place.shape, strict=True)):
        if got != wanted:
            raise ValueError(
                f"Cannot set tensor: Dimension mismatch. Got {got} but expected {wanted} "
                f"for dimension {axis} of input {tensor.index}."
            )
    return encoded(array) if strings else array


def encoded(array: NDArray[Any]) -> NDArray[Any]:
    """Strings as the bytes that a runtime takes, each an object of its own."""
    flat = [v.encode() if isinstance(v, str) else bytes(v) for v in array.reshape(-1).tolist()]
    return np.array([*flat, None], object)[:-1].reshape(array.shape)


def type_name(dtype: np.dtype[Any]) -> str:
    """TFLite's name for a numpy type; what is neither number nor bool counts as STRING, as in the runtime."""
    return "STRING" if dtype.kind in "OSU" else "BOOL" if dtype.kind == "b" else dtype.name.upper()


def check_strict(tensor: Tensor, size: tuple[int, ...]) -> None:
    """Raise RuntimeError where a new size changes a dimension of a tensor that the file says is fixed."""
    shape = tensor.shape
    if len(size) != len(shape):
        raise RuntimeError(f"Attempting to resize tensor {tensor.index} of rank {len(shape)} to rank {len(size)}.")
    for axis, (have, known, want) in enumerate(zip(shape, tensor.shape_signature or shape, size, strict=True)):
        if known != -1 and have != want:
            raise RuntimeError(
                f"Attempting to resize dimension {axis} of tensor {tensor.index} with value {have} to {want}. "
                "ResizeInputTensorStrict only allows mutating unknown dimensions identified by -1."
            )
