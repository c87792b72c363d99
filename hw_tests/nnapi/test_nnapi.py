"""NNAPI on a real phone: a live sum, the digits model, a thousand runs, and an API that is closed and opened again."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from delegraph import CPUDelegate, Interpreter, NNAPIDelegate
from delegraph.data import digits, held_out
from delegraph.graph.builder import GraphBuilder


def run(interpreter: Interpreter, *inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    output: NDArray[np.float32] = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return output


def sum_of(width: int) -> bytes:
    builder = GraphBuilder()
    builder.output(builder.op("ADD", [builder.input((1, width)), builder.input((1, width))], (1, width)))
    return builder.build()


def test_live_sum(nnapi: NNAPIDelegate) -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 1, 1003)).astype(np.float32)
    with Interpreter(model_content=sum_of(1003), delegates=[nnapi]) as interpreter:
        interpreter.allocate_tensors()
        assert {decision.delegate for decision in interpreter.plan.decisions} == {"nnapi"}
        np.testing.assert_allclose(run(interpreter, x, y), x + y, rtol=1e-5)


def test_digits(nnapi: NNAPIDelegate) -> None:
    images, labels = held_out()
    with Interpreter(model_content=digits("f32"), delegates=[nnapi, CPUDelegate()]) as interpreter:
        interpreter.allocate_tensors()
        assert "nnapi" in {decision.delegate for decision in interpreter.plan.decisions}
        detail = interpreter.get_input_details()[0]
        found = [int(np.argmax(run(interpreter, image.reshape(detail["shape"])))) for image in images[:100]]
    assert np.mean(np.array(found) == labels[:100]) > 0.9


def test_a_thousand_runs(nnapi: NNAPIDelegate) -> None:
    x, y = np.ones((2, 1, 4096), np.float32)
    with Interpreter(model_content=sum_of(4096), delegates=[nnapi]) as interpreter:
        interpreter.allocate_tensors()
        times = []
        for k in range(1000):
            begun = time.perf_counter()
            found = run(interpreter, x, y * k)
            times.append(time.perf_counter() - begun)
            assert found[0, 0] == 1 + k
    print(f"median of a run: {1e6 * float(np.median(times)):.0f} us")


def test_it_is_opened_again_after_it_was_closed(nnapi: NNAPIDelegate) -> None:
    x, y = np.ones((2, 1, 16), np.float32)
    for _ in range(3):
        with Interpreter(model_content=sum_of(16), delegates=[nnapi]) as interpreter:
            interpreter.allocate_tensors()
            np.testing.assert_array_equal(run(interpreter, x, y), x + y)
        nnapi.close()
