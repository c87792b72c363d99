"""Memory: where each tensor lives in its space's arena, from when it is first and last needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ..delegates.base import ALIGNMENT, Delegate, Lowering, Partition
from ..graph.model import Graph
from .plan import Allocation, Step, Transfer

TRIES = 30  # at packing, of few spans
EFFORT = 20000  # spans times tries
HOST_ALIGNMENT = 64  # a cache line

Touch = Callable[[str, int, int], None]
Key = tuple[str, int]  # space, tensor
PlaceOf = Callable[[str, int], tuple[int, int]]  # the tensor that owns another's bytes, and at which these begin


@dataclass
class Span:
    """Bytes needed from one moment to another, both included."""

    nbytes: int
    first: int
    last: int


def allocate(
    graph: Graph,
    steps: Sequence[Step],
    partitions: Sequence[Partition],
    lowerings: Sequence[Lowering],
    delegates: Mapping[str, Delegate],
    keep: frozenset[int] = frozenset(),
) -> tuple[Allocation, ...]:
    """A place for every tensor that exists, in every space where it does and no executable holds it.

    A moment is one transfer or one launch. What the user sets and reads stays in place for the whole inference, as do
    the tensors in `keep`. How many bytes a tensor takes in a space, its delegate says.
    """
    spaces = {name: d.space for name, d in delegates.items()}
    forms = {d.space: d.form for d in delegates.values()}
    spans: dict[Key, Span] = {}
    aliases: dict[Key, tuple[int, int]] = {}
    held = _held(partitions, lowerings, spaces)
    for partition, lowering in zip(partitions, lowerings, strict=True):
        aliases.update({(spaces[partition.delegate], t): place for t, place in lowering.aliases.items()})

    def place_of(space: str, tensor: int) -> tuple[int, int]:
        start = 0
        while (space, tensor) in aliases:
            tensor, more = aliases[space, tensor]
            start += more
        return tensor, start

    def nbytes(space: str, tensor: int) -> int:
        return forms[space](graph, tensor).nbytes if space in forms else graph.tensors[tensor].nbytes

    def touch(space: str, tensor: int, moment: int) -> None:
        if (space, tensor) in held or tensor in graph.dynamic or graph.tensors[tensor].is_constant:
            return  # what has no size yet, or a home of its own
        root, _ = place_of(space, tensor)
        span = spans.setdefault((space, root), Span(nbytes(space, root), moment, moment))
        span.first, span.last = min(span.first, moment), max(span.last, moment)

    end = _touch_all(steps, partitions, lowerings, spaces, touch)
    for tensor in (*graph.inputs, *graph.outputs):
        touch("host", tensor, 0)
        touch("host", tensor, end)
    for space in {space for space, _ in spans}:
        for tensor in keep:
            if (space, place_of(space, tensor)[0]) in spans:
                touch(space, tensor, end)
    return _places(spans, aliases, place_of, nbytes)


def _held(partitions: Sequence[Partition], lowerings: Sequence[Lowering], spaces: Mapping[str, str]) -> set[Key]:
    """What lies in executables' own memory: one holds it, and none needs a place for it."""
    held: set[Key] = set()
    placed: set[Key] = set()
    for partition, lowering in zip(partitions, lowerings, strict=True):
        space = spaces[partition.delegate]
        held.update((space, t) for t in lowering.held)
        border = {*partition.inputs, *partition.outputs}
        placed.update((space, t) for t in border - lowering.held - lowering.found)
    return held - placed


def _touch_all(
    steps: Sequence[Step],
    partitions: Sequence[Partition],
    lowerings: Sequence[Lowering],
    spaces: Mapping[str, str],
    touch: Touch,
) -> int:
    moment = 0
    for step in steps:
        if isinstance(step, Transfer):
            touch(step.src, step.tensor, moment)
            touch(step.dst, step.tensor, moment)
            moment += 1
            continue
        partition = partitions[step.partition]
        for use in lowerings[step.partition].uses:
            for tensor in (*use.reads, *use.writes):
                touch(spaces[partition.delegate], tensor, moment)
            moment += 1
        # A tensor that only an alias stands for is written by no launch, but it leaves the partition all the same.
        for tensor in (*partition.inputs, *partition.outputs):
            touch(spaces[partition.delegate], tensor, max(moment - 1, 0))
    return moment


