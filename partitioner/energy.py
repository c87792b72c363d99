"""The sum that a placement by cost makes least: what each op costs where it is, and tolls for what crosses.

Everything that depends on more than one op is a toll: a price paid once if the maker of a value lies outside a group of
labels while any of its readers lies inside. An upload is the toll of a space's delegates, a download that of all the
others, and so each is paid once a tensor and direction however many ops read it. Moving any set of ops to one label at
once is then a minimum cut: exact for two labels, alpha-expansion (Boykov, Veksler, Zabih 2001) for more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from .maxflow import Cut

Labels = list[int]  # one an item, the fixed last item included


@dataclass(frozen=True)
class Toll:
    """`price` is paid if `maker` is outside `group` (bit n stands for label n) and one of `readers` inside."""

    maker: int
    readers: tuple[int, ...]
    group: int
    price: float

    def paid(self, labels: Sequence[int]) -> float:
        """The price, or 0."""
        group = self.group
        if group >> labels[self.maker] & 1:
            return 0.0
        for reader in self.readers:  # `any` would take twice as long, and this is asked a million times
            if group >> labels[reader] & 1:
                return self.price
        return 0.0


@dataclass(frozen=True)
class Energy:
    """`costs[item][label]` in seconds, infinite where it may not be; tolls between items.

    Item `len(costs)` stands for the world outside, which always has label `len(costs[0])`.
    """

    costs: Sequence[Sequence[float]]
    tolls: Sequence[Toll]
    labels: int

    def world(self, labels: Iterable[int]) -> Labels:
        """The labels of all items, with that of the world outside behind them."""
        return [*labels, self.labels]

    def value(self, labels: Sequence[int]) -> float:
        """The sum for one labelling."""
        return sum(row[label] for row, label in zip(self.costs, labels, strict=False)) + sum(
            toll.paid(labels) for toll in self.tolls
        )

    @cached_property
    def touching(self) -> Sequence[Sequence[Toll]]:
        """The tolls in which each item has a part."""
        found: list[dict[int, Toll]] = [{} for _ in range(len(self.costs) + 1)]
        for toll in self.tolls:
            for item in (toll.maker, *toll.readers):
                found[item][id(toll)] = toll
        return [list(tolls.values()) for tolls in found]

    def change(self, labels: Labels, items: Iterable[int], label: int) -> float:
        """What moving some items to a label would add."""
        moved = list(items)
        tolls = {id(toll): toll for item in moved for toll in self.touching[item]}.values()
        before = sum(self.costs[i][labels[i]] for i in moved) + sum(toll.paid(labels) for toll in tolls)
        was = [labels[i] for i in moved]
        for i in moved:
            labels[i] = label
        after = sum(self.costs[i][label] for i in moved) + sum(toll.paid(labels) for toll in tolls)
        for i, old in zip(moved, was, strict=True):
            labels[i] = old
        return after - before

    def expand(self, labels: Labels, label: int) -> Labels:
        """The best labelling in which any set of items has moved to `label` and all others are where they were."""
        cut = Cut()
        node = [-1] * (len(self.costs) + 1)
        for i, row in enumerate(self.costs):
            if labels[i] != label and row[label] < math.inf:
                node[i] = cut.node(row[labels[i]], row[label])
        for toll in self.tolls:
            if toll.group >> label & 1:
                _enter(cut, node, labels, toll)
            else:
                _leave(cut, node, labels, toll)
        sides = cut.solve()
        return [label if node[i] >= 0 and sides[node[i]] else old for i, old in enumerate(labels)]

    def least(self, starts: Sequence[Labels]) -> Labels:
        """The best labelling that expansions reach from the best of `starts`, which must be allowed; worse than none.

        With two labels it is the best of all, whatever the starts. With more, going on from every start found sums that
        were 0.1 % less, and plans that were no faster, in four times as long.
        """
        if self.labels == 2:
            first = [0 if row[0] < math.inf else 1 for row in self.costs]
            return self.expand(self.world(first), 1)
        return self._settled(min(starts, key=self.value))

    def _settled(self, labels: Labels) -> Labels:
        """Expand to one label after the other until none helps."""
        value, since, label = self.value(labels), 0, 0
        while since < self.labels:
            found = self.expand(labels, label)
            if found != labels and (better := self.value(found)) < value:
                labels, value, since = found, better, 0
            since += 1
            label = (label + 1) % self.labels
        return labels


def _enter(cut: Cut, node: Sequence[int], labels: Sequence[int], toll: Toll) -> None:
    """A toll whose group holds the label that items may move to, so that whoever moves is inside."""
    group, maker = toll.group, node[toll.maker]
    if group >> labels[toll.maker] & 1:
        return
    if any(group >> labels[r] & 1 for r in toll.readers):
        if maker >= 0:
            cut.add(maker, zero=toll.price)
        return
    readers = [node[r] for r in toll.readers if node[r] >= 0]
    if len(readers) > 1:
        gate = cut.node()
        for reader in readers:
            cut.pair(gate, reader, math.inf)
        readers = [gate]
    if readers and maker >= 0:
        cut.pair(maker, readers[0], toll.price)
    elif readers:
        cut.add(readers[0], one=toll.price)


def _leave(cut: Cut, node: Sequence[int], labels: Sequence[int], toll: Toll) -> None:
    """A toll whose group lacks the label that items may move to, so that whoever moves is outside."""
    group, maker = toll.group, node[toll.maker]
    inside = [r for r in toll.readers if group >> labels[r] & 1]
    leaves = group >> labels[toll.maker] & 1
    if not inside or (leaves and maker < 0):
        return
    if any(node[r] < 0 for r in inside):
        if leaves:
            cut.add(maker, one=toll.price)
        return
    readers = [node[r] for r in inside]
    if len(readers) > 1:
        gate = cut.node()
        for reader in readers:
            cut.pair(reader, gate, math.inf)
        readers = [gate]
    if leaves:
        cut.pair(readers[0], maker, toll.price)
    else:
        cut.add(readers[0], zero=toll.price)
