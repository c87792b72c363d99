"""Bisection: the fewest ops of a plan, in a row, that are off when the reference feeds them."""

from __future__ import annotations

from collections.abc import Callable

Off = Callable[[int, int], bool]  # whether units from one number up to, not including, another are off together


def narrowed(count: int, off: Off) -> tuple[int, int] | None:
    """The first row of units that is off and of which no half is, mostly a single unit. None if all of them are right.

    Each is fed by the reference, so that nothing is carried into it: one wrong unit is found by running about three
    times as many units as there are. Where neither half of a row is off, what is off needs both: an error that adds up,
    or units that get into each other's way. The row is then shortened at either end as long as it stays off.
    """
    if not count or not off(0, count):
        return None
    begin, end = 0, count
    while end - begin > 1:
        middle = (begin + end) // 2
        if off(begin, middle):
            end = middle
        elif off(middle, end):
            begin = middle
        else:
            return _shortened(begin, middle, end, off)
    return begin, end


def _shortened(begin: int, middle: int, end: int, off: Off) -> tuple[int, int]:
    """A row that is off, neither side of its middle by itself: the earliest end, then the latest beginning."""
    right, left = middle, middle
    while end - right > 1:
        between = (right + end) // 2
        right, end = (right, between) if off(begin, between) else (between, end)
    while left - begin > 1:
        between = (begin + left) // 2
        begin, left = (between, left) if off(between, end) else (begin, between)
    return begin, end
