"""How ops that move values are launched, and which of them are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from delegraph.delegates.gpu.blocks import alone
from delegraph.delegates.gpu.compiler import joined, source
from delegraph.delegates.gpu.lowering import lower_op
from delegraph.graph.builder import GraphBuilder
from delegraph.shaders.program import Alias, Limits

from .harness import check, graph_of, refuses
from .single import Input, model, one

Case = tuple[Input, ...]

VALUES = [
    ("vec4", "PAD", ((1, 5, 4, 8), [[0, 0], [1, 2], [0, 3], [0, 4]]), {}),
    ("float", "PAD", ((1, 5, 4, 8), [[0, 0], [1, 2], [0, 3], [0, 3]]), {}),
    ("float", "PAD", ((1, 5, 4, 8), [[0, 0], [1, 2], [0, 3], [2, 2]]), {}),
    ("vec4", "TRANSPOSE", ((2, 3, 5, 4), [0, 2, 1, 3]), {}),
    ("vec4", "TRANSPOSE", ((2, 3, 2, 6), [1, 0, 2, 3]), {}),
    ("float", "TRANSPOSE", ((2, 4, 4, 4), [0, 3, 1, 2]), {}),
    ("vec4", "STRIDED_SLICE", ((5, 8), [4, 4], [-9, 8], [-2, 1]), {}),
    ("float", "STRIDED_SLICE", ((5, 8), [4, 2], [-9, 6], [-2, 1]), {}),
    ("vec4", "DEPTH_TO_SPACE", ((1, 3, 3, 8),), {"block_size": 2}),
    ("vec4", "MIRROR_PAD", ((3, 3, 4), [[0, 1], [2, 2], [0, 0]]), {}),
    ("float", "MIRROR_PAD", ((3, 3, 4), [[0, 1], [2, 2], [2, 2]]), {}),
    ("vec4", "TILE", ((1, 3, 4), [3, 1, 1]), {}),
]


@pytest.mark.parametrize(("value", "kind", "inputs", "options"), VALUES)
def test_four_values_at_a_time_where_every_address_allows(
    value: str, kind: str, inputs: Case, options: dict[str, Any]
) -> None:
    content = one(kind, *inputs, **options)
    graph = graph_of(content)
    lowered = lower_op(graph, graph.ops[0], Limits())
    assert isinstance(lowered, tuple) and [program.value for program in lowered] == [value]
    check(content, tolerance=0)


def test_more_groups_than_one_dimension_holds() -> None:
    check(model("SLICE", ((4200, 1001), [0, 1], [-1, 1000]), [(4200, 1000)]), tolerance=0)


@pytest.mark.parametrize("shape", [(1023, 1025), (2, 524287), (524287, 2), (349525, 3), (1031, 1033), (3, 699053)])
def test_positions_are_exact_on_either_side_of_how_many_are_few(shape: tuple[int, int]) -> None:
    check(one("TRANSPOSE", shape, [1, 0]), tolerance=0)


ALIKE: list[tuple[str, Case, Case, dict[str, Any]]] = [
    ("PAD", ((2, 5, 4, 3), [[0, 0], [1, 2], [2, 3], [0, 0]]), ((3, 9, 7, 6), [[0, 0], [0, 1], [1, 1], [0, 0]]), {}),
    ("TRANSPOSE", ((3, 5, 7), [2, 0, 1]), ((2, 3, 5, 7), [3, 0, 1, 2]), {}),
    ("STRIDED_SLICE", ((7, 10), [1, 2], [4, 9], [1, 3]), ((5, 8), [0, 1], [3, 5], [2, 2]), {}),
    ("RESIZE_BILINEAR", ((1, 5, 4, 3), [7, 9]), ((2, 3, 2, 5), [6, 4]), {}),
    ("ADD", ((3, 1, 5), (3, 4, 5)), ((2, 1, 7), (2, 9, 7)), {}),
    ("REDUCE_MAX", ((5, 600), [1]), ((3, 700), [1]), {}),
]


@pytest.mark.parametrize(("kind", "first", "second", "options"), ALIKE)
def test_what_differs_in_sizes_alone_is_one_shader(
    kind: str, first: Case, second: Case, options: dict[str, Any]
) -> None:
    texts = [text_of(one(kind, *inputs, **options)) for inputs in (first, second)]
    assert texts[0] == texts[1]


def text_of(content: bytes) -> str:
    """The one shader of a model of one op."""
    graph = graph_of(content)
    lowered = lower_op(graph, graph.ops[0], Limits())
    assert isinstance(lowered, tuple)
    (program,) = lowered
    return joined(source(program, graph.tensors[graph.outputs[0]].size, [(b, [(0, 0)]) for b in alone(program)]))


REFUSED: list[tuple[str, str, Case, tuple[int, ...], dict[str, Any]]] = [
    ("shape", "RESHAPE", ((2, 3), [6]), (2, 3), {}),
    ("shape", "RESHAPE", ((2, 3), [-1, -1]), (2, 3), {}),
    ("shape", "RESHAPE", ((2, 3), [4]), (4,), {}),
    ("shape", "RESHAPE", ((2, 3), [0, -1]), (6,), {}),
    ("shape", "SQUEEZE", ((2, 3),), (3,), {"squeeze_dims": [0]}),
    ("axis", "EXPAND_DIMS", ((2, 3), [3]), (2, 3, 1), {}),
    ("shape", "PAD", ((2, 3), [[0, 1], [0, 0]]), (2, 3), {}),
    ("shape", "PAD", ((2, 3), [0, 1, 0, 0]), (3, 3), {}),
    ("padding", "PAD", ((2, 3), [[-1, 0], [0, 0]]), (1, 3), {}),
    ("type", "PADV2", ((2, 3), [[0, 1], [0, 0]], np.array(1.0, np.float16)), (3, 3), {}),
    ("shape", "PADV2", ((2, 3), [[0, 1], [0, 0]], np.zeros(2, np.float32)), (3, 3), {}),
    ("padding", "MIRROR_PAD", ((2, 3), [[2, 0], [0, 0]]), (4, 3), {}),
    ("padding", "MIRROR_PAD", ((2, 3), [[3, 0], [0, 0]]), (5, 3), {"mode": "SYMMETRIC"}),
    ("activation", "CONCATENATION", ((2, 3), (2, 3)), (4, 3), {"fused_activation_function": "RELU"}),
    ("shape", "CONCATENATION", ((2, 3), (2, 2)), (4, 3), {}),
    ("type", "CONCATENATION", ((2, 3), np.zeros((2, 3), np.float16)), (4, 3), {}),
    ("axis", "CONCATENATION", ((2, 3), (2, 3)), (4, 3), {"axis": 2}),
    ("shape", "PACK", ((2, 3), (3, 2)), (2, 2, 3), {}),
    ("outputs", "SPLIT", ([0], (4,)), (2,), {"num_splits": 2}),
    ("outputs", "UNPACK", ((1 << 20, 2),), (2,), {"num": 1 << 20}),
    ("shape", "SPLIT_V", ((4,), [3], [0]), (3,), {"num_splits": 1}),
    ("slice", "SLICE", ((4,), [-1], [2]), (2,), {}),
    ("slice", "SLICE", ((4,), [3], [2]), (2,), {}),
    ("slice", "STRIDED_SLICE", ((4,), [0], [4], [0]), (4,), {}),
    ("slice", "STRIDED_SLICE", ((4,), [0, 0], [1, 1], [1, 1]), (1,), {}),
    ("slice", "STRIDED_SLICE", ((4,), [2], [3], [1]), (3,), {"offset": True}),
    ("slice", "STRIDED_SLICE", ((4,), [0, 0], [1, 2], [1, 1]), (2,), {"ellipsis_mask": 1}),
    ("slice", "STRIDED_SLICE", ((4, 2), [0], [4], [1]), (4, 2), {"ellipsis_mask": 2}),
    ("axis", "TRANSPOSE", ((2, 3), [0]), (2,), {}),
    ("axis", "TRANSPOSE", ((2, 3), [0, 2]), (2, 3), {}),
    ("shape", "TILE", ((2, 3), [2]), (4, 3), {}),
    ("shape", "BROADCAST_TO", ((2, 3), [4, 3]), (4, 3), {}),
    ("indices", "GATHER", ((2, 3), [0, 2]), (2, 3), {}),
    ("indices", "GATHER", ((2, 3), [-1]), (1, 3), {}),
    ("batch_dims", "GATHER", ((2, 3), [[0], [0], [0]]), (3, 1), {"axis": 1, "batch_dims": 1}),
    ("shape", "DEPTH_TO_SPACE", ((1, 2, 2, 3),), (1, 4, 4, 1), {"block_size": 2}),
    ("shape", "SPACE_TO_DEPTH", ((1, 3, 2, 3),), (1, 1, 1, 12), {"block_size": 2}),
    ("shape", "SPACE_TO_BATCH_ND", ((1, 3, 2, 3), [2, 2], [[0, 0], [0, 0]]), (4, 1, 1, 3), {}),
    ("shape", "BATCH_TO_SPACE_ND", ((3, 3, 2, 3), [2, 2], [[0, 0], [0, 0]]), (1, 6, 4, 3), {}),
    ("storage_limit", "MIRROR_PAD", ((20_000_000,), [[19_999_999, 0]]), (39_999_999,), {}),
]


@pytest.mark.parametrize(("code", "kind", "inputs", "shape", "options"), REFUSED)
def test_what_cannot_be_is_refused(
    code: str, kind: str, inputs: Case, shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    refuses(model(kind, inputs, [shape], **options), code)


def test_uneven_splits_are_refused() -> None:
    refuses(model("SPLIT", ([0], (3,)), [(1,), (1,)], num_splits=2), "shape")


def test_values_are_moved_to_their_own_type() -> None:
    b = GraphBuilder()
    perm = b.constant(np.array([1, 0], np.int32))
    b.output(b.op("TRANSPOSE", [b.input((2, 3), "INT32"), perm], (3, 2), dtype="FLOAT32"))
    refuses(b.build(), "type")


def test_a_reshape_to_itself_is_an_alias() -> None:
    graph = graph_of(one("RESHAPE", (2, 3), [3, 2]))
    assert lower_op(graph, graph.ops[0], Limits()) == Alias(graph.inputs[0], graph.outputs[0])
