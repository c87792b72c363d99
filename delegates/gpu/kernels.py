"""Which kernels there are, and of which types they take ops."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from ... import shaders
from ...errors import Reason
from ...graph.model import Graph, Op, Tensor
from ...shaders.types import FLOAT, STORED
from ..base import shapes_unknown
from ..custom import registered
from .registered import RegisteredKernel


@dataclass(frozen=True)
class Refusal:
    """Why no kernel takes an op: the reasons of each kernel that was asked."""

    reasons: tuple[Reason, ...]


Types = tuple[Collection[str], Collection[str]]  # of the activations that an op reads, and of those that it writes


@cache
def kernels() -> Mapping[str, tuple[ModuleType, ...]]:
    """Op kind -> the kernel modules that serve it, special ones (by PRIORITY) first.

    A custom op's kind is "CUSTOM" and its name: a file may call one CONV_2D.
    """
    found: dict[str, list[ModuleType]] = {}
    for info in pkgutil.iter_modules(shaders.__path__, shaders.__name__ + "."):
        module = importlib.import_module(info.name)
        for kind in (*getattr(module, "OPS", ()), *map(_custom, getattr(module, "CUSTOM", ()))):
            found.setdefault(kind, []).append(module)
    return {kind: tuple(sorted(ms, key=lambda m: -getattr(m, "PRIORITY", 0))) for kind, ms in found.items()}


def _custom(name: str) -> str:
    return f"CUSTOM {name}"


def custom_kernels() -> set[str]:
    """The names of the custom ops for which kernels are shipped."""
    return {kind.removeprefix(_custom("")) for kind in kernels() if kind.startswith(_custom(""))}


def kernels_for(op: Op) -> tuple[Any, ...]:
    """The kernels that serve an op: of a custom one what a user registered first."""
    if op.kind != "CUSTOM":
        return kernels().get(op.kind, ())
    own = registered().get(op.custom_code)
    shipped = kernels().get(_custom(op.custom_code), ())
    return shipped if own is None or own.gpu is None else (RegisteredKernel(op.custom_code, own.gpu), *shipped)


def types(module: Any, kind: str) -> Types:
    """TFLite's types that a kernel module takes for an op of a kind, or for a custom op of that name."""

    def of(declared: Any) -> Collection[str]:
        found: Collection[str] = declared[kind] if isinstance(declared, Mapping) else declared
        return found

    taken = getattr(module, "TYPES", FLOAT)
    return of(taken), of(getattr(module, "RESULTS", taken))


def supported() -> Mapping[str, tuple[Types, ...]]:
    """Op kind, "CUSTOM" and a name for a custom op -> the types that each kernel which is shipped for it takes.

    Left out are those for tensors without elements.
    """
    return {
        kind: tuple(types(m, kind.removeprefix(_custom(""))) for m in modules if False in takes_empty(m))
        for kind, modules in kernels().items()
    }


def takes_empty(module: Any) -> Collection[bool]:
    """Whether a kernel module takes ops with (True) or without (False) tensors that have no elements."""
    found: Collection[bool] = getattr(module, "EMPTY", (False,))
    return found


def activations(graph: Graph, tensors: Iterable[int]) -> list[Tensor]:
    """Those of some tensors that are there and computed."""
    return [graph.tensors[t] for t in tensors if t >= 0 and graph.constant(t) is None]


def unfit(graph: Graph, op: Op) -> Reason | None:
    """What rules an op out whatever its kernel: shapes that depend on data, types that GL lacks."""
    if unknown := shapes_unknown(graph, op).reasons:
        return unknown[0]
    for tensor in activations(graph, (*op.inputs, *op.outputs)):
        if tensor.type not in STORED:
            return Reason("type", f"{tensor.name!r} is {tensor.type}", ", ".join(sorted(STORED)))
        if tensor.is_sparse:
            return Reason("sparse", f"{tensor.name!r} is sparse")
    return None


def empty(graph: Graph, op: Op, module: Any) -> Reason | None:
    """The first activation of an op that has no elements, where a kernel module takes none; or that there is none."""
    found = next((t for t in activations(graph, (*op.inputs, *op.outputs)) if t.size == 0), None)
    if (found is not None) in takes_empty(module):
        return None
    if found is None:
        return Reason("elements", f"{op.label} of values", "of none")
    return Reason("empty", f"{found.name!r} has shape {list(found.shape)}", "at least one element")


def wrong_type(graph: Graph, op: Op, module: Any) -> Reason | None:
    """The first activation of an op that is of no type that a kernel module takes there."""
    for wanted, tensors in zip(types(module, op.label), (op.inputs, op.outputs), strict=True):
        for tensor in activations(graph, tensors):
            if tensor.type not in wanted:
                return Reason("type", f"{tensor.name!r} is {tensor.type}", ", ".join(sorted(wanted)))
    return None
