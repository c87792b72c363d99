"""A case on a delegate: taken, and near to what the oracle gives."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from ops.harness import Loaded, delegate, difference, differing, es_delegate, graph_of

from case import Array, Case
from conformance.oracle import Prepared, prepare
from delegraph.delegates.gpu import GPUDelegate

DELEGATES = {"gl": delegate, "gles": es_delegate}


def conforms(case: Case, gpu: GPUDelegate, prepared: Prepared | None = None) -> None:
    """Assert that a GPU delegate takes a case's op, and gives in each run what the oracle gives.

    Both with memory of its own for each tensor and with memory shared by lifetime, poisoned at first.
    """
    prepared = prepared or prepare(case)
    graph = graph_of(prepared.content)
    verdict = gpu.supports(graph, graph.ops[0])
    assert verdict.ok, f"refused: {'; '.join(map(str, verdict.reasons))}"
    with ExitStack() as stack:  # one for both, so that each shader is compiled once
        for reuse in (False, True):
            loaded = Loaded(stack, gpu, graph, reuse)
            for k, (inputs, wanted) in enumerate(zip(prepared.inputs, prepared.wanted, strict=True)):
                if k and k == case.runs - 1:
                    loaded.executable.reset_variables()
                agree(case, loaded.run(inputs), wanted, f"run {k}, memory {'shared' if reuse else 'apart'}")


def agree(case: Case, got: Sequence[Array], want: Sequence[Array], where: str) -> None:
    """Assert that outputs are as near to the wanted ones as the case says."""
    for k, (g, w) in enumerate(zip(got, want, strict=True)):
        worst = difference(g, w)
        more = differing(g, w) if g.dtype.kind in "iub" else ""
        assert worst <= case.tolerance, f"output {k} is {worst:.2e} of its scale off ({where}){more}"
