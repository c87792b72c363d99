"""Where the tensors, variables and constants of a partition lie in GL, and which launches have to wait for others."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DelegateError
from ...graph.model import Graph, Tensor
from ...shaders.arguments import affine
from ...shaders.program import Const, Limits, Scratch
from ...shaders.types import declared, stored_bytes
from ..base import Lowering
from .arena import GLArena, new_buffer
from .blocks import Block, Slot, read
from .compiler import Range
from .device import Device
from .forms import form
from .launches import Launch
from .lowering import held, sources, writes

Binding = tuple[Any, int, int]  # buffer, offset, bytes
Copy = tuple[Any, Any, int, int, int]  # to a buffer, from a buffer, bytes, offset there, offset here

STEP = 16  # bytes, of which any type of GLSL's has its alignment


class Weights:
    """Packed constants on one device, each set made once and kept while somebody uses it."""

    def __init__(self, device: Device) -> None:
        """Start with none."""
        self._device = device
        self._held: dict[Hashable, tuple[Any, int]] = {}

    def __len__(self) -> int:
        """How many sets are held."""
        return len(self._held)

    @property
    def nbytes(self) -> int:
        """Bytes of all of them."""
        return sum(buffer.size for buffer, _ in self._held.values())

    def acquire(self, key: Hashable, nbytes: int) -> tuple[Any, bool, Callable[[], None]]:
        """The buffer of `key`, whether it is new and so to be filled, and what gives it back.

        Raises DelegateError where there is no room. The device is to be held until the buffer is full or given back.
        """
        with self._device.current():
            buffer, users = self._held.get(key, (None, 0))
            if buffer is None:
                buffer = new_buffer(self._device, nbytes)
            self._held[key] = (buffer, users + 1)
        return buffer, users == 0, partial(self._release, key)

    def _release(self, key: Hashable) -> None:
        with self._device.lock:
            buffer, users = self._held.pop(key)
            if users > 1:
                self._held[key] = (buffer, users - 1)
            else:
                self._device.release(buffer)


class Places:
    """Where each tensor, variable and constant of a partition lies, and the memory of all but the arena."""

    def __init__(
        self,
        graph: Graph,
        lowering: Lowering,
        arena: GLArena,
        offsets: Mapping[int, int],
        alignment: int,
        most: int = Limits.storage_bytes,
    ) -> None:
        """`offsets` are byte offsets in `arena` of the tensors that own their bytes; a block holds `most` bytes."""
        self._graph, self._aliases, self._arena, self._offsets = graph, lowering.aliases, arena, offsets
        self._alignment, self._most = alignment, most
        self._buffers: list[Any] = []
        self._packed: Any = None
        self._leave: Callable[[], None] = lambda: None  # gives the packed constants back
        self._constants: dict[tuple[Const, ...], list[Range]] = {}
        self._constant_bytes = 0
        self._memory: GLArena | None = None  # of variables, what lies between programs, and words
        self._variables: dict[int, int] = {}
        self._between: dict[Scratch, int] = {}
        self._words: dict[int, int] = {}  # id of a launch that may fail -> its word

    def _new(self, nbytes: int) -> Any:
        self._buffers.append(new_buffer(self._arena.device, nbytes))
        return self._buffers[-1]

    def close(self) -> None:
        """Free what was made here. May be called twice."""
        buffers, self._buffers = self._buffers, []
        self._arena.device.release(*buffers)
        leave, self._leave = self._leave, lambda: None
        leave()
        if self._memory is not None:
            self._memory.close()
        self._variables, self._between, self._memory = {}, {}, None

    def arrange(self, blocks: Sequence[Block]) -> None:
        """Say where the constants of all blocks lie, in one buffer that is still to be made."""
        groups = [tuple(s.source for s in block if isinstance(s.source, Const)) for block in blocks]
        found = [group for group in dict.fromkeys(groups) if group]
        inside = [in_a_row([const.nbytes for const in group], STEP) for group in found]
        starts, self._constant_bytes = in_a_row([nbytes for _, nbytes in inside], self._alignment)
        for group, start, (own, _) in zip(found, starts, inside, strict=True):
            self._constants[group] = [(start + k, start + k + c.nbytes) for c, k in zip(group, own, strict=True)]

    def pack(self, weights: Weights, key: Hashable) -> None:
        """Have their buffer, that of `weights` under `key`, and make the constants unless somebody else did."""
        if not self._constants:
            return
        self._packed, empty, self._leave = weights.acquire(key, self._constant_bytes)
        for group, ranges in self._constants.items() if empty else ():
            for const, (low, _) in zip(group, ranges, strict=True):
                data = np.ascontiguousarray(const.pack())
                if data.nbytes != const.nbytes:
                    raise DelegateError(f"a constant of {const.nbytes} bytes was packed into {data.nbytes}")
                self._packed.write(data, low)

    def remember(self, launches: Sequence[Launch]) -> None:
        """Make the memory of variables, reset, of what lies between programs, of a word for each that may fail."""
        touched = (t for one in launches for t in (*sources(one.program), *writes(one.program)) if isinstance(t, int))
        found = [t for t in dict.fromkeys(touched) if self._graph.tensors[t].is_variable]
        failing = [id(launch) for launch in launches if launch.program.tells]
        self._between, between = overlaid(launches, self._alignment)
        if not found and not failing and not between:
            return
        sizes = [*(stored_bytes(self._graph.tensors[t]) for t in found), between, *(4 for _ in failing)]
        starts, total = in_a_row(sizes, self._alignment)
        self._variables = dict(zip(found, starts, strict=False))
        self._between = {scratch: starts[len(found)] + at for scratch, at in self._between.items()}
        self._words = dict(zip(failing, starts[len(found) + 1 :], strict=True))
        self._memory = GLArena(self._arena.device, total)
        self.reset()

    def reset(self) -> None:
        """What variables hold at first."""
        tensors = (declared(self._graph.tensors[t]) for t in self._variables)
        self.restore({t.index: np.full(t.shape, first_value(t), t.dtype) for t in tensors})

    def state(self) -> dict[int, NDArray[Any]]:
        """What variables hold, in their own types."""
        tensors = {t: self._graph.tensors[t] for t in self._variables}
        found = {t: np.empty(tensor.shape, declared(tensor).dtype) for t, tensor in tensors.items()}
        for t, value in found.items():
            assert self._memory is not None
            form(tensors[t]).read(self._memory, self._variables[t], value)
        return found

    def restore(self, state: Mapping[int, NDArray[Any]]) -> None:
        """Put values into variables, of those in `state`."""
        for t in self._variables.keys() & state.keys():
            assert self._memory is not None
            form(self._graph.tensors[t]).write(self._memory, self._variables[t], state[t])

    def clear_words(self) -> None:
        """Note of each launch that it did not fail."""
        if self._words and self._memory is not None:
            start = min(self._words.values())
            self._memory.buffer.clear(self._memory.nbytes - start, start)

    def read_words(self) -> list[int]:
        """What each launch that may fail wrote, in order, or 0: when all that was launched is done."""
        assert self._memory is not None
        start = min(self._words.values())
        found = np.empty((self._memory.nbytes - start) // 4, np.uint32)
        self._memory.read(start, found)
        return [int(found[(word - start) // 4]) for word in self._words.values()]

    def range(self, tensor: int | Scratch) -> Range:
        """A tensor's bytes in the arena; those of variables, and between programs, are counted on from its end."""
        nbytes = stored_bytes(held(self._graph, tensor))
        if isinstance(tensor, Scratch) or tensor in self._variables:
            start = self._arena.nbytes + self._own(tensor)
            return start, start + nbytes
        root, inside = self._aliases.get(tensor, (tensor, 0))
        start = self._offsets[root] + inside
        if start % self._alignment:
            raise DelegateError(f"offset {start} is not aligned to {self._alignment} bytes")
        return start, start + nbytes

    def laid(self, launch: Launch, block: Block) -> list[Range]:
        """Where each slot of one of a launch's blocks lies in what is bound for it."""
        ranges = self._ranges(launch, block)
        low, nbytes = extent(ranges)
        if nbytes <= self._most:
            return [(start - low, end - low) for start, end in ranges]
        sizes = [end - start for start, end in ranges]
        starts, total = in_a_row(sizes, STEP)
        if total > self._most or not all(read(slot) for slot in block):
            raise DelegateError(f"op {launch.op} needs {total} bytes in one block, which holds {self._most}")
        return [(start, start + n) for start, n in zip(starts, sizes, strict=True)]

    def bound(self, launch: Launch, block: Block) -> tuple[Binding, list[Copy]]:
        """What to bind for one of a launch's blocks, and what to copy there before. Constants must have been packed."""
        buffer, ranges = self._buffer(block), self._ranges(launch, block)
        low, nbytes = extent(ranges)
        if nbytes <= self._most:
            return (buffer, low, nbytes), []
        laid = self.laid(launch, block)
        gathered = self._new(nbytes := laid[-1][1])
        places = zip(ranges, laid, strict=True)
        return (gathered, 0, nbytes), [(gathered, buffer, to - at, at, there) for (at, to), (there, _) in places]

    def _buffer(self, block: Block) -> Any:
        """The buffer that a block lies in."""
        if any(isinstance(slot.source, Const) for slot in block):
            return self._packed
        if any(not isinstance(slot.source, int) or slot.source in self._variables for slot in block):
            assert self._memory is not None
            return self._memory.buffer
        return self._arena.buffer

    def _ranges(self, launch: Launch, block: Block) -> list[Range]:
        """Where in that each of its slots lies."""
        constants = tuple(slot.source for slot in block if isinstance(slot.source, Const))
        if constants:
            return self._constants[constants]
        if any(not isinstance(slot.source, int) or slot.source in self._variables for slot in block):
            return [self._remembered(launch, slot) for slot in block]
        return [self.range(slot.source) for slot in block if isinstance(slot.source, int)]

    def _remembered(self, launch: Launch, slot: Slot) -> Range:
        assert not isinstance(slot.source, Const)
        if slot.source is None:
            word = self._words[id(launch)]
            return word, word + 4
        start = self._own(slot.source)
        return start, start + stored_bytes(held(self._graph, slot.source))

    def _own(self, source: int | Scratch) -> int:
        return self._between[source] if isinstance(source, Scratch) else self._variables[source]


