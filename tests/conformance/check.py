"""A case on a delegate: taken, and near to what the oracle gives."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache

from ops.harness import Loaded, delegate, difference, differing, es_delegate, graph_of

from case import REFERENCE, Array, Case
from conformance.oracle import RESOLVERS, Prepared, prepare
from delegraph.delegates.base import Delegate
from delegraph.delegates.cpu import CPUDelegate
from delegraph.delegates.gpu import GPUDelegate
from delegraph.delegates.host import HostDelegate
from delegraph.partitioner.rules import Rules
from delegraph.placing import Placing
from delegraph.session import Session

DELEGATES = {"gl": delegate, "gles": es_delegate}


def conforms(case: Case, gpu: GPUDelegate, prepared: Prepared | None = None, way: str = "") -> None:
    """Assert that a GPU delegate takes a case's op, and gives in each run what the oracle gives.

    In the `way` that is named, with memory of its own for each tensor and with memory shared by lifetime, poisoned at
    first.
    """
    prepared = prepared or prepare(case)
    graph = graph_of(prepared.content).with_ways({0: way})
    verdict = gpu.supports(graph, graph.ops[0])
    assert verdict.ok, f"refused: {'; '.join(map(str, verdict.reasons))}"
    with ExitStack() as stack:  # one for both, so that each shader is compiled once
        for reuse in (False, True):
            loaded = Loaded(stack, gpu, graph, reuse)
            for k, (inputs, wanted) in enumerate(zip(prepared.inputs, prepared.wanted, strict=True)):
                if k and k == case.runs - 1:
                    loaded.executable.reset_variables()
                agree(case, loaded.run(inputs), wanted, f"run {k}, memory {'shared' if reuse else 'apart'}")


@cache
def cpu(resolver: str) -> CPUDelegate:
    """The CPU delegate by one of the runtime's resolvers."""
    return CPUDelegate(op_resolver=resolver)


def on_host(case: Case) -> Delegate | None:
    """What runs a case on the host as its oracle says; None for an op of the runtime that its oracle corrects."""
    if case.kind == "CUSTOM":
        return HostDelegate()
    return None if callable(case.oracle) else cpu(RESOLVERS[case.oracle == REFERENCE].name)


def conforms_on_host(case: Case) -> None:
    """Assert that a case's op, cut out of its model into a partition of a plan, still gives what the model gives."""
    prepared, wanted_by = prepare(case), on_host(case)
    assert wanted_by is not None
    graph, rest = graph_of(prepared.content), cpu("AUTO")
    delegates = [wanted_by] if isinstance(wanted_by, CPUDelegate) else [wanted_by, rest]
    session = Session(graph, delegates, rest, Placing("priority", Rules(), None), False, lambda event: None)
    assert {decision.delegate for decision in session.plan.decisions if not decision.folded} <= {wanted_by.name}
    session.allocate_tensors()
    for k, (inputs, wanted) in enumerate(zip(prepared.inputs, prepared.wanted, strict=True)):
        if k and k == case.runs - 1:
            session.reset_all_variables()
        for tensor, value in zip(graph.inputs, inputs, strict=True):
            session.set_tensor(tensor, value)
        session.invoke()
        agree(case, [session.get_tensor(tensor) for tensor in graph.outputs], wanted, f"run {k}")


def agree(case: Case, got: Sequence[Array], want: Sequence[Array], where: str) -> None:
    """Assert that outputs are as near to the wanted ones as the case says."""
    for k, (g, w) in enumerate(zip(got, want, strict=True)):
        worst = difference(g, w)
        more = differing(g, w) if g.dtype.kind in "iub" else ""
        assert worst <= case.tolerance, f"output {k} is {worst:.2e} of its scale off ({where}){more}"
