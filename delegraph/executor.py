"""Carries a plan out: one callable a step, in order, or side by side where the plan allows. It takes no decisions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .buffers import Arena, Form, HostArena, Outside
from .delegates.base import Delegate, Executable, LaunchTime, Timed
from .errors import DelegateError, Learned, StepFailed
from .graph.model import Graph
from .graph.ties import assigns
from .outside import Outsides
from .parallel import SideBySide
from .partitioner.overlap import lanes
from .partitioner.plan import Plan, Run, Transfer
from .partitioner.transfers import HOST, far

Watch = Callable[
    [int, int, int, Sequence[LaunchTime]], None
]  # the step's number, its start and end in ns, its launches


class Executor:
    """A plan bound to memory and compiled partitions; `close()` gives everything back."""

    def __init__(
        self,
        graph: Graph,
        plan: Plan,
        delegates: Sequence[Delegate],
        keep: frozenset[int] = frozenset(),
        outside: Mapping[int, Outside] | None = None,
    ) -> None:
        """Allocate an arena a space and compile each partition. Raises StepFailed where a delegate fails.

        `outside` is the caller's own memory for some inputs and outputs.
        """
        self.plan = plan
        self._graph = graph
        self._spaces = {d.name: d.space for d in delegates}
        self._outsides = Outsides(graph, plan, outside or {}, self._spaces)
        self._forms: dict[tuple[str, int], Form] = {}
        self._offsets: dict[str, dict[int, int]] = {}
        owners = {d.space: d for d in delegates}
        for a in plan.allocations:
            self._offsets.setdefault(a.space, {})[a.tensor] = a.offset
            if a.space != HOST:
                form = self._forms[a.space, a.tensor] = owners[a.space].form(graph, a.tensor)
                if form.nbytes > a.nbytes:
                    stale = Learned(f"tensor {a.tensor} takes {form.nbytes} bytes in {a.space} by now, not {a.nbytes}")
                    raise StepFailed(str(stale), owners[a.space].name) from stale
        self.host = HostArena(plan.arenas.get(HOST, 0))
        for t in graph.dynamic.intersection(graph.inputs):
            self.host.loose[t] = np.full(graph.tensors[t].shape, b"", object)
        self._arenas: dict[str, Arena] = {HOST: self.host}
        self._memory = ExitStack()
        self._memory.callback(self.host.close)
        self._closing = ExitStack()
        self._closing.callback(self._memory.close)
        self.executables: dict[int, Executable] = {}
        self._steps: list[Callable[[], None]] = []
        self._begun: set[int] = set()
        self.watch: Watch | None = None  # told of each step of `run`
        try:
            self._compile(plan, {d.name: d for d in delegates}, keep)
        except BaseException:
            self.close()
            raise
        self._steps = [self._step(plan, s) for s in plan.steps]
        self._first, self._last = self._outsides.by_way_of_the_host(self._place)
        side_by_side = lanes(plan, self._spaces)
        self._side_by_side = SideBySide(side_by_side) if side_by_side is not None else None
        if self._side_by_side is not None:
            self._memory.callback(self._side_by_side.close)
        self._busy = [self._arena(plan, s) for s in plan.steps]

    def _compile(self, plan: Plan, delegates: Mapping[str, Delegate], keep: frozenset[int]) -> None:
        for partition in plan.partitions:
            delegate = delegates[partition.delegate]
            if delegate.space not in self._arenas:
                try:
                    arena = delegate.allocate(plan.arenas.get(delegate.space, 0))
                except DelegateError as error:
                    raise StepFailed(str(error), delegate.name) from error
                self._memory.callback(arena.close)
                self._arenas[delegate.space] = arena
            offsets = self._offsets.get(delegate.space, {})
            try:
                executable = delegate.compile(self._graph, partition, self._arenas[delegate.space], offsets, keep)
            except DelegateError as error:
                raise StepFailed(str(error), partition.delegate, partition.ops) from error
            self._closing.callback(executable.close)
            self.executables[partition.index] = executable

    def _arena(self, plan: Plan, step: Run | Transfer) -> Arena:
        """The memory at work in a step: for a transfer, that which is not the host's."""
        if isinstance(step, Run):
            return self._arenas[self._spaces[plan.partitions[step.partition].delegate]]
        return self._arenas[far(step)]

    def _step(self, plan: Plan, step: Run | Transfer) -> Callable[[], None]:
        if isinstance(step, Run):
            return self.executables[step.partition].run
        arena = self._arena(plan, step)
        space = far(step)
        form, offset = self._forms[space, step.tensor], self._offsets[space][step.tensor]
        move = form.write if step.src == HOST else form.read
        place = self._place(step.tensor)
        return self._outsides.instead(step, arena, offset, lambda: move(arena, offset, place()))

    def _place(self, tensor: int) -> Callable[[], NDArray[Any]]:
        """What finds a tensor in host memory. Raises KeyError where it has no place there."""
        if tensor in self.host.held:
            return self.host.held[tensor]
        t = self._graph.tensors[tensor]
        fixed = self.host.view(self._offsets[HOST][tensor], t.shape, t.dtype)
        return lambda: fixed

    def view(self, tensor: int) -> NDArray[Any]:
        """A tensor's place in host memory as it is now. Raises KeyError where it has none."""
        return self._place(tensor)()

    def fetch(self, tensor: int) -> NDArray[Any]:
        """A copy of a tensor from whichever space it lives in. Raises KeyError where it has no memory."""
        if tensor in self.host.loose:
            return np.array(self.host.loose[tensor])
        if tensor in self._outsides:
            value = np.empty(self._graph.tensors[tensor].shape, self._graph.tensors[tensor].dtype)
            self._outsides.download(tensor, value)
            return value
        spaces = [space for space, offsets in self._offsets.items() if tensor in offsets]
        if tensor in self.host.held or HOST in spaces:
            return np.array(self.view(tensor))
        if not spaces:
            raise KeyError(tensor)
        space, t = spaces[0], self._graph.tensors[tensor]
        out = np.empty(t.shape, t.dtype)
        self._forms[space, tensor].read(self._arenas[space], self._offsets[space][tensor], out)
        return out

    def run(self) -> None:
        """One inference. Raises StepFailed where a step fails."""
        self._begun = set()
        for fetch in self._first:
            fetch()
        if self._side_by_side is not None:
            self._side_by_side.run(self._carry_out)
        else:
            for at in range(len(self._steps)):
                self._carry_out(at)
        for hand_over in self._last:
            hand_over()

    def _carry_out(self, at: int) -> None:
        self._begun.add(at)
        try:
            if self.watch is None:
                self._steps[at]()
            else:
                self._watched(at, self.watch)
        except DelegateError as error:
            raise self._failed(at, error) from error

    def _watched(self, at: int, watch: Watch) -> None:
        """One step, waited for; what runs it tells of its launches if it can."""
        start = time.perf_counter_ns()
        launches = self._timed_launches(at)
        self._busy[at].wait()
        watch(at, start, time.perf_counter_ns(), launches)

    def _timed_launches(self, at: int) -> list[LaunchTime]:
        step = self.plan.steps[at]
        executable = self.executables[step.partition] if isinstance(step, Run) else None
        if isinstance(executable, Timed):
            return executable.timed()
        self._steps[at]()
        return []

    def timed(self) -> list[float]:
        """One inference; the seconds that each step took, each waited for before the next begins."""
        seconds = []
        for step, arena in zip(self._steps, self._busy, strict=True):
            start = time.perf_counter()
            step()
            arena.wait()
            seconds.append(time.perf_counter() - start)
        return seconds

    def timed_launches(self) -> list[list[LaunchTime]]:
        """One inference; for each step what its launches took, none where what runs it cannot tell."""
        return [self._timed_launches(at) for at in range(len(self._steps))]

    def _failed(self, at: int, error: DelegateError) -> StepFailed:
        """The error of a step, with who is to blame: for a copy the delegate in whose space the far end lies."""
        step = self.plan.steps[at]
        if isinstance(step, Run):
            partition = self.plan.partitions[step.partition]
            return StepFailed(str(error), partition.delegate, partition.ops)
        space = far(step)
        return StepFailed(str(error), next(name for name, own in self._spaces.items() if own == space))

    def changed(self) -> bool:
        """Whether the last inference, however it ended, may have changed a variable that nobody can set back."""
        begun = (self.plan.steps[at] for at in self._begun)
        ops = (op for step in begun if isinstance(step, Run) for op in self.plan.partitions[step.partition].ops)
        return any(assigns(self._graph, self._graph.ops[op]) for op in ops)

    def state(self) -> dict[int, NDArray[Any]]:
        """The value of every variable tensor. Raises DelegateError where a delegate cannot tell."""
        found: dict[int, NDArray[Any]] = {}
        for executable in self.executables.values():
            found |= executable.state()
        return found

    def restore(self, state: Mapping[int, NDArray[Any]]) -> None:
        """Give variable tensors the values that `state` told. Raises DelegateError on failure."""
        for executable in self.executables.values():
            executable.restore(state)

    def reset_variables(self) -> None:
        """Set what the ops remember from one inference to the next back to its start."""
        for executable in self.executables.values():
            executable.reset_variables()

    def take_over(self, former: Executor) -> bool:
        """Go on with the resources of another executor, if what holds them there is here, too; whether it is."""
        held, mine = (
            {e.holding: e for e in executor.executables.values() if e.holding is not None}
            for executor in (former, self)
        )  # fmt: skip
        if not held.keys() <= mine.keys():
            return False
        for key, executable in held.items():
            mine[key].take_over(executable)
        return True

    def suspend(self) -> None:
        """Give back memory, but neither what was compiled nor resources; `run` is over."""
        self._steps = []
        for executable in self.executables.values():
            executable.suspend()
        self._memory.close()

    def close(self) -> None:
        """Give back all memory and executables. May be called twice."""
        self._steps = []
        self._closing.close()
