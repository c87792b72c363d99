"""CONV_2D, grouped too, and FULLY_CONNECTED of 8-bit integers with constant weights, bit by bit as TFLite has them."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, result, values
from .convolution import NOWHERE, Window, geometry, windows
from .program import Arg, Const, Limits, Lowered, Program, groups_for
from .quantized import EIGHT_BITS, Filters, affine, in_blocks, limits_of

OPS = ("CONV_2D", "FULLY_CONNECTED")
TYPES = EIGHT_BITS
MOST_PIXELS = 4


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch. CONV_2D: input NHWC, filters OHWI where I divides C. FULLY_CONNECTED: rows of I by filters OI."""
    source = values(graph, op, types=EIGHT_BITS)
    image, sizes = graph.tensors[source].shape, graph.tensors[op.inputs[1]].shape
    if op.kind == "FULLY_CONNECTED":
        if len(sizes) != 2 or not sizes[1] or prod(image) % sizes[1]:
            raise Refused("shape", f"filters {list(sizes)} over {list(image)}", "OI, I a divisor of the input's size")
        if op.options.weights_format != "DEFAULT":
            raise Refused("weights_format", op.options.weights_format, "DEFAULT")
        rows = prod(image) // sizes[1]
        shape: Shape = (*image[:-1], sizes[0]) if op.options.keep_num_dims else (rows, sizes[0])
        return convolution(graph, op, limits, rows, (NOWHERE, NOWHERE), (sizes[0], 1, 1, sizes[1]), sizes[1], shape)
    if len(image) != 4 or len(sizes) != 4 or not sizes[3] or image[3] % sizes[3] or sizes[0] % (image[3] // sizes[3]):
        raise Refused("shape", f"filters {list(sizes)} over {list(image)}", "OHWI, I a divisor of the channels")
    h, w = windows(image[1:3], sizes[1:3], op)
    return convolution(graph, op, limits, image[0], (h, w), sizes, image[3], (image[0], h.out, w.out, sizes[0]))


def convolution(
    graph: Graph, op: Op, limits: Limits, images: int, spans: tuple[Window, Window], sizes: Shape, depth: int,
    shape: Shape,
) -> Lowered:  # fmt: skip
    """The launch: filters of `sizes` (OHWI) moved over `images` of `depth` channels, into a tensor of `shape`."""
    channels, layers = sizes[0], depth // sizes[3]
    filters = Filters.of(graph, op, channels, 0)
    output = result(graph, op, limits, shape, types=EIGHT_BITS)
    zero = affine(graph.tensors[op.inputs[0]]).zero
    each = channels // layers
    double = op.kind == "FULLY_CONNECTED"  # whose reference kernel turns sums to double; convolutions do not
    vecs = 1 if each <= 4 else 2
    order = in_blocks(layers, each, 4 * vecs)
    sets = order.size // (layers * 4 * vecs)
    pixels = images * spans[0].out * spans[1].out
    a_thread = pixels_of_thread(pixels, sets * layers, limits)
    tiles = -(-pixels // a_thread)
    step = 4 if sizes[3] % 4 == 0 else 1

    def pack() -> NDArray[np.int32]:
        """[tap][input][layer and set][4 * VECS]."""
        by_output = filters.whole.reshape(channels, -1)
        padded = np.concatenate([by_output, np.zeros_like(by_output[:1])])
        return np.ascontiguousarray(padded[order].T, np.int32)

    constants = {
        **geometry(*spans), **limits_of(op, graph.tensors[output]), "IN_ZERO": zero, "LAYERS": layers, "SETS": sets,
        "TILES": tiles, "PIXELS": a_thread, "VECS": vecs, "OUTPUT_PIXELS": pixels, "STEP": step,
        "STEPS": sizes[3] // step, "CHANNELS": each, "RESCALED": "ivec4",
    }  # fmt: skip
    weights = Const(pack, 4 * prod(sizes[1:]) * order.size)
    inputs = (
        Arg("source", op.inputs[0], "vec4" if step == 4 else "float"),
        Arg("weights", weights, "ivec4"),
        filters.finish(zero, 0, order, "ivec4", double),
    )
    groups = groups_for(layers * sets * tiles, 64, limits)
    value = "vec4" if each % 4 == 0 else "float"
    includes = ("double", "rescale_double") if double else ("quantized", "rescale")
    return (Program("quantized_conv", constants, inputs, output, groups, value=value, includes=includes),)


def pixels_of_thread(pixels: int, sets: int, limits: Limits) -> int:
    """How many pixels share the weights that a thread reads: more where enough threads are left."""
    return next((p for p in range(MOST_PIXELS, 1, -1) if pixels * sets >= p * limits.threads), 1)
