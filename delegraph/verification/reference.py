"""What every tensor of a model should be: the values of TensorFlow Lite's reference kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from ..delegates.base import Delegate, Verdict, accompanied, no
from ..delegates.cpu import CPUDelegate
from ..delegates.host import HostDelegate
from ..graph.model import NUMPY_TYPES, Graph, Op
from ..placing import Placing
from ..session import Session

# Kernels of the reference that compute something else than the op, by the types of what they make.
WRONG = {"SUM": ("INT8", "INT16")}


class Reference(CPUDelegate):
    """TensorFlow Lite's reference kernels."""

    name = "reference"

    def __init__(self) -> None:
        """In whichever runtime is installed, on one thread."""
        super().__init__(num_threads=1, op_resolver="BUILTIN_REF")

    def supports(self, graph: Graph, op: Op) -> Verdict:
        """What the runtime has, but for those that are wrong (docs/exactness.md)."""
        types = WRONG.get(op.kind, ())
        wrong = next((t for t in op.outputs if graph.tensors[t].type in types), None)
        if wrong is not None:
            return no("wrong", f"{op.label} of {graph.tensors[wrong].type}", "other kernels")
        return super().supports(graph, op)


class Optimised(CPUDelegate):
    """Its other kernels, without XNNPACK, for ops of which it has no reference kernel."""

    name = "optimised"

    def __init__(self) -> None:
        """In whichever runtime is installed, on one thread."""
        super().__init__(num_threads=1, op_resolver="BUILTIN_WITHOUT_DEFAULT_DELEGATES")


def reference(
    graph: Graph, inputs: Mapping[int, NDArray[Any]], delegates: Sequence[Delegate] = ()
) -> dict[int, NDArray[Any]]:
    """Tensor -> its value, for the inputs and all that ops make of types that numpy has, and strings.

    Custom ops are numpy functions, those that were registered or are shipped, where there are such; what was compiled
    for an accelerator is the reference kernels on its twin, where one of `delegates` has that. Begun with fresh
    variables. Raises UnsupportedOp where no runtime here has an op, and DelegateError where one fails.
    """
    cpu = Reference()
    company = accompanied(delegates, graph.model, cpu)[len(delegates) :]
    able: list[Delegate] = [cpu, HostDelegate(), *company, Optimised()]
    session = Session(graph, able, cpu, Placing(), True, lambda event: None)
    try:
        session.allocate_tensors()
        for t, value in inputs.items():
            session.set_tensor(t, value)
        session.invoke()
        made = dict.fromkeys(t for op in graph.ops for t in op.outputs if op.index not in graph.folded_ops)
        readable = [t for t in made if graph.tensors[t].type in NUMPY_TYPES or graph.tensors[t].type == "STRING"]
        return {**inputs, **{t: session.get_tensor(t) for t in readable}}
    finally:
        session.close()
