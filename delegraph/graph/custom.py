"""Custom ops' options, and what those of MediaPipe's ops hold.

Layouts: TensorFlow Lite's C structs (tensorflow/lite/core/c/builtin_op_data.h), and the names that its GPU delegate
reads from FlexBuffers (tensorflow/lite/delegates/gpu/common/mediapipe). What a file holds is checked: ValueError.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .flexbuffer import decode
from .model import Graph, Op

Shape = tuple[int, ...]
PADDINGS = {1: "SAME", 2: "VALID"}
ACTIVATIONS = {0: "NONE", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6", 4: "TANH", 5: "SIGN_BIT", 6: "SIGMOID"}


class CustomOptions(bytes):
    """A custom op's options: the bytes that stand in the file, none where it has no options.

    `fields` are those of a FlexBuffers map; `version` is the op's; `outputs` are the shapes and numpy types that the
    model declares of what it writes (a shape is None where it depends on data).
    """

    version: int
    outputs: tuple[tuple[Shape | None, np.dtype[Any]], ...]

    @classmethod
    def of(cls, op: Op, graph: Graph) -> CustomOptions:
        """An op's, whose outputs are of types that numpy has."""
        raw = op.options["custom_options"]
        made = cls(b"" if raw is None else bytes(raw))
        made.version = op.version
        made.outputs = tuple(
            (None if t in graph.dynamic else graph.tensors[t].shape, graph.tensors[t].dtype) for t in op.outputs
        )
        return made

    @cached_property
    def fields(self) -> Mapping[str, Any]:
        """The options by name; raises ValueError where they are no FlexBuffers map."""
        found = decode(self)
        if not isinstance(found, dict):
            raise ValueError(f"options are a FlexBuffers map, not {type(found).__name__}")
        return found

    def integer(self, name: str, default: int = 0) -> int:
        """An option that is a whole number of 32 bits."""
        value = self.number(name, default)
        if value != int(value) or not -(2**31) <= value < 2**31:
            raise ValueError(f"{name} is {value!r}, not a whole number of 32 bits")
        return int(value)

    def number(self, name: str, default: float = 0.0) -> float:
        """An option that is a finite number."""
        value = self.fields.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{name} is {value!r}, not a number")
        return value

    def integers(self, name: str) -> tuple[int, ...]:
        """An option that is a list of whole numbers from 0 on."""
        values = self.fields.get(name)
        if not isinstance(values, list) or not all(type(v) is int and 0 <= v < 2**31 for v in values):
            raise ValueError(f"{name} is {values!r:.80}, not a list of positions")
        return tuple(values)

    def words(self, *names: str) -> dict[str, int]:
        """The 32-bit integers that a C struct begins with."""
        if len(self) < 4 * len(names):
            raise ValueError(f"{len(self)} bytes of options are too few for {', '.join(names)}")
        return dict(zip(names, struct.unpack_from(f"<{len(names)}i", self), strict=True))


def positive(**numbers: float) -> None:
    """Raise ValueError for a number that is not above 0."""
    for name, value in numbers.items():
        if not value > 0:
            raise ValueError(f"{name} is {value}, not above 0")


@dataclass(frozen=True)
class Windows:
    """What a pool (TfLitePoolParams) or a transposed convolution (TfLiteTransposeConvParams) says; 0 is not said."""

    padding: str
    stride: tuple[int, int]  # of height and of width, like the filter
    filter: tuple[int, int] = (0, 0)
    activation: str = "NONE"

    @classmethod
    def of_pool(cls, options: CustomOptions) -> Windows:
        """Padding, strides and size of the windows, and the activation."""
        found = options.words("padding", "stride_w", "stride_h", "filter_w", "filter_h", "activation")
        if found["activation"] not in ACTIVATIONS:
            raise ValueError(f"activation is {found['activation']}, not one of 0 to 6")
        positive(filter_h=found["filter_h"], filter_w=found["filter_w"])
        size = (found["filter_h"], found["filter_w"])
        return cls(*cls._moves(found), size, ACTIVATIONS[found["activation"]])

    @classmethod
    def of_transposed(cls, options: CustomOptions) -> Windows:
        """Padding and strides; MediaPipe's kernel looks at nothing else."""
        return cls(*cls._moves(options.words("padding", "stride_w", "stride_h")))

    @staticmethod
    def _moves(found: Mapping[str, int]) -> tuple[str, tuple[int, int]]:
        if found["padding"] not in PADDINGS:
            raise ValueError(f"padding is {found['padding']}, not 1 (SAME) or 2 (VALID)")
        positive(stride_h=found["stride_h"], stride_w=found["stride_w"])
        return PADDINGS[found["padding"]], (found["stride_h"], found["stride_w"])


@dataclass(frozen=True)
class Landmarks:
    """What Landmarks2TransformMatrix says, version 2 unless `first`.

    The line from landmark `left` to `right` is turned to `rotation` radians; the box around the `subset` is scaled.
    Sizes are (height, width). Version 1 knows the sizes of both images and counts landmarks up to `extent`.
    """

    left: int
    right: int
    subset: tuple[int, ...]
    size: tuple[int, int]
    scale: tuple[float, float]
    rotation: float = 0.0
    first: bool = False
    source: tuple[int, int] = (0, 0)
    extent: int = 0

    @classmethod
    def of(cls, options: CustomOptions) -> Landmarks:
        """Raises ValueError for a version or for values that MediaPipe's kernels refuse."""
        ends = options.integer("left_rotation_idx"), options.integer("right_rotation_idx")
        if min(ends) < 0:
            raise ValueError(f"the ends of the line are the landmarks {ends}, not from 0 on")
        if options.version == 1:
            return cls._first(options, *ends)
        if options.version != 2:
            raise ValueError(f"version {options.version} is not 1 or 2")
        size = options.integer("output_height"), options.integer("output_width")
        scale = options.number("scale_y"), options.number("scale_x")
        positive(output_height=size[0], output_width=size[1], scale_y=scale[0], scale_x=scale[1])
        subset = options.integers("subset_idxs")
        if not subset:
            raise ValueError("subset_idxs is empty")
        return cls(*ends, subset, size, scale, options.number("target_rotation_radians"))

    @classmethod
    def _first(cls, options: CustomOptions, left: int, right: int) -> Landmarks:
        sizes = options.integers("input_hw"), options.integers("output_hw")
        if any(len(size) != 2 or min(size) < 1 for size in sizes):
            raise ValueError(f"input_hw and output_hw are {sizes}, not a height and a width each")
        scale, extent = options.number("bbox_size_multiplier"), options.integer("landmarks_range")
        positive(landmarks_range=extent)
        subset = options.integers("subset")
        if options.integer("dimensions") != 3 or not scale or not subset or min(sizes[1]) < 2:
            raise ValueError("version 1 wants 3 dimensions, a multiplier, a subset and more than one output pixel")
        source, size = ((h, w) for h, w in sizes)
        return cls(left, right, subset, size, (scale, scale), first=True, source=source, extent=extent)
