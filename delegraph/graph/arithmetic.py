"""Arithmetic on shapes: what becomes of SHAPE and RANK of static tensors, and of small constants, ahead of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .model import Graph, Op, Options, Tensor

LARGEST = 1 << 12  # elements of a value that is worked out ahead; what is larger is data, not shapes
IN_ALL = 1 << 20  # elements of all values of one graph

TYPES = frozenset(("BOOL", "FLOAT32", "INT32", "INT64"))

Array = NDArray[Any]
Rule = Callable[..., "Array | list[Array]"]


class Untold(Exception):
    """An op that is left to run: its values are not what the rules here are for."""


def evaluate(graph: Graph, op: Op, inputs: Sequence[Array]) -> list[Array] | None:
    """The outputs of an op of constants, as TFLite's kernels make them; None where it is left to run.

    `inputs` has the value of each input, of one of TYPES (for SHAPE and RANK an array of the shape is enough).
    """
    outputs = [graph.tensors[t] for t in op.outputs]
    if op.kind not in RULES or not all(_small(t) for t in outputs):
        return None
    if op.options.get("fused_activation_function", "NONE") != "NONE":
        return None
    try:
        with np.errstate(all="ignore"):
            made = RULES[op.kind](op.options, outputs[0], *inputs)
    except (Untold, ValueError, IndexError, TypeError, OverflowError):
        return None
    found = made if isinstance(made, list) else [made]
    fits = len(found) == len(outputs) and all(
        v.shape == t.shape and v.dtype == t.dtype and np.isfinite(v).all()  # kernels differ in what is infinite
        for v, t in zip(found, outputs, strict=True)
    )
    return found if fits else None


def _small(tensor: Tensor) -> bool:
    return tensor.type in TYPES and tensor.size <= LARGEST


def strided_slice(o: Options, x: Array, begin: Array, end: Array, strides: Array) -> Array:
    """A strided slice by TFLite's masks. Raises IndexError or ValueError for what lies outside."""
    entries: list[Any] = []
    for k, (b, e, s) in enumerate(zip(begin.tolist(), end.tolist(), strides.tolist(), strict=True)):
        bit = 1 << k
        if o["ellipsis_mask"] & bit:
            entries.append(Ellipsis)
        elif o["new_axis_mask"] & bit:
            entries.append(None)
        elif o["shrink_axis_mask"] & bit:
            entries.append(0 if o["begin_mask"] & bit else b)
        else:
            entries.append(slice(None if o["begin_mask"] & bit else b, None if o["end_mask"] & bit else e, s))
    return np.asarray(x[tuple(entries)])


def _strided_slice(o: Options, out: Tensor, x: Array, *bounds: Array) -> Array:
    if len(bounds) != 3 or o["offset"]:
        raise Untold
    return strided_slice(o, x, *bounds)


def _slice(o: Options, out: Tensor, x: Array, begin: Array, size: Array) -> Array:
    ends = [n if s == -1 else b + s for n, b, s in zip(x.shape, begin.tolist(), size.tolist(), strict=True)]
    if (begin < 0).any() or any(e > n for e, n in zip(ends, x.shape, strict=True)):
        raise Untold
    return x[tuple(slice(b, e) for b, e in zip(begin.tolist(), ends, strict=True))]


def _gather(o: Options, out: Tensor, x: Array, at: Array) -> Array:
    axis = o["axis"]
    if o["batch_dims"] or at.size * x.size > LARGEST * x.shape[axis] or not ((at >= 0) & (at < x.shape[axis])).all():
        raise Untold
    return np.take(x, at, axis)


def _squeeze(o: Options, out: Tensor, x: Array) -> Array:
    axes = o["squeeze_dims"]
    return np.squeeze(x, tuple(axes.tolist()) if axes is not None and len(axes) else None)


def _reshape(o: Options, out: Tensor, x: Array, shape: Array | None = None) -> Array:
    return x.reshape([int(n) for n in (o["new_shape"] if shape is None else shape.ravel())])


def _cast(o: Options, out: Tensor, x: Array) -> Array:
    if x.dtype.kind == "f" and out.dtype.kind != "f" and not (np.abs(x) < 2**31).all():
        raise Untold  # C leaves open what comes of it
    return x.astype(out.dtype)


def _divided(whole: Callable[[Array, Array], Array]) -> Rule:
    def rule(o: Options, out: Tensor, x: Array, y: Array) -> Array:
        if (y == 0).any():
            raise Untold
        return whole(*_broadcasting(out, (x, y)))

    return rule


def _quotient(x: Array, y: Array) -> Array:
    """DIV: of integers towards 0, as C divides."""
    return np.asarray(x / y if x.dtype.kind == "f" else np.trunc(x.astype(object) / y)).astype(x.dtype)


def _reduced(by: Callable[..., Any]) -> Rule:
    def rule(o: Options, out: Tensor, x: Array, axes: Array) -> Array:
        made = by(x, axis=tuple(int(a) % x.ndim for a in axes.ravel()), keepdims=o["keep_dims"])
        return np.asarray(made).astype(x.dtype)

    return rule


