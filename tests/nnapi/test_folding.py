"""A PAD before a convolution without padding is that one's explicit padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ops.harness import graph_of, random_inputs, reference, whole

from delegraph.delegates.nnapi.abi import Operation
from delegraph.delegates.nnapi.delegate import NNAPIDelegate
from delegraph.delegates.nnapi.program import Program
from delegraph.graph.builder import GraphBuilder
from nnapi.conftest import Phone
from nnapi.kit import agrees, run

SLIDE: dict[str, Any] = {"stride_h": 2, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 2}


def model(kind: str, type: str = "FLOAT32", amounts: Any = ((0, 0), (1, 2), (3, 0), (0, 0)), **changes: Any) -> bytes:
    rng = np.random.default_rng(0)
    affine = {"FLOAT32": None, "UINT8": (0.5, 100), "INT8": (0.5, -3)}[type]
    b = GraphBuilder()
    x = b.input((1, 6, 7, 4), type, quantization=affine)
    padded = b.op("PAD", [x, b.constant(np.array(amounts, np.int32))], _grown(amounts), quantization=affine)
    shape = {"CONV_2D": (3, 2, 2, 4), "DEPTHWISE_CONV_2D": (1, 2, 2, 4), "GROUPED": (2, 2, 2, 2)}[kind]
    values = rng.integers(0, 9, shape) if affine else rng.standard_normal(shape)
    weights = b.constant(
        values.astype(np.float32 if affine is None else type.lower()), type, quantization=affine and (0.1, 0)
    )
    channels = shape[3] if kind == "DEPTHWISE_CONV_2D" else shape[0]
    bias = b.constant(np.arange(channels).astype(np.int32 if affine else np.float32), quantization=affine and (0.05, 0))
    options = {**SLIDE, "padding": "VALID", **changes}
    if kind == "GROUPED":
        kind, options["dilation_w_factor"] = "CONV_2D", 1
    if kind == "DEPTHWISE_CONV_2D":
        options["depth_multiplier"] = 1
    rows, columns = _grown(amounts)[1:3]
    reach = options["dilation_w_factor"] + 1
    if options["padding"] == "SAME":
        made = (1, -(-rows // 2), columns, channels)
    else:
        made = (1, (rows - 2) // 2 + 1, columns - reach + 1, channels)
    y = b.op(kind, [padded, weights, bias], made, quantization=affine and (2.0, affine[1]), **options)
    b.output(y)
    return b.build()


def _grown(amounts: Any) -> tuple[int, ...]:
    return tuple(size + sum(pair) for size, pair in zip((1, 6, 7, 4), amounts, strict=True))


def operations(content: bytes) -> list[Operation]:
    graph = graph_of(content)
    program = Program.read(NNAPIDelegate(feature_level=1000008).program(graph, whole(graph)).content)
    return [step.code for step in program.steps]


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "GROUPED"])
@pytest.mark.parametrize("type", ["FLOAT32", "UINT8", "INT8"])
def test_it_is_one_operation_with_the_same_result(kind: str, type: str, phone: Phone) -> None:
    if (kind, type) == ("GROUPED", "UINT8"):
        pytest.skip("the reference kernel has no groups of UINT8")
    content = model(kind, type)
    assert len(operations(content)) == 1
    graph = graph_of(content)
    inputs = random_inputs(graph)
    (got,) = run(NNAPIDelegate(library=phone.path), graph, inputs)
    agrees(graph, got, reference(content, inputs)[0], 1e-5)


def test_what_is_padded_again_or_along_other_dimensions_is_left() -> None:
    assert operations(model("CONV_2D", padding="SAME")) == [Operation.PAD, Operation.CONV_2D]
    batch = ((1, 0), (1, 1), (1, 1), (0, 0))
    b = GraphBuilder()
    x = b.input((1, 6, 7, 4))
    padded = b.op("PAD", [x, b.constant(np.array(batch, np.int32))], (2, 8, 9, 4))
    w = b.constant(np.ones((3, 2, 2, 4), np.float32))
    b.output(b.op("CONV_2D", [padded, w], (2, 7, 8, 3), stride_h=1, stride_w=1, padding="VALID"))
    assert operations(b.build()) == [Operation.PAD, Operation.CONV_2D]


def test_what_others_read_is_left() -> None:
    b = GraphBuilder()
    x = b.input((1, 6, 7, 4))
    padded = b.op("PAD", [x, b.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))], (1, 8, 9, 4))
    w = b.constant(np.ones((3, 2, 2, 4), np.float32))
    b.output(b.op("CONV_2D", [padded, w], (1, 7, 8, 3), stride_h=1, stride_w=1, padding="VALID"), padded)
    assert operations(b.build()) == [Operation.PAD, Operation.CONV_2D]
