"""TRANSPOSE_CONV and CONV_3D_TRANSPOSE, as one small convolution for each phase of the strides, or as a product.

Refuses a size of the result that is computed, or that no convolution with this padding and these strides would lead
back from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from ..graph.model import Graph, Op
from .arguments import Refused, answering, integers, result, values
from .convolution import DEPTHS, NOWHERE, Window, geometry, windows
from .hybrid import Rows
from .program import Arg, Limits, Lowered
from .sums import READ, WRITTEN, Sums, sums_of
from .tiling import Tiles
from .ways import Way, Ways
from .weights import Weights

OPS = ("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE")
TYPES, RESULTS = READ, WRITTEN


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: output shape (constant); filters OHWI, or in 3D DHWOI; input NHWC or NDHWC; bias O or none.

    The padding is that of the forward convolution from the output (TFLite's transpose_conv.cc); its windows describe
    the output, so "in" and "out" are swapped.
    """
    filters, source = (values(graph, op, k, READ[op.kind]) for k in (1, 2))
    sizes, image = (graph.tensors[t].shape for t in (filters, source))
    flat = op.kind == "TRANSPOSE_CONV"
    rank = 4 if flat else 5
    if len(image) != rank or len(sizes) != rank:
        raise Refused("shape", f"filters {list(sizes)} over {list(image)}", f"rank {rank}")
    kernel, channels = (sizes[1:-1], sizes[0]) if flat else (sizes[:-2], sizes[-2])
    shape = tuple(integers(graph, op, 0, (rank,)))
    if (shape[0], shape[-1], sizes[-1]) != (image[0], channels, image[-1]):
        raise Refused("shape", f"filters {list(sizes)} over {list(image)} to {list(shape)}", "that they agree")
    each_image = Rows(source, image[0], prod(image[1:]))
    sums = sums_of(graph, op, source, filters, 3, channels, limits, each_image)
    output = result(graph, op, limits, shape, types=WRITTEN[op.kind])
    spans = windows(shape[1:-1], kernel, op)
    if tuple(span.out for span in spans) != image[1:-1]:
        raise Refused("shape", f"{list(image)} to {list(shape)}", "what a convolution of the output gives")
    taps, depth = prod(kernel), image[-1]
    steps = (0, depth, 1, taps * depth) if flat else (0, channels * depth, 1, depth)
    weights = Weights(filters, (1, taps, depth, channels), steps, sums.weights_zero)
    return Ways.between(sums.before, transposed(graph, limits, weights, spans, output, sums))


def transposed(
    graph: Graph,
    limits: Limits,
    weights: Weights,
    spans: Sequence[Window],
    output: int,
    sums: Sums,
) -> tuple[Way, ...]:
    """The launch of a transposed convolution; `spans` are windows over its output, one for each place of its input."""
    constants = geometry(*(NOWHERE,) * (3 - len(spans)), *spans)
    for axis, span in zip("DHW"[-len(spans) :], spans, strict=True):
        constants |= {f"IN_{axis}": span.out, f"OUT_{axis}": span.size}
    strides = [span.stride for span in spans]
    pixels = graph.tensors[output].shape[0] * prod(-(-span.size // span.stride) for span in spans)
    arg = Arg("source", sums.source, "vec4" if weights.step == 4 else "float")
    phases = Tiles(
        graph, "conv_transpose", constants, (arg,), weights, output, pixels, limits, sums, prod(strides),
        rows_a_scale=pixels // graph.tensors[output].shape[0], told=DEPTHS * (len(spans) == 3),
    ).ways()  # fmt: skip
    _, taps, depth, channels = weights.shape
    side_by_side = all((s.kernel, s.dilation, s.before, s.size) == (s.stride, 1, 0, s.stride * s.out) for s in spans)
    if len(spans) == 3 or sums.one != "float" or channels % 4 == 0 or not side_by_side:
        return phases
    # What reads a pixel makes all of its window: no four channels of a phase are filled, but fours of the window are.
    whole = replace(weights, shape=(1, 1, depth, channels * taps), steps=(0, 0, 1, depth))
    product = Tiles(graph, "window_product", constants, (arg,), whole, output, pixels, limits, sums, windows=taps)
    return (*phases, *(replace(way, name=f"whole windows, {way.name}") for way in product.ways()))
