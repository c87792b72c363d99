"""Real models of floats with `precision="fp16"`: every op on the GPU, outputs within a hundredth of their range."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from ops.harness import delegate

import models
from delegraph import GPUDelegate, Interpreter
from delegraph.data import digits, held_out
from delegraph.delegates.runtime import load_runtime
from delegraph.partitioner.planner import make_plan

# Rounding changes a number by 2 ** -11 of itself at most, here in either direction some hundred times in a row.
TOLERANCE = 1e-2
PICTURES = {
    "face_detection_short_range": "astronaut",
    "face_landmark": "grace_hopper.bmp",
    "hand_landmark_lite": "coffee",
    "iris_landmark": "grace_hopper.bmp",
    "palm_detection_lite": "squat.bmp",
    "face_detection_full_range_sparse": "astronaut",
    "hand_landmark_full": "astronaut",
    "palm_detection_full": "squat.bmp",
    "pose_detection": "squat.bmp",
    "pose_landmark_full": "squat.bmp",
}


@cache
def halving() -> GPUDelegate:
    """The delegate that all tests here share."""
    delegate()  # skips or fails where there is no GL
    return GPUDelegate(precision="fp16")


def chance(logit: NDArray[np.float32]) -> NDArray[np.float32]:
    """Its logistic function, where it is not a chance by itself."""
    return logit if 0 <= logit.item() <= 1 else 1 / (1 + np.exp(-logit))


def check(path: Path, picture: str, low: float = 0.0, high: float = 1.0) -> None:
    content = path.read_bytes()
    runtime = load_runtime()
    reference = runtime.open(content, experimental_op_resolver_type=runtime.resolver("BUILTIN_REF"))
    with Interpreter(model_content=content, delegates=[halving()]) as it:
        for each in (reference, it):
            each.allocate_tensors()
            for detail in each.get_input_details():
                each.set_tensor(detail["index"], models.input_for(detail, picture, low, high))
            each.invoke()
        assert {d.delegate for d in it.plan.decisions} == {"gpu"}
        assert it.plan.arenas["gl"] <= 0.51 * make_plan(it.graph, [delegate()]).arenas["gl"]
        assert {d.note for d in it.plan.decisions if not d.folded} == {"in fp16"} and not it.events
        for mine, theirs in zip(it.get_output_details(), reference.get_output_details(), strict=True):
            got, want = it.get_tensor(mine["index"]), reference.get_tensor(theirs["index"])
            if want.size == 1:  # how sure the model is: one number has no range, but the chance that it stands for has
                got, want = chance(got), chance(want)
            scale = max(float(np.ptp(want)), float(np.abs(want).max()))
            # In a mask a few pixels at edges, where logits jump by hundreds, are off by more; each op by itself is not.
            far = np.quantile(np.abs(got - want), 0.99 if want.size > 10_000 else 1.0)
            assert far <= TOLERANCE * scale, theirs["name"]


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_mediapipe(name: str) -> None:
    check(models.mediapipe(name), PICTURES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", models.ZOO)
def test_zoo(name: str) -> None:
    check(models.zoo(name), "parrot.jpg", 0.0, 255.0 if "efficientnet" in name else 1.0)


def test_digits_are_read_as_in_float32() -> None:
    images, _ = held_out()
    said = []
    for gpu in (delegate(), halving()):
        with Interpreter(model_content=digits("f32"), delegates=[gpu]) as it:
            it.allocate_tensors()
            (i,), (o,) = it.get_input_details(), it.get_output_details()
            said.append([])
            for image in images[:60]:
                it.set_tensor(i["index"], image[None])
                it.invoke()
                said[-1].append(it.get_tensor(o["index"])[0])
    np.testing.assert_allclose(said[1], said[0], atol=TOLERANCE)
    assert np.array_equal(np.argmax(said[1], -1), np.argmax(said[0], -1))
