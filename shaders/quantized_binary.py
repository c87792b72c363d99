"""ADD, SUB, MUL, MAXIMUM and MINIMUM of 8-bit integers, bit by bit as TFLite has them, with numpy's broadcasting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .binary import as_stage, broadcast
from .program import Limits, Lowered
from .quantized import EIGHT_BITS, activation_range, affine, multiplied, rescaled

OPS = ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM")
TYPES = EIGHT_BITS
HEADROOM = 20  # bits by which ADD and SUB raise 8-bit values before they rescale them


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """A stage where the broadcast allows it, else one launch."""
    a, b = (graph.tensors[values(graph, op, k, EIGHT_BITS)] for k in (0, 1))
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise Refused("shape", f"{list(a.shape)} and {list(b.shape)}", "shapes that broadcast") from None
    output = graph.tensors[result(graph, op, limits, shape, types=EIGHT_BITS)]
    if not a.type == b.type == output.type:
        raise Refused("type", f"{a.type} and {b.type} to {output.type}", "one type")
    expression = expression_of(graph, op)
    lowered = as_stage(graph, op, expression)
    if lowered is None:
        return tuple(replace(p, includes=("quantized",)) for p in broadcast(graph, op, expression, limits))
    mirrored = lowered.mirrored and replace(lowered.mirrored, includes=("quantized",))
    return replace(lowered, stage=replace(lowered.stage, includes=("quantized",)), mirrored=mirrored)


def expression_of(graph: Graph, op: Op) -> str:
    """The op's function of {a} and {b}, where a scalar constant is written out."""
    scalars = [
        value.item() if value is not None and value.size == 1 else None for value in map(graph.constant, op.inputs[:2])
    ]
    a, b = ("{" + name + "}" if x is None else f"VALUE({x})" for name, x in zip("ab", scalars, strict=True))
    if op.kind in ("MAXIMUM", "MINIMUM"):  # of values as they are, whatever the scales
        return f"{op.kind[:3].lower()}({a}, {b})"
    left, right, output = (affine(graph.tensors[t]) for t in (*op.inputs[:2], op.outputs[0]))
    low, high = activation_range(op, graph.tensors[op.outputs[0]])
    if op.kind == "MUL":
        # At most 255 * 255. Without `min` Mesa 22 multiplies a scalar by the scale's factor first, and loses high bits.
        product = f"min(({a} - ({left.zero})) * ({b} - ({right.zero})), 65025)"
        found = rescaled(product, float(left.single * right.single / output.single))
    else:
        twice = 2 * max(left.scale, right.scale)
        a, b = (
            rescaled(f"({text} - ({q.zero})) << {HEADROOM}", q.scale / twice)
            if x is None
            else f"VALUE({multiplied(np.array([(x - q.zero) << HEADROOM]), q.scale / twice).item()})"
            for text, x, q in ((a, scalars[0], left), (b, scalars[1], right))
        )
        found = rescaled(f"{a} {'+' if op.kind == 'ADD' else '-'} {b}", twice / ((1 << HEADROOM) * output.scale))
    return f"clamp({found} + ({output.zero}), {low}, {high})"
