"""MaxPoolingWithArgmax2D, MediaPipe's: the largest value under each window, and where in the window it is.

Refuses other ranks than 4.
"""

from __future__ import annotations

from ..graph.custom import Windows
from ..graph.model import Graph, Op
from .arguments import Refused, answering, custom_options, result, values
from .convolution import geometry, window
from .program import ACTIVATIONS, Arg, Limits, Lowered, Program, Stage, groups_for

CUSTOM = ("MaxPoolingWithArgmax2D",)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """Input NHWC. A launch for the values and one for the places, row * width + column + 0.1, which may be left out."""
    found = custom_options(graph, op, Windows.of_pool, 1, (1, 2))
    source = values(graph, op)
    image = graph.tensors[source].shape
    if len(image) != 4:
        raise Refused("shape", list(image), "NHWC")
    h, w = (
        window(size, kernel, stride, 1, found.padding)
        for size, kernel, stride in zip(image[1:3], found.filter, found.stride, strict=True)
    )
    shape = (image[0], h.out, w.out, image[3])
    outputs = [result(graph, op, limits, shape, k) for k in range(len(op.outputs))]
    clipped = ACTIVATIONS.get(found.activation, "{}").format("x")  # the reference ignores what does not clip
    constants = {**geometry(h, w), "CHANNELS": image[3]}
    groups = groups_for(graph.tensors[outputs[0]].size, 64, limits)

    def launch(output: int, made: str, stages: tuple[Stage, ...] = ()) -> Program:
        args = (Arg("source", source),)
        known = {**constants, "RESULT": made}
        return Program("max_pooling_with_argmax_2d", known, args, output, groups, stages=stages)

    largest = launch(outputs[0], "best", () if clipped == "x" else (Stage(clipped),))
    return (largest, *(launch(output, "place + 0.1") for output in outputs[1:]))
