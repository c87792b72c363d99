"""Ops that move elements about, or give them other dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ....graph.model import Graph, Op
from ..abi import L3, L4, L6, L7, Operation
from ..node import Const, Node, Nodes, Refused, Ways, affine, between, dims, i32, numbers, real
from ..reading import (
    BASIC,
    MOST_RANK,
    QUANTIZED,
    SECOND,
    WIDE,
    Types,
    alike,
    axes,
    integer,
    integers,
    result,
    source,
    tensor,
)

RESHAPED: Types = {**BASIC, "INT32": L6}
LATE: Types = {"FLOAT32": L7, "UINT8": L7, "INT8": L7, "INT32": L7}


def moved(
    graph: Graph, op: Op, types: Types, shape: Sequence[int] | None, k: int = 0, rank: int | None = MOST_RANK
) -> tuple[int, int, int]:
    """(input `k`, output of a shape, quantised alike; level)."""
    x, level = source(graph, op, types, k, rank)
    y = result(graph, op, shape, type=tensor(graph, x).type)
    alike(graph, x, y)
    return x, y, level


def reshape(graph: Graph, op: Op) -> Nodes:
    """RESHAPE to the shape that the result has; also for ops that only add or remove dimensions of 1."""
    x, y, level = moved(graph, op, RESHAPED, None)
    shape = graph.tensors[y].shape
    if graph.tensors[y].size != tensor(graph, x).size or len(shape) > MOST_RANK:
        raise Refused(
            "shape", list(shape), f"as many elements as {list(tensor(graph, x).shape)}, in at most 4 dimensions"
        )
    return (Node(Operation.RESHAPE, (x, numbers(dims(shape))), (y,), level),)


def squeeze(graph: Graph, op: Op) -> Nodes:
    """SQUEEZE of dimensions that are named."""
    x, y, level = moved(graph, op, SECOND, None)
    shape = tensor(graph, x).shape
    named = op.options.get("squeeze_dims")
    wanted = [int(a) for a in named] if named is not None else []
    gone = axes(wanted, len(shape)) or [k for k, size in enumerate(shape) if size == 1]
    if graph.tensors[y].shape != tuple(size for k, size in enumerate(shape) if k not in gone):
        raise Refused("shape", list(graph.tensors[y].shape), f"{list(shape)} without {gone}")
    if not gone:
        raise Refused("axis", "nothing to squeeze", "a dimension of 1")
    return (Node(Operation.SQUEEZE, (x, numbers(gone)), (y,), level),)


def expand_dims(graph: Graph, op: Op) -> Nodes:
    """EXPAND_DIMS at an axis of the result."""
    x, level = source(graph, op, WIDE, rank=None)
    shape = list(tensor(graph, x).shape)
    if not shape:
        raise Refused("rank", "a scalar", "at least one dimension")
    (axis,) = axes([integer(graph, op, 1)], len(shape) + 1)
    y = result(graph, op, (*shape[:axis], 1, *shape[axis:]))
    alike(graph, x, y)
    return (Node(Operation.EXPAND_DIMS, (x, i32(axis)), (y,), level),)


def transpose(graph: Graph, op: Op) -> Nodes:
    """TRANSPOSE by a constant permutation."""
    order, shape = integers(graph, op, 1), tensor(graph, op.inputs[0]).shape
    if axes(order, len(shape)) != list(range(len(order))) or len(order) != len(shape):
        raise Refused("axis", order, f"a permutation of {len(shape)}")
    order = [axis % len(shape) for axis in order]
    x, y, level = moved(graph, op, SECOND, [shape[axis] for axis in order])
    return (Node(Operation.TRANSPOSE, (x, numbers(order)), (y,), level),)


def cut(graph: Graph, op: Op) -> Nodes:
    """SLICE at constant places."""
    x, level = source(graph, op, WIDE, rank=None)
    shape, begin, size = tensor(graph, x).shape, integers(graph, op, 1), integers(graph, op, 2)
    if not shape or not len(begin) == len(size) == len(shape):
        raise Refused("shape", f"{len(begin)} offsets for {list(shape)}", "one a dimension")
    size = [whole - start if n == -1 else n for whole, start, n in zip(shape, begin, size, strict=True)]
    if any(start < 0 or n < 1 or start + n > whole for whole, start, n in zip(shape, begin, size, strict=True)):
        raise Refused("slice", f"{size} from {begin} of {list(shape)}", "within the tensor")
    y = result(graph, op, size)
    alike(graph, x, y)
    return (Node(Operation.SLICE, (x, numbers(begin), numbers(size)), (y,), level),)


def strided_slice(graph: Graph, op: Op) -> Nodes:
    """STRIDED_SLICE with begins and ends that need no masks, but where an end lies before the first element."""
    x, level = source(graph, op, SECOND)
    shape, o = tensor(graph, x).shape, op.options
    spec = [integers(graph, op, k) for k in (1, 2, 3)]
    if (
        o.ellipsis_mask
        or o.new_axis_mask
        or o.get("offset", False)
        or any(len(s) != len(shape) for s in spec)
        or not shape
    ):
        raise Refused("slice", "an ellipsis, a new axis, offsets, or dimensions left out", "one of each a dimension")
    begins, ends, strides, kept, end_mask = [], [], [], [], 0
    for k, (size, begin, end, stride) in enumerate(zip(shape, *spec, strict=True)):
        if not stride:
            raise Refused("slice", "a stride of 0")
        if o.shrink_axis_mask >> k & 1:
            at = begin % size if -size <= begin < size else -1
            places = range(at, at + 1)
            stride = 1
        else:
            masked = (None if o.begin_mask >> k & 1 else begin, None if o.end_mask >> k & 1 else end)
            places = range(size)[slice(*masked, stride)]
            kept.append(len(places))
        if not places or places[0] < 0:
            raise Refused("slice", f"{begin} to {end} of {size}", "within the tensor")
        begins.append(places[0])
        ends.append(max(places[-1] + (1 if stride > 0 else -1), 0))
        strides.append(stride)
        end_mask |= (places[-1] == 0 and stride < 0) << k
    y = result(graph, op, kept)
    alike(graph, x, y)
    masks = map(i32, (0, end_mask, o.shrink_axis_mask))
    return (Node(Operation.STRIDED_SLICE, (x, numbers(begins), numbers(ends), numbers(strides), *masks), (y,), level),)


def padding(graph: Graph, op: Op, shape: Sequence[int]) -> tuple[Const, list[int]]:
    """(the paddings that are input 1, the shape that they make)."""
    flat = integers(graph, op, 1)
    if len(flat) != 2 * len(shape) or min(flat) < 0 or not shape:
        raise Refused("padding", flat, "two that are not negative for each dimension")
    made = [before + size + after for size, before, after in zip(shape, flat[::2], flat[1::2], strict=True)]
    return numbers(flat, (len(shape), 2)), made


def pad(graph: Graph, op: Op) -> Nodes:
    """PAD with what stands for 0."""
    amounts, made = padding(graph, op, tensor(graph, op.inputs[0]).shape)
    x, y, level = moved(graph, op, SECOND, made)
    shifted = tensor(graph, x).type == "UINT8" and affine(tensor(graph, x))[1] != 0
    return (Node(Operation.PAD, (x, amounts), (y,), max(level, L3 if shifted else level)),)


def pad_v2(graph: Graph, op: Op) -> Nodes:
    """PAD_V2 with a constant."""
    amounts, made = padding(graph, op, tensor(graph, op.inputs[0]).shape)
    x, y, level = moved(graph, op, {"FLOAT32": L3, "UINT8": L3, "INT8": L4}, made)
    value = graph.constant(op.inputs[2])
    if value is None or value.size != 1 or tensor(graph, op.inputs[2]).type != tensor(graph, x).type:
        raise Refused("not_constant", "the value to pad with", "a constant of the same type")
    alike(graph, x, op.inputs[2])
    number = value.reshape(())[()]
    kind = tensor(graph, x).type
    given = i32(int(number)) if kind in QUANTIZED else real(float(number), kind)
    return (Node(Operation.PAD_V2, (x, amounts, given), (y,), level),)


def mirror_pad(graph: Graph, op: Op) -> Nodes:
    """MIRROR_PAD."""
    shape, mode = tensor(graph, op.inputs[0]).shape, ("REFLECT", "SYMMETRIC").index(op.options.mode)
    amounts, made = padding(graph, op, shape)
    if any(
        n > size - 1 + mode
        for pair, size in zip(np.reshape(integers(graph, op, 1), (-1, 2)), shape, strict=True)
        for n in pair
    ):
        raise Refused("padding", integers(graph, op, 1), f"no more than there is to mirror in {list(shape)}")
    x, y, level = moved(graph, op, LATE, made)
    return (Node(Operation.MIRROR_PAD, (x, amounts, i32(mode)), (y,), level),)


def tile(graph: Graph, op: Op) -> Nodes:
    """TILE by constants."""
    shape, times = tensor(graph, op.inputs[0]).shape, integers(graph, op, 1)
    if len(times) != len(shape) or not shape or min(times) < 1:
        raise Refused("shape", f"{times} times {list(shape)}", "one a dimension, each above 0")
    x, y, level = moved(graph, op, WIDE, [n * size for n, size in zip(times, shape, strict=True)], rank=None)
    return (Node(Operation.TILE, (x, numbers(times)), (y,), level),)


def gather(graph: Graph, op: Op) -> Nodes:
    """GATHER along an axis; of one place, a RESHAPE takes the dimension away again."""
    x, level = source(graph, op, WIDE, rank=None)
    places, _ = source(graph, op, {"INT32": L3}, 1, None)
    shape, chosen = tensor(graph, x).shape, tensor(graph, places).shape
    if op.options.get("batch_dims", 0) or not shape:
        raise Refused("batch_dims", op.options.get("batch_dims", 0), 0)
    (axis,) = axes([op.options.axis], len(shape))
    y = result(graph, op, (*shape[:axis], *chosen, *shape[axis + 1 :]))
    alike(graph, x, y)
    constant = graph.constant(places)
    if constant is not None and not (constant.min() >= 0 and constant.max() < shape[axis]):
        raise Refused("places", [int(constant.min()), int(constant.max())], f"0 to {shape[axis] - 1}")
    if chosen or len(shape) == 1:
        return (Node(Operation.GATHER, (x, i32(axis), places), (y,), level),)
    if len(shape) > MOST_RANK:
        raise Refused("rank", f"one place of {list(shape)}", f"at most {MOST_RANK} dimensions")
    if tensor(graph, x).type == "INT32":
        level = max(level, L6)
    with_one = between(graph, x, (*shape[:axis], 1, *shape[axis + 1 :]))
    return (
        Node(Operation.GATHER, (x, i32(axis), places), (with_one,), level),
        Node(Operation.RESHAPE, (with_one, numbers(dims(graph.tensors[y].shape))), (y,), level),
    )


def reverse(graph: Graph, op: Op) -> Nodes:
    """REVERSE along one axis."""
    shape = tensor(graph, op.inputs[0]).shape
    along = axes(integers(graph, op, 1), len(shape))
    if len(along) != 1:
        raise Refused("axis", along, "one")
    x, y, level = moved(graph, op, LATE, shape, rank=None)
    return (Node(Operation.REVERSE, (x, numbers(along)), (y,), level),)


def depth_and_space(to_depth: bool, graph: Graph, op: Op) -> Nodes:
    """SPACE_TO_DEPTH and DEPTH_TO_SPACE."""
    shape, block = tensor(graph, op.inputs[0]).shape, op.options.block_size
    if len(shape) != 4 or block < 1:
        raise Refused("shape", f"{list(shape)} in blocks of {block}", "NHWC in blocks of 1 or more")
    n, h, w, c = shape
    made = (
        (n, h // block, w // block, c * block * block) if to_depth else (n, h * block, w * block, c // block // block)
    )
    if h % block or w % block if to_depth else c % (block * block):
        raise Refused("shape", f"{list(shape)} in blocks of {block}", "whole blocks")
    x, y, level = moved(graph, op, BASIC, made)
    code = Operation.SPACE_TO_DEPTH if to_depth else Operation.DEPTH_TO_SPACE
    return (Node(code, (x, i32(block)), (y,), level),)


def batch_and_space(to_batch: bool, graph: Graph, op: Op) -> Nodes:
    """SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND of images; what comes back is not cropped."""
    shape, blocks, edges = tensor(graph, op.inputs[0]).shape, integers(graph, op, 1), integers(graph, op, 2)
    if len(shape) != 4 or len(blocks) != 2 or len(edges) != 4 or min(blocks) < 1 or min(edges) < 0:
        raise Refused("shape", f"{list(shape)} in blocks {blocks}, edges {edges}", "NHWC, two blocks")
    n, h, w, c = shape
    area = blocks[0] * blocks[1]
    if to_batch:
        h, w = h + edges[0] + edges[1], w + edges[2] + edges[3]
        whole, made = not (h % blocks[0] or w % blocks[1]), (n * area, h // blocks[0], w // blocks[1], c)
    else:
        whole, made = not (n % area or any(edges)), (n // area, h * blocks[0], w * blocks[1], c)
    if not whole:
        raise Refused("shape", f"{list(shape)} in blocks {blocks}, edges {edges}", "whole blocks, nothing cropped")
    x, y, level = moved(graph, op, SECOND, made)
    if not to_batch:
        return (Node(Operation.BATCH_TO_SPACE_ND, (x, numbers(blocks)), (y,), level),)
    if tensor(graph, x).type == "UINT8" and affine(tensor(graph, x))[1]:
        level = max(level, L3)
    return (Node(Operation.SPACE_TO_BATCH_ND, (x, numbers(blocks), numbers(edges, (2, 2))), (y,), level),)


OPS: dict[str, Ways] = {
    "RESHAPE": (reshape,),
    "SQUEEZE": (squeeze, reshape),
    "EXPAND_DIMS": (expand_dims, reshape),
    "TRANSPOSE": (transpose,),
    "SLICE": (cut,),
    "STRIDED_SLICE": (strided_slice,),
    "PAD": (pad,),
    "PADV2": (pad_v2,),
    "MIRROR_PAD": (mirror_pad,),
    "TILE": (tile,),
    "GATHER": (gather,),
    "REVERSE_V2": (reverse,),
    "SPACE_TO_DEPTH": (partial(depth_and_space, True),),
    "DEPTH_TO_SPACE": (partial(depth_and_space, False),),
    "SPACE_TO_BATCH_ND": (partial(batch_and_space, True),),
    "BATCH_TO_SPACE_ND": (partial(batch_and_space, False),),
}
