"""Moving values: an op that computes nothing is a `View` of its input, and one body copies any view to any other.

A view arranges a tensor's elements as a box of another shape by index arithmetic alone, as numpy's views do; padding,
block splits and tables of indices included. `copy` merges what is contiguous in both views, takes four values at a time
where all addresses allow it, and bakes what is left into the shader as expressions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np

from ..graph.model import Graph
from .arguments import Refused
from .program import Alias, Arg, Const, Limits, Lowered, Program, groups_for
from .types import in_fours

Number = int | tuple[int, ...]

LOCAL = 64
FEW = 1 << 20  # what divide_few in lib/index.glsl takes
# Boxes of so many elements are copied alike on software, whatever lies how in up to AXES axes: it compiles for 30 ms.
SMALL, AXES = 1 << 12, 2
ROUNDS = 128  # beyond as many times what runs at once an invocation takes several: llvmpipe reads uniforms in each


@dataclass(frozen=True)
class Linear:
    """offset + the sum of steps[k] * coordinate k of a box."""

    offset: int
    steps: tuple[int, ...]

    def over(self, axis: int, start: int, steps: Sequence[int]) -> Linear:
        """The same with start + the sum of steps[k] * new coordinate k in the place of coordinate `axis`."""
        old = self.steps[axis]
        steps = (*self.steps[:axis], *(old * step for step in steps), *self.steps[axis + 1 :])
        return Linear(self.offset + old * start, steps)

    @property
    def by_four(self) -> bool:
        """Whether it counts up along the last axis, always from a multiple of four."""
        return self.steps[-1] == 1 and not any(n % 4 for n in (self.offset, *self.steps[:-1]))

    def quarter(self) -> Linear:
        """The same in fours, where the last axis counts fours too."""
        return Linear(self.offset // 4, (*(step // 4 for step in self.steps[:-1]), 1))


@dataclass(frozen=True)
class View:
    """A tensor's elements as a box of shape `shape`.

    The element at a position is at `index` in the tensor plus table[l] for each l of `lookups`. It lies outside the
    tensor where a guard (g, n) does not hold 0 <= g < n.
    """

    tensor: int
    shape: tuple[int, ...]
    index: Linear
    guards: tuple[tuple[Linear, int], ...] = ()
    lookups: tuple[Linear, ...] = ()
    table: tuple[int, ...] = ()

    @classmethod
    def of(cls, graph: Graph, tensor: int, shape: Sequence[int] | None = None) -> View:
        """All of a tensor in its own shape, or in another of as many elements."""
        shape = tuple(graph.tensors[tensor].shape if shape is None else shape)
        return cls(tensor, shape, Linear(0, tuple(math.prod(shape[k + 1 :]) for k in range(len(shape)))))

    @classmethod
    def filled(cls, tensor: int, shape: Sequence[int]) -> View:
        """The first element of a tensor everywhere in a box."""
        return cls(tensor, tuple(shape), Linear(0, (0,) * len(shape)))

    def _change(self, shape: Sequence[int], change: Callable[[Linear], Linear]) -> View:
        guards = tuple((change(form), n) for form, n in self.guards)
        lookups = tuple(change(form) for form in self.lookups)
        return replace(self, shape=tuple(shape), index=change(self.index), guards=guards, lookups=lookups)

    def _over(self, axis: int, sizes: Sequence[int], steps: Sequence[int], start: int = 0) -> View:
        shape = (*self.shape[:axis], *sizes, *self.shape[axis + 1 :])
        return self._change(shape, lambda form: form.over(axis, start, steps))

    def transpose(self, perm: Sequence[int]) -> View:
        """Axis k is axis perm[k]."""
        shape = [self.shape[k] for k in perm]
        return self._change(shape, lambda form: Linear(form.offset, tuple(form.steps[k] for k in perm)))

    def slice(self, axis: int, start: int, count: int, step: int = 1) -> View:
        """`count` positions of an axis, `step` apart."""
        return self._over(axis, (count,), (step,), start)

    def at(self, axis: int, position: int) -> View:
        """One position of an axis, which is gone."""
        return self._over(axis, (), (), position)

    def split(self, axis: int, *sizes: int) -> View:
        """An axis as several, row-major."""
        return self._over(axis, sizes, [math.prod(sizes[k + 1 :]) for k in range(len(sizes))])

    def stretch(self, axis: int, n: int) -> View:
        """An axis of size 1 repeated `n` times."""
        return self._over(axis, (n,), (0,))

    def insert(self, axis: int, n: int = 1) -> View:
        """A new axis before `axis`, along which all repeats."""
        shape = (*self.shape[:axis], n, *self.shape[axis:])
        return self._change(shape, lambda form: Linear(form.offset, (*form.steps[:axis], 0, *form.steps[axis:])))

    def pad(self, axis: int, before: int, after: int) -> View:
        """An axis with positions on both sides that lie outside the tensor."""
        if before == after == 0:
            return self
        n = self.shape[axis]
        unit = Linear(0, tuple(int(k == axis) for k in range(len(self.shape))))
        guarded = replace(self, guards=(*self.guards, (unit, n)))
        return guarded._over(axis, (before + n + after,), (1,), -before)

    def take(self, axis: int, positions: Sequence[int]) -> View:
        """The given positions of an axis, which is of the tensor's own (without guard or table)."""
        step = positions[1] - positions[0] if len(positions) > 1 else 0
        if all(b - a == step for a, b in pairwise(positions)):
            return self.slice(axis, positions[0], len(positions), step)
        stride = self.index.steps[axis]
        found = self._over(axis, (len(positions),), (0,))
        lookup = Linear(len(self.table), tuple(int(k == axis) for k in range(len(self.shape))))
        table = (*self.table, *(stride * p for p in positions))
        return replace(found, lookups=(*found.lookups, lookup), table=table)

    @property
    def forms(self) -> tuple[Linear, ...]:
        """All that depends on the position."""
        return (self.index, *(form for form, _ in self.guards), *self.lookups)

    def quartered(self) -> View | None:
        """The same over vec4s, where four positions along the last axis are always one vec4, or outside; else None."""
        along = [form for form in self.forms if self.shape and form.steps[-1]]
        ends = [n for form, n in self.guards if form in along]
        if self.index not in along or not all(form.by_four for form in along) or set(along) & set(self.lookups):
            return None
        if self.shape[-1] % 4 or any(n % 4 for n in (*ends, *self.table)):
            return None
        shape = (*self.shape[:-1], self.shape[-1] // 4)
        guards = tuple((form.quarter(), n // 4) if form in along else (form, n) for form, n in self.guards)
        table = tuple(n // 4 for n in self.table)
        return replace(self, shape=shape, index=self.index.quarter(), guards=guards, table=table)


def merged(shape: Sequence[int], forms: Sequence[Linear]) -> tuple[tuple[int, ...], tuple[Linear, ...]]:
    """The same box with neighbouring axes made one wherever every form runs through both as through one."""
    axes: list[tuple[int, tuple[int, ...]]] = []
    for k, n in enumerate(shape):
        steps = tuple(form.steps[k] for form in forms)
        if n == 1:
            continue
        if axes and all(outer == inner * n for outer, inner in zip(axes[-1][1], steps, strict=True)):
            axes[-1] = (axes[-1][0] * n, steps)
        else:
            axes.append((n, steps))
    found = tuple(Linear(form.offset, tuple(steps[f] for _, steps in axes)) for f, form in enumerate(forms))
    return tuple(n for n, _ in axes), found


def _with_forms(view: View, shape: tuple[int, ...], forms: Sequence[Linear]) -> View:
    g = 1 + len(view.guards)
    guards = tuple((form, n) for form, (_, n) in zip(forms[1:g], view.guards, strict=True))
    return replace(view, shape=shape, index=forms[0], guards=guards, lookups=tuple(forms[g:]))


def placed(alike: bool = False, **views: View) -> tuple[dict[str, str | Number], tuple[str, ...]]:
    """The constants by which a body with lib/box.glsl finds `views` of one shape, and which of them are sizes.

    For a view NAME these are NAME_AT, the place in its tensor of position `i`, once that was entered, and NAME_INSIDE,
    whether it has one: GLSL over `told`, an array of the numbers in TOLD. Boxes of few axes may be `alike`: then what
    some need not compute is not left out.
    """
    shape, forms = merged(next(iter(views.values())).shape, [form for view in views.values() for form in view.forms])
    more = max((AXES if alike else 1) - len(shape), 0)
    shape, rest = (1,) * more + shape, (Linear(form.offset, (0,) * more + form.steps) for form in forms)
    told: list[int] = []

    def number(n: int) -> str:
        told.append(n)
        return f"uint(told[{len(told) - 1}])"

    texts: dict[str, str | Number] = {}
    for name, view in views.items():
        at = [expression(shape, next(rest), number, alike)]
        tests = [f"{expression(shape, next(rest), number, alike)} < {number(n)}" for _, n in view.guards]
        at += [f"table({expression(shape, next(rest), number, alike)})" for _ in view.lookups]
        texts |= {f"{name}_AT": " + ".join(at), f"{name}_INSIDE": " && ".join(tests) or "true"}
    sizes: dict[str, Number] = {"COUNT": math.prod(shape), "DIMS": shape, "TOLD": tuple(told) or (0,)}
    known: dict[str, Number] = {"RANK": len(shape), "TOLD_SIZE": max(len(told), 1), "FEW": math.prod(shape) <= FEW}
    return {**texts, **sizes, **known}, tuple(sizes)


def expression(shape: Sequence[int], form: Linear, number: Callable[[int], str], whole: bool = False) -> str:
    """GLSL for a form at a position, modulo 2^32: what is negative wraps around, past any end.

    What need not be computed is left out where there are several axes, over which positions are found by division,
    but where it is to be `whole`.
    """
    several = len(shape) > 1 and not whole
    if several and form == Linear(0, tuple(math.prod(shape[k + 1 :]) for k in range(len(shape)))):
        return "i"
    places = [(f"position[{k}]", step) for k, step in enumerate(form.steps) if step or not several]
    terms = [place if several and step == 1 else f"{place} * {number(step)}" for place, step in places]
    return " + ".join([*terms, number(form.offset)])


def copy(
    graph: Graph, limits: Limits, source: View, target: View, fill: str = "0", reads: tuple[Arg, ...] = ()
) -> Program:
    """The program that copies one view to another of the same shape; what lies outside the source is `fill`, in GLSL.

    `reads` is what `fill` reads. Both tensors are of one type. The target has no lookups, and reaches no element twice.
    """
    types = [graph.tensors[view.tensor].type for view in (source, target)]
    if types[0] != types[1]:
        raise Refused("type", f"{graph.tensors[target.tensor].name!r} is {types[1]}", types[0])
    assert source.shape == target.shape, f"{source.shape} to {target.shape}"
    shape, forms = merged(source.shape, (*source.forms, *target.forms))
    n = len(source.forms)
    source, target = _with_forms(source, shape, forms[:n]), _with_forms(target, shape, forms[n:])
    value = "float"
    if in_fours(types, *(graph.tensors[view.tensor].size for view in (source, target))):
        from_fours, to_fours = source.quartered(), target.quartered()
        if from_fours is not None and to_fours is not None:
            source, target, value = from_fours, to_fours, "vec4"
    inputs = [Arg("source", source.tensor, value)]
    if source.lookups:
        inputs.append(Arg("table", Const(partial(np.array, source.table, np.uint32), 4 * len(source.table)), "uint"))
    constants, sizes = placed(limits.texels and math.prod(source.shape) <= SMALL, FROM=source, TO=target)
    groups = groups_for(min(math.prod(source.shape), ROUNDS * limits.threads), LOCAL, limits)
    args, constants = (*inputs, *reads), {**constants, "FILL": fill}
    local, includes = (LOCAL, 1, 1), ("box",)
    return Program("strided_copy", constants, args, target.tensor, groups, local, value, includes=includes, sizes=sizes)


def moved(
    graph: Graph, limits: Limits, source: View, output: int, fill: str = "0", reads: tuple[Arg, ...] = ()
) -> Lowered:
    """The op that makes `output` of a view, row-major: a copy, or no more than another name where nothing moves."""
    _, (index,) = merged(source.shape, (source.index,))
    old, new = graph.tensors[source.tensor], graph.tensors[output]
    whole = math.prod(source.shape) == old.size and not source.guards and not source.lookups and old.type == new.type
    if whole and index in (Linear(0, (1,)), Linear(0, ())) and not graph.is_constant(source.tensor):
        return Alias(source.tensor, output)
    return (copy(graph, limits, source, View.of(graph, output, source.shape), fill, reads),)
