"""A float graph as a module of PyTorch's: what ops of TensorFlow Lite are in PyTorch's own operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ...graph.model import Graph, Op
from .torch_node import Function, Node, Tensor, held, held_order, spread, told
from .torch_windows import (
    average_pool_2d,
    conv_2d,
    convolution_2d_transpose_bias,
    depthwise_conv_2d,
    max_pool_2d,
    transpose_conv,
)

PLACES = (0, 2, 3, 1)  # where NCHW holds a dimension of NHWC

UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "RELU": F.relu,
    "RELU6": F.relu6,
    "LOGISTIC": torch.sigmoid,
    "TANH": torch.tanh,
    "HARD_SWISH": F.hardswish,
    "EXP": torch.exp,
    "SQRT": torch.sqrt,
    "RSQRT": torch.rsqrt,
    "NEG": torch.neg,
    "ABS": torch.abs,
}
BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ADD": torch.add,
    "SUB": torch.sub,
    "MUL": torch.mul,
    "DIV": torch.div,
    "MAXIMUM": torch.maximum,
    "MINIMUM": torch.minimum,
}


class Network:
    """The graph; called with its inputs as the model has them, in float32, it returns the tuple of its outputs."""

    def __init__(self, graph: Graph) -> None:
        """Take the weights over. Raises ValueError naming an op that has no mapping here."""
        self._graph = graph
        self._weights: dict[str, Tensor] = {}
        self._dtype, self._layout = torch.float32, torch.contiguous_format
        self._steps = [(op, self._function(op)) for op in graph.ops if op.index not in graph.folded_ops]

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """One inference."""
        values = {t: self._arranged(held(x.to(self._dtype))) for t, x in zip(self._graph.inputs, inputs, strict=True)}
        for op, function in self._steps:
            values[op.outputs[0]] = function([values[t] for t in op.inputs if t in values])
        return tuple(told(values[t]).float() for t in self._graph.outputs)

    def arrange(self, device: str, dtype: Any, layout: Any) -> None:
        """Have weights on a device, computing in a type, and images and filters in a layout (a memory format)."""
        self._dtype, self._layout = dtype, layout
        self._weights = {name: self._arranged(w.to(device, dtype)) for name, w in self._weights.items()}

    def _arranged(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=self._layout) if x.ndim == 4 else x

    def _function(self, op: Op) -> Function:
        maker = MAPPINGS.get(op.label)
        if op.label in UNARY:
            function = UNARY[op.label]
            return lambda x: function(x[0])
        if maker is None:
            raise ValueError(f"torch has no mapping of {op.label} (op {op.index}) here")
        return maker(Node(self._keep, self._graph, op))

    def _keep(self, name: str, array: Any) -> Callable[[], Tensor]:
        self._weights[name] = torch.from_numpy(np.array(array, order="C"))
        return lambda: self._weights[name]


def fully_connected(node: Node) -> Function:
    """A product with the rows of the weights."""
    weights, bias, activation = node.constant(1), node.bias(2), node.activation
    shape, depth = node.shape(-1), node.shape(1)[1]
    return lambda x: held(activation(F.linear(told(x[0]).reshape(-1, depth), weights(), bias())).reshape(shape))


def binary(node: Node) -> Function:
    """Of two computed values, or of one and a constant, on either side."""
    function, activation, rank = BINARY[node.op.kind], node.activation, len(node.shape(-1))
    sides = [
        node.constant(k, spread if rank == 4 else lambda a: a) if node.graph.is_constant(t) else None
        for k, t in enumerate(node.op.inputs)
    ]
    if any(side is None and len(node.shape(k)) != rank for k, side in enumerate(sides)):
        raise ValueError(f"torch takes computed inputs of one rank only here, not those of op {node.op.index}")

    def run(x: Sequence[Tensor]) -> Tensor:
        given = iter(x)
        a, b = (side() if side is not None else next(given) for side in sides)
        return activation(function(a, b))

    return run


def prelu(node: Node) -> Function:
    """A slope a channel, or of any shape that spreads over the input."""
    rank = len(node.shape(0))
    if rank in (2, 4) and int(np.prod(node.shape(1))) == node.shape(0)[-1]:
        slopes = node.constant(1, lambda a: a.reshape(-1))
        return lambda x: F.prelu(x[0], slopes())
    slopes = node.constant(1, spread if rank == 4 else lambda a: a)
    return lambda x: torch.where(x[0] >= 0, x[0], x[0] * slopes())


def mean(node: Node) -> Function:
    """Over axes of the model's."""
    rank, keep = len(node.shape(0)), bool(node.options["keep_dims"])
    axes = sorted({int(axis) % rank for axis in node.numbers(1)} if rank else ())
    if not axes:
        return lambda x: x[0]
    if rank == 4 and (keep or axes == [1, 2]):
        places = [PLACES[axis] for axis in axes]
        return lambda x: x[0].mean(places, keepdim=keep)
    return lambda x: held(told(x[0]).mean(axes, keepdim=keep))


