"""A planned inference over one subgraph, behind the interface of TensorFlow Lite's interpreter."""

from __future__ import annotations

import statistics
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .buffers import Outside
from .delegates.base import Delegate, Learner, Lender
from .delegates.cpu import CPUDelegate
from .details import signature_list, tensor_details
from .events import Note
from .executor import Executor, Watch
from .graph.model import HOST_TYPES, Graph
from .partitioner.plan import Plan
from .placing import Placing
from .ranges import measured
from .recovery import Recovering
from .shaping import contradicted, with_known_shapes
from .timing import StepTime, medians
from .tune import Progress, Raced, tune
from .values import check_strict, fitting

NOT_READY = "Invoke called on model that is not ready."
UNALLOCATED = "Cannot set tensor: Tensor is unallocated. Try calling allocate_tensors() first"
NO_DATA = "Tensor data is null. Run allocate_tensors() first"
HELD = (
    "There is at least 1 reference to internal data in the interpreter in the form of a numpy array or slice. "
    "Be sure to only hold the function returned from tensor() if you are using raw data access."
)


FORMER = 8  # shapes that inputs had before, whose plans and compiled programs are kept


@dataclass(frozen=True)
class Former:
    """What is kept for shapes that inputs had before: `executor` is suspended."""

    graph: Graph
    plan: Plan
    executor: Executor


