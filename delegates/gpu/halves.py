"""Graphs in half, as `GPUDelegate(precision="fp16")` runs them.

What an op in fp16 makes, and its weights, are stored in half (IEEE 754's binary16). It computes in float32, but for
products, a few of which are added up in half where the driver has that (`shaders/tiling.py`). An op whose values are
known to leave half's range stays in float32: for its constants, which are looked at here, or for what it was seen to
make. Where nothing shows that its results stay within, the shader watches them as it stores them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np

from ...graph.model import Graph, Op, Tensor
from ...shaders.types import Held
from .peaks import LEAST, MOST, WEIGHTS, peaks

PRECISIONS = ("fp32", "fp16")
# Which input is a bias: however small it is beside the sums, they are what half has to hold.
BIASES = {**dict.fromkeys(WEIGHTS, 2), "CONV_3D_TRANSPOSE": 3, "TRANSPOSE_CONV": 3}
Precision = Mapping[str | int, str]  # an op's index, a name of what it writes, its type, or "default" -> its precision


def checked(precision: str | Precision) -> Precision:
    """What was asked for as a mapping. Raises ValueError for what is no precision, TypeError for what selects no op."""
    found: dict[str | int, str] = {"default": precision} if isinstance(precision, str) else dict(precision)
    for key, value in found.items():
        if isinstance(key, bool) or not isinstance(key, (str, int)):
            raise TypeError(f"ops are selected by index, type or name, not by {key!r}")
        if value not in PRECISIONS:
            raise ValueError(f"precision is {' or '.join(map(repr, PRECISIONS))}, not {value!r}")
    return found


def asked(graph: Graph, op: Op, precision: Precision) -> str:
    """The precision that was asked for an op: for it alone, for what it writes, for its type, or for all."""
    keys: list[str | int] = [op.index, *(graph.tensors[t].name for t in op.outputs), op.label, "default"]
    return next((precision[key] for key in keys if key in precision), "fp32")


def in_halves(graph: Graph, precision: Precision, wide: Mapping[int, str]) -> tuple[Graph, dict[int, str]]:
    """(A graph as it is held with ops in these precisions, what is to be said of ops by index).

    `wide` are tensors that have to be left as they are, and what they do that half cannot have, in words.
    """
    notes: dict[int, str] = {}
    halved: set[int] = set()
    for op in graph.ops:
        made = [t for t in op.outputs if _floats(graph, t)]
        if not made or op.index in graph.folded_ops:
            continue
        why = "" if asked(graph, op, precision) == "fp16" else "asked for"
        why = why or beyond(graph, op, wide)
        notes[op.index] = f"kept in float32: {why}" if why else "in fp16"
        halved.update(() if why else made)
    for t in graph.inputs:
        readers = graph.consumers.get(t, ())
        if _floats(graph, t) and t not in wide and readers and all(notes.get(i) == "in fp16" for i in readers):
            halved.add(t)
    known = peaks(graph, halved)
    held = tuple(_half(t, known.get(t.index, np.inf)) if t.index in halved else t for t in graph.tensors)
    return replace(graph, tensors=held), notes


def beyond(graph: Graph, op: Op, wide: Mapping[int, str]) -> str:
    """Why an op's values do not fit into half, in words; empty where nothing is known against it."""
    for k, t in enumerate(op.inputs):
        value = graph.constant(t)
        if value is None or value.dtype != np.float32 or not value.size:
            continue
        peak = float(np.abs(value[np.isfinite(value)]).max(initial=0))
        if (peak > MOST or k != BIASES.get(op.kind)) and (why := misfit(peak)):
            return f"its constant {graph.tensors[t].name!r} {why}"
    for t in op.outputs:
        if t in wide:
            return f"{graph.tensors[t].name!r} {wide[t]}"
    return ""


def misfit(peak: float) -> str:
    """Why values that go so far from 0 do not fit into half, in words; empty where they do."""
    if peak > MOST:
        return f"reaches {peak:.3g}, beyond half's {MOST:g}"
    return f"is at most {peak:.3g}, below half's {LEAST:.3g}" if 0 < peak < LEAST else ""


def _floats(graph: Graph, t: int) -> bool:
    """Whether a tensor is an activation of float32; what is kept from run to run stays as it is."""
    return graph.tensors[t].type == "FLOAT32" and not graph.is_constant(t) and not graph.tensors[t].is_variable


def _half(tensor: Tensor, peak: float) -> Held:
    bounded = peak <= MOST
    if isinstance(tensor, Held):
        return replace(tensor, half=True, bounded=bounded)
    found = {field.name: getattr(tensor, field.name) for field in fields(Tensor)}
    return Held(**found, declared=tensor, half=True, bounded=bounded)
