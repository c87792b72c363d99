"""Any cut between two CPU sub-models, stitched by the buffer manager, gives what the whole model gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from interpreter.first import First

import models
from delegraph import CPUDelegate, Interpreter
from delegraph.data import digits
from delegraph.delegates.runtime import load_runtime
from delegraph.graph.read import read


def run(it: Any, inputs: dict[int, Any]) -> list[Any]:
    it.allocate_tensors()
    for index, value in inputs.items():
        it.set_tensor(index, value)
    it.invoke()
    return [it.get_tensor(d["index"]) for d in it.get_output_details()]


def check_every_cut(content: bytes, step: int = 1) -> None:
    graph = read(content).graphs[0]
    reference = load_runtime().open(content)
    rng = np.random.default_rng(11)
    inputs = {}
    for d in reference.get_input_details():
        kind = np.dtype(d["dtype"])
        if kind.kind == "f":
            inputs[d["index"]] = rng.random(tuple(d["shape"])).astype(kind)
        else:
            info = np.iinfo(kind)
            inputs[d["index"]] = rng.integers(info.min, info.max, tuple(d["shape"]), kind, endpoint=True)
    wanted = run(reference, inputs)
    for cut in range(1, len(graph.ops), step):
        with Interpreter(model_content=content, delegates=[First(cut), CPUDelegate()]) as it:
            for got, want in zip(run(it, inputs), wanted, strict=True):
                if want.dtype.kind == "f":
                    scale = max(float(np.ptp(want)), float(np.abs(want).max()), 1e-30)
                    assert np.abs(got - want).max() <= 1e-6 * scale, f"cut at {cut}"
                else:
                    np.testing.assert_array_equal(got, want, f"cut at {cut}")


@pytest.mark.parametrize("kind", ["f32", "int8"])
def test_digits(kind: str) -> None:
    check_every_cut(digits(kind))


def test_mobilenet_uint8() -> None:
    check_every_cut(models.shared("coral/mobilenet_v1_0.25_128_quant.tflite").read_bytes())


@pytest.mark.soak
def test_movenet_int8_with_many_inputs_across_the_cut() -> None:
    check_every_cut(models.shared("coral/movenet_single_pose_lightning_ptq.tflite").read_bytes(), step=5)


@pytest.mark.soak
def test_movenet_int8_at_every_boundary() -> None:
    check_every_cut(models.shared("coral/movenet_single_pose_lightning_ptq.tflite").read_bytes())


@pytest.mark.soak
@pytest.mark.parametrize("name", ["face_detection_short_range", "hand_recrop"])
def test_mediapipe_float(name: str) -> None:
    check_every_cut(models.mediapipe(name).read_bytes())
