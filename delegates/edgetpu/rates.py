"""How fast an Edge TPU is, as far as it is published."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.model import Graph, Op
from ..base import Link, Rates
from ..work import arithmetic, constant_bytes, traffic
from .package import executable, is_compiled
from .twin import Twin

# Coral's USB Accelerator: 4 TOPS and about 7 MiB of memory for weights, by its documents. The rest fits the latencies
# that are published: 2.2 and 2.3 ms for MobileNet v1 and v2, 84 ms for Inception v4, whose weights do not fit.
USB = Link(4e8, 1e-4)
CACHE = 7 << 20
COPY = Link(5e9, 1e-6)  # from the host's memory to what a child process shares: the rest is libedgetpu's run
RATES = Rates(4e12, 1e10, 0.0, 1.4e-3, COPY, COPY, "modelled")


def whole(graph: Graph, ops: Sequence[Op]) -> float:
    """What ops that are compiled together take beside their arithmetic: their border's way over USB, and weights."""
    border = {t for tensors in graph.boundary(op.index for op in ops) for t in tensors}
    weights = sum(constant_bytes(graph, op) for op in ops)
    return _way(sum(graph.tensors[t].nbytes for t in border), weights)


def _way(border: int, weights: int) -> float:
    return 2 * USB.latency + (border + max(weights - CACHE, 0)) / USB.bandwidth


def seconds(rates: Rates, graph: Graph, op: Op, twin: Twin | None) -> float:
    """One compiled op, its way over USB included; without a twin its arithmetic is guessed from its size.

    Of an op that is to be compiled with others only its arithmetic.
    """
    if not is_compiled(op):
        return arithmetic(graph, op) / rates.flops
    if twin is None:
        weights = len(executable(op))
        flops = 100.0 * weights  # as MobileNets have
    else:
        ops = [twin.graph.ops[i] for i in twin.region(graph, op).ops]
        weights = sum(constant_bytes(twin.graph, each) for each in ops)
        flops = sum(arithmetic(twin.graph, each) for each in ops)
    return _way(traffic(graph, op), weights) + flops / rates.flops
