"""tflite_delegate: one of our delegates as a delegate of TensorFlow Lite's own Interpreter."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from types import ModuleType

from ..delegates.base import Delegate, Verdict, no
from ..delegates.engine import Sited
from ..errors import InvalidModel
from ..events import Event
from ..graph.model import Model
from ..graph.read import read
from ..partitioner.capability import capability
from . import abi
from .native import GraphContext, Kernel, NativeDelegate
from .nodes import NodeSource
from .partition import PartitionKernel
from .probe import check_runtimes
from .sources import ModelSource, Source
from .taken import Taken

KEPT = 8  # subgraphs of which nothing was taken, and that `explain` still tells of


def tflite_delegate(
    delegate: Delegate,
    *,
    model: str | os.PathLike[str] | bytes | None = None,
    min_partition_ops: int = 1,
) -> TFLiteDelegate:
    """One of our delegates for `experimental_delegates` of TensorFlow Lite's own Interpreter.

    `model` is the path or the bytes of the model that the interpreter gets: with it every op is known exactly. Without
    it, ops are claimed only where the runtime's structures tell all about them. Parts of fewer than
    `min_partition_ops` ops are left to the runtime.

    It works in `ai_edge_litert.interpreter`, `tflite_runtime.interpreter` and `tf.lite`, whichever is imported. What it
    finds, it tells in `explain()` and `events`. `delegate` stays the caller's, to be closed after the interpreters.
    Raises InvalidModel or ValueError for a bad `model`.
    """
    return TFLiteDelegate(delegate, read(model) if model is not None else None, min_partition_ops)


class TFLiteDelegate(NativeDelegate):
    """What `tflite_delegate` returns; it may serve several interpreters, all of one model where that was given."""

    def __init__(self, delegate: Delegate, model: Model | None, min_partition_ops: int) -> None:
        """As `tflite_delegate`, with the model read."""
        super().__init__(f"delegraph {delegate.name}")
        self.delegate = delegate
        self.events: list[Event] = []
        self._model = model
        self._source: Source = ModelSource(model) if model is not None else NodeSource()
        self._least = min_partition_ops
        self._runtimes: list[ModuleType] = []  # those for which the flags are known
        self._taken: dict[int, Taken] = {}  # by the address of the runtime's context
        if isinstance(delegate, Sited):
            delegate.site.restarts.listen(self._restarted)

    def _get_native_delegate_pointer(self) -> int:
        """What a runtime's Interpreter asks for. Raises DelegateError where a runtime's structures are not known."""
        runtimes = check_runtimes()
        if self._model is not None and self._runtimes != runtimes:
            self.flags, self._runtimes = _flags(self._model.content, runtimes), runtimes
        return super()._get_native_delegate_pointer()

    def explain(self) -> str:
        """Subgraph by subgraph: which nodes were taken, in how many parts, and why not the rest."""
        if not self._taken:
            return f"{self.delegate.name}: no interpreter has asked yet"
        return "\n\n".join(taken.explain(self.delegate.name) for taken in list(self._taken.values()))

    def take(self, context: GraphContext) -> Sequence[int]:
        """The nodes whose ops the delegate supports in their present shapes; called by the runtime."""
        self._taken.pop(context.address, None)
        plan = context.plan()
        try:
            found = self._source.graph(context, plan)
        except InvalidModel as error:  # made of structures; the runtime does not take it amiss
            self.events.append(Event("failed", self.delegate.name, str(error)))
            return ()
        taken = self._taken[context.address] = Taken(found, context)
        for old in [at for at, t in list(self._taken.items()) if not t.parts][: -KEPT - 1]:
            self._taken.pop(old, None)
        able = self._able(taken)
        if able and self._least > 1:
            for part in context.parts(able):
                if len(part) < self._least:
                    few = no("few", f"{len(part)} ops in its part", f"{self._least} ops or more")
                    taken.verdicts.update(dict.fromkeys(part, few))
                    able = [n for n in able if n not in part]
        return able

    def _able(self, taken: Taken) -> list[int]:
        probe = self.delegate.probe()
        if not probe.here:
            self.events.append(Event("absent", self.delegate.name, probe.detail))
        table = capability(taken.graph, [self.delegate])
        taken.verdicts = {n: table[op][self.delegate.name] for n, op in taken.ops.items()}
        taken.verdicts |= {n: Verdict((reason,)) for n, reason in taken.found.unread.items()}
        if self.flags & abi.ALLOW_DYNAMIC:
            _leave_behind(taken)
        _leave_folded(taken)
        return [n for n in taken.ops if taken.verdicts[n].ok]

    def kernel(self, context: GraphContext, part: abi.DelegateParams) -> PartitionKernel:
        """What runs one part; called by the runtime."""
        taken = self._taken[context.address]
        ops = [taken.ops[n] for n in abi.ints(part.nodes)]
        kernel = PartitionKernel(
            self.delegate, taken.now, ops, abi.ints(part.outputs), partial(self._gone, context.address)
        )
        taken.parts.append(kernel)
        return kernel

    def _gone(self, address: int, kernel: PartitionKernel) -> None:
        taken = self._taken.get(address)
        if taken is not None and kernel in taken.parts:
            taken.parts.remove(kernel)
            if not taken.parts:
                del self._taken[address]

    def _restarted(self, delegate: str, message: str) -> None:
        self.events.append(Event("restarted", delegate, message))

    def failed(self, callback: str, error: BaseException, trace: str) -> None:
        """Keep what was raised in a callback of the runtime's."""
        self.events.append(Event("failed", self.delegate.name, f"in {callback}: {trace}"))


