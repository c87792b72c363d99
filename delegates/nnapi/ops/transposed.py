"""Transposed convolutions: TFLite's, and MediaPipe's custom op, which has a bias and says less."""

from __future__ import annotations

from ....graph.custom import CustomOptions, Windows
from ....graph.model import Graph, Op
from ..abi import L3, L4, Operation
from ..node import Node, Nodes, Refused, Scalar, Ways, i32
from ..reading import FLOATS, NONE, Types, fused, result, scaled, tensor
from .convolution import NCHW, bias, image, weights, window

TYPES: Types = {"FLOAT32": L3, "UINT8": L3, "INT8": L4}
MEDIAPIPE = "Convolution2DTransposeBias"


def transpose_conv(graph: Graph, op: Op) -> Nodes:
    """TRANSPOSE_CONV, to the shape that it says itself."""
    o = op.options
    return transposed(graph, op, TYPES, (2, 1, 3), (o.stride_h, o.stride_w), o.padding, fused(op))


def mediapipe(graph: Graph, op: Op) -> Nodes:
    """MediaPipe's, to the shape that the file declares."""
    if (len(op.inputs), len(op.outputs)) != (3, 1) or min(op.inputs) < 0:
        raise Refused("arguments", f"{len(op.inputs)} inputs, {len(op.outputs)} outputs", "3 and 1")
    try:
        found = Windows.of_transposed(CustomOptions.of(op, graph))
    except ValueError as error:
        raise Refused("options", error) from None
    return transposed(graph, op, FLOATS, (0, 1, 2), found.stride, found.padding, NONE)


def transposed(
    graph: Graph,
    op: Op,
    types: Types,
    inputs: tuple[int, int, int],
    strides: tuple[int, int],
    padding: str,
    activation: Scalar,
) -> Nodes:
    """TRANSPOSE_CONV_2D with explicit padding, so that the result has the size that it is declared with.

    `inputs` are the places of the image, the weights and the bias; `strides` those of height and width.
    """
    x, (batch, height, width, depth), level = image(graph, op, types, inputs[0])
    like, filters = tensor(graph, x), tensor(graph, op.inputs[inputs[1]]).shape
    if len(filters) != 4 or filters[3] != depth:
        raise Refused("shape", f"weights {list(filters)}", f"NHWC of {depth} channels")
    packed, scales = weights(graph, op, inputs[1], like, 0)
    y = result(graph, op, None, type=like.type)
    shape = graph.tensors[y].shape
    if len(shape) != 4 or (shape[0], shape[3]) != (batch, filters[0]):
        raise Refused("shape", list(shape), [batch, "height", "width", filters[0]])
    scaled(graph, x, y)
    down, right = strides
    pads = []
    for size, kernel, stride, made in ((width, filters[2], right, shape[2]), (height, filters[1], down, shape[1])):
        if window(made, kernel, stride, 1, padding) != size:
            raise Refused("shape", f"{made} from {size}", f"what a stride of {stride} makes")
        total = (size - 1) * stride + kernel - made
        if total < 0:
            raise Refused("padding", f"{total} to make {made} of {size}", "nothing negative")
        pads += [total // 2, total - total // 2]
    added = bias(graph, op, inputs[2], like, scales, filters[0])
    given = (x, packed, added, *map(i32, (*pads, right, down)), activation, NCHW)
    return (Node(Operation.TRANSPOSE_CONV_2D, given, (y,), level),)


OPS: dict[str, Ways] = {"TRANSPOSE_CONV": (transpose_conv,), f"CUSTOM {MEDIAPIPE}": (mediapipe,)}
