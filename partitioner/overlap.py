"""Which steps of a plan may run at the same time: those on different delegates that touch no bytes of each other's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .plan import Plan, Run, Step
from .transfers import HOST, far

Bytes = tuple[str, int, int]  # space, from and to

# Seconds that a hand-over from one thread to another may take: what overlaps has to save more than that.
HAND_OVER = 1e-4


@dataclass(frozen=True)
class Lanes:
    """Steps by who carries them out, in order, and for each step those of other lanes that must be done before it."""

    steps: tuple[tuple[int, ...], ...]
    after: tuple[frozenset[int], ...]


def lanes(plan: Plan, spaces: Mapping[str, str]) -> Lanes | None:
    """The lanes of a plan, one a delegate; None where side by side they would save nothing to speak of.

    `spaces` is delegate -> space. A copy belongs to the delegate at its far end.
    """
    owners = [_owner(plan, step, spaces) for step in plan.steps]
    if len(set(owners)) < 2:
        return None
    touched = _touched(plan, spaces)
    after: list[frozenset[int]] = []
    for k, (reads, writes) in enumerate(touched):
        conflicts = (
            j
            for j in range(k)
            if owners[j] != owners[k] and (_share(touched[j][1], reads + writes) or _share(touched[j][0], writes))
        )
        after.append(frozenset(conflicts))
    whole, overlapped = sum(c.seconds for c in plan.costs), _makespan(plan, owners, after)
    if whole - overlapped < HAND_OVER:
        return None
    mine = (tuple(k for k, o in enumerate(owners) if o == owner) for owner in dict.fromkeys(owners))
    return Lanes(tuple(mine), tuple(after))


def _owner(plan: Plan, step: Step, spaces: Mapping[str, str]) -> str:
    if isinstance(step, Run):
        return plan.partitions[step.partition].delegate
    return next(p.delegate for p in plan.partitions if spaces[p.delegate] == far(step))


def _touched(plan: Plan, spaces: Mapping[str, str]) -> list[tuple[list[Bytes], list[Bytes]]]:
    """For each step the bytes that it reads and those that it writes; on a device, of the whole arena."""
    places = {(a.space, a.tensor): (a.space, a.offset, a.offset + a.nbytes) for a in plan.allocations}

    def place(space: str, tensor: int) -> Bytes:
        return places.get((space, tensor), (f"{space}, tensor {tensor}", 0, 1))  # of no fixed size: apart

    found: list[tuple[list[Bytes], list[Bytes]]] = []
    for step in plan.steps:
        if not isinstance(step, Run):
            found.append(([place(step.src, step.tensor)], [place(step.dst, step.tensor)]))
            continue
        partition = plan.partitions[step.partition]
        space = spaces[partition.delegate]
        if space == HOST:
            found.append(([place(space, t) for t in partition.inputs], [place(space, t) for t in partition.outputs]))
        else:
            found.append(([], [(space, 0, max(plan.arenas.get(space, 0), 1))]))
    return found


def _share(some: list[Bytes], others: list[Bytes]) -> bool:
    return any(a[0] == b[0] and a[1] < b[2] and b[1] < a[2] for a in some for b in others)


def _makespan(plan: Plan, owners: list[str], after: list[frozenset[int]]) -> float:
    """When the last step ends if each begins as soon as its lane and what it waits for are done."""
    ends: list[float] = []
    free: dict[str, float] = {}
    for owner, before, cost in zip(owners, after, plan.costs, strict=True):
        start = max((ends[j] for j in before), default=0.0)
        free[owner] = max(start, free.get(owner, 0.0)) + cost.seconds
        ends.append(free[owner])
    return max(ends, default=0.0)