def _leave_folded(taken: Taken) -> None:
    """Leave what is computed once to the runtime, unless all that read it are taken."""
    graph, node_of = taken.graph, {op: n for n, op in taken.ops.items()}
    for op in sorted(graph.folded_ops & node_of.keys(), reverse=True):
        made = graph.ops[op].outputs
        readers = [r for t in made for r in graph.consumers.get(t, ())]
        mine = bool(readers) and all(r in node_of and taken.verdicts[node_of[r]].ok for r in readers)
        if not mine or any(t in graph.outputs for t in made):
            taken.verdicts[node_of[op]] = no("folded", "not all of its readers are taken")


def _leave_behind(taken: Taken) -> None:
    """Leave what comes after an op of unknown output to the runtime, which tells no shapes from there on."""
    graph = taken.graph
    unknown = (op.index for op in graph.ops if graph.dynamic.intersection(op.outputs))
    first = min(unknown, default=len(graph.ops))
    behind = no("dynamic_shape", f"it comes after op {first}, whose output's shape depends on data")
    taken.verdicts |= {n: behind for n, op in taken.ops.items() if op > first and taken.verdicts[n].ok}


class _Bystander(NativeDelegate):
    """Takes nothing."""

    def take(self, context: GraphContext) -> Sequence[int]:
        return ()

    def kernel(self, context: GraphContext, part: abi.DelegateParams) -> Kernel:
        raise AssertionError("nothing was taken")

    def failed(self, callback: str, error: BaseException, trace: str) -> None:
        return None


def _flags(content: bytes, runtimes: Sequence[ModuleType]) -> int:
    """What the runtimes have to know before they show the graph, which is tried.

    By default a runtime works out all shapes first, and takes the nodes back when an input is resized. It refuses that
    where shapes depend on data, and to work out any where it lacks an op.
    """
    bystander = _Bystander("bystander")
    for flags in (0, abi.ALLOW_DYNAMIC | abi.PROPAGATE_SHAPES):
        bystander.flags = flags
        try:
            for runtime in runtimes:
                runtime.Interpreter(
                    model_content=content, experimental_delegates=[bystander],
                    experimental_op_resolver_type=runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                ).allocate_tensors()  # fmt: skip
        except (RuntimeError, ValueError):
            continue
        return flags
    return abi.ALLOW_DYNAMIC
