"""Convolutions and pools of TensorFlow Lite in PyTorch's operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ...graph.custom import CustomOptions, Windows
from .torch_node import Function, Node, Tensor


def _margins(node: Node, kernel: Sequence[int], sizes: Sequence[int], out: Sequence[int]) -> list[tuple[int, int]]:
    """Rows before and after, and columns, that SAME adds (`ComputePaddingWithOffset` of TFLite)."""
    o, found = node.options, []
    for axis, reach, size, made in zip("hw", kernel, sizes, out, strict=True):
        extent = (reach - 1) * o.get(f"dilation_{axis}_factor", 1) + 1
        total = max((made - 1) * o[f"stride_{axis}"] + extent - size, 0) if o["padding"] == "SAME" else 0
        found.append((total // 2, total - total // 2))
    return found


def _padded(margins: list[tuple[int, int]], value: float = 0.0) -> tuple[Callable[[Tensor], Tensor], list[int]]:
    """What is done before the window moves, and what the window's own padding is: it can be the same on both sides."""
    if all(before == after for before, after in margins) and value == 0.0:
        return lambda x: x, [before for before, _ in margins]
    edges = [*margins[1], *margins[0]]
    return lambda x: F.pad(x, edges, value=value), [0, 0]


def _convolution(node: Node, kernel: Sequence[int], weights: Callable[[], Tensor], groups: int) -> Function:
    o, activation = node.options, node.activation
    before, padding = _padded(_margins(node, kernel, node.shape(0)[1:3], node.shape(-1)[1:3]))
    stride = (o["stride_h"], o["stride_w"])
    dilation = (o.get("dilation_h_factor", 1), o.get("dilation_w_factor", 1))
    bias = node.bias(2)
    return lambda x: activation(F.conv2d(before(x[0]), weights(), bias(), stride, padding, dilation, groups))


def conv_2d(node: Node) -> Function:
    """OHWI to OIHW; grouped where filters have fewer channels than the image."""
    filters = node.shape(1)
    groups = node.shape(0)[3] // filters[3]
    return _convolution(node, filters[1:3], node.constant(1, lambda a: a.transpose(0, 3, 1, 2)), groups)


def depthwise_conv_2d(node: Node) -> Function:
    """1HWO to O1HW, a group a channel."""
    weights = node.constant(1, lambda a: a.transpose(3, 0, 1, 2))
    return _convolution(node, node.shape(1)[1:3], weights, node.shape(0)[3])


def _transposed(node: Node, image: int, out: Sequence[int], stride: tuple[int, int], same: bool, bias: Any) -> Function:
    """A transposed convolution, of which SAME cuts the edges off."""
    weights = node.constant(1, lambda a: a.transpose(3, 0, 1, 2))
    kernel, sizes, activation = node.shape(1)[1:3], node.shape(image)[1:3], node.activation
    full = [(size - 1) * step + reach for size, step, reach in zip(sizes, stride, kernel, strict=True)]
    top, left = (max(f - made, 0) // 2 if same else 0 for f, made in zip(full, out, strict=True))
    more = [max(made - f, 0) for f, made in zip(full, out, strict=True)]

    def run(x: Sequence[Tensor]) -> Tensor:
        made = F.conv_transpose2d(x[0], weights(), bias(), stride, output_padding=more)
        return activation(made[:, :, top : top + out[0], left : left + out[1]])

    return run


def transpose_conv(node: Node) -> Function:
    """Inputs: the output's shape, filters, the image."""
    o = node.options
    same = o["padding"] == "SAME"
    return _transposed(node, 2, node.shape(-1)[1:3], (o["stride_h"], o["stride_w"]), same, node.bias(3))


def convolution_2d_transpose_bias(node: Node) -> Function:
    """MediaPipe's: the image, filters, a bias."""
    found = Windows.of_transposed(CustomOptions.of(node.op, node.graph))
    return _transposed(node, 0, node.shape(-1)[1:3], found.stride, found.padding == "SAME", node.bias(2))


def max_pool_2d(node: Node) -> Function:
    """What SAME adds is less than everything."""
    o, activation = node.options, node.activation
    window, stride = (o["filter_height"], o["filter_width"]), (o["stride_h"], o["stride_w"])
    margins = _margins(node, window, node.shape(0)[1:3], node.shape(-1)[1:3])
    before, padding = _padded(margins, 0.0 if margins == [(0, 0), (0, 0)] else -np.inf)
    return lambda x: activation(F.max_pool2d(before(x[0]), window, stride, padding))


def average_pool_2d(node: Node) -> Function:
    """What SAME adds is not counted."""
    o, activation = node.options, node.activation
    window, stride = (o["filter_height"], o["filter_width"]), (o["stride_h"], o["stride_w"])
    before, padding = _padded(_margins(node, window, node.shape(0)[1:3], node.shape(-1)[1:3]))

    def run(x: Sequence[Tensor]) -> Tensor:
        made = F.avg_pool2d(before(x[0]), window, stride, padding)
        if node.options["padding"] == "SAME":
            made = made / F.avg_pool2d(before(torch.ones_like(x[0][:1, :1])), window, stride, padding)
        return activation(made)

    return run