def overlaid(launches: Sequence[Launch], alignment: int) -> tuple[dict[Scratch, int], int]:
    """(where what lies between the programs of an op starts, that of other ops in the same bytes; bytes in all)."""
    of_ops: dict[int, dict[Scratch, None]] = {}
    for launch in launches:
        touched = (*sources(launch.program), *writes(launch.program))
        of_ops.setdefault(launch.op, {}).update(dict.fromkeys(s for s in touched if isinstance(s, Scratch)))
    found: dict[Scratch, int] = {}
    most = 0
    for between in of_ops.values():
        starts, total = in_a_row([stored_bytes(scratch) for scratch in between], alignment)
        found.update(zip(between, starts, strict=True))
        most = max(most, total)
    return found, most


def first_value(tensor: Tensor) -> int:
    """What a variable's elements are at first: 0, but of INT8 what stands for it (TFLite's `ResetVariableTensor`)."""
    return affine(tensor)[1] if tensor.type == "INT8" else 0


def extent(ranges: Sequence[Range]) -> Range:
    """(where the first of these ranges starts; bytes from there to where the last ends)."""
    low = min(start for start, _ in ranges)
    return low, max(end for _, end in ranges) - low


def in_a_row(sizes: Sequence[int], alignment: int) -> tuple[list[int], int]:
    """(where each of these many bytes starts, aligned, one after another; bytes in all)."""
    starts, total = [], 0
    for nbytes in sizes:
        starts.append(total)
        total += -(-nbytes // alignment) * alignment
    return starts, total


class Hazards:
    """The bytes read and written since the last barrier."""

    def __init__(self) -> None:
        """Nothing was touched yet: every run ends with a barrier."""
        self._read: list[Range] = []
        self._written: list[tuple[Range, int]] = []

    def barrier_before(self, launch: Launch, places: Places) -> bool:
        """Take up one launch: does it read what was written, or overwrite what was touched, since the last barrier?

        Launches of one op that write the same tensor write different elements of it.
        """
        reads = [places.range(s) for s in sources(launch.program) if not isinstance(s, Const)]
        written = [(places.range(t), launch.op) for t in writes(launch.program)]
        needed = any(overlap(r, w) for r in reads for w, _ in self._written)
        needed |= any(overlap(w, r) for w, _ in written for r in self._read)
        needed |= any(overlap(new[0], old[0]) and new != old for new in written for old in self._written)
        if needed:
            self._read, self._written = [], []
        self._read += reads
        self._written += written
        return needed


def overlap(a: Range, b: Range) -> bool:
    """Whether two ranges share a byte."""
    return a[0] < b[1] and b[0] < a[1]
