"""What is said of a CPU partition that fails: the ops as the model has them, once, and as a delegate's error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from interpreter.first import First

from delegraph import CPUDelegate, Interpreter, StepFailed
from delegraph.graph.builder import GraphBuilder


def ranges() -> bytes:
    """RANGE from 2 x start: one op before it, and one behind."""
    b = GraphBuilder()
    start, limit, step = (b.input((), name=name) for name in ("start", "limit", "step"))
    r = b.op("RANGE", [b.op("ADD", [start, start], ()), limit, step], (0,))
    b.output(b.op("NEG", [r], (0,)))
    return b.build()


def run(it: Interpreter, *values: float) -> list[float]:
    for detail, value in zip(it.get_input_details(), values, strict=True):
        it.set_tensor(detail["index"], np.float32(value))
    it.invoke()
    found: list[float] = it.get_tensor(it.get_output_details()[0]["index"]).tolist()
    return found


def test_the_op_is_named_by_the_models_number_and_nothing_is_said_twice() -> None:
    with Interpreter(model_content=ranges(), delegates=[First(1), CPUDelegate()]) as it:
        it.allocate_tensors()
        for _ in range(3):
            with pytest.raises(StepFailed) as caught:
                run(it, 0, 4, 0)
            assert caught.value.ops == (1, 2)
            said = str(caught.value)
            assert said.startswith("cpu: ops 1 (RANGE) to 2 (NEG): ") and said.count("range.cc") == 1
            assert "op 1 (RANGE) failed to invoke" in said and "Node number" not in said
            assert run(it, 1, 5, 1) == [-2, -3, -4]


class Wrapped:
    """A runtime that does what another does, but for what a class makes of it."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Forgetful(CPUDelegate):
    """A runtime that says that all is well, and then has no value of what it was to make."""

    def open(self, content: bytes, resolver: str | None = None) -> Any:
        class Runtime(Wrapped):
            def get_tensor(self, index: int) -> Any:
                raise ValueError("Tensor data is null. Run allocate_tensors() first")

        return Runtime(super().open(content, resolver))


def test_a_runtime_without_the_value_is_a_failure_of_the_delegate() -> None:
    with Interpreter(model_content=ranges(), delegates=[First(1), Forgetful()]) as it:
        it.allocate_tensors()
        with pytest.raises(StepFailed, match=r"^cpu: ops 1 \(RANGE\) to 2 \(NEG\): Tensor data is null"):
            run(it, 1, 5, 1)
        assert it.events[-1].kind == "failed"


class Swelling(CPUDelegate):
    """A runtime that gives what it makes memory when it runs, and then another shape than the model says."""

    def open(self, content: bytes, resolver: str | None = None) -> Any:
        class Runtime(Wrapped):
            ran = False

            def invoke(self) -> None:
                self.ran = True

            def tensor(self, index: int) -> Any:
                def find() -> Any:
                    if not self.ran:
                        raise ValueError("Tensor data is null. Run allocate_tensors() first")
                    return np.zeros((3, 2), np.float32)

                return find if index == self.inner.get_output_details()[0]["index"] else self.inner.tensor(index)

        return Runtime(super().open(content, resolver))


def test_an_output_of_another_shape_than_the_models_is_a_failure_of_the_delegate() -> None:
    b = GraphBuilder()
    b.output(b.op("NEG", [b.op("ABS", [b.input((2, 3))], (2, 3))], (2, 3)))
    with Interpreter(model_content=b.build(), delegates=[First(1), Swelling()]) as it:
        it.allocate_tensors()
        with pytest.raises(StepFailed, match=r"^cpu: tensor '.*' came out as \(3, 2\), where the model says \(2, 3\)$"):
            it.invoke()
