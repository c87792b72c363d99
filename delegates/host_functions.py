"""MediaPipe's custom ops as numpy functions: what runs them without a GPU, and what the GPU's kernels are tested by.

Definitions: mediapipe/util/tflite/operations in MediaPipe, for Resampler TensorFlow Addons' resampler_ops.cc too. Sums
are of float64, coordinates of float32 as there, since what lies on an edge depends on their last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.custom import CustomOptions, Landmarks, Shape, Windows
from .custom import HostFunction

Array = NDArray[Any]
LIMITS = {"RELU": (0.0, np.inf), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}


def convolution_2d_transpose_bias(inputs: list[Array], options: CustomOptions) -> list[Array]:
    """Image NHWC, filters OHWI, bias O: each pixel adds its multiple of every filter around its place."""
    image, filters, bias = inputs
    found, out = Windows.of_transposed(options), shape_of(options)[1:3]
    (batch, *size, _), (channels, *kernel, _) = image.shape, filters.shape
    reach = [stride * (n - 1) + k for n, k, stride in zip(size, kernel, found.stride, strict=True)]
    total = np.zeros((batch, *reach, channels))
    for ky, kx in np.ndindex(*kernel):
        rows, columns = (
            slice(k, k + stride * (n - 1) + 1, stride)
            for k, n, stride in zip((ky, kx), size, found.stride, strict=True)
        )
        total[:, rows, columns] += image.astype(np.float64) @ filters[:, ky, kx].astype(np.float64).T
    top, left = (max(whole - n, 0) // 2 for whole, n in zip(reach, out, strict=True))
    made = np.zeros((batch, *out, channels))
    kept = total[:, top : top + out[0], left : left + out[1]]
    made[:, : kept.shape[1], : kept.shape[2]] = kept
    return [(made + bias).astype(np.float32)]


def shape_of(options: CustomOptions) -> Shape:
    """The shape that the model declares of an op's first output."""
    shape = options.outputs[0][0]
    if shape is None:
        raise ValueError("the shape of the output depends on data")
    return shape


def max_pooling_with_argmax_2d(inputs: list[Array], options: CustomOptions) -> list[Array]:
    """Image NHWC: the largest value under each window, and its place there, y * width + x, with 0.1 added."""
    (image,) = inputs
    found = Windows.of_pool(options)
    _, height, width, _ = image.shape
    (top, rows), (left, columns) = (
        _spans(n, k, stride, found.padding)
        for n, k, stride in zip((height, width), found.filter, found.stride, strict=True)
    )
    best = np.full((image.shape[0], rows, columns, image.shape[3]), np.finfo(np.float32).min, np.float32)
    place = np.zeros(best.shape, np.float32)
    for ky, kx in np.ndindex(*found.filter):
        y, x = np.arange(rows) * found.stride[0] + ky - top, np.arange(columns) * found.stride[1] + kx - left
        inside = ((y >= 0) & (y < height))[:, None, None] & ((x >= 0) & (x < width))[:, None]
        values = image[:, y.clip(0, height - 1)][:, :, x.clip(0, width - 1)]
        better = inside & (values > best)
        best, place = np.where(better, values, best), np.where(better, np.float32(ky * found.filter[1] + kx), place)
    values = best.clip(*LIMITS.get(found.activation, (-np.inf, np.inf)))
    return [values, place + np.float32(0.1)][: len(options.outputs)]


