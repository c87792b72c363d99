"""Weights that are computed, in the layout that a kernel packs constants in: programs fill it whenever the op runs.

A kernel packs arrays of names in the place of values (`named`); where these end up says what is to be copied where.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, values
from .program import Arg, Const, Limits, Program, Scratch, groups_for

ROOM = 1 << 31  # elements that a tensor may have


def named(graph: Graph, op: Op, k: int, shape: Shape, types: frozenset[str]) -> NDArray[np.complex128]:
    """The names of the elements of input `k`, which is computed: imaginary numbers, as values are real ones."""
    tensor = graph.tensors[values(graph, op, k, types)]
    if tensor.shape != tuple(shape):
        raise Refused("shape", f"{tensor.name!r} has shape {list(tensor.shape)}", list(shape))
    found: NDArray[np.complex128] = np.zeros(shape, np.complex128)
    found.imag = tensor.index * ROOM + np.arange(1, tensor.size + 1).reshape(shape)
    return found


def filled(array: NDArray[Any], type: str, limits: Limits) -> tuple[Scratch, tuple[Program, ...]]:
    """Memory of a type in the layout of an array of values and names, and the programs that fill it."""
    scratch, flat = Scratch(type, array.size), array.reshape(-1)
    dtype, one = (np.float32, "float") if type == "FLOAT32" else (np.int32, "int")
    names = flat.imag.astype(np.int64)
    owners = np.where(names > 0, (names - 1) // ROOM, -1)
    programs = []
    for owner in np.unique(owners).tolist():
        places = np.flatnonzero(owners == owner)
        if owner < 0:
            kept = flat.real[places].astype(dtype)
            source = Arg("source", Const(partial(np.asarray, kept), kept.nbytes), one)
            elements = np.arange(len(places))
        else:
            source, elements = Arg("source", owner), (names[places] - 1) % ROOM
        tables = (table("places", places), table("elements", elements))
        groups = groups_for(len(places), 64, limits)
        programs.append(Program("rearrange", {"COUNT": len(places)}, (source, *tables), scratch, groups))
    return scratch, tuple(programs)


def table(name: str, numbers: NDArray[Any]) -> Arg:
    """An argument of numbers."""
    found = numbers.astype(np.uint32)
    return Arg(name, Const(partial(np.asarray, found), found.nbytes), "uint")
