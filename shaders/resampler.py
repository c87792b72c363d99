"""Resampler, TensorFlow Addons' and MediaPipe's: an image at given points, bilinear, zeros around it.

Refuses images of another rank than 4, points that are not pairs.
"""

from __future__ import annotations

from ..graph.model import Graph, Op
from .arguments import Refused, answering, custom_options, result, values
from .program import Arg, Limits, Lowered, Program, groups_for

CUSTOM = ("Resampler",)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: image NHWC; points N...2, x before y; output N...C. The op has no options."""
    custom_options(graph, op, bytes, 2)
    source, points = values(graph, op, 0), values(graph, op, 1)
    image, shape = graph.tensors[source].shape, graph.tensors[points].shape
    if len(image) != 4 or len(shape) < 2 or shape[-1] != 2 or shape[0] != image[0]:
        raise Refused("shape", f"points {list(shape)} in {list(image)}", "N...2 in NHWC")
    output = result(graph, op, limits, (*shape[:-1], image[-1]))
    value, channels = ("vec4", image[-1] // 4) if image[-1] % 4 == 0 else ("float", image[-1])
    constants = {
        "IN_H": image[1], "IN_W": image[2], "CHANNELS": channels,
        "POINTS": graph.tensors[points].size // (2 * shape[0]),
    }  # fmt: skip
    args = (Arg("source", source, value), Arg("points", points))
    groups = groups_for(graph.tensors[output].size // (image[-1] // channels), 64, limits)
    return (Program("resampler", constants, args, output, groups, value=value, includes=("bilinear",)),)
