"""DEPTHWISE_CONV_2D of 8-bit integers with constant weights, bit by bit as TFLite has it."""

from __future__ import annotations

import numpy as np

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .convolution import geometry, windows
from .depthwise_conv_2d import row_tile
from .program import Arg, Const, Limits, Lowered, Program, groups_for
from .quantized import EIGHT_BITS, Filters, affine, in_blocks, limits_of

OPS = ("DEPTHWISE_CONV_2D",)
TYPES = EIGHT_BITS


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: input NHWC, filters 1HWO where O is a multiple of C."""
    source = values(graph, op, types=EIGHT_BITS)
    image, sizes = graph.tensors[source].shape, graph.tensors[op.inputs[1]].shape
    if len(image) != 4 or len(sizes) != 4 or sizes[0] != 1 or not sizes[3] or sizes[3] % image[3]:
        raise Refused("shape", f"filters {list(sizes)} over {list(image)}", "1HWO, O a multiple of C")
    h, w = windows(image[1:3], sizes[1:3], op)
    channels = sizes[3]
    filters = Filters.of(graph, op, channels, 3)
    output = result(graph, op, limits, (image[0], h.out, w.out, channels), types=EIGHT_BITS)
    zero = affine(graph.tensors[source]).zero
    multiplier = channels // image[3]
    value, kind, step = ("vec4", "ivec4", 4) if multiplier == 1 and channels % 4 == 0 else ("float", "int", 1)
    columns = row_tile(w)
    tiles = -(-w.out // columns)
    constants = {
        **geometry(h, w), **limits_of(op, graph.tensors[output]), "IN_ZERO": zero, "COLUMNS": columns, "TILES": tiles,
        "IMAGES": image[0], "STEPS": channels // step, "IN_STEPS": image[3] // step, "MULTIPLIER": multiplier,
        "RESCALED": kind,
    }  # fmt: skip
    weights = Const(lambda: np.ascontiguousarray(filters.whole), 4 * filters.whole.size)
    inputs = (
        Arg("source", source, value),
        Arg("weights", weights, kind),
        filters.finish(zero, 3, in_blocks(1, channels, 1), kind),
    )
    groups = groups_for(image[0] * h.out * tiles * (channels // step), 64, limits)
    includes = ("quantized", "rescale")
    return (Program("quantized_depthwise", constants, inputs, output, groups, value=value, includes=includes),)
