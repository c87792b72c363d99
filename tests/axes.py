"""Families of cases: a function from a value of each of several axes to a case.

    @family(of=pairs({"ADD": [FLOAT, INT32], "SUB": [FLOAT]}), shapes=broadcasts(2), activation=ACTIVATIONS)
    def binary(pick, of, shapes, activation): ...

The quick tier runs cases in which every value of every axis occurs; the slow tier those in which every two values
of two axes meet; and hypothesis draws others, of values that the axes do not list (any shape, say). `pick` is a
random.Random for what depends on the axes' values: seeded by them in listed cases, drawn by hypothesis in the others. A
function gives None where the axes' values do not go together.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from case import (
    BOOL,
    COMPLEX64,
    FLOAT,
    FLOAT16,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    Case,
    Shape,
    Type,
)

CANDIDATES = 1500
Combination = tuple[int, ...]


@dataclass(frozen=True)
class Axis:
    """Values that listed cases take, and how hypothesis draws others."""

    values: Sequence[Any]
    drawn: st.SearchStrategy[Any]


def axis(values: Any) -> Axis:
    """An axis of just these values."""
    return values if isinstance(values, Axis) else Axis(list(values), st.sampled_from(list(values)))


def pairs(table: Mapping[str, Iterable[Type]]) -> list[tuple[str, Type]]:
    """Kinds with each of their types."""
    return [(kind, type) for kind, types in table.items() for type in types]


def but(types: Iterable[Type], names: str) -> list[Type]:
    """Types without some."""
    return [type for type in types if type.name not in names.split()]


MOVED = [  # types that ops move as they are, whatever they mean
    FLOAT, BOOL, FLOAT16, INT8.quantized(0.1, 3), INT16.quantized(0.1), INT32, INT64, UINT8.quantized(0.1, 3), UINT32,
]  # fmt: skip
WIDE = [*MOVED, UINT16, UINT64, FLOAT64, COMPLEX64]  # which some of them take
ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1", "TANH", "SIGN_BIT")
CLAMPS = ACTIVATIONS[:4]  # where the reference refuses the others
SIZES = st.sampled_from((1, 2, 3, 4, 5, 8))
SHAPES: list[Shape] = [
    (), (1,), (7,), (3, 5), (2, 8), (2, 3, 4), (1, 17, 13, 1), (2, 5, 3, 3), (1, 2, 1, 3, 4), (2, 1, 3, 1, 2, 5),
]  # fmt: skip
BROADCASTS: list[tuple[Shape, Shape]] = [
    ((), ()), ((5,), (5,)), ((2, 3, 8), (2, 3, 8)), ((2, 3, 5), (5,)), ((3, 5, 4), (1,)), ((), (2, 3, 4)),
    ((3, 1, 4), (1, 5, 4)), ((2, 3, 5, 4), (5, 1)), ((2, 5, 7, 3), (5, 1, 3)), ((1, 3, 3, 4), (2, 1, 1, 1)),
    ((2, 1, 3, 1, 2), (1, 2, 3, 4, 1)), ((1, 1, 2, 1, 3, 8), (2, 1, 2, 3, 8)),
]  # fmt: skip


def shapes(low: int = 0, high: int = 6) -> Axis:
    """Shapes of a rank from `low` to `high`."""
    return Axis([s for s in SHAPES if low <= len(s) <= high], st.lists(SIZES, min_size=low, max_size=high).map(tuple))


def broadcasts(high: int = 6) -> Axis:
    """Two shapes that broadcast, of a rank up to `high`; any dimension absent or 1 on either side."""

    @st.composite
    def two(draw: st.DrawFn) -> tuple[Shape, Shape]:
        whole = draw(st.lists(SIZES, max_size=high))
        some = [[n if draw(st.booleans()) else 1 for n in whole][draw(st.integers(0, len(whole))) :] for _ in "ab"]
        return tuple(some[0]), tuple(some[1])

    return Axis([both for both in BROADCASTS if max(map(len, both)) <= high], two())


@dataclass(frozen=True, eq=False)
class Family:
    """A function that makes cases, and the axes of its arguments."""

    make: Callable[..., Case | None]
    axes: Mapping[str, Axis]

    @cached_property
    def quick(self) -> list[Case]:
        """Of the cases in which values meet those that have one which the others do not have."""
        seen: set[tuple[int, int]] = set()
        found = []
        for places, made in self._meeting.items():
            if not seen.issuperset(enumerate(places)):
                seen.update(enumerate(places))
                found.append(made)
        return found

    @cached_property
    def more(self) -> list[Case]:
        """Other cases in which values meet."""
        there = {id(made) for made in self.quick}
        return [made for made in self._meeting.values() if id(made) not in there]

    @cached_property
    def _meeting(self) -> dict[Combination, Case]:
        """Cases in which every two values of two axes meet that go together at all, by place; greedily few."""
        found: dict[Combination, Case] = {}
        bits: dict[Any, int] = {}
        meetings = {places: _mask(places, bits) for places in self._some}
        left = (1 << len(bits)) - 1
        for wanted in range(len(self.axes) * (len(self.axes) - 1) // 2 or 1, 0, -1):
            for places, mask in meetings.items():
                if (left & mask).bit_count() >= wanted and (made := self._at(places)) is not None:
                    left &= ~mask
                    found[places] = made
        return found

    def draw(self, data: st.DataObject) -> Case:
        """A case of drawn values."""
        values = {name: data.draw(found.drawn, name) for name, found in self.axes.items()}
        found = self.make(data.draw(st.randoms(use_true_random=False), "pick"), **values)
        assume(found is not None)
        assert found is not None
        return found

    @cached_property
    def _some(self) -> list[Combination]:
        """The product of the axes, as places on each, in a seeded order; of a large one a part."""
        product = list(itertools.product(*(range(len(found.values)) for found in self.axes.values())))
        return Random(self.make.__name__).sample(product, min(len(product), CANDIDATES))

    def _at(self, places: Combination) -> Case | None:
        values = {name: found.values[k] for (name, found), k in zip(self.axes.items(), places, strict=True)}
        return self.make(Random(f"{self.make.__name__} {places}"), **values)


def _mask(places: Combination, bits: dict[Any, int]) -> int:
    """Every two places of two axes (where there is one axis alone, its place) as a set of bits, given out here."""
    pairs = itertools.combinations(enumerate(places), min(2, len(places)))
    return sum(1 << bits.setdefault(pair, len(bits)) for pair in pairs)


def family(**axes: Any) -> Callable[[Callable[..., Case | None]], Family]:
    """Make a family of a function of `pick` and a value of each axis: an Axis, or just its values."""
    return lambda make: Family(make, {name: axis(values) for name, values in axes.items()})
