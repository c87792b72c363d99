"""The GPU delegate on a real GPU: a live sum, and the digits model with every op on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from delegraph import GPUDelegate, Interpreter
from delegraph.data import digits, held_out
from delegraph.delegates.gpu.device import is_software
from delegraph.graph.builder import GraphBuilder


def run(interpreter: Interpreter, *inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    output: NDArray[np.float32] = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return output


def test_software_is_no_gpu() -> None:
    assert is_software("llvmpipe (LLVM 15.0.6, 256 bits)")
    assert not is_software("NVIDIA H200/PCIe/SSE2")


def test_live_sum(gpu: GPUDelegate) -> None:
    builder = GraphBuilder()
    a, b = builder.input((1, 1003)), builder.input((1, 1003))
    builder.output(builder.op("ADD", [a, b], (1, 1003)))
    x, y = np.random.default_rng(0).standard_normal((2, 1, 1003)).astype(np.float32)
    with Interpreter(model_content=builder.build(), delegates=[gpu]) as interpreter:
        interpreter.allocate_tensors()
        assert {decision.delegate for decision in interpreter.plan.decisions} == {"gpu"}
        np.testing.assert_array_equal(run(interpreter, x, y), x + y)


def test_digits_run_whole_on_the_gpu(gpu: GPUDelegate) -> None:
    images, labels = held_out()
    answers = []
    for delegates in ([gpu], []):
        with Interpreter(model_content=digits("f32"), delegates=delegates) as interpreter:
            interpreter.allocate_tensors()
            assert {decision.delegate for decision in interpreter.plan.decisions} == {"gpu" if delegates else "cpu"}
            answers.append(np.concatenate([run(interpreter, image[np.newaxis]) for image in images]))
    got, want = answers
    assert np.abs(got - want).max() <= 1e-4
    assert np.mean(got.argmax(axis=1) == labels) >= 0.97
