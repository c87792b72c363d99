"""A compiled partition: a list of calls, made once, that bind and dispatch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from ...errors import DelegateError
from ...graph.model import Graph, Tensor
from ...shaders.arguments import affine
from ...shaders.program import Const, Program
from ...shaders.types import stored_bytes, width
from ..base import Lowering
from .arena import GLArena, new_buffer
from .compiler import compile_error, joined, source
from .device import Device
from .lowering import Launch, sources, writes

Range = tuple[int, int]  # bytes, from and to
Binding = tuple[Any, int, int]  # buffer, offset, bytes


class Programs:
    """The compute shaders of one device, each text compiled once and kept while somebody uses it."""

    def __init__(self, device: Device) -> None:
        """Start with none."""
        self.device = device
        self._held: dict[str, tuple[Any, int]] = {}

    def __len__(self) -> int:
        """How many are held."""
        return len(self._held)

    def acquire(self, program: Program, elements: int) -> tuple[str, Any]:
        """The text and the shader of a program. Raises DelegateError, showing the line, if it does not compile."""
        pieces = source(program, elements, self.device.api)
        text = joined(pieces)
        with self.device.current() as ctx:
            shader, users = self._held.get(text, (None, 0))
            if shader is None:
                try:
                    shader = ctx.compute_shader(text)
                except moderngl.Error as error:
                    raise compile_error(pieces, program.body, str(error)) from None
            self._held[text] = (shader, users + 1)
        return text, shader

    def release(self, texts: Sequence[str]) -> None:
        """Give back what was acquired."""
        with self.device.lock:
            for text in texts:
                shader, users = self._held.pop(text)
                if users > 1:
                    self._held[text] = (shader, users - 1)
                else:
                    self.device.release(shader)


class GLExecutable:
    """One partition, ready to run."""

    def __init__(
        self,
        programs: Programs,
        graph: Graph,
        launches: Sequence[Launch],
        lowering: Lowering,
        arena: GLArena,
        offsets: Mapping[int, int],
        check_each: bool = False,
    ) -> None:
        """Compile the launches, pack their constants, and lay out the calls. Raises DelegateError on failure.

        `check_each` asks GL for an error after each launch rather than once a run, to name the op at fault.
        """
        self.device = programs.device
        self._graph = graph
        self._programs = programs
        self._texts: list[str] = []
        self._constants: Any = None
        self._variables: GLArena | None = None
        self._remembered: Mapping[int, int] = {}
        self._failures: Any = None  # a word for each launch that may fail
        self._may_fail = [launch for launch in launches if launch.program.fails]
        self._calls: list[Callable[[], Any]] | None = None
        places = Places(graph, lowering, arena, offsets, self.device.alignment)
        try:
            with self.device.current() as ctx:
                self._constants = places.pack([launch.program for launch in launches])
                self._variables = places.remember([launch.program for launch in launches])
                self._remembered = places.variables
                self.reset_variables()
                if self._may_fail:
                    self._failures = new_buffer(self.device, len(self._may_fail) * self.device.alignment)
                self._calls = self._prepare(ctx, graph, launches, places, check_each)
        except BaseException:
            self.close()
            raise

    def _prepare(
        self, ctx: moderngl.Context, graph: Graph, launches: Sequence[Launch], places: Places, check_each: bool
    ) -> list[Callable[[], Any]]:
        calls: list[Callable[[], Any]] = []
        bound: dict[int, Binding] = {}
        hazards = Hazards()
        for launch in launches:
            program = launch.program
            elements = graph.tensors[program.output].size // width(program.value)
            text, shader = self._programs.acquire(program, elements)
            self._texts.append(text)
            if hazards.barrier_before(launch, places):
                calls.append(partial(ctx.memory_barrier, moderngl.SHADER_STORAGE_BARRIER_BIT))
            bindings = places.bindings(program)
            if program.fails:
                bindings.append((self._failures, self._may_fail.index(launch) * self.device.alignment, 4))
            for k, binding in enumerate(bindings):
                if bound.get(k) != binding:
                    buffer, offset, nbytes = bound[k] = binding
                    calls.append(partial(buffer.bind_to_storage_buffer, k, offset, nbytes))
            calls.append(partial(shader.run, *program.groups))
            if check_each:
                calls.append(partial(check, ctx, f"op {launch.op} ({graph.ops[launch.op].label})"))
        # What comes next may read or overwrite anything, from shaders or from the host.
        last = moderngl.SHADER_STORAGE_BARRIER_BIT | moderngl.BUFFER_UPDATE_BARRIER_BIT
        calls.append(partial(ctx.memory_barrier, last))
        calls.append(partial(check, ctx, "the run"))
        return calls

    def run(self) -> None:
        """Hand one run to the GPU; reading the arena waits for it. Raises DelegateError on failure.

        Where programs may fail, wait for the run here and raise what they say.
        """
        if self._calls is None:
            raise DelegateError("this GPU executable is closed")
        with self.device.current():
            self.device.launched()
            if self._failures is not None:
                self._failures.clear()
            for call in self._calls:
                call()
            if self._failures is not None:
                self._raise_failures()

    def _raise_failures(self) -> None:
        self.device.wait()
        words = np.frombuffer(self._failures.read(), np.uint32)[:: self.device.alignment // 4]
        for launch, failed in zip(self._may_fail, words, strict=False):
            if failed:
                op = self._graph.ops[launch.op]
                raise DelegateError(f"op {op.index} ({op.label}): {launch.program.fails}")

    def reset_variables(self) -> None:
        """What ops remember at first."""
        tensors = (self._graph.tensors[t] for t in self._remembered)
        self.restore({t.index: np.full(t.shape, first_value(t), t.dtype) for t in tensors})

    def state(self) -> dict[int, NDArray[Any]]:
        """What variable tensors hold, in their own types."""
        found = {t: np.empty(self._graph.tensors[t].shape, self._graph.tensors[t].dtype) for t in self._remembered}
        for t, value in found.items():
            assert self._variables is not None
            self._variables.read(self._remembered[t], value)
        return found

    def restore(self, state: Mapping[int, NDArray[Any]]) -> None:
        """Put values into variable tensors, of those in `state`."""
        for t in self._remembered.keys() & state.keys():
            assert self._variables is not None
            self._variables.write(self._remembered[t], state[t])

    def close(self) -> None:
        """Give back shaders, constants and variables. May be called twice."""
        self._calls = None
        texts, self._texts = self._texts, []
        self._programs.release(texts)
        for buffer in (self._constants, self._failures):
            if buffer is not None:
                self.device.release(buffer)
        if self._variables is not None:
            self._variables.close()
        self._constants = self._variables = self._failures = None


def check(ctx: moderngl.Context, what: str) -> None:
    """Raise DelegateError if GL noted an error."""
    if (error := ctx.error) != "GL_NO_ERROR":
        raise DelegateError(f"OpenGL reports {error} in {what}")


class Places:
    """Where each tensor, variable and constant of a partition lies."""

    def __init__(
        self, graph: Graph, lowering: Lowering, arena: GLArena, offsets: Mapping[int, int], alignment: int
    ) -> None:
        """`offsets` are byte offsets in `arena` of the tensors that own their bytes."""
        self._graph, self._aliases, self._arena, self._offsets = graph, lowering.aliases, arena, offsets
        self._alignment = alignment
        self._constants: dict[Const, Binding] = {}
        self.variables: dict[int, int] = {}  # tensor -> where it starts in memory of their own
        self._memory: GLArena | None = None

    def pack(self, programs: Sequence[Program]) -> Any:
        """Make all constants and put them into one buffer, which is returned (None where there are none)."""
        found = dict.fromkeys(s for program in programs for s in sources(program) if isinstance(s, Const))
        if not found:
            return None
        starts, total = self._in_a_row([const.nbytes for const in found])
        buffer = new_buffer(self._arena.device, total)
        for const, start in zip(found, starts, strict=True):
            data = np.ascontiguousarray(const.pack())
            if data.nbytes != const.nbytes:
                raise DelegateError(f"a constant of {const.nbytes} bytes was packed into {data.nbytes}")
            buffer.write(data, start)
            self._constants[const] = (buffer, start, const.nbytes)
        return buffer

    def remember(self, programs: Sequence[Program]) -> GLArena | None:
        """Make the memory of all variables, which is returned (None where there are none)."""
        touched = (t for p in programs for t in (*sources(p), *writes(p)) if isinstance(t, int))
        found = [t for t in dict.fromkeys(touched) if self._graph.tensors[t].is_variable]
        if not found:
            return None
        starts, total = self._in_a_row([stored_bytes(self._graph.tensors[t]) for t in found])
        self.variables = dict(zip(found, starts, strict=True))
        self._memory = GLArena(self._arena.device, total)
        return self._memory

    def _in_a_row(self, sizes: Sequence[int]) -> tuple[list[int], int]:
        """(where each of these many bytes starts, aligned, one after another; bytes in all)."""
        starts, total = [], 0
        for nbytes in sizes:
            starts.append(total)
            total += -(-nbytes // self._alignment) * self._alignment
        return starts, total

    def range(self, tensor: int) -> Range:
        """A tensor's bytes in the arena; those of variables are counted on from its end."""
        nbytes = stored_bytes(self._graph.tensors[tensor])
        if tensor in self.variables:
            start = self._arena.nbytes + self.variables[tensor]
            return start, start + nbytes
        start = self._offsets[self._aliases.get(tensor, tensor)]
        if start % self._alignment:
            raise DelegateError(f"offset {start} is not aligned to {self._alignment} bytes")
        return start, start + nbytes

    def _binding(self, source: int | Const) -> Binding:
        if isinstance(source, Const):
            return self._constants[source]
        if source in self.variables:
            assert self._memory is not None
            return self._memory.buffer, self.variables[source], stored_bytes(self._graph.tensors[source])
        start, end = self.range(source)
        return self._arena.buffer, start, end - start

    def bindings(self, program: Program) -> list[Binding]:
        """A program's buffers in the order of the compiler's binding numbers."""
        bound = [self._binding(source) for source in sources(program)]
        output, *states = (self._binding(tensor) for tensor in writes(program))
        n = len(program.inputs)
        return [*bound[:n], output, *bound[n:], *states]


def first_value(tensor: Tensor) -> int:
    """What a variable's elements are at first: 0, but of INT8 what stands for it (TFLite's `ResetVariableTensor`)."""
    return affine(tensor)[1] if tensor.type == "INT8" else 0


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
        reads = [places.range(s) for s in sources(launch.program) if isinstance(s, int)]
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
