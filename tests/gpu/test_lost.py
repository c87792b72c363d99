"""A context that is lost: it fails in words, another is opened, and plans that may recover do."""

from __future__ import annotations

import moderngl
import numpy as np
import pytest
from numpy.typing import NDArray

from delegraph import DelegateError, GPUDelegate, Interpreter, recovery
from delegraph.data import digits, held_out
from delegraph.delegates.gpu import device as device_module
from delegraph.delegates.gpu.context import HANDLE, LIBEGL, UINT, current_egl, function

LOST = "the OpenGL context on .* is lost"
GL_GUILTY_CONTEXT_RESET = 0x8253


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again at once."""
    monkeypatch.setattr(recovery, "FIRST", 0.0)


@pytest.fixture
def gpu() -> GPUDelegate:
    """One of its own, to be broken."""
    found = GPUDelegate()
    if not found.probe().here:
        pytest.skip(f"no GL: {found.probe().detail}")
    return found


def destroy(gpu: GPUDelegate) -> None:
    """Take the context from under a delegate."""
    with gpu.device.current():
        display, context = function("eglGetCurrentDisplay", HANDLE)(), current_egl()
    assert function("eglDestroyContext", UINT, HANDLE, HANDLE)(display, context)


def image(k: int) -> NDArray[np.float32]:
    return held_out()[0][k : k + 1]


def run(it: Interpreter, x: NDArray[np.float32]) -> NDArray[np.float32]:
    it.set_tensor(it.get_input_details()[0]["index"], x)
    it.invoke()
    return np.asarray(it.get_tensor(it.get_output_details()[0]["index"]))


def wanted(x: NDArray[np.float32]) -> NDArray[np.float32]:
    with Interpreter(model_content=digits("f32")) as it:
        it.allocate_tensors()
        return run(it, x)


def homes(it: Interpreter) -> set[str]:
    return {d.delegate for d in it.plan.decisions}


def test_interpreters_that_may_replan_go_on_in_another_context(gpu: GPUDelegate) -> None:
    """Both of two that share the delegate: on the CPU first, then on the GPU again."""
    content = digits("f32")
    exclude = {"gpu": ["SOFTMAX"]}
    with (
        Interpreter(model_content=content, delegates=[gpu], on_failure="replan") as one,
        Interpreter(model_content=content, delegates=[gpu], exclude=exclude, on_failure="replan") as other,
    ):
        for it in (one, other):
            it.allocate_tensors()
            run(it, image(0))
        for turn in range(2):
            first = gpu.device
            destroy(gpu)
            for it in (one, other):
                np.testing.assert_allclose(run(it, image(1)), wanted(image(1)), atol=1e-5)
                failed, replanned = it.events[-2:]
                assert (failed.kind, replanned.kind) == ("failed", "replanned") and "is lost" in failed.message
                assert homes(it) == {"cpu"}, turn
            for it in (one, other):
                np.testing.assert_allclose(run(it, image(2)), wanted(image(2)), atol=1e-5)
                assert it.events[-1].kind == "retried" and "gpu" in homes(it)
            assert gpu.device is not first
    gpu.close()


def test_without_replan_the_error_says_so_and_a_new_interpreter_works(gpu: GPUDelegate) -> None:
    with Interpreter(model_content=digits("f32"), delegates=[gpu]) as it:
        it.allocate_tensors()
        run(it, image(0))
        destroy(gpu)
        for _ in range(2):
            with pytest.raises(DelegateError, match=LOST):
                run(it, image(1))
    with Interpreter(model_content=digits("f32"), delegates=[gpu]) as it:
        it.allocate_tensors()
        np.testing.assert_allclose(run(it, image(1)), wanted(image(1)), atol=1e-5)
    gpu.close()


def test_a_reset_that_gl_tells_of_counts_as_lost(gpu: GPUDelegate, monkeypatch: pytest.MonkeyPatch) -> None:
    """GL's calls then set an error and do nothing, and it says why when asked."""
    with Interpreter(model_content=digits("f32"), delegates=[gpu], on_failure="replan") as it:
        it.allocate_tensors()
        run(it, image(0))
        first = gpu.device
        with gpu.device.current():
            function("glEnable", None, UINT)(0xFFFF)
        monkeypatch.setattr(device_module, "reset_status", lambda ctx: GL_GUILTY_CONTEXT_RESET)
        np.testing.assert_allclose(run(it, image(1)), wanted(image(1)), atol=1e-5)
        assert "is lost" in it.events[-2].message and first.lost
        monkeypatch.undo()
        monkeypatch.setattr(recovery, "FIRST", 0.0)
    gpu.close()


def test_an_error_that_is_no_loss_leaves_the_context(gpu: GPUDelegate) -> None:
    with Interpreter(model_content=digits("f32"), delegates=[gpu]) as it:
        it.allocate_tensors()
        first = gpu.device
        with gpu.device.current():
            function("glEnable", None, UINT)(0xFFFF)
        with pytest.raises(DelegateError, match="GL_INVALID_ENUM"):
            run(it, image(0))
        np.testing.assert_allclose(run(it, image(0)), wanted(image(0)), atol=1e-5)
        assert gpu.device is first and not first.lost
    gpu.close()


def test_the_callers_own_context_is_not_replaced() -> None:
    try:
        ctx = moderngl.create_context(standalone=True, backend="egl", libgl="libGL.so.1", libegl=LIBEGL)
    except Exception as error:
        pytest.skip(f"no GL: {error}")
    gpu = GPUDelegate(context=ctx)
    with Interpreter(model_content=digits("f32"), delegates=[gpu], on_failure="replan") as it:
        it.allocate_tensors()
        run(it, image(0))
        destroy(gpu)
        for k in range(3):
            np.testing.assert_allclose(run(it, image(k)), wanted(image(k)), atol=1e-5)
            assert homes(it) == {"cpu"}
        assert not gpu.probe().here and "give a new one" in gpu.probe().detail
    gpu.close()
