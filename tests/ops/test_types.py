"""How quantised values are moved, and which types or scales are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from delegraph.graph.builder import GraphBuilder

from .harness import check, delegate, graph_of, random_inputs, reference, refuses
from .single import Input, Type, by_channel, model

Case = tuple[Input, ...]

TYPES = {
    name: Type(name, {"INT8": (0.1, 3), "UINT8": (0.1, 3), "INT16": (0.1, 0)}.get(name))
    for name in ("BOOL", "FLOAT16", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT32")
}


def of(kind: Type, inputs: Case) -> list[Input]:
    """The inputs with the computed ones of a type."""
    return [kind(value) if isinstance(value, tuple) else value for value in inputs]


def test_scales_by_channel_change_nothing() -> None:
    kind = Type("INT8", by_channel([0.1, 0.2, 0.3], axis=1))
    check(model("TRANSPOSE", [kind((2, 3)), [1, 0]], [(3, 2)], Type("INT8", by_channel([0.1, 0.2, 0.3]))))


OTHER = [
    ("BATCH_TO_SPACE_ND", ((4, 2, 2, 3), [2, 2], [[0, 0], [0, 0]]), (1, 4, 4, 3), {}),
    ("CONCATENATION", ((2, 3), (2, 3)), (4, 3), {}),
    ("EXPAND_DIMS", ((2, 3), [0]), (1, 2, 3), {}),
    ("FILL", ([2], ()), (2,), {}),
    ("MIRROR_PAD", ((2, 3), [[1, 0], [0, 0]]), (3, 3), {}),
    ("PACK", ((2, 3), (2, 3)), (2, 2, 3), {"values_count": 2}),
    ("PADV2", ((2, 3), [[1, 0], [0, 0]], TYPES["INT8"](np.array(1, np.int8))), (3, 3), {}),
    ("SPACE_TO_BATCH_ND", ((1, 4, 4, 3), [2, 2], [[0, 0], [0, 0]]), (4, 2, 2, 3), {}),
    ("UNPACK", ((1, 3),), (3,), {"num": 1}),
]


@pytest.mark.parametrize(("kind", "inputs", "shape", "options"), OTHER)
def test_another_scale_is_refused_where_the_reference_refuses(
    kind: str, inputs: Case, shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    content = model(kind, of(TYPES["INT8"], inputs), [shape], Type("INT8", (0.2, -5)), **options)
    refuses(content, "quantization")
    with pytest.raises(RuntimeError):
        reference(content, random_inputs(graph_of(content)))


def test_two_types_are_not_joined() -> None:
    refuses(model("CONCATENATION", [TYPES["INT8"]((2, 3)), (2, 3)], [(4, 3)]), "type")


def test_types_that_no_kernel_takes_are_named() -> None:
    graph = graph_of(model("SOFTMAX", [TYPES["BOOL"]((2, 3))], [(2, 3)]))
    reasons = delegate().supports(graph, graph.ops[0]).reasons
    assert {r.code for r in reasons} == {"type"} and any("FLOAT32" in r.wanted for r in reasons)


def test_a_stage_joins_values_of_two_words() -> None:
    b = GraphBuilder()
    x = b.input((3, 4), "INT64")
    b.output(b.op("ZEROS_LIKE", [b.op("TILE", [x, b.constant(np.array([2, 1], np.int32))], (6, 4))], (6, 4)))
    check(b.build(), launches=1)
