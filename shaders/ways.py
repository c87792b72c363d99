"""Several ways in which a kernel can do an op: its rules predict the best of them, measuring may choose another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .program import Program


@dataclass(frozen=True)
class Way:
    """One of several ways to do an op: its name, the time it should take beside the others, and what it launches.

    One that is `costly`, in registers or to compile, is taken only where it is asked for; others where they save at
    least the time `worth`.
    """

    name: str
    time: float
    programs: Callable[[], tuple[Program, ...]]
    costly: bool = False
    worth: float = 0.0

    def within(self, name: str, unit: float, more: float = 0.0) -> Way:
        """This as part of a way of that name, whose times count `unit` for one of these, and `more` beside."""
        return replace(self, name=f"{name}, {self.name}", time=self.time * unit + more, worth=self.worth * unit)


@dataclass(frozen=True)
class Ways:
    """All ways to do an op, each by a name of its own. All make the same, as far as their op is to be exact.

    The one that should take the least time is tried first, unless the op's `way` asks for another; where the device
    does not allow it, the next.
    """

    each: tuple[Way, ...]

    @classmethod
    def between(cls, before: tuple[Program, ...], ways: Iterable[Way], after: tuple[Program, ...] = ()) -> Ways:
        """Ways, with programs that run before and after each."""

        def around(way: Way) -> tuple[Program, ...]:
            return (*before, *way.programs(), *after)

        return cls(tuple(replace(way, programs=partial(around, way)) for way in ways))

    def in_order(self, wanted: str = "") -> list[Way]:
        """The ways as they are tried; a name that is not known asks for nothing."""
        return sorted(self.each, key=lambda way: (way.name != wanted, way.costly, way.time + way.worth))


def least(ways: Iterable[Way]) -> float:
    """The time of the best way that is taken without being asked for."""
    return min(way.time for way in ways if not way.costly)
