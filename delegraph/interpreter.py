"""Interpreter: TensorFlow Lite's own interface, over whichever delegates are given."""

from __future__ import annotations

import logging
import os
import statistics
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .arguments import OpResolverType, check_arguments, check_delegates, check_names
from .delegates.base import Delegate, accompanied
from .delegates.cpu import CPUDelegate
from .delegates.engine import Sited
from .delegates.host import with_host
from .events import Event
from .graph.model import Graph
from .graph.read import read
from .graph.ties import between_entries
from .known import delegates_here
from .partitioner.plan import Plan
from .partitioner.rules import Rules, Selection
from .placing import Placing, load_plan
from .session import Session
from .signature import SignatureRunner
from .stream import Frame, Frames, Stream, remembers
from .timing import StepTime
from .tracing import Trace, traced
from .tune import Progress, Raced

log = logging.getLogger("delegraph")


class Interpreter:
    """A drop-in for `tf.lite.Interpreter` and `ai_edge_litert.interpreter.Interpreter`.

    The arguments those take keep their names and order. Added are `delegates` and how ops are placed on them, `plan`,
    `events`, `tune()`, `profile()`, `close()` and use as a context manager. Without `delegates` the runtime itself does
    everything.
    """

    def __init__(
        self,
        model_path: str | os.PathLike[str] | None = None,
        model_content: bytes | None = None,
        experimental_delegates: Sequence[Any] | None = None,
        num_threads: int | None = None,
        experimental_op_resolver_type: Any = OpResolverType.AUTO,
        experimental_preserve_all_tensors: bool = False,
        experimental_disable_delegate_clustering: bool = False,
        experimental_default_delegate_latest_features: bool = False,
        experimental_compress_quantization_zero_points: bool = False,
        experimental_disable_delegate_node_fusion: bool = False,
        experimental_force_delegate_node_profiling: bool = False,
        *,
        delegates: Sequence[Delegate] | Literal["auto"] | None = None,
        placement: str | None = None,
        pin: Mapping[str, Selection] | None = None,
        exclude: Mapping[str, Selection] | None = None,
        max_partitions: int | None = None,
        min_partition_ops: int = 1,
        require: Collection[str] = (),
        plan: Plan | Mapping[str, Any] | str | os.PathLike[str] | None = None,
        on_failure: Literal["raise", "replan"] = "raise",
    ) -> None:
        """Read and check the model.

        `experimental_delegates` (native ones, from `load_delegate`), `num_threads` and the other options of the runtime
        apply to what runs on the CPU, unless `delegates` holds a CPUDelegate of its own. Raises InvalidModel (a
        ValueError) for a bad file, and ValueError for bad arguments, as TensorFlow Lite does.

        `delegates` stand in order of preference, the CPU last (`[GPUDelegate()]`); "auto" is all that are here, which
        belong to the interpreter and are closed with it. Where the model has custom ops a HostDelegate stands behind.
        `placement` is "priority" (the first that can; the default) or "fastest" (the least time in all; the default
        with "auto").

        `pin={"gpu": [3, "CONV_2D"]}` and `exclude` say what must and must not run where: ops by index, type, name of a
        tensor that they write, or a predicate `(graph, op)`. `max_partitions`, `min_partition_ops` and `require` are
        explained in `partitioner.rules.Rules`. `plan` is a saved one (`interpreter.plan.to_json()`, or a file of that),
        to be run as it is. With any of these the plan is made at once. Raises PlacementError (a RuntimeError) where a
        demand cannot be met, InvalidPlan (a ValueError) naming what differs where a saved plan does not fit.

        `on_failure="replan"`: a delegate that fails costs that inference only time. It is planned around, the inference
        starts over from its inputs, what ops remember is taken along, and later the delegate is tried again, all of
        which `events` tell.
        """
        check_arguments(model_path, model_content, num_threads, experimental_op_resolver_type)
        self._closing = ExitStack()
        self._sessions: dict[int, Session] = {}
        auto = delegates == "auto"
        given = delegates_here() if auto else check_delegates(delegates)
        for delegate in given if auto else []:
            self._closing.callback(delegate.close)
        self._cpu = next((d for d in given if isinstance(d, CPUDelegate)), None) or CPUDelegate(
            num_threads=num_threads,
            op_resolver=experimental_op_resolver_type.name,
            experimental_delegates=experimental_delegates,
            experimental_preserve_all_tensors=experimental_preserve_all_tensors,
            experimental_disable_delegate_clustering=experimental_disable_delegate_clustering,
            experimental_default_delegate_latest_features=experimental_default_delegate_latest_features,
            experimental_compress_quantization_zero_points=experimental_compress_quantization_zero_points,
            experimental_disable_delegate_node_fusion=experimental_disable_delegate_node_fusion,
            experimental_force_delegate_node_profiling=experimental_force_delegate_node_profiling,
        )
        self._model = read(model_path if model_path else model_content or b"")
        ordered = given if self._cpu in given else [*given, self._cpu]
        self._delegates = with_host(accompanied(ordered, self._model, self._cpu), self._model)
        check_names(self._delegates)
        rules = Rules(pin or {}, exclude or {}, max_partitions, min_partition_ops, frozenset(require))
        rules.check([d.name for d in self._delegates])
        saved = load_plan(plan) if plan is not None else None
        self._placing = Placing(placement or ("fastest" if auto else "priority"), rules, saved)
        if on_failure not in ("raise", "replan"):
            raise ValueError(f"on_failure is 'raise' or 'replan', not {on_failure!r}")
        self._replans = on_failure == "replan"
        self._compress_zero_points = experimental_compress_quantization_zero_points
        self.events: list[Event] = []
        self._preserve_all = experimental_preserve_all_tensors
        self._session = self._session_for(0)
        self._empty: set[int] = set()  # strings that nobody set in `_whole`
        self._front: Any = self._session
        self._whole: Any = None  # the runtime over the model as it is, for plans that have nothing else
        if self._delegates == [self._cpu]:
            self._front = self._whole = self._open_whole()
        else:
            self._note_absent()
        for delegate in self._delegates:
            if isinstance(delegate, Sited):
                delegate.site.restarts.listen(self._restarted)
        if saved is not None or rules != Rules():
            _ = self.plan  # whatever speaks against it is said now

    def _session_for(self, subgraph: int) -> Session:
        """The planned inference over one subgraph; signatures may enter the model at others than the main one."""
        if subgraph not in self._sessions:
            graph = self._model.graphs[subgraph]
            self._sessions[subgraph] = Session(
                graph, self._delegates, self._cpu, self._placing, self._preserve_all, self.events.append, self._replans
            )
        return self._sessions[subgraph]

    def _restarted(self, delegate: str, message: str) -> None:
        self.events.append(Event("restarted", delegate, message))

    def _note_absent(self) -> None:
        for delegate in self._delegates:
            probe = delegate.probe()
            if not probe.here:
                message = f"{probe.detail}; {probe.remedy}" if probe.remedy else probe.detail
                self.events.append(Event("absent", delegate.name, message))
                log.warning("delegate %s is not here: %s", delegate.name, message)

    @property
    def experimental_compress_quantization_zero_points(self) -> bool:
        """The constructor's argument of that name."""
        return self._compress_zero_points

    @property
    def graph(self) -> Graph:
        """The main subgraph, with the shapes that its inputs have now."""
        return self._session.graph

    @property
    def plan(self) -> Plan:
        """What runs where and why. Raises UnsupportedOp (a RuntimeError) where no delegate can run an op."""
        return self._session.plan

    def plan_for_elsewhere(self) -> Plan:
        """What would run where on a machine that has every delegate's device, this one's plan being left as it is.

        It may be saved, and run there (`plan=`). Raises UnsupportedOp (a RuntimeError).
        """
        return self._session.plan_for_elsewhere()

    @property
    def book(self) -> Path:
        """The file in which times that were measured on this machine are kept."""
        return self._placing.book.path

    def allocate_tensors(self) -> None:
        """Make everything ready to run. Raises RuntimeError, naming the op, where nothing can run one."""
        if self._front is self._session and self._runs_whole_on_cpu():
            # Nothing was taken: the runtime gets the model as it is, and no tensor is copied on the way.
            self._whole = self._front = self._whole or self._open_whole()
            for index, size in self._session.resized.items():
                self._front.resize_tensor_input(index, size)
        self._front.allocate_tensors()
        if self._front is self._whole:
            self._fill_strings()

    def _open_whole(self) -> Any:
        self._empty = {t for t in self.graph.inputs if self.graph.tensors[t].type == "STRING"}
        kept = {"experimental_preserve_all_tensors": True} if self._preserve_all else {}
        return self._cpu.open(self._model.content, None, **kept)

    def _fill_strings(self) -> None:
        """Make strings that were not set yet empty ones: runtimes read them wherever they are."""
        for t in self._empty:
            self._whole.set_tensor(t, np.full(self.graph.tensors[t].shape, b"", object))
        self._empty = set()

    def _runs_whole_on_cpu(self) -> bool:
        plan = self.plan
        return [p.delegate for p in plan.partitions] == [self._cpu.name] and not self._session.bound

    def invoke(self) -> None:
        """Run one inference. Raises RuntimeError before `allocate_tensors`, or with a delegate's message."""
        try:
            self._front.invoke()
        except RuntimeError as error:
            if not self._replans:
                self.events.append(Event("failed", getattr(error, "delegate", ""), str(error)))
            raise

    def tune(self, seconds: float = 10.0, progress: Progress = lambda done, what: None) -> list[Raced]:
        """Measure for about `seconds` what could be chosen, note it for this machine, and plan anew.

        Timed are the ways to do each op that a delegate knows several for, pieces of the model on every delegate that
        can run them, then whole plans side by side until it is clear which is fastest; returned are these, the fastest
        first. `progress` is called with the part that is done, 0 to 1, and what is done now. Call `allocate_tensors`
        afterwards. Raises what making a plan does.
        """
        raced = self._session.tune(seconds, progress)
        if self._delegates != [self._cpu]:
            self._front = self._session
        return raced

    def calibrate(self) -> None:
        """Run the present inputs once on the CPU, and note how far from 0 each tensor goes.

        A delegate that stores values in half (`GPUDelegate(precision="fp16")`) then keeps in float32 what is beyond
        half's range, or too close to 0 for it. So may a run of its own find what is beyond, but not what is too close.
        Call `allocate_tensors` afterwards, and set the inputs again. Raises RuntimeError before `allocate_tensors`.
        """
        if isinstance(self._front, Session):
            self._front.calibrate()

    def profile(self, repeat: int = 10) -> list[StepTime]:
        """Run `repeat` inferences on the present inputs: what each step should take, and the median that it took.

        Each step is waited for, so that together they may take longer than `invoke`. Raises RuntimeError before
        `allocate_tensors`, and ValueError for a `repeat` below 1.
        """
        if repeat < 1:
            raise ValueError(f"repeat is a number of at least 1, not {repeat!r}")
        if isinstance(self._front, Session):
            return self._front.profile(repeat)
        seconds = []
        for _ in range(repeat):
            start = time.perf_counter()
            self.invoke()
            seconds.append(time.perf_counter() - start)
        (step,), (cost,) = self.plan.steps, self.plan.costs
        return [StepTime(step, cost, statistics.median(seconds))]

    def bind_input(self, input_index: int, buffer: Any, offset: int = 0) -> None:
        """Take an input from a buffer on the GPU, as it is when `invoke` is called; None unbinds.

        `buffer` is a `moderngl.Buffer` of the context that `GPUDelegate(context=...)` was given. From `offset` on, the
        tensor lies there row-major: FLOAT32 and INT32 as they are, of smaller types one element a 32-bit word. On its
        way to what runs on the GPU it does not touch the host. Call `allocate_tensors` afterwards.

        Raises ValueError for a buffer of another context or one that is too small, or where no delegate takes buffers.
        """
        if input_index not in self.graph.inputs:
            raise ValueError(f"tensor {input_index} is no input of the model")
        self._session.bind(input_index, buffer, offset)

    def bind_output(self, output_index: int, buffer: Any, offset: int = 0) -> None:
        """Put an output into a buffer on the GPU; all else is as in `bind_input`, and `get_tensor` reads from there."""
        if output_index not in self.graph.outputs:
            raise ValueError(f"tensor {output_index} is no output of the model")
        self._session.bind(output_index, buffer, offset)

    def stream(self, frames: Frames, depth: int = 3) -> Stream:
        """The outputs of `frames`, in order, `depth` of them under way at once: while one is on the GPU, another is on
        the CPU.

            for out in interpreter.stream(frames): ...
            async for out in interpreter.stream(frames): ...

        A frame is an array, or a sequence of arrays in the order of the inputs, or a mapping from their names; so are
        outputs, an array or a tuple. Each frame in flight has memory of its own. Where a frame fails its turn raises,
        and the loop may go on. Raises ValueError for a `depth` below 1, or above 1 where ops remember what they saw.
        """
        sessions, own = self.abreast(depth)
        return Stream(sessions, frames, own)

    def trace(self, frames: Sequence[Frame], depth: int = 1, warmup: int = 1) -> Trace:
        """Run `frames`, `depth` of them at once, and note when each step, copy and launch ran, and in which thread.

        Each step is waited for, so that together they may take longer than `invoke`. Before, each of what carries them
        out runs the first frame `warmup` times, which is not noted. Ctrl-C ends it; what was noted is returned. Raises
        ValueError for no frames, and what `stream` raises.
        """
        if not frames or warmup < 0:
            raise ValueError(f"a trace takes a frame, and a warmup of at least 0: not {len(frames)} and {warmup}")
        sessions, own = self.abreast(depth)
        devices = {d.name: d.probe().detail for d in self._delegates}
        return traced(sessions, own, frames, warmup, devices)

    def abreast(self, depth: int) -> tuple[list[Session], list[Session]]:
        """So many sessions of one plan, allocated, and those of them that whoever asked has to close.

        Raises ValueError as `stream` does.
        """
        if depth < 1:
            raise ValueError(f"depth is a number of at least 1, not {depth!r}")
        if depth > 1 and (keeper := remembers(self._model.graphs[0])):
            raise ValueError(f"{keeper}: frames must go through one after another, with depth=1")
        first = self._session
        mine = self._front is first  # else the runtime's own interpreter is in front, and this one was never used
        sessions = [first, *(first.another() for _ in range(depth - 1))]
        for session in sessions:
            session.allocate_tensors()
        return sessions, sessions[1:] if mine else sessions

    def set_tensor(self, tensor_index: int, value: NDArray[Any]) -> None:
        """Copy an array into a tensor of the same shape and type. Raises ValueError where it does not fit."""
        self._front.set_tensor(tensor_index, value)

    def get_tensor(self, tensor_index: int, subgraph_index: int = 0) -> NDArray[Any]:
        """A copy of a tensor's value. Raises ValueError where it has none."""
        value: NDArray[Any] = self._front.get_tensor(tensor_index, subgraph_index)
        return value

    def tensor(self, tensor_index: int) -> Callable[[], NDArray[Any]]:
        """A function giving a view of the tensor's own memory, no copy made.

        Hold the function, not the array: while an array is held, `invoke` and `allocate_tensors` raise RuntimeError.
        """
        return lambda: self._front.tensor(tensor_index)()

    def resize_tensor_input(self, input_index: int, tensor_size: Sequence[int], strict: bool = False) -> None:
        """Give an input another shape; call `allocate_tensors` afterwards, which plans anew."""
        before = self.graph
        self._front.resize_tensor_input(input_index, tensor_size, strict)
        if self._front is not self._session:
            self._session.resize_tensor_input(input_index, tensor_size)
        if self.graph is not before:
            self._empty.update({input_index} if self.graph.tensors[input_index].type == "STRING" else ())
            self._front = self._whole if self._delegates == [self._cpu] else self._session

    def get_input_details(self) -> list[dict[str, Any]]:
        """The inputs' details: name, index, shape, dtype, quantisation."""
        return list(self._front.get_input_details())

    def get_output_details(self) -> list[dict[str, Any]]:
        """The outputs' details: name, index, shape, dtype, quantisation."""
        return list(self._front.get_output_details())

    def get_tensor_details(self, subgraph_index: int = 0) -> list[dict[str, Any]]:
        """Every tensor's details."""
        if subgraph_index:  # tflite-runtime knows the main subgraph only
            return self._session.get_tensor_details(subgraph_index)
        return list(self._front.get_tensor_details())

    def get_signature_list(self) -> dict[str, Any]:
        """Signature key -> {"inputs": [names], "outputs": [names]}."""
        return dict(self._front.get_signature_list())

    def get_signature_runner(self, signature_key: str | None = None) -> Any:
        """A callable that runs one signature: keyword arrays in, a dict of arrays out.

        `signature_key` may be None where the model has just one. Raises ValueError for a key it does not have.
        """
        if self._front is self._session and between_entries(self._model):
            self._whole = self._whole or self._open_whole()  # one runtime, in which signatures share their state
            return self._whole.get_signature_runner(signature_key)
        if self._front is not self._session:
            return self._front.get_signature_runner(signature_key)
        return SignatureRunner(self._session_for, self._model, signature_key)

    def num_subgraphs(self) -> int:
        """How many subgraphs the model has."""
        return len(self._model.graphs)

    def reset_all_variables(self) -> None:
        """Set every variable tensor back to zero."""
        self._front.reset_all_variables()

    def close(self) -> None:
        """Give back memory, executables and the runtime's interpreter. May be called twice."""
        for session in self._sessions.values():
            session.close()
        self._front, self._whole = self._session, None
        self._closing.close()

    def __enter__(self) -> Interpreter:
        """The interpreter itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close."""
        self.close()
