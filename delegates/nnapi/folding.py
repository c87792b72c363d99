"""What two operations may be one: a PAD before a convolution becomes that one's explicit padding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from .abi import PADDING, Operation
from .node import Const, Node, Scalar, i32

CONVOLUTIONS = (Operation.CONV_2D, Operation.DEPTHWISE_CONV_2D, Operation.GROUPED_CONV_2D)
SCHEME = 3  # the input that is the implicit padding


def folded(nodes: Sequence[Node], wanted: Collection[int]) -> list[Node]:
    """The same nodes, with no PAD whose result only a convolution without padding reads; `wanted` are the outputs.

    What stands for 0 is what a PAD pads with, and what lies beyond the edges of an image.
    """
    readers = Counter(arg for node in nodes for arg in node.inputs if isinstance(arg, int))
    pads = {
        made: node
        for node in nodes
        for made in node.outputs
        if isinstance(made, int) and made not in wanted and readers[made] == 1 and _edges(node) is not None
    }
    found: list[Node] = []
    for node in nodes:
        source = node.inputs[0]
        if isinstance(source, int) and source in pads and _without_padding(node):
            found = [each for each in found if each is not pads[source]]
            node = _together(pads[source], node)
        found.append(node)
    return found


def _without_padding(node: Node) -> bool:
    scheme = node.inputs[SCHEME] if len(node.inputs) > SCHEME else None
    return node.code in CONVOLUTIONS and isinstance(scheme, Scalar) and scheme.value == PADDING["VALID"]


def _edges(node: Node) -> list[int] | None:
    """Left, right, top and bottom of a PAD of images; None where it is none."""
    if node.code is not Operation.PAD or not isinstance(node.inputs[1], Const):
        return None
    amounts = node.inputs[1].pack().reshape(-1, 2).tolist()
    if len(amounts) != 4 or any(amounts[0]) or any(amounts[3]):
        return None
    return [*amounts[2], *amounts[1]]


def _together(pad: Node, node: Node) -> Node:
    edges = _edges(pad)
    assert edges is not None
    inputs = (pad.inputs[0], *node.inputs[1:SCHEME], *map(i32, edges), *node.inputs[SCHEME + 1 :])
    return replace(node, inputs=inputs)
