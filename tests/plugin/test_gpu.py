"""Real models in the runtime's own interpreter with the GPU delegate: what ours gives, to the bit."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

import models
from delegraph import GPUDelegate, tflite_delegate
from delegraph.data import digits
from plugin.kit import noise, ours, outputs, same, theirs


@cache
def gpu() -> GPUDelegate:
    """The GPU delegate, if there is a device for it; else the test fails, or is skipped where that is allowed."""
    delegate = GPUDelegate()
    if not (probe := delegate.probe()).here:
        if os.environ.get("DELEGRAPH_ALLOW_NO_GL"):
            pytest.skip(f"no GL here: {probe.detail}")
        pytest.fail(f"no GL here: {probe.detail}. {probe.remedy}")
    return delegate


def check(content: bytes, given: bool) -> None:
    """Every op on the GPU in one part, and the outputs of our interpreter."""
    delegate = tflite_delegate(gpu(), model=content if given else None)
    it = theirs(content, [delegate])
    it.allocate_tensors()
    inputs = noise(it)
    same(outputs(it, inputs), ours(content, gpu(), inputs))
    assert not delegate.events and "in 1 part\n" in delegate.explain() and "left" not in delegate.explain()


@pytest.mark.parametrize("given", [True, False], ids=["model", "structures"])
@pytest.mark.parametrize("variant", ["f32", "int8"])
def test_digits(variant: str, given: bool) -> None:
    check(digits(variant), given)


def path_of(name: str) -> Path:
    return models.zoo(name) if name in models.ZOO else models.mediapipe(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*models.MEDIAPIPE_PLAIN, *models.MEDIAPIPE_CUSTOM, *models.made()])
def test_float_models(name: str) -> None:
    check(path_of(name).read_bytes(), given=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*models.MEDIAPIPE_PLAIN, *models.made()])
def test_float_models_by_their_structures(name: str) -> None:
    check(path_of(name).read_bytes(), given=False)


def test_other_shapes_on_the_gpu() -> None:
    content = digits("f32")
    it = theirs(content, [tflite_delegate(gpu(), model=content)])
    for batch in (2, 1):
        shape = it.get_input_details()[0]["shape"]
        it.resize_tensor_input(it.get_input_details()[0]["index"], (batch, *shape[1:]))
        it.allocate_tensors()
        inputs = noise(it, batch)
        same(outputs(it, inputs), ours(content, gpu(), inputs))