def _places(
    spans: Mapping[Key, Span], aliases: Iterable[Key], place_of: PlaceOf, nbytes: Callable[[str, int], int]
) -> tuple[Allocation, ...]:
    found: list[Allocation] = []
    for space in dict.fromkeys(s for s, _ in spans):
        mine = {t: span for (s, t), span in spans.items() if s == space}
        offsets = pack(mine.values(), HOST_ALIGNMENT if space == "host" else ALIGNMENT)
        at = {t: (offset, span) for (t, span), offset in zip(mine.items(), offsets, strict=True)}
        for tensor in dict.fromkeys((*mine, *(t for s, t in aliases if s == space))):
            root, start = place_of(space, tensor)
            if root in at:
                offset, span = at[root]
                found.append(Allocation(tensor, space, offset + start, nbytes(space, tensor), span.first, span.last))
    return tuple(sorted(found, key=lambda a: (a.space, a.first, a.tensor)))


def pack(spans: Iterable[Span], alignment: int = ALIGNMENT) -> list[int]:
    """A byte offset for each span, so that no two that are alive together overlap.

    Greedy by size, largest first (Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net Inference, 2020),
    and where that takes more than what is alive at once, in the order of time, too. From either whatever ends at the
    top goes first in another try: the best of TRIES, or of fewer where there are thousands.
    """
    spans = list(spans)
    numbers, least, together = range(len(spans)), most_alive(spans), _together(spans)
    found: list[tuple[int, list[int]]] = []
    for order in (
        sorted(numbers, key=lambda i: (-spans[i].nbytes, spans[i].first)),
        sorted(numbers, key=lambda i: (spans[i].first, -spans[i].nbytes)),
    ):
        for _ in range(1 + min(TRIES, EFFORT // max(len(spans), 1))):
            offsets = _in_order(spans, together, order, alignment)
            found.append((height := _height(spans, offsets), offsets))
            top = max(numbers, key=lambda i: offsets[i] + spans[i].nbytes, default=0)
            if height <= least or order[0] == top:
                break
            order = [top, *(i for i in order if i != top)]
        if height <= least:
            break
    return min(found, key=lambda each: each[0])[1]


def most_alive(spans: Iterable[Span]) -> int:
    """The most bytes that are alive at one moment: no arena can be smaller."""
    changes: dict[int, int] = {}
    for span in spans:
        changes[span.first] = changes.get(span.first, 0) + span.nbytes
        changes[span.last + 1] = changes.get(span.last + 1, 0) - span.nbytes
    return max(accumulate(changes[moment] for moment in sorted(changes)), default=0)


def _height(spans: Sequence[Span], offsets: Sequence[int]) -> int:
    return max((offset + span.nbytes for offset, span in zip(offsets, spans, strict=True)), default=0)


def _together(spans: Sequence[Span]) -> list[list[int]]:
    """For each span, the others that are alive at some moment with it."""
    found: list[list[int]] = [[] for _ in spans]
    alive: list[int] = []
    for index in sorted(range(len(spans)), key=lambda i: spans[i].first):
        alive = [i for i in alive if spans[i].last >= spans[index].first]
        for other in alive:
            found[other].append(index)
        found[index] += alive
        alive.append(index)
    return found


def _in_order(spans: Sequence[Span], together: Sequence[list[int]], order: Iterable[int], alignment: int) -> list[int]:
    """Each span at the lowest offset that those before it in `order` leave free."""
    offsets = [-1] * len(spans)
    for index in order:
        taken = [(offset, spans[i].nbytes) for i in together[index] if (offset := offsets[i]) >= 0]
        offsets[index] = _lowest_gap(spans[index].nbytes, taken, alignment)
    return offsets


def _lowest_gap(nbytes: int, taken: list[tuple[int, int]], alignment: int) -> int:
    at = 0
    for offset, size in sorted(taken):
        if at + nbytes <= offset:
            break
        at = max(at, -(-(offset + size) // alignment) * alignment)
    return at


def arena_sizes(allocations: Iterable[Allocation]) -> dict[str, int]:
    """Bytes that each space's arena must have."""
    sizes: dict[str, int] = {}
    for a in allocations:
        sizes[a.space] = max(sizes.get(a.space, 0), a.offset + a.nbytes)
    return sizes
