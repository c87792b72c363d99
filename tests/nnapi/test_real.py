"""Real models, whole on NNAPI as the reference library has it, against the reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from ops.harness import difference

import models
from delegraph import CPUDelegate, Interpreter, NNAPIDelegate
from nnapi.conftest import Phone

QUANTISED = [
    pytest.param("coral/mobilenet_v1_0.25_128_quant.tflite", 0),
    pytest.param("zoo/mobilenet_v2_int8.tflite", 1, marks=pytest.mark.slow),
]
FLOATS = [
    "face_detection_short_range",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("face_landmark", "hand_landmark_lite", "pose_detection")),
]


def both(path: str, phone: Phone, levels: tuple[int, int]) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """The outputs of NNAPI alone and of the reference kernels, for one input of values between two."""
    answers = []
    cpu = CPUDelegate(op_resolver="BUILTIN_REF")
    for delegates in ([NNAPIDelegate(library=phone.path), cpu], [cpu]):
        with Interpreter(path, delegates=delegates) as it:
            it.allocate_tensors()
            if len(delegates) > 1:
                assert {decision.delegate for decision in it.plan.decisions} == {"nnapi"}
            detail = it.get_input_details()[0]
            image = np.random.default_rng(0).uniform(*levels, detail["shape"]).astype(detail["dtype"])
            it.set_tensor(detail["index"], image)
            it.invoke()
            answers.append([it.get_tensor(output["index"]) for output in it.get_output_details()])
    return answers[0], answers[1]


@pytest.mark.parametrize("phone", [29, 1000007], indirect=True)
@pytest.mark.parametrize(("name", "steps"), QUANTISED)
def test_a_quantised_model_runs_whole(name: str, steps: int, phone: Phone) -> None:
    (got,), (want,) = both(str(models.shared(name)), phone, (0, 100))
    assert np.ptp(want.astype(int)) > 10
    assert np.abs(got.astype(int) - want.astype(int)).max() <= steps


@pytest.mark.parametrize("name", FLOATS)
def test_a_model_of_floats_runs_whole(name: str, phone: Phone) -> None:
    for got, want in zip(*both(str(models.mediapipe(name)), phone, (0, 1)), strict=True):
        assert difference(got, want) <= 1e-5
