"""Convolution2DTransposeBias, MediaPipe's: TRANSPOSE_CONV to the shape that the file declares, with a bias.

Refuses filters that are not OHWI over NHWC, a result of another size than the strides give.
"""

from __future__ import annotations

from math import prod

from ..graph.custom import Windows
from ..graph.model import Graph, Op
from .arguments import Refused, answering, custom_options, result, values
from .conv_transpose import transposed
from .convolution import finish, window
from .program import Limits, Lowered
from .sums import Sums
from .ways import Ways
from .weights import Weights

CUSTOM = ("Convolution2DTransposeBias",)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: input NHWC, filters OHWI, bias O.

    MediaPipe's kernel makes one output shape of an input, LiteRT's any that a convolution would make the input of.
    """
    found = custom_options(graph, op, Windows.of_transposed, 3)
    source, filters = values(graph, op, 0), values(graph, op, 1)
    image, sizes, made = (graph.tensors[t].shape for t in (source, filters, op.outputs[0]))
    if not len(image) == len(sizes) == len(made) == 4 or image[-1] != sizes[-1]:
        raise Refused("shape", f"filters {list(sizes)} over {list(image)}", "OHWI over NHWC of as many channels")
    spans = [
        window(size, kernel, stride, 1, found.padding)
        for size, kernel, stride in zip(made[1:3], sizes[1:3], found.stride, strict=True)
    ]
    if tuple(span.out for span in spans) != image[1:3]:
        raise Refused("shape", f"{list(image)} to {list(made)}", "what a convolution of the output gives")
    output = result(graph, op, limits, (image[0], *made[1:3], sizes[0]))
    taps, depth = prod(sizes[1:3]), sizes[-1]
    weights = Weights(filters, (1, taps, depth, sizes[0]), (0, depth, 1, taps * depth))
    sums = Sums(source, stages=finish(graph, op, 2, sizes[0]))
    return Ways(transposed(graph, limits, weights, spans, output, sums))
