"""MediaPipe's custom ops, and by what they are tested: their definitions, element by element in float64.

Definitions: mediapipe/util/tflite/operations.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
from flatbuffers import flexbuffers

from axes import Axis, axis, family
from axes import st as strategies
from case import FLOAT, Array, Case, Shape, Values, case

Oracle = Callable[..., Sequence[Array]]
SIZES = strategies.integers(1, 9)
PADDINGS = {"SAME": 1, "VALID": 2}
IMAGES = Axis([(1, 5, 7, 1), (2, 6, 3, 3), (1, 8, 8, 4), (3, 1, 4, 8)], strategies.tuples(*(SIZES,) * 4))
ACTIVATIONS = ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH"]


def options(fields: dict[str, Any]) -> bytes:
    return bytes(flexbuffers.Dumps(fields))


def custom(name: str, *inputs: Any, oracle: Oracle, options: bytes = b"", version: int = 1, **more: Any) -> Case:
    """A case of a custom op, whose `oracle` takes the inputs alone."""
    return case(
        "CUSTOM", *inputs, oracle=lambda *arrays, **_: oracle(*arrays), custom_code=name, custom_options=options,
        op_version=version, **more,
    )  # fmt: skip


# Convolution2DTransposeBias


def extent(size: int, kernel: int, stride: int, padding: str, declared: str) -> int:
    """How long an output of `size` inputs may be: as long as MediaPipe makes it, or as LiteRT (XNNPACK) takes it."""
    whole = stride * (size - 1) + kernel
    least, most = (stride * (size - 1) + 1, stride * size) if padding == "SAME" else (whole, whole + stride - 1)
    own = whole - max(0, kernel - (size - 1) % stride - 1) * (padding == "SAME")
    return {"least": least, "most": most, "own": own}[declared]


def spread(image: Array, filters: Array, bias: Array, stride: Shape, out: Sequence[int]) -> list[Array]:
    """Each element times each filter, added up around its place; what is too much is cut off in front and behind."""
    sizes = zip(image.shape[1:3], filters.shape[1:3], stride, out, strict=True)
    cuts = [max(s * (n - 1) + k - o, 0) // 2 for n, k, s, o in sizes]
    made = np.zeros((image.shape[0], *out, len(filters))) + bias
    for b, y, x in np.ndindex(*image.shape[:3]):
        for ky, kx in np.ndindex(*filters.shape[1:3]):
            row, column = y * stride[0] - cuts[0] + ky, x * stride[1] - cuts[1] + kx
            if 0 <= row < out[0] and 0 <= column < out[1]:
                made[b, row, column] += np.float64(filters[:, ky, kx]) @ image[b, y, x]
    return [made]


@family(
    image=IMAGES, kernel=Axis([(1, 1), (2, 2), (3, 2), (4, 5)], strategies.tuples(SIZES, SIZES)),
    stride=Axis([(1, 1), (2, 2), (3, 1), (2, 5)], strategies.tuples(SIZES, SIZES)), padding=PADDINGS,
    channels=Axis([1, 3, 8], SIZES), computed=[False, True], declared=["own", "least", "most"],
)  # fmt: skip
def transposed(
    pick: Random, image: Shape, kernel: Shape, stride: Shape, padding: str, channels: int, computed: bool, declared: str
) -> Case:
    filters, bias = (channels, *kernel, image[3]), (channels,)
    given = (FLOAT(filters), FLOAT(bias)) if computed else (FLOAT.constant(filters), FLOAT.constant(bias))
    out = [extent(*each, padding, declared) for each in zip(image[1:3], kernel, stride, strict=True)]
    return custom(
        "Convolution2DTransposeBias", image, *given, oracle=lambda x, w, b: spread(x, w, b, stride, out),
        options=struct.pack("<3i", PADDINGS[padding], stride[1], stride[0]),
    )  # fmt: skip


# MaxPoolingWithArgmax2D and MaxUnpooling2D


def pool_options(padding: str, stride: Shape, size: Shape, activation: str = "NONE") -> bytes:
    """TfLitePoolParams with what the kernel itself computes left at 0."""
    codes = {"NONE": 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3, "TANH": 4}
    words = (PADDINGS[padding], stride[1], stride[0], size[1], size[0], codes[activation])
    return struct.pack("<10i", *words, 0, 0, 0, 0)


def before(size: int, kernel: int, stride: int, out: int) -> int:
    return max((out - 1) * stride + kernel - size, 0) // 2


def pooled(image: Array, padding: str, stride: Shape, size: Shape, activation: str = "NONE") -> tuple[Array, Array]:
    """The maxima under windows, and their places in them."""
    out = [
        -(-n // s) if padding == "SAME" else (n - k + s) // s
        for n, s, k in zip(image.shape[1:3], stride, size, strict=True)
    ]
    pad = [before(*each) for each in zip(image.shape[1:3], size, stride, out, strict=True)]
    values = np.zeros((image.shape[0], *out, image.shape[3]))
    places = np.zeros(values.shape)
    low, high = {"RELU": (0, np.inf), "RELU6": (0, 6), "RELU_N1_TO_1": (-1, 1)}.get(activation, (-np.inf, np.inf))
    for b, y, x, c in np.ndindex(*values.shape):
        best, found = np.finfo(np.float32).min, 0
        for ky, kx in np.ndindex(*size):
            row, column = y * stride[0] - pad[0] + ky, x * stride[1] - pad[1] + kx
            if 0 <= row < image.shape[1] and 0 <= column < image.shape[2] and image[b, row, column, c] > best:
                best, found = image[b, row, column, c], ky * size[1] + kx
        values[b, y, x, c], places[b, y, x, c] = min(max(best, low), high), found + 0.1
    return values, places


WINDOWS = Axis([(2, 2), (3, 2), (1, 4), (5, 5)], strategies.tuples(SIZES, SIZES))
STRIDES = Axis([(2, 2), (1, 1), (1, 3)], strategies.tuples(SIZES, SIZES))
ties: Values = lambda rng, shape, dtype: rng.integers(-3, 9, shape).astype(dtype)  # noqa: E731


@family(image=IMAGES, size=WINDOWS, stride=STRIDES, padding=PADDINGS, activation=ACTIVATIONS, places=[True, False])
def pool(
    pick: Random, image: Shape, size: Shape, stride: Shape, padding: str, activation: str, places: bool
) -> Case | None:
    if padding == "VALID" and (size[0] > image[1] or size[1] > image[2]):
        return None
    count = 1 + places
    return custom(
        "MaxPoolingWithArgmax2D", image, oracle=lambda x: pooled(x, padding, stride, size, activation)[:count],
        options=pool_options(padding, stride, size, activation), outputs=count, values=ties, tolerance=1e-7,
    )  # fmt: skip


def unpooled(image: Array, places: Array, stride: Shape, size: Shape) -> list[Array]:
    """Each value at its place, in order."""
    out = [n * k for n, k in zip(image.shape[1:3], size, strict=True)]
    pad = [max((n - 1) * s + k - o, 0) // 2 for n, s, k, o in zip(image.shape[1:3], stride, size, out, strict=True)]
    made = np.zeros((image.shape[0], *out, image.shape[3]))
    for b, y, x, c in np.ndindex(*image.shape):
        place = int(places[b, y, x, c])
        row, column = y * stride[0] - pad[0] + place // size[1], x * stride[1] - pad[1] + place % size[1]
        if 0 <= place < size[0] * size[1] and 0 <= row < out[0] and 0 <= column < out[1]:
            made[b, row, column, c] = image[b, y, x, c]
    return [made]


@family(image=IMAGES, size=WINDOWS, stride=STRIDES, padding=PADDINGS, beyond=[False, True])
def unpool(pick: Random, image: Shape, size: Shape, stride: Shape, padding: str, beyond: bool) -> Case:
    most = size[0] * size[1]
    drawn: Values = lambda rng, shape, dtype: (rng.integers(-beyond, most + beyond, shape) + 0.1).astype(dtype)  # noqa: E731
    return custom(
        "MaxUnpooling2D", image, FLOAT(image, drawn), oracle=lambda x, p: unpooled(x, p, stride, size),
        options=pool_options(padding, stride, size), tolerance=0,
    )  # fmt: skip


# Resampler and TransformTensorBilinear


def sample(image: Array, x: float, y: float) -> Array:
    """An image HWC at a point, 0 around it."""
    left, top = int(np.floor(x)), int(np.floor(y))
    total = np.zeros(image.shape[2])
    for row, column in itertools.product((top, top + 1), (left, left + 1)):
        if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
            total += (1 - abs(y - row)) * (1 - abs(x - column)) * image[row, column]
    return total


def resampled(image: Array, points: Array) -> list[Array]:
    made = np.zeros((*points.shape[:-1], image.shape[3]))
    for at in np.ndindex(*points.shape[:-1]):
        x, y = (float(v) for v in points[at])
        if -1 < x < image.shape[2] and -1 < y < image.shape[1]:
            made[at] = sample(image[at[0]], x, y)
    return [made]


POINTS = Axis([(3,), (4, 5), (2, 1, 3), ()], strategies.lists(strategies.integers(1, 6), max_size=3).map(tuple))


@family(image=IMAGES, points=POINTS, values=["around", "whole", "strange"])
def resample(pick: Random, image: Shape, points: Shape, values: str) -> Case:
    def drawn(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
        most = np.array([image[2], image[1]])
        if values == "strange":
            return rng.choice(np.array([np.nan, np.inf, -np.inf, -1, 1e30, 0, 0.5], dtype), shape)
        found = rng.uniform(-1.5, most + 0.5, shape)
        return np.asarray(np.round(found) if values == "whole" else found, dtype)

    return custom("Resampler", image, FLOAT((image[0], *points, 2), drawn), oracle=resampled)


def mapped(image: Array, matrix: Array, size: Shape, version: int) -> list[Array]:
    """The image under the map; places are of float32, as in MediaPipe."""
    rows = matrix.reshape(-1, 4)[:2]
    shifts = [np.float32(np.float64(r[3]) + np.float64(r[0]) / 2 + np.float64(r[1]) / 2 - 0.5) for r in rows]
    made = np.zeros((1, *size, image.shape[3]))
    for row, column in np.ndindex(*size):
        x, y = (
            np.float32(r[0] * np.float32(column) + r[1] * np.float32(row)) + (shifts[k] if version == 2 else r[3])
            for k, r in enumerate(rows)
        )
        if 0 <= x <= image.shape[2] - 1 and 0 <= y <= image.shape[1] - 1:
            made[0, row, column] = sample(image[0], float(x), float(y))
    return [made]


def matrices(kind: str, image: Shape) -> Values:
    """Maps to about the image; "whole" ones lead to its pixels, so that what lies on an edge shows."""

    def drawn(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
        made = np.tile(np.eye(4), (*shape[:-2], 1, 1))
        if kind == "whole":
            made[..., 0, 3], made[..., 1, 3] = rng.integers(-2, 3, 2)
        else:
            made[..., :2, :2] = rng.uniform(-1.2, 1.2, (2, 2))
            made[..., :2, 3] = rng.uniform(0, image[1:3][::-1])
        return made.astype(dtype)

    return drawn


@family(
    image=axis([(1, *image[1:]) for image in IMAGES.values]), matrix=axis([(1, 4, 4), (4, 4)]),
    size=Axis([(1, 1), (5, 3), (16, 16)], strategies.tuples(SIZES, SIZES)), version=[1, 2], kind=["any", "whole"],
    said=[True, False],
)  # fmt: skip
def transform(pick: Random, image: Shape, matrix: Shape, size: Shape, version: int, kind: str, said: bool) -> Case:
    named = {"output_height": size[0], "output_width": size[1]}
    fields = named if version == 2 else {"mode": "bilinear", "output_size": list(size)}
    name = "TransformTensor" if version == 1 and pick.random() < 0.5 else "TransformTensorBilinear"
    return custom(
        name, image, FLOAT(matrix, matrices(kind, image)), oracle=lambda x, m: mapped(x, m, size, version),
        options=options(fields) if said else b"", version=version,
    )  # fmt: skip


# Landmarks2TransformMatrix and TransformLandmarks


def turn(angle: float) -> Array:
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


def scale(x: float, y: float) -> Array:
    return np.diag([x, y, 1.0])


def shift(x: float, y: float) -> Array:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def box(points: Array, fields: dict[str, Any], angle: float, subset: str) -> tuple[Array, Array]:
    """(the middle, turned back; the size) of the box around turned landmarks."""
    turned = [(turn(angle) @ [*points[k], 1])[:2] for k in fields[subset]]
    low, high = np.min(turned, axis=0), np.max(turned, axis=0)
    return (turn(-angle) @ [*(low + high) / 2, 1])[:2], high - low


def whole(matrix: Array) -> list[Array]:
    made = np.eye(4)
    made[:2, :2], made[:2, 3] = matrix[:2, :2], matrix[:2, 2]
    return [made[None]]


def second_matrix(landmarks: Array, fields: dict[str, Any]) -> list[Array]:
    points = np.float64(landmarks).reshape(-1, 3)[:, :2]
    dx, dy = points[fields["right_rotation_idx"]] - points[fields["left_rotation_idx"]]
    angle = fields["target_rotation_radians"] - np.arctan2(dy, dx)
    middle, size = box(points, fields, angle, "subset_idxs")
    wide, high = fields["output_width"], fields["output_height"]
    scaled = scale(fields["scale_x"] * size[0] / wide, fields["scale_y"] * size[1] / high)
    return whole(shift(*middle) @ turn(-angle) @ scaled @ shift(-wide / 2, -high / 2))


def first_matrix(landmarks: Array, fields: dict[str, Any]) -> list[Array]:
    points = np.float64(landmarks).reshape(-1, 3)[:, :2]
    dx, dy = points[fields["right_rotation_idx"]] - points[fields["left_rotation_idx"]]
    angle = -np.arctan(dy / dx) if dx else -np.sign(dy) * np.pi / 2
    middle, size = box(points, fields, angle, "subset")
    size, extent = size * fields["bbox_size_multiplier"], fields["landmarks_range"]
    (in_h, in_w), (out_h, out_w) = fields["input_hw"], fields["output_hw"]
    to_image = scale((in_w - 1) / 2, (in_h - 1) / 2) @ shift(1, 1)
    placed = shift(*middle / extent * 2 - 1) @ turn(-angle) @ scale(*size / extent)
    return whole(to_image @ placed @ shift(-1, -1) @ scale(2 / (out_w - 1), 2 / (out_h - 1)))


@family(
    version=[1, 2], points=Axis([3, 10, 71], strategies.integers(2, 99)), subset=Axis([1, 2, 7, 80], SIZES),
    target=Axis([0.0, 0.5, -2.0], strategies.floats(-4, 4)), line=["any", "upright", "level", "back", "none"],
    size=Axis([(16, 16), (5, 9)], strategies.tuples(*(strategies.integers(2, 64),) * 2)),
)  # fmt: skip
def matrix(pick: Random, version: int, points: int, subset: int, target: float, line: str, size: Shape) -> Case | None:
    if line == "none" and version == 1:
        return None  # the angle is that of 0 / 0
    left, right = pick.sample(range(points), 2)
    chosen = [pick.randrange(points) for _ in range(subset)]

    def drawn(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
        found = rng.uniform(0, 192, (points, 3))
        steps = {"upright": (0, 50), "level": (50, 0), "back": (-50, 20), "none": (0, 0)}
        if line != "any":
            found[left, :2] = (64, 100)
            found[right, :2] = found[left, :2] + steps[line]
        return found.astype(dtype).reshape(shape)

    fields: dict[str, Any] = {"left_rotation_idx": left, "right_rotation_idx": right}
    if version == 2:
        fields |= {
            "subset_idxs": chosen, "output_height": size[0], "output_width": size[1], "scale_x": 1.5, "scale_y": 0.75,
            "target_rotation_radians": target,
        }  # fmt: skip
    else:
        fields |= {
            "subset": chosen, "output_hw": list(size), "input_hw": [48, 64], "dimensions": 3, "landmarks_range": 192,
            "bbox_size_multiplier": 1.5,
        }  # fmt: skip
    oracle: Callable[..., list[Array]] = second_matrix if version == 2 else first_matrix
    shape = (1, points, 3) if version == 2 else (1, 1, 1, 3 * points)
    return custom(
        "Landmarks2TransformMatrix", FLOAT(shape, drawn), oracle=lambda x: oracle(x, fields), options=options(fields),
        version=version,
    )  # fmt: skip


def moved(landmarks: Array, matrix: Array, dimensions: int, factor: float) -> list[Array]:
    points = np.float64(landmarks).reshape(-1, dimensions)
    rows = np.float64(matrix).reshape(-1, 4)
    made = points.copy()
    for k, point in enumerate(points):
        made[k, :2] = [r[0] * point[0] + r[1] * point[1] + r[3] * factor for r in rows[:2]]
    return [made.reshape(landmarks.shape)]


@family(
    version=[1, 2], dimensions=[2, 3], points=Axis([1, 5, 71], SIZES), matrix=axis([(1, 4, 4), (4, 4), (1, 1, 1, 16)]),
    factor=Axis([1.0, 2.5], strategies.sampled_from([-3.0, 0.25])), said=[True, False],
)  # fmt: skip
def landmarks(
    pick: Random, version: int, dimensions: int, points: int, matrix: Shape, factor: float, said: bool
) -> Case | None:
    if version == 2:
        return custom(
            "TransformLandmarks", (1, points, dimensions), matrix, oracle=lambda x, m: moved(x, m, dimensions, 1.0),
            version=2,
        )  # fmt: skip
    fields = {"dimensions": dimensions, "scale": factor} if said else {"scale": factor} if dimensions == 3 else None
    if fields is None:
        return None
    return custom(
        "TransformLandmarks", (1, 2, 1, points * dimensions), matrix, options=options(fields),
        oracle=lambda x, m: moved(x, m, dimensions, factor),
    )  # fmt: skip