def _range(o: Options, out: Tensor, start: Array, limit: Array, step: Array) -> Array:
    if out.type == "FLOAT32" or start.size != 1 or limit.size != 1 or step.size != 1:
        raise Untold
    count = len(range(start.item(), limit.item(), step.item()))
    steps = np.arange(count if count <= LARGEST else 0, dtype=out.dtype)
    return np.asarray(start.item() + step.item() * steps)


def _filled(o: Options, out: Tensor, shape: Array, value: Array) -> Array:
    if prod(shape.tolist()) > LARGEST or value.size != 1:
        raise Untold
    return np.full(shape.tolist(), value.item(), value.dtype)


def _plain(by: Callable[..., Any]) -> Rule:
    """An elementwise op, whose inputs broadcast."""

    return lambda o, out, *inputs: np.asarray(by(*_broadcasting(out, inputs)))


def _broadcasting(out: Tensor, inputs: Sequence[Array]) -> Sequence[Array]:
    """The inputs, if they broadcast to the output's shape: nothing larger is made on the way."""
    if np.broadcast_shapes(*(x.shape for x in inputs)) != out.shape:
        raise Untold
    return inputs


def _tile(o: Options, out: Tensor, x: Array, times: Array) -> Array:
    if tuple(n * k for n, k in zip(x.shape, times.tolist(), strict=True)) != out.shape:
        raise Untold
    return np.tile(x, times.tolist())


RULES: dict[str, Rule] = {
    "SHAPE": lambda o, out, x: np.array(x.shape, out.dtype),
    "RANK": lambda o, out, x: np.array(x.ndim, out.dtype),
    "STRIDED_SLICE": _strided_slice,
    "SLICE": _slice,
    "GATHER": _gather,
    "SQUEEZE": _squeeze,
    "RESHAPE": _reshape,
    "CAST": _cast,
    "PACK": lambda o, out, *inputs: np.stack(inputs, o["axis"]),
    "UNPACK": lambda o, out, x: [np.take(x, k, o["axis"]) for k in range(o["num"])],
    "CONCATENATION": lambda o, out, *inputs: np.concatenate(inputs, o["axis"]),
    "EXPAND_DIMS": lambda o, out, x, axis: np.expand_dims(x, int(axis.item())),
    "TILE": _tile,
    "BROADCAST_TO": lambda o, out, x, shape: np.broadcast_to(x, shape.tolist()),
    "BROADCAST_ARGS": lambda o, out, a, b: np.array(np.broadcast_shapes(a.tolist(), b.tolist()), out.dtype),
    "RANGE": _range,
    "FILL": _filled,
    "WHERE": lambda o, out, x: np.argwhere(x).astype(np.int64),
    "ADD": _plain(np.add),
    "SUB": _plain(np.subtract),
    "MUL": _plain(np.multiply),
    "DIV": _divided(_quotient),
    "FLOOR_DIV": _divided(np.floor_divide),
    "FLOOR_MOD": _divided(np.mod),
    "MAXIMUM": _plain(np.maximum),
    "MINIMUM": _plain(np.minimum),
    "NEG": _plain(np.negative),
    "EQUAL": _plain(np.equal),
    "NOT_EQUAL": _plain(np.not_equal),
    "LESS": _plain(np.less),
    "LESS_EQUAL": _plain(np.less_equal),
    "GREATER": _plain(np.greater),
    "GREATER_EQUAL": _plain(np.greater_equal),
    "LOGICAL_AND": _plain(np.logical_and),
    "LOGICAL_OR": _plain(np.logical_or),
    "LOGICAL_NOT": _plain(np.logical_not),
    "SELECT_V2": _plain(np.where),
    "REDUCE_PROD": _reduced(np.prod),
    "REDUCE_MAX": _reduced(np.max),
    "REDUCE_MIN": _reduced(np.min),
    "SUM": _reduced(np.sum),
}


class Evaluation:
    """The values of one graph's small constants, as far as arithmetic on shapes goes; `of` is asked of ops in order."""

    def __init__(self, graph: Graph) -> None:
        """Nothing is worked out before it is asked for."""
        self._graph = graph
        self._left = IN_ALL

    def turn_to(self, graph: Graph) -> None:
        """Go on with the same graph, in which some shapes are other ones."""
        self._graph = graph

    def of(self, op: Op, known: Callable[[int], Tensor | None], static: Callable[[int], bool]) -> list[Array] | None:
        """The values of an op's outputs, none of which the user asks for, where they are known ahead; else None.

        `known` gives the constant that a tensor is, or None; `static` says whether the shape of a tensor is known.
        """
        outputs = set(self._graph.outputs)
        if op.kind not in RULES or self._left < 0 or outputs.intersection(op.outputs):
            return None
        if op.kind in ("RANK", "SHAPE"):
            (t,) = op.inputs
            if not static(t):
                return None
            inputs = [np.broadcast_to(np.bool_(False), self._graph.tensors[t].shape)]
        else:
            tensors = [known(t) for t in op.inputs]
            inputs = [t.array for t in tensors if t is not None and not t.is_sparse and _small(t)]
            if not inputs or len(inputs) < len(tensors) or sum(x.size for x in inputs) > 3 * LARGEST:
                return None
        made = evaluate(self._graph, op, inputs)
        self._left -= sum(v.size for v in made or [])
        return made
