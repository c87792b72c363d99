"""Vignette, a custom op of this example's own: pictures NHWC, darker towards their corners.

Its one option, `strength`, is how much of the light is lost in the corners. This file and vignette.glsl are its kernel
for the GPU, `vignette` is the same for the host.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from delegraph import CustomOptions, Reason
from delegraph.graph.model import Graph, Op
from delegraph.shaders.arguments import answering, custom_options, result, values
from delegraph.shaders.program import Arg, Limits, Lowered, Program, groups_for


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch, an invocation an element."""
    strength = custom_options(graph, op, strength_of, 1)
    source = values(graph, op)
    shape = graph.tensors[source].shape
    if len(shape) != 4:
        return Reason("shape", str(list(shape)), "NHWC")
    output = result(graph, op, limits, shape)
    constants = {"H": shape[1], "W": shape[2], "CHANNELS": shape[3], "STRENGTH": strength}
    groups = groups_for(graph.tensors[output].size, 64, limits)
    return (Program("vignette", constants, (Arg("source", source),), output, groups),)


def vignette(inputs: list[NDArray[Any]], options: CustomOptions) -> list[NDArray[Any]]:
    """The same in numpy."""
    (picture,) = inputs
    _, height, width, _ = picture.shape
    y, x = ((2 * np.arange(n) + 1) / n - 1 for n in (height, width))  # -1 to 1, at the middles of pixels
    light = 1 - strength_of(options) * (y[:, None] ** 2 + x**2) / 2
    return [(picture * light[:, :, None]).astype(np.float32)]


def strength_of(options: CustomOptions) -> float:
    """The option. Raises ValueError where it is not from 0 to 1."""
    strength = options.number("strength")
    if not 0 <= strength <= 1:
        raise ValueError(f"strength is {strength}, not from 0 to 1")
    return float(strength)
