"""MaxUnpooling2D, MediaPipe's: puts values back where MaxPoolingWithArgmax2D found them, zeros around them.

Refuses values and places of different shapes, windows and strides beyond what is unrolled.
"""

from __future__ import annotations

from ..graph.custom import Windows
from ..graph.model import Graph, Op
from .arguments import Refused, answering, custom_options, result, values
from .convolution import LONGEST, Window, geometry
from .program import Arg, Limits, Lowered, Program, groups_for

CUSTOM = ("MaxUnpooling2D",)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: values and places NHWC of one shape. What a place outside its window would reach is not looked for.

    The output is the input times the size of the windows, whatever their stride.
    """
    found = custom_options(graph, op, Windows.of_pool, 2)
    source, places = values(graph, op, 0), values(graph, op, 1)
    image = graph.tensors[source].shape
    if len(image) != 4 or graph.tensors[places].shape != image:
        raise Refused("shape", f"values {list(image)}, places {list(graph.tensors[places].shape)}", "NHWC, both alike")
    sizes = zip(image[1:3], found.filter, found.stride, strict=True)
    spans = [_back(*each) for each in sizes]
    output = result(graph, op, limits, (image[0], spans[0].out, spans[1].out, image[3]))
    args = (Arg("source", source), Arg("places", places))
    constants = {**geometry(*spans), "CHANNELS": image[3]}
    return (Program("max_unpooling_2d", constants, args, output, groups_for(graph.tensors[output].size, 64, limits)),)


def _back(size: int, kernel: int, stride: int) -> Window:
    """The windows of `size` values along one dimension of an output `kernel` times as long."""
    out = size * kernel
    if max(out, (size - 1) * stride + kernel) > LONGEST:
        raise Refused("window", f"windows of {kernel} in steps of {stride} over {size} values", f"at most {LONGEST}")
    return Window(size, kernel, stride, 1, out, max((size - 1) * stride + kernel - out, 0) // 2)