def _spans(size: int, kernel: int, stride: int, padding: str) -> tuple[int, int]:
    """(how far before the image the first window starts, how many windows there are)."""
    out = -(-size // stride) if padding == "SAME" else (size - kernel + stride) // stride
    return max((out - 1) * stride + kernel - size, 0) // 2, out


def max_unpooling_2d(inputs: list[Array], options: CustomOptions) -> list[Array]:
    """Each value goes where its window had it (as MaxPoolingWithArgmax2D says); all else is 0.

    Where windows overlap the later value counts; places that lie outside their window lead nowhere.
    """
    image, places = inputs
    found = Windows.of_pool(options)
    batch, *size, channels = image.shape
    made = [n * k for n, k in zip(size, found.filter, strict=True)]
    total = np.zeros((batch, *made, channels), np.float32)
    before = [
        max((n - 1) * stride + k - out, 0) // 2
        for n, k, stride, out in zip(size, found.filter, found.stride, made, strict=True)
    ]
    for ky, kx in reversed(list(np.ndindex(*found.filter))):
        here = np.trunc(places) == ky * found.filter[1] + kx
        b, y, x, c = np.nonzero(here)
        row, column = y * found.stride[0] + ky - before[0], x * found.stride[1] + kx - before[1]
        inside = (row >= 0) & (row < made[0]) & (column >= 0) & (column < made[1])
        total[b[inside], row[inside], column[inside], c[inside]] = image[here][inside]
    return [total]


def resampler(inputs: list[Array], options: CustomOptions) -> list[Array]:
    """Image NHWC and points (x, y) of shape N...2: the image there, bilinear, 0 beyond its edges."""
    image, points = inputs
    flat = points.reshape(len(points), -1, 2)
    made = [_sampled(one, at[:, 0], at[:, 1]) for one, at in zip(image, flat, strict=True)]
    return [np.stack(made).reshape(*points.shape[:-1], image.shape[-1]).astype(np.float32)]


def transform_tensor_bilinear(inputs: list[Array], options: CustomOptions) -> list[Array]:
    """Image 1HWC and a matrix that leads from places in the output to places in it; what leads outside is 0.

    Version 2 takes places for the middles of pixels, version 1 for their corners.
    """
    image, matrix = inputs
    _, height, width, _ = image.shape
    y, x = np.indices(shape_of(options)[1:3], np.float32)
    at = [_coordinate(row, x, y, options.version) for row in matrix.reshape(-1, 4)[:2]]
    inside = (at[0] >= 0) & (at[0] <= width - 1) & (at[1] >= 0) & (at[1] <= height - 1)
    return [np.where(inside[..., None], _sampled(image[0], *at), 0.0).astype(np.float32)[None]]


def _coordinate(row: Array, x: Array, y: Array, version: int) -> Array:
    shift = row[3]
    if version > 1:
        shift = np.float32(shift + (np.float64(row[0]) * 0.5 + np.float64(row[1]) * 0.5 - 0.5))
    coordinate: Array = row[0] * x + row[1] * y + shift
    return coordinate


def _sampled(image: Array, x: Array, y: Array) -> Array:
    """An image HWC at points, bilinear; 0 beyond its edges, and where a coordinate is no number."""
    height, width, _ = image.shape
    near = (x > -1) & (x < width) & (y > -1) & (y < height)
    x, y = np.where(near, x, 0.0), np.where(near, y, 0.0)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    padded = np.pad(image.astype(np.float64), ((1, 1), (1, 1), (0, 0)))
    right, low = (x - left).astype(np.float64)[..., None], (y - top).astype(np.float64)[..., None]
    upper = padded[top + 1, left + 1] * (1 - right) + padded[top + 1, left + 2] * right
    lower = padded[top + 2, left + 1] * (1 - right) + padded[top + 2, left + 2] * right
    return np.where(near[..., None], upper * (1 - low) + lower * low, 0.0)


def landmarks_to_transform_matrix(inputs: list[Array], options: CustomOptions) -> list[Array]:
    """Landmarks, three coordinates each: the (1, 4, 4) matrix that leads from an output image to the box around them.

    The box is that of some landmarks after turning the line between two of them to an angle.
    """
    found = Landmarks.of(options)
    points = inputs[0].astype(np.float64).reshape(-1, 3)[:, :2]
    line = points[found.right] - points[found.left]
    with np.errstate(divide="ignore", invalid="ignore"):  # an upright line has an angle, one without length none
        angle = -np.arctan(line[1] / line[0]) if found.first else found.rotation - np.arctan2(line[1], line[0])
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = points[list(found.subset)] @ back
    low, high = turned.min(axis=0), turned.max(axis=0)
    middle, size = back @ (low + high) / 2, np.array(found.size[::-1])
    made = np.eye(4)
    if found.first:
        source = (np.array(found.source[::-1]) - 1) / 2
        box = (high - low) * found.scale[0] / found.extent
        made[:2, :2] = source[:, None] * back * (box * 2 / (size - 1))
        made[:2, 3] = source * (middle / found.extent * 2 - back @ box)
    else:
        box = (high - low) * found.scale[::-1] / size
        made[:2, :2] = back * box
        made[:2, 3] = middle - back @ (box * size / 2)
    return [made.astype(np.float32)[None]]


def transform_landmarks(inputs: list[Array], options: CustomOptions) -> list[Array]:
    """Points of 2 or 3 coordinates under a matrix: x and y change. In version 1 many stand in the last dimension."""
    landmarks, matrix = inputs
    dimensions, scale = landmarks.shape[-1], 1.0
    if options.version == 1:
        dimensions, scale = options.integer("dimensions", 3), options.number("scale", 1.0)
    points = landmarks.astype(np.float64).reshape(-1, dimensions)
    rows = matrix.reshape(-1, 4)[:2].astype(np.float64)
    points[:, :2] = points[:, :2] @ rows[:, :2].T + rows[:, 3] * scale
    return [points.astype(np.float32).reshape(landmarks.shape)]


FUNCTIONS: Mapping[str, HostFunction] = {
    "Convolution2DTransposeBias": convolution_2d_transpose_bias,
    "Landmarks2TransformMatrix": landmarks_to_transform_matrix,
    "MaxPoolingWithArgmax2D": max_pooling_with_argmax_2d,
    "MaxUnpooling2D": max_unpooling_2d,
    "Resampler": resampler,
    "TransformLandmarks": transform_landmarks,
    "TransformTensor": transform_tensor_bilinear,
    "TransformTensorBilinear": transform_tensor_bilinear,
}
