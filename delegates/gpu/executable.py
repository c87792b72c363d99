"""A compiled partition: a list of calls, made once, that bind and dispatch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from time import perf_counter
from typing import Any

import moderngl
from numpy.typing import NDArray

from ...errors import DelegateError
from ...graph.model import Graph
from ...shaders.program import Limits
from ...shaders.types import width
from ..base import Executable, LaunchTime, Lowering
from .arena import GLArena
from .blocks import Slot, numbered
from .compiler import BEYOND, FAILED, SUM_BEYOND, flat, told
from .forms import Learn
from .launches import Launch
from .lowering import held
from .places import Binding, Hazards, Places
from .programs import Programs, Wanted
from .shader import Shader
from .texels import BufferTexture, bind_all

# What comes after may read or overwrite what shaders wrote before: from shaders, as texels, by copies, from the host.
BARRIERS = moderngl.SHADER_STORAGE_BARRIER_BIT | moderngl.TEXTURE_FETCH_BARRIER_BIT | moderngl.BUFFER_UPDATE_BARRIER_BIT


class GLExecutable:
    """One partition, ready to run."""

    holding: str | None = None

    def __init__(
        self,
        programs: Programs,
        graph: Graph,
        launches: Sequence[Launch],
        lowering: Lowering,
        arena: GLArena,
        offsets: Mapping[int, int],
        limits: Limits,
        key: Hashable,
        learn: Learn,
        check_each: bool = False,
    ) -> None:
        """Compile the launches, pack their constants, and lay out the calls. Raises DelegateError on failure.

        Executables of one `key` have the same launches, and share the memory of what these take from the model.
        `learn` takes up which tensors were found to hold more than half does, and makes the error that says so.
        `check_each` asks GL for an error after each launch rather than once a run, to name the op at fault.
        """
        self.device = programs.device
        self._graph = graph
        self._programs = programs
        self._learn = learn
        self._texts: list[str] = []
        self._may_fail = [launch for launch in launches if launch.program.tells]
        self._calls: list[Callable[[], Any]] | None = None
        self._textures: dict[tuple[Any, ...], BufferTexture] = {}
        self._ends: list[tuple[int, int]] = []  # of each launch: the call behind it, and its op
        self._places = Places(graph, lowering, arena, offsets, self.device.alignment, limits.storage_bytes)
        try:
            with self.device.current() as ctx:
                self._places.arrange([block for launch in launches for block in launch.blocks])
                self._places.remember(launches)
                self._calls = self._prepare(ctx, graph, launches, key, check_each)
        except BaseException:
            self.close()
            raise

    def _prepare(
        self, ctx: moderngl.Context, graph: Graph, launches: Sequence[Launch], key: Hashable, check_each: bool
    ) -> list[Callable[[], Any]]:
        calls: list[Callable[[], Any]] = []
        bound: dict[tuple[bool, int], tuple[str, Binding]] = {}
        used: Shader | None = None
        hazards = Hazards()
        pack = partial(self._places.pack, self._programs.weights, key)
        acquired = self._programs.acquire_all([self._wanted(launch) for launch in launches], pack)
        self._texts += [text for text, _ in acquired]
        for launch, (_, shader) in zip(launches, acquired, strict=True):
            if hazards.barrier_before(launch, self._places):
                calls.append(partial(ctx.memory_barrier, BARRIERS))
            units: dict[int, BufferTexture] = {}
            for k, block in zip(numbered(launch.blocks), launch.blocks, strict=True):
                binding, copies = self._places.bound(launch, block)
                calls += [partial(ctx.copy_buffer, *copy) for copy in copies]
                place, what = (block[0].texels, k), (block[0].element, binding)
                if bound.get(place) != what:
                    bound[place] = what
                    if block[0].texels:
                        units[k] = self._texture(block[0], binding)
                    else:
                        buffer, *there = binding
                        calls.append(partial(buffer.bind_to_storage_buffer, k, *there))
            calls += bind_all(units, self.device.binds_many)
            if shader is not used:
                used = shader
                calls.append(shader.using())
            calls.append(shader.telling(flat(told(launch.program, self._elements(launch)))))
            calls.append(shader.launching(launch.program.groups, self.device.software))
            self._ends.append((len(calls), launch.op))
            if check_each:
                calls.append(partial(self.device.check, f"op {launch.op} ({graph.ops[launch.op].label})"))
        calls.append(partial(ctx.memory_barrier, BARRIERS))
        calls.append(partial(self.device.check, "the run"))
        return calls

    def _wanted(self, launch: Launch) -> Wanted:
        """What a launch asks of `Programs`."""
        laid = [(block, self._places.laid(launch, block)) for block in launch.blocks]
        numbers = zip(numbered(launch.blocks), launch.blocks, strict=True)
        units = [(k, block[0].element) for k, block in numbers if block[0].texels]
        return Wanted(launch.program, self._elements(launch), laid, units)

    def _elements(self, launch: Launch) -> int:
        """How many VALUEs a launch makes."""
        return held(self._graph, launch.program.output).size // width(launch.program.value)

    def _texture(self, slot: Slot, binding: Binding) -> BufferTexture:
        buffer, offset, nbytes = binding
        key = slot.element, buffer.glo, offset, nbytes
        if key not in self._textures:
            self._textures[key] = BufferTexture(buffer, offset, nbytes, slot.element)
        return self._textures[key]

    def run(self) -> None:
        """Hand one run to the GPU; reading the arena waits for it. Raises DelegateError on failure.

        Where programs may fail, wait for the run here and raise what they say.
        """
        if self._calls is None:
            raise DelegateError("this GPU executable is closed")
        with self.device.current():
            self.device.launched()
            self._places.clear_words()
            for call in self._calls:
                call()
            if self._may_fail:
                self._raise_failures()

    def timed(self) -> list[LaunchTime]:
        """One run; what each launch took by the GPU's clock, or waited for by the host's where that is software's.

        Raises DelegateError on failure.
        """
        if self._calls is None:
            raise DelegateError("this GPU executable is closed")
        with self.device.current() as ctx:
            time = self._by_host if self.device.software or self.device.api != "gl" else partial(self._by_query, ctx)
            self.device.launched()
            self._places.clear_words()
            begins = [0, *(end for end, _ in self._ends)]
            times = time([self._calls[a:b] for a, b in pairwise(begins)])
            for call in self._calls[begins[-1] :]:
                call()
            if self._may_fail:
                self._raise_failures()
        return times

    def _by_host(self, launches: Sequence[Sequence[Callable[[], Any]]]) -> list[LaunchTime]:
        times = []
        self.device.wait()
        for calls, (_, op) in zip(launches, self._ends, strict=True):
            start = perf_counter()
            for call in calls:
                call()
            self.device.launched()
            self.device.wait()
            times.append(LaunchTime(op, perf_counter() - start, "host"))
        return times

    def _by_query(self, ctx: moderngl.Context, launches: Sequence[Sequence[Callable[[], Any]]]) -> list[LaunchTime]:
        queries = []
        for calls in launches:
            queries.append(ctx.query(time=True))
            with queries[-1]:
                for call in calls:
                    call()
        nanoseconds = [query.elapsed for query in queries]  # waits for each
        return [LaunchTime(op, ns / 1e9, "device") for ns, (_, op) in zip(nanoseconds, self._ends, strict=True)]

    def _raise_failures(self) -> None:
        told = list(zip(self._may_fail, self._places.read_words(), strict=True))
        beyond = [launch.program.output for launch, word in told if word == BEYOND]
        beyond += [t for launch, word in told if word == SUM_BEYOND for t in self._graph.ops[launch.op].outputs]
        if beyond:
            raise self._learn([t for t in beyond if isinstance(t, int)])
        for launch, word in told:
            if word == FAILED:
                op = self._graph.ops[launch.op]
                raise DelegateError(f"op {op.index} ({op.label}): {launch.program.fails}")

    def reset_variables(self) -> None:
        """What ops remember at first."""
        self._places.reset()

    def state(self) -> dict[int, NDArray[Any]]:
        """What variable tensors hold, in their own types."""
        return self._places.state()

    def restore(self, state: Mapping[int, NDArray[Any]]) -> None:
        """Put values into variable tensors, of those in `state`."""
        self._places.restore(state)

    def close(self) -> None:
        """Give back shaders, constants and variables. May be called twice."""
        self.suspend()
        texts, self._texts = self._texts, []
        self._programs.release(texts)

    def take_over(self, former: Executable) -> None:
        """There are no resources here."""

    def suspend(self) -> None:
        """Give back constants and variables, but keep the shaders."""
        self._calls = None
        textures, self._textures = self._textures, {}
        self.device.release(*textures.values())
        self._places.close()
