"""How fast an Edge TPU is, as far as it is published."""

from __future__ import annotations

from ...graph.model import Graph, Op
from ..base import Link, Rates
from ..work import arithmetic, constant_bytes, traffic
from .package import executable
from .twin import Twin

# Coral's USB Accelerator: 4 TOPS by its data sheet; the rest fits its published 2.2 and 2.3 ms for MobileNet v1, v2.
USB = Link(4e8, 1e-4)
COPY = Link(5e9, 1e-6)  # from the host's memory to what a child process shares: libedgetpu does the rest in its run
RATES = Rates(4e12, 1e10, 0.0, 1e-4, COPY, COPY, "modelled")


def seconds(rates: Rates, graph: Graph, op: Op, twin: Twin | None) -> float:
    """One compiled op, its way over USB included: by its twin's arithmetic, or else by the bytes of its executable."""
    way = 2 * USB.latency + traffic(graph, op) / USB.bandwidth
    if twin is None:
        return way + rates.seconds(0.0, len(executable(op)))
    ops = [twin.graph.ops[i] for i in twin.region(graph, op).ops]
    flops = sum(arithmetic(twin.graph, each) for each in ops)
    return way + rates.seconds(flops, sum(constant_bytes(twin.graph, each) for each in ops))
