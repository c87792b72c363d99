"""How much work an op is: arithmetic and bytes, whatever runs it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..graph.model import Graph, Op
from .base import Rates


def arithmetic(graph: Graph, op: Op) -> float:
    """Floating-point operations of an op: two for each weight an output element meets, else one an element."""

    def shape(position: int) -> tuple[int, ...]:
        tensor = op.inputs[position] if position < len(op.inputs) else -1
        return graph.tensors[tensor].shape if tensor >= 0 else ()

    elements = sum(graph.tensors[t].size for t in op.outputs)
    if op.kind in ("CONV_2D", "FULLY_CONNECTED"):
        return 2.0 * elements * math.prod(shape(1)[1:])
    if op.kind == "DEPTHWISE_CONV_2D":
        return 2.0 * elements * math.prod(shape(1)[1:3])
    if op.kind == "CONV_3D":
        return 2.0 * elements * math.prod(shape(1)[:-1])
    if op.kind in ("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE"):
        return 2.0 * math.prod(shape(2)) * math.prod(shape(1)[:-1])
    if op.kind == "BATCH_MATMUL":
        return 2.0 * elements * math.prod(shape(0)[-2:-1] if op.options.adj_x else shape(0)[-1:])
    if op.kind.endswith(("RNN", "LSTM", "SVDF")):
        weights = sum(
            math.prod(shape(k)) for k, t in enumerate(op.inputs) if len(shape(k)) == 2 and graph.is_constant(t)
        )
        return 2.0 * math.prod(shape(0)[:-1]) * weights
    return float(elements)


def constant_bytes(graph: Graph, op: Op) -> int:
    """Bytes of the weights and other constants that an op reads."""
    return sum(graph.tensors[t].nbytes for t in dict.fromkeys(op.inputs) if graph.is_constant(t))


def traffic(graph: Graph, op: Op) -> int:
    """Bytes that an op reads and writes, constants included."""
    return sum(graph.tensors[t].nbytes for t in dict.fromkeys((*op.inputs, *op.outputs)) if t >= 0)


def roofline(graph: Graph, ops: Iterable[Op], rates: Rates) -> float:
    """What a run of these ops takes at such rates, each its arithmetic or its traffic and a launch."""
    return rates.run + sum(rates.seconds(arithmetic(graph, op), traffic(graph, op)) for op in ops)
