"""TransformLandmarks, MediaPipe's: points of 2 or 3 coordinates under an affine map of x and y.

Refuses points of other than 2 or 3 dimensions, batches, a matrix of fewer than two rows of 4.
"""

from __future__ import annotations

from ..graph.custom import CustomOptions
from ..graph.model import Graph, Op
from .arguments import Refused, answering, custom_options, result, values
from .program import Arg, Limits, Lowered, Program, groups_for

CUSTOM = ("TransformLandmarks",)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch. Version 2: points 1N2 or 1N3. Version 1: 1HWC, of so many `dimensions` beside each other in C."""
    dimensions, scale = custom_options(graph, op, dimensions_and_scale, 2)
    source, matrix = values(graph, op, 0), values(graph, op, 1)
    shape, rows = graph.tensors[source].shape, graph.tensors[matrix].shape
    dimensions = dimensions or shape[-1]
    if len(shape) != (4 if op.version == 1 else 3) or shape[0] != 1 or graph.tensors[matrix].size < 8:
        raise Refused("shape", f"a matrix {list(rows)} over {list(shape)}", "two rows of 4 at least over a batch of 1")
    if dimensions not in (2, 3) or shape[-1] % dimensions:
        raise Refused("dimensions", f"{dimensions} of {shape[-1]} values", "2 or 3")
    output = result(graph, op, limits, shape)
    args = (Arg("landmarks", source), Arg("matrix", matrix))
    constants = {"DIMENSIONS": dimensions, "SCALE": float(scale)}
    groups = groups_for(graph.tensors[output].size, 64, limits)
    return (Program("transform_landmarks", constants, args, output, groups),)


def dimensions_and_scale(options: CustomOptions) -> tuple[int, float]:
    """(coordinates of a point, 0 where its shape says it; factor of the shift). Raises ValueError."""
    if options.version == 2:
        return 0, 1.0
    if options.version != 1:
        raise ValueError(f"version {options.version} is not 1 or 2")
    if not options:
        return 3, 1.0
    scale = options.number("scale", 1.0)
    if not scale:
        raise ValueError("scale is 0")
    return options.integer("dimensions", 3), scale