def pad(node: Node) -> Function:
    """With zeros, or the value of a third input."""
    edges = [edge for pair in held_order(node.numbers(1))[::-1] for edge in pair]
    value = float(node.numbers(2)[0]) if len(node.op.inputs) > 2 else 0.0
    return lambda x: F.pad(x[0], edges, value=value)


def reshape(node: Node) -> Function:
    """By the model's order of elements."""
    shape = node.shape(-1)
    return lambda x: held(told(x[0]).reshape(shape))


def softmax(node: Node) -> Function:
    """Over the model's last dimension."""
    beta, axis = float(node.options["beta"]), 1 if len(node.shape(0)) == 4 else -1
    return lambda x: torch.softmax(x[0] * beta if beta != 1.0 else x[0], axis)


def concatenation(node: Node) -> Function:
    """Of computed tensors."""
    rank = len(node.shape(-1))
    axis = int(node.options["axis"]) % rank
    place, activation = PLACES[axis] if rank == 4 else axis, node.activation
    if any(node.graph.is_constant(t) for t in node.op.inputs):
        raise ValueError(f"torch concatenates no constants here (op {node.op.index})")
    return lambda x: activation(torch.cat(list(x), place))


def resize_bilinear(node: Node) -> Function:
    """With half-pixel centres or aligned corners, as torch has it."""
    aligned, size = bool(node.options["align_corners"]), node.shape(-1)[1:3]
    if not aligned and not node.options["half_pixel_centers"]:
        raise ValueError(f"torch has no RESIZE_BILINEAR from corners (op {node.op.index})")
    return lambda x: F.interpolate(x[0], size, mode="bilinear", align_corners=aligned)


def resize_nearest(node: Node) -> Function:
    """From corners, rounded down, as torch has it."""
    if node.options["align_corners"] or node.options["half_pixel_centers"]:
        raise ValueError(f"torch has RESIZE_NEAREST_NEIGHBOR from corners only (op {node.op.index})")
    size = node.shape(-1)[1:3]
    return lambda x: F.interpolate(x[0], size, mode="nearest")


MAPPINGS: dict[str, Callable[[Node], Function]] = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "TRANSPOSE_CONV": transpose_conv,
    "Convolution2DTransposeBias": convolution_2d_transpose_bias,
    "FULLY_CONNECTED": fully_connected,
    "MAX_POOL_2D": max_pool_2d,
    "AVERAGE_POOL_2D": average_pool_2d,
    **dict.fromkeys(BINARY, binary),
    "PRELU": prelu,
    "MEAN": mean,
    "PAD": pad,
    "PADV2": pad,
    "RESHAPE": reshape,
    "SQUEEZE": reshape,
    "EXPAND_DIMS": reshape,
    "SOFTMAX": softmax,
    "CONCATENATION": concatenation,
    "RESIZE_BILINEAR": resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest,
}