class Session:
    """Plans, allocates and runs; every method has the name, arguments and errors of the runtime's interpreter."""

    def __init__(
        self,
        graph: Graph,
        delegates: Sequence[Delegate],
        cpu: CPUDelegate,
        placing: Placing,
        preserve_all: bool,
        note: Note,
        recover: bool = False,
    ) -> None:
        """Nothing is planned or allocated before it is asked for.

        With `recover` delegates that fail are planned around; `note` is told of every new plan.
        """
        self.graph = graph
        self._loaded = graph
        self._delegates = delegates
        self._cpu = cpu
        self._placing = placing
        self._preserve_all = preserve_all
        self._plan: Plan | None = None
        self._note, self._recover = note, recover
        self._running: Executor | Recovering | None = None
        self._former: dict[tuple[tuple[int, ...], ...], Former] = {}  # by the inputs' shapes, the latest last
        self.resized: dict[int, tuple[int, ...]] = {}
        self._windows: list[weakref.ref[_Window]] = []
        self.bound: dict[int, tuple[Lender, Any, int]] = {}  # tensor -> whose memory, a buffer of it, offset

    @property
    def plan(self) -> Plan:
        """The plan for the present input shapes, made when first asked for. Raises UnsupportedOp."""
        if self._executor is not None:
            return self._executor.plan
        if self._plan is None:
            plan = self._planned(doubted=False)
            self._plan = self._planned(doubted=True) if contradicted(plan) else plan
        return self._plan

    def plan_for_elsewhere(self) -> Plan:
        """The plan where every device is here. Raises UnsupportedOp."""
        self.graph = with_known_shapes(self._cpu, self._loaded, self.resized)
        planner = self._placing.planner(self.graph, self._delegates, self._keep(), assume_here=True)
        return planner.plan(self._placing.placement)

    def _planned(self, doubted: bool) -> Plan:
        shaped = with_known_shapes(self._cpu, self._loaded, self.resized, doubted)
        self.graph = self._placing.tuned(shaped, self._delegates)
        return self._placing.plan(self.graph, self._delegates, self._keep())

    def _keep(self) -> frozenset[int]:
        if not self._preserve_all:
            return frozenset()
        readable = (t.index for t in self.graph.tensors if t.type in HOST_TYPES or t.type == "STRING")
        return frozenset(t for t in readable if not self.graph.is_constant(t))

    def allocate_tensors(self) -> None:
        """Compile the plan and reserve its memory; does nothing where that is done."""
        self._ensure_safe()
        if self._running is not None:
            return
        plan = self.plan  # made first: it may bring the graph up to date
        if not (self._recover or any(d.learns for d in self._delegates)):
            self._running = Executor(self.graph, plan, self._delegates, self._keep(), self._outside())
        else:
            keep = self._keep()
            make = partial(self._placing.plan, self.graph, self._delegates, keep)
            self._running = Recovering(
                self.graph, plan, make, self._delegates, keep, self._note, self._outside, self._recover
            )
        self._follow(self._running)

    def _follow(self, running: Executor | Recovering) -> None:
        """Take over what those for other shapes left behind: resources, and what they kept compiled."""
        if self._former:
            executor = running.executor if isinstance(running, Recovering) else running
            executor.take_over(list(self._former.values())[-1].executor)
        if (former := self._former.pop(self._shapes, None)) is not None:
            former.executor.close()  # what it kept compiled is in use again

    @property
    def _executor(self) -> Executor | None:
        return self._running.executor if isinstance(self._running, Recovering) else self._running

    def invoke(self) -> None:
        """Run the plan once. Raises RuntimeError before `allocate_tensors`."""
        self._ensure_safe()
        if self._running is None:
            raise RuntimeError(NOT_READY)
        self._running.run()

    def tune(self, seconds: float, progress: Progress) -> list[Raced]:
        """Measure what could be chosen, and plan anew; see `tune.tune`. `allocate_tensors` is needed afterwards."""
        self._ensure_safe()
        plan = self.plan  # made first: it may bring the graph up to date, and says whether there is one
        raced = tune(self.graph, self._delegates, self._placing, self._keep(), seconds, progress)
        self.close()
        self._plan = None if self._placing.saved is None else plan
        return raced

    def profile(self, repeat: int) -> list[StepTime]:
        """The steps of the plan, each with the time that it should take and the median of what it took.

        Raises RuntimeError before `allocate_tensors`.
        """
        self._ensure_safe()
        if self._executor is None:
            raise RuntimeError(NOT_READY)
        runs = [self._executor.timed() for _ in range(repeat)]
        took = [statistics.median(times) for times in zip(*runs, strict=True)]
        launches = medians([self._executor.timed_launches() for _ in range(repeat)])
        return [StepTime(*row) for row in zip(self.plan.steps, self.plan.costs, took, launches, strict=True)]

    def watch(self, watch: Watch | None) -> None:
        """Have each step of `invoke` told, and waited for, from now on; None ends that.

        Raises RuntimeError before `allocate_tensors`.
        """
        if self._executor is None:
            raise RuntimeError(NOT_READY)
        self._executor.watch = watch

    def calibrate(self) -> None:
        """Measure how far from 0 values go for the present inputs. `allocate_tensors` is needed afterwards.

        Raises RuntimeError before `allocate_tensors`, and what the runtime raises.
        """
        self._ensure_safe()
        if self._executor is None:
            raise RuntimeError(NOT_READY)
        plan, inputs = self.plan, {t: self._host(t) for t in self.graph.inputs}
        peaks = measured(self._cpu, self.graph, {t: value for t, value in inputs.items() if value is not None})
        for delegate in self._delegates:
            if isinstance(delegate, Learner):
                delegate.measured(self.graph, peaks)
        self.close()
        self._plan = None if self._placing.saved is None else plan

    def another(self) -> Session:
        """A session with the same shapes and the same plan, and memory of its own."""
        made = Session(
            self._loaded, self._delegates, self._cpu, self._placing, self._preserve_all, self._note, self._recover
        )
        made.resized = dict(self.resized)
        made._plan, made.graph = self.plan, self.graph
        return made

    def bind(self, tensor: int, buffer: Any, offset: int) -> None:
        """Take an input from a buffer of the caller's, or put an output there; None unbinds. Allocate again afterwards.

        Raises ValueError where no delegate has such memory, or the buffer is not fit.
        """
        self._ensure_safe()
        self.close()
        if buffer is None:
            self.bound.pop(tensor, None)
            return
        lender = next((d for d in self._delegates if isinstance(d, Lender)), None)
        if lender is None:
            raise ValueError("no delegate here takes buffers: give delegates=[GPUDelegate(context=...)]")
        lender.outside(self.graph, tensor, buffer, offset)  # whatever speaks against it is said now
        self.bound[tensor] = (lender, buffer, offset)

    def _outside(self) -> dict[int, Outside]:
        return {t: whose.outside(self.graph, t, *place) for t, (whose, *place) in self.bound.items()}

    def set_tensor(self, tensor_index: int, value: Any) -> None:
        """Copy a value in. Raises ValueError for another type or shape, or before `allocate_tensors`."""
        tensor = self.graph.tensors[self._checked(tensor_index)]
        if tensor_index in self.bound:
            raise ValueError(f"input {tensor_index} is bound to a buffer: write there, or unbind it")
        view = self._host(tensor_index)
        if view is None:
            raise ValueError(UNALLOCATED)
        np.copyto(view, fitting(value, tensor, view))

    def get_tensor(self, tensor_index: int, subgraph_index: int = 0) -> NDArray[Any]:
        """A copy of a tensor. Raises ValueError where it has no value (yet, or any more)."""
        self._checked(tensor_index)
        if self._executor is not None and (self._preserve_all or self._is_boundary(tensor_index)):
            try:
                return self._executor.fetch(tensor_index)
            except KeyError:
                pass
        constant = self.graph.constant(tensor_index)
        if constant is None:
            raise ValueError(NO_DATA)
        return np.array(constant)

    def tensor(self, tensor_index: int) -> Callable[[], NDArray[Any]]:
        """A function that gives a view of the tensor's own memory in host space; do not hold what it returns."""

        def view() -> NDArray[Any]:
            memory = self._host(self._checked(tensor_index))
            if memory is None:
                raise ValueError(NO_DATA)
            window = _Window(memory)
            self._windows = [held for held in self._windows if held() is not None]
            self._windows.append(weakref.ref(window))
            return np.asarray(window)

        return view

    def resize_tensor_input(self, input_index: int, tensor_size: Sequence[int], strict: bool = False) -> None:
        """Give an input another shape; `allocate_tensors` is needed afterwards.

        Raises ValueError for an index out of range, and with `strict` RuntimeError for a dimension that is fixed.
        """
        self._ensure_safe()
        tensor = self.graph.tensors[self._checked(input_index)]
        size = tuple(int(d) for d in np.array(tensor_size, np.int32))
        if strict:
            check_strict(tensor, size)
        if size != tensor.shape:
            self._suspend()
            self.resized[input_index] = size
            self.graph = self.graph.with_shapes({input_index: size})
            former = self._former.get(self._shapes)
            self.graph, self._plan = (former.graph, former.plan) if former is not None else (self.graph, None)

    def get_input_details(self) -> list[dict[str, Any]]:
        """The inputs' details, in the model's order."""
        return [tensor_details(self.graph, t) for t in self.graph.inputs]

    def get_output_details(self) -> list[dict[str, Any]]:
        """The outputs' details, in the model's order."""
        return [tensor_details(self.graph, t) for t in self.graph.outputs]

    def get_tensor_details(self, subgraph_index: int = 0) -> list[dict[str, Any]]:
        """Every tensor's details. Raises ValueError for a subgraph that the model does not have."""
        graphs = self.graph.model.graphs
        if not 0 <= subgraph_index < len(graphs):
            raise ValueError(
                f"subgraph_index is out of range: {subgraph_index} for the model, which has {len(graphs)} subgraphs."
            )
        graph = self.graph if subgraph_index == self.graph.index else graphs[subgraph_index]
        return [tensor_details(graph, t.index) for t in graph.tensors]

    def get_signature_list(self) -> dict[str, dict[str, list[str]]]:
        """Signature key -> input and output names."""
        return signature_list(self.graph.model)

    def num_subgraphs(self) -> int:
        """How many subgraphs the model has."""
        return len(self.graph.model.graphs)

    def reset_all_variables(self) -> None:
        """Set every variable tensor back to zero."""
        if self._executor is not None:
            self._executor.reset_variables()

    def close(self) -> None:
        """Give back memory and executables; the session can be allocated again."""
        for former in self._former.values():
            former.executor.close()
        self._former = {}
        if self._running is not None:
            self._running.close()
            self._running = None

    @property
    def _shapes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(self.graph.tensors[t].shape for t in self.graph.inputs)

    def _suspend(self) -> None:
        """Keep the plan for the present shapes, and what was compiled for it, in case that they come again."""
        if self._executor is not None:
            self._executor.suspend()
            self._former[self._shapes] = Former(self.graph, self.plan, self._executor)
            self._running = None
        while len(self._former) > FORMER:
            self._former.pop(next(iter(self._former))).executor.close()

    def _checked(self, index: int) -> int:
        if not 0 <= index < len(self.graph.tensors):
            raise ValueError(f"Invalid tensor index {index} exceeds max tensor index {len(self.graph.tensors) - 1}")
        return index

    def _is_boundary(self, tensor: int) -> bool:
        return tensor in self.graph.inputs or tensor in self.graph.outputs

    def _host(self, tensor: int) -> NDArray[Any] | None:
        if self._executor is None or not self._is_boundary(tensor) or self.graph.tensors[tensor].is_constant:
            return None
        return self._executor.host.loose.get(tensor) if tensor in self.graph.dynamic else self._executor.view(tensor)

    def _ensure_safe(self) -> None:
        if any(held() is not None for held in self._windows):
            raise RuntimeError(HELD)
        self._windows.clear()


class _Window:
    """The base object of the views that `tensor()` hands out: it lives as long as any of them does."""

    def __init__(self, memory: NDArray[Any]) -> None:
        self.__array_interface__ = memory.__array_interface__
        self._memory = memory
