"""L2_NORMALIZATION of 8-bit integers, bit by bit as TFLite's reference kernels have it.

Refuses a fused activation, a result of another scale than 1/128 or zero point than the middle.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .program import Limits, Lowered
from .quantized import EIGHT_BITS, RANGES, affine
from .softmax import over_rows

OPS = ("L2_NORMALIZATION",)
TYPES = EIGHT_BITS


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch that reads each row twice."""
    source = graph.tensors[values(graph, op, types=TYPES)]
    if (name := op.options.fused_activation_function) != "NONE":
        raise Refused("activation", name, "NONE")
    output = graph.tensors[result(graph, op, limits, source.shape, types={source.type})]
    made, (low, high) = affine(output), RANGES[output.type]
    if made.scale != 1 / 128 or made.zero != low + 128:
        raise Refused("quantization", f"{output.name!r} has {made}", f"1/128 and {low + 128}")
    constants = {"PARTIAL": "int", "IN_ZERO": affine(source).zero, "OUT_ZERO": made.zero, "LOW": low, "HIGH": high}
    constants["EARLY"] = 7 if source.type == "UINT8" else 0
    return (
        over_rows(
            graph, "quantized_l2_normalization", constants, source.index, output.index, limits, 1,
            includes=("quantized", "reciprocal"), fours=False,
        ),
    )  # fmt: skip
