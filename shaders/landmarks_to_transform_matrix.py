"""Landmarks2TransformMatrix, MediaPipe's: the map from an output image to the turned box around some landmarks.

Refuses landmarks that the input does not hold, inputs that are neither rank 3 nor 1, 1, 1, C.
"""

from __future__ import annotations

import math

import numpy as np

from ..graph.custom import Landmarks
from ..graph.model import Graph, Op
from .arguments import Refused, answering, custom_options, result, values
from .program import Arg, Const, Limits, Lowered, Program

CUSTOM = ("Landmarks2TransformMatrix",)


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: landmarks of three coordinates each, 1N3 in version 2 and 111C in version 1; output (1, 4, 4)."""
    found = custom_options(graph, op, Landmarks.of, 1)
    source = values(graph, op)
    shape = graph.tensors[source].shape
    if len(shape) != (4 if found.first else 3) or (found.first and shape[:3] != (1, 1, 1)):
        raise Refused("shape", list(shape), "1, 1, 1, C" if found.first else "rank 3")
    known = graph.tensors[source].size // 3
    if max(found.left, found.right, *found.subset) >= known:
        raise Refused("landmarks", max(found.left, found.right, *found.subset), f"one of {known}")
    output = result(graph, op, limits, (1, 4, 4))
    subset = np.array(found.subset, np.int32)
    args = (Arg("landmarks", source), Arg("subset", Const(lambda: subset, subset.nbytes), "int"))
    constants = {
        "LEFT": found.left, "RIGHT": found.right, "COUNT": subset.size, "FIRST": found.first,
        "COS": math.cos(found.rotation), "SIN": math.sin(found.rotation), **_sizes(found),
    }  # fmt: skip
    return (Program("landmarks_to_transform_matrix", constants, args, output, (1, 1, 1), (16, 1, 1)),)


def _sizes(found: Landmarks) -> dict[str, tuple[float, float]]:
    """The constants of the map ROWS * turned back * (BOX * box) * (place - HALF) + SHIFT * middle, each (x, y)."""
    (scale_y, scale_x), (height, width) = found.scale, found.size
    if not found.first:
        box = (scale_x / width, scale_y / height)
        return {"ROWS": (1.0, 1.0), "SHIFT": (1.0, 1.0), "BOX": box, "HALF": (width / 2, height / 2)}
    rows = ((found.source[1] - 1) / 2, (found.source[0] - 1) / 2)
    half = ((width - 1) / 2, (height - 1) / 2)
    box = (scale_x / found.extent / half[0], scale_y / found.extent / half[1])
    return {"ROWS": rows, "SHIFT": (rows[0] * 2 / found.extent, rows[1] * 2 / found.extent), "BOX": box, "HALF": half}
