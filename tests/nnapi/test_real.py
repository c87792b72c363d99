"""Real models, whole on NNAPI as the reference library has it, against the reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from ops.harness import difference

import models
from delegraph import CPUDelegate, Interpreter, NNAPIDelegate
from delegraph.verification.verify import verify
from nnapi.conftest import Phone

FLOATS = [
    "face_detection_short_range",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("face_landmark", "hand_landmark_lite", "pose_detection")),
]


def both(
    path: str, phone: Phone, levels: tuple[int, int] | str, kernels: str = "BUILTIN_REF"
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """The outputs of NNAPI alone and of the runtime's kernels, for one input of values between two or a picture."""
    answers = []
    cpu = CPUDelegate(op_resolver=kernels)
    for delegates in ([NNAPIDelegate(library=phone.path), cpu], [cpu]):
        with Interpreter(path, delegates=delegates) as it:
            it.allocate_tensors()
            if len(delegates) > 1:
                assert {decision.delegate for decision in it.plan.decisions} == {"nnapi"}
            detail = it.get_input_details()[0]
            if isinstance(levels, str):
                image = models.input_for(detail, levels)
            else:
                image = np.random.default_rng(0).uniform(*levels, detail["shape"]).astype(detail["dtype"])
            it.set_tensor(detail["index"], image)
            it.invoke()
            answers.append([it.get_tensor(output["index"]) for output in it.get_output_details()])
    return answers[0], answers[1]


@pytest.mark.parametrize("phone", [29, 1000007], indirect=True)
def test_a_trained_model_of_bytes_has_the_references_bits(phone: Phone) -> None:
    path = models.shared("coral/mobilenet_v1_0.25_128_quant.tflite")
    (got,), (want,) = both(str(path), phone, (0, 100))
    assert np.ptp(want.astype(int)) > 10
    np.testing.assert_array_equal(got, want)


def test_a_trained_recurrent_model_of_bytes_is_a_step_off_at_most(phone: Phone) -> None:
    """Its 28 steps are as many operations; what one gives is rounded twice."""
    (got,), (want,) = both(str(models.shared("coral/keras_lstm_mnist_ptq.tflite")), phone, (0, 255))
    assert np.ptp(want.astype(int)) > 10
    assert np.abs(got.astype(int) - want.astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("name", "phone"),
    [
        pytest.param("zoo/mobilenet_v2_int8.tflite", 29, marks=pytest.mark.slow),
        pytest.param("zoo/mobilenet_v2_int8.tflite", 1000007, marks=pytest.mark.soak),
        pytest.param("coral/movenet_single_pose_lightning_ptq.tflite", 1000007, marks=pytest.mark.soak),
    ],
    indirect=["phone"],
)
def test_each_op_is_a_step_off_at_most(name: str, phone: Phone) -> None:
    """Ties that round otherwise grow from layer to layer where weights were never trained, and move a pose's places."""
    found = verify(models.shared(name), [NNAPIDelegate(library=phone.path)], steps=1)
    assert not found.problem and {check.delegate for check in found.ops} == {"nnapi"}
    assert all(check.here is not None and check.here.worst <= 1 for check in found.ops)


@pytest.mark.parametrize("name", FLOATS)
def test_a_model_of_floats_runs_whole(name: str, phone: Phone) -> None:
    for got, want in zip(*both(str(models.mediapipe(name)), phone, (0, 1)), strict=True):
        assert difference(got, want) <= 1e-5


@pytest.mark.slow
def test_a_model_with_an_op_of_mediapipes_runs_whole(phone: Phone) -> None:
    (got,), (want,) = both(str(models.mediapipe("selfie_segmentation_landscape")), phone, "astronaut", "AUTO")
    assert np.ptp(want) > 0.9  # somebody is seen
    assert difference(got, want) <= 1e-4  # XNNPACK's: the reference kernels have no such op
