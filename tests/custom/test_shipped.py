"""MediaPipe's ops: as numpy functions they give what the cases say, and what a file says of them is checked."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter as Runtime
from flatbuffers import flexbuffers
from ops.harness import delegate, difference, graph_of

import cases
from case import Case
from cases import mediapipe
from conformance.oracle import prepare
from delegraph import DelegateError, HostDelegate, Interpreter
from delegraph.delegates.gpu.kernels import kernels
from delegraph.delegates.host_functions import FUNCTIONS
from delegraph.graph.builder import GraphBuilder

from .kit import run

CASES = [found for family in cases.families().values() if family.make.__module__ == mediapipe.__name__
         for found in family.quick]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_functions_give_what_kernels_give(case: Case) -> None:
    prepared = prepare(case)
    with Interpreter(model_content=prepared.content, delegates=[HostDelegate()]) as it:
        assert {d.delegate for d in it.plan.decisions} == {"host"}
        for got, wanted in zip(run(it, *prepared.inputs[0]), prepared.wanted[0], strict=True):
            assert difference(got, wanted) <= max(case.tolerance, 1e-6)


def test_each_function_has_a_kernel() -> None:
    assert {f"CUSTOM {name}" for name in FUNCTIONS} == {kind for kind in kernels() if kind.startswith("CUSTOM ")}


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("declared", ["own", "least", "most"])
@pytest.mark.parametrize(
    "image, kernel, stride", [((5, 7), (3, 2), (2, 1)), ((4, 3), (4, 5), (2, 5)), ((6, 1), (2, 2), (2, 2))]
)
def test_the_runtime_that_has_convolution_2d_transpose_bias_agrees(
    image: Any, kernel: Any, stride: Any, declared: str, padding: str
) -> None:
    rng = np.random.default_rng(3)
    x, filters, bias = (
        rng.standard_normal(shape).astype(np.float32) for shape in ((1, *image, 3), (4, *kernel, 3), (4,))
    )
    out = [mediapipe.extent(*each, padding, declared) for each in zip(image, kernel, stride, strict=True)]
    b = GraphBuilder()
    packed = struct.pack("<3i", mediapipe.PADDINGS[padding], stride[1], stride[0])
    b.output(
        b.op(
            "CUSTOM", [b.input(x.shape), b.constant(filters), b.constant(bias)], (1, *out, 4),
            custom_code="Convolution2DTransposeBias", custom_options=packed,
        )
    )  # fmt: skip
    runtime = Runtime(model_content=b.build())
    runtime.allocate_tensors()
    runtime.set_tensor(runtime.get_input_details()[0]["index"], x)
    runtime.invoke()
    wanted = runtime.get_tensor(runtime.get_output_details()[0]["index"])
    (got,) = mediapipe.spread(x, filters, bias, stride, out)
    assert difference(got.astype(np.float32), wanted) < 1e-5


def refused(name: str, inputs: Any, output: Any, options: bytes | None, version: int = 1) -> str:
    """Why the GPU refuses an op; and the function has to raise one DelegateError, or give what is declared."""
    b = GraphBuilder()
    b.output(
        b.op(
            "CUSTOM", [b.input(shape) for shape in inputs], output, custom_code=name, custom_options=options,
            op_version=version,
        )
    )  # fmt: skip
    graph = graph_of(b.build())
    reasons = delegate().supports(graph, graph.ops[0]).reasons
    it = Interpreter(model_content=b.build(), delegates=[HostDelegate()])
    try:
        run(it, *(np.zeros(shape, np.float32) for shape in inputs))
    except DelegateError as error:
        assert name in str(error)
    return "; ".join(map(str, reasons))


def flex(**fields: Any) -> bytes:
    return bytes(flexbuffers.Dumps(fields))


def words(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}i", *numbers)


TRANSPOSED, BILINEAR = "Convolution2DTransposeBias", "TransformTensorBilinear"
SIZE = {"output_height": 3, "output_width": 3}
MATRIX = {
    "left_rotation_idx": 0, "right_rotation_idx": 1, "subset_idxs": [0, 1, 2], "output_height": 16, "output_width": 16,
    "scale_x": 1.5, "scale_y": 1.5, "target_rotation_radians": 0.0,
}  # fmt: skip
OLD_MATRIX = {
    "left_rotation_idx": 0, "right_rotation_idx": 1, "subset": [0, 1], "input_hw": [8, 8], "output_hw": [4, 4],
    "dimensions": 3, "landmarks_range": 192, "bbox_size_multiplier": 1.5,
}  # fmt: skip


@pytest.mark.parametrize(
    "change, said",
    [
        ({}, ""),
        ({"left_rotation_idx": -1}, "options"),
        ({"right_rotation_idx": 5}, "landmarks: 5"),
        ({"subset_idxs": [0, 99]}, "landmarks: 99"),
        ({"subset_idxs": []}, "subset_idxs is empty"),
        ({"subset_idxs": [0, -1]}, "subset_idxs"),
        ({"subset_idxs": 7}, "subset_idxs"),
        ({"subset_idxs": [0, 1.5]}, "subset_idxs"),
        ({"output_height": 0}, "output_height"),
        ({"output_width": "x"}, "output_width"),
        ({"output_width": 1.5}, "output_width"),
        ({"scale_x": -1.0}, "scale_x"),
        ({"scale_y": float("nan")}, "scale_y"),
        ({"target_rotation_radians": None}, "target_rotation_radians"),
    ],
)
def test_options_of_landmarks(change: dict[str, Any], said: str) -> None:
    found = refused("Landmarks2TransformMatrix", [(1, 5, 3)], (1, 4, 4), flex(**{**MATRIX, **change}), 2)
    assert said in found and bool(said) == bool(found)


@pytest.mark.parametrize(
    "change, said",
    [
        ({}, ""),
        ({"subset": []}, "subset"),
        ({"subset": [4]}, "landmarks: 4"),
        ({"output_hw": [1, 1]}, "more than one output pixel"),
        ({"input_hw": [0, 4]}, "input_hw"),
        ({"input_hw": [4]}, "input_hw"),
        ({"dimensions": 2}, "3 dimensions"),
        ({"landmarks_range": 0}, "landmarks_range"),
        ({"bbox_size_multiplier": 0.0}, "multiplier"),
    ],
)
def test_options_of_the_first_version_of_landmarks(change: dict[str, Any], said: str) -> None:
    found = refused("Landmarks2TransformMatrix", [(1, 1, 1, 12)], (1, 4, 4), flex(**{**OLD_MATRIX, **change}))
    assert said in found and bool(said) == bool(found)


@pytest.mark.parametrize(
    "name, inputs, output, options, version, said",
    [
        ("Landmarks2TransformMatrix", [(1, 5, 3)], (1, 4, 4), None, 2, "options"),
        ("Landmarks2TransformMatrix", [(1, 5, 3)], (1, 4, 4), b"\xff" * 40, 2, "options"),
        ("Landmarks2TransformMatrix", [(1, 5, 3)], (1, 4, 4), flex(**MATRIX), 3, "version 3"),
        ("Landmarks2TransformMatrix", [(1, 5, 3)], (4, 4), flex(**MATRIX), 2, "shape"),
        ("Landmarks2TransformMatrix", [(5, 3)], (1, 4, 4), flex(**MATRIX), 2, "shape"),
        ("Landmarks2TransformMatrix", [(1, 5, 3)] * 2, (1, 4, 4), flex(**MATRIX), 2, "arguments"),
        (BILINEAR, [(1, 4, 4, 2), (4, 4)], (1, 3, 3, 2), flex(**{**SIZE, "output_height": 5}), 2, "shape"),
        (BILINEAR, [(2, 4, 4, 2), (4, 4)], (2, 3, 3, 2), flex(**SIZE), 2, "shape"),
        (BILINEAR, [(1, 4, 4, 2), (4,)], (1, 3, 3, 2), flex(**SIZE), 2, "shape"),
        (BILINEAR, [(1, 4, 4, 2), (4, 4)], (1, 3, 3, 2), flex(mode="nearest"), 1, "nearest"),
        (BILINEAR, [(1, 4, 4, 2), (4, 4)], (1, 3, 3, 2), flex(output_size=[3]), 1, "output_size"),
        (BILINEAR, [(1, 4, 4, 2), (4, 4)], (1, 3, 3, 2), None, 4, "version 4"),
        ("TransformLandmarks", [(1, 5, 4), (4, 4)], (1, 5, 4), None, 2, "dimensions"),
        ("TransformLandmarks", [(2, 5, 2), (4, 4)], (2, 5, 2), None, 2, "shape"),
        ("TransformLandmarks", [(1, 5, 2), (7,)], (1, 5, 2), None, 2, "shape"),
        ("TransformLandmarks", [(1, 1, 1, 6), (4, 4)], (1, 1, 1, 6), flex(scale=0.0), 1, "scale is 0"),
        ("TransformLandmarks", [(1, 1, 1, 6), (4, 4)], (1, 1, 1, 6), flex(dimensions=4), 1, "dimensions"),
        ("TransformLandmarks", [(1, 1, 1, 5), (4, 4)], (1, 1, 1, 5), None, 1, "dimensions"),
        ("Resampler", [(1, 4, 4, 2), (1, 3, 3)], (1, 3, 2), None, 1, "shape"),
        ("Resampler", [(2, 4, 4, 2), (1, 3, 2)], (1, 3, 2), None, 1, "shape"),
        ("Resampler", [(1, 4, 4, 2), (1, 3, 2)], (1, 4, 2), None, 1, "shape"),
        ("Resampler", [(1, 4, 4, 2)], (1, 4, 2), None, 1, "arguments"),
        ("MaxPoolingWithArgmax2D", [(1, 4, 4, 2)], (1, 2, 2, 2), None, 1, "too few"),
        ("MaxPoolingWithArgmax2D", [(1, 4, 4, 2)], (1, 2, 2, 2), words(3, 2, 2, 2, 2, 0), 1, "padding"),
        ("MaxPoolingWithArgmax2D", [(1, 4, 4, 2)], (1, 2, 2, 2), words(1, 0, 2, 2, 2, 0), 1, "stride_w"),
        ("MaxPoolingWithArgmax2D", [(1, 4, 4, 2)], (1, 2, 2, 2), words(1, 2, 2, 2, -2, 0), 1, "filter_h"),
        ("MaxPoolingWithArgmax2D", [(1, 4, 4, 2)], (1, 2, 2, 2), words(1, 2, 2, 2, 2, 9), 1, "activation"),
        ("MaxPoolingWithArgmax2D", [(1, 4, 4, 2)], (1, 2, 2, 2), words(2, 2, 2, 9, 9, 0), 1, "window"),
        ("MaxPoolingWithArgmax2D", [(1, 4, 4, 2)], (1, 3, 2, 2), words(1, 2, 2, 2, 2, 0), 1, "shape"),
        ("MaxPoolingWithArgmax2D", [(4, 4)], (2, 2), words(1, 2, 2, 2, 2, 0), 1, "shape"),
        ("MaxUnpooling2D", [(1, 2, 2, 2)] * 2, (1, 4, 5, 2), words(1, 2, 2, 2, 2, 0), 1, "shape"),
        ("MaxUnpooling2D", [(1, 2, 2, 2), (1, 2, 2, 1)], (1, 4, 4, 2), words(1, 2, 2, 2, 2, 0), 1, "shape"),
        ("MaxUnpooling2D", [(1, 2, 2, 2)] * 2, (1, 4, 4, 2), words(1, 2**31 - 1, 2, 2, 2, 0), 1, "window"),
        (TRANSPOSED, [(1, 4, 4, 2), (1, 2, 2, 2), (1,)], (1, 8, 8, 1), b"\1\0\0", 1, "too few"),
        (TRANSPOSED, [(1, 4, 4, 2), (1, 2, 2, 2), (1,)], (1, 9, 8, 1), words(1, 2, 2), 1, "shape"),
        (TRANSPOSED, [(1, 4, 4, 2), (1, 2, 2, 3), (1,)], (1, 8, 8, 1), words(1, 2, 2), 1, "shape"),
        (TRANSPOSED, [(1, 4, 4, 2), (1, 2, 2, 2), (2,)], (1, 8, 8, 1), words(1, 2, 2), 1, "shape"),
        (TRANSPOSED, [(1, 4, 4, 2), (1, 2, 2, 2)], (1, 8, 8, 1), words(1, 2, 2), 1, "arguments"),
        (TRANSPOSED, [(1, 4, 4, 2), (1, 2, 2, 2), (1,)], (1, 8, 8, 1), words(1, -2, 2), 1, "stride_w"),
    ],
)  # fmt: skip
def test_what_a_file_says_is_checked(
    name: str, inputs: Any, output: Any, options: bytes | None, version: int, said: str
) -> None:
    assert said in refused(name, inputs, output, options, version)
