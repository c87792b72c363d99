"""What a kernel reads off an op before it can say anything: inputs by number, constants as integers, axes, shapes.

A file may hold anything, so each of these may end the kernel by raising `Refused`, which `answering` makes its answer.
How many inputs and outputs an op has, and that they are there, is checked where files are read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import Reason
from ..graph.custom import CustomOptions
from ..graph.model import Graph, Op, Tensor
from .program import Kernel, Limits, Lowered
from .types import FLOAT, QUANTIZED, element, stored_bytes

Shape = tuple[int, ...]
T = TypeVar("T")


class Refused(Exception):
    """A Reason on its way out of a kernel."""

    def __init__(self, code: str, met: object = "", wanted: object = "") -> None:
        """The three parts of a Reason."""
        super().__init__(code)
        self.reason = Reason(code, str(met), str(wanted))


def answering(kernel: Kernel) -> Kernel:
    """The kernel with what it raises as `Refused` for its answer."""

    @wraps(kernel)
    def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
        try:
            return kernel(graph, op, limits)
        except Refused as refused:
            return refused.reason

    return lower


def values(graph: Graph, op: Op, k: int = 0, types: Collection[str] = FLOAT, empty: bool = False) -> int:
    """The tensor that is input `k`: of one of these types, computed or constant; without elements only if `empty`."""
    t = op.inputs[k]
    tensor = graph.folded.get(t, graph.tensors[t])
    _check_type(tensor, types)
    if tensor.size == 0 and not empty:
        raise Refused("empty", f"{tensor.name!r} has shape {list(tensor.shape)}", "at least one element")
    return t


def result(
    graph: Graph, op: Op, limits: Limits, shape: Sequence[int], k: int = 0, types: Collection[str] = FLOAT
) -> int:
    """The tensor that is output `k`, of one of these types, which the op makes of `shape`, whatever the file says.

    It fits in a buffer.
    """
    tensor = graph.tensors[op.outputs[k]]
    _check_type(tensor, types)
    if tensor.shape != tuple(shape):
        raise Refused("shape", f"{tensor.name!r} is declared {list(tensor.shape)}", list(shape))
    if (nbytes := stored_bytes(tensor)) > limits.storage_bytes:
        raise Refused("storage_limit", f"{tensor.name!r} has {nbytes} bytes", f"at most {limits.storage_bytes}")
    return op.outputs[k]


def _check_type(tensor: Tensor, types: Collection[str]) -> None:
    if tensor.type not in types:
        raise Refused("type", f"{tensor.name!r} is {tensor.type}", ", ".join(sorted(types)))


def affine(tensor: Tensor) -> tuple[float, int]:
    """(scale, zero point) of a tensor: (0, 0), as in TFLite's `params`, where it is not quantised, or by axis."""
    q = tensor.quantization
    if q is None or (q.scales.size, q.zero_points.size) != (1, 1):
        return 0.0, 0
    return float(q.scales[0]), int(q.zero_points[0])


def zero(tensor: Tensor) -> str:
    """GLSL for the element of a tensor that stands for the real 0."""
    return element(affine(tensor)[1] if tensor.type in QUANTIZED else 0, tensor.type)


def same_affine(graph: Graph, op: Op, inputs: Iterable[int]) -> None:
    """Refuse an op some of whose quantised inputs have another scale or zero point than its first output."""
    wanted = affine(graph.tensors[op.outputs[0]])
    for tensor in (graph.tensors[t] for t in inputs):
        if tensor.type in QUANTIZED and affine(tensor) != wanted:
            raise Refused("quantization", f"{tensor.name!r} has (scale, zero point) {affine(tensor)}", wanted)


def floats(graph: Graph, op: Op, k: int, shape: Sequence[int]) -> NDArray[np.float32]:
    """Input `k`, a constant of FLOAT32, of this shape."""
    return constant(graph, op, k, shape, FLOAT)


def constant(graph: Graph, op: Op, k: int, shape: Sequence[int], types: Collection[str]) -> NDArray[Any]:
    """Input `k`, a constant of one of these types, of this shape."""
    tensor = graph.tensors[op.inputs[k]]
    array = graph.constant(values(graph, op, k, types))
    if array is None:
        raise Refused("not_constant", f"{tensor.name!r} is computed", "a constant")
    if array.shape != tuple(shape):
        raise Refused("shape", f"{tensor.name!r} has shape {list(array.shape)}", list(shape))
    return array


def integers(graph: Graph, op: Op, k: int, shape: Sequence[int] | None = None) -> list[int]:
    """Input `k`, a constant of integers, flat; of this `shape` where one is given."""
    tensor, array = graph.tensors[op.inputs[k]], graph.constant(op.inputs[k])
    if array is None:
        raise Refused("not_constant", f"{tensor.name!r} is computed", "a constant")
    if array.dtype.kind != "i":
        raise Refused("type", f"{tensor.name!r} is {tensor.type}", "INT8, INT16, INT32 or INT64")
    if shape is not None and array.shape != tuple(shape):
        raise Refused("shape", f"{tensor.name!r} has shape {list(array.shape)}", list(shape))
    return [int(v) for v in array.ravel()]


def integer(graph: Graph, op: Op, k: int) -> int:
    """Input `k`, a constant of one integer, of any rank."""
    found = integers(graph, op, k)
    if len(found) != 1:
        raise Refused("shape", f"input {k} of {op.label} has {len(found)} elements", 1)
    return found[0]


def pairs(graph: Graph, op: Op, k: int, rank: int) -> list[tuple[int, int]]:
    """Input `k`, a constant of shape (rank, 2) with nothing negative in it: before and after, for each axis."""
    flat = integers(graph, op, k, (rank, 2))
    if any(v < 0 for v in flat):
        raise Refused("padding", flat, "nothing negative")
    return list(zip(flat[::2], flat[1::2], strict=True))


def axis_in(axis: int, rank: int) -> int:
    """An axis that may count from the end, as it is from the front."""
    if not -rank <= axis < rank:
        raise Refused("axis", axis, f"-{rank} to {rank - 1}")
    return axis % rank


def custom_options(
    graph: Graph, op: Op, parse: Callable[[CustomOptions], T], inputs: int, outputs: Collection[int] = (1,)
) -> T:
    """What `parse` makes of a custom op's options, if it has this many inputs and one of these numbers of outputs."""
    if len(op.inputs) != inputs or min(op.inputs, default=0) < 0 or len(op.outputs) not in outputs:
        met = f"{sum(t >= 0 for t in op.inputs)} inputs and {len(op.outputs)} outputs"
        raise Refused("arguments", met, f"{inputs} and {' or '.join(map(str, outputs))}")
    try:
        return parse(CustomOptions.of(op, graph))
    except ValueError as error:
        raise Refused("options", error) from None
