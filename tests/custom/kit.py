"""Models with one custom op, and running them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from flatbuffers import flexbuffers
from numpy.typing import NDArray

from delegraph import Interpreter, register_custom_op, unregister_custom_op
from delegraph.graph.builder import GraphBuilder

NAME = "Doubled"


def model(name: str = NAME, shape: Sequence[int] = (2, 3), fields: Any = None, type: str = "FLOAT32") -> bytes:
    """ADD of an input and itself, the custom op, RELU."""
    b = GraphBuilder()
    x = b.input(shape, type)
    twice = b.op("ADD", [x, x], shape, dtype=type)
    options = None if fields is None else bytes(flexbuffers.Dumps(fields))
    made = b.op("CUSTOM", [twice], shape, dtype=type, custom_code=name, custom_options=options)
    b.output(b.op("RELU", [made], shape, dtype=type))
    return b.build()


def run(it: Interpreter, *arrays: NDArray[Any]) -> list[NDArray[Any]]:
    """The outputs of one inference."""
    it.allocate_tensors()
    for detail, array in zip(it.get_input_details(), arrays, strict=True):
        it.set_tensor(detail["index"], array)
    it.invoke()
    return [it.get_tensor(detail["index"]) for detail in it.get_output_details()]


@contextmanager
def registered(name: str, *kernels: Any) -> Iterator[None]:
    """Kernels for as long as a test needs them."""
    register_custom_op(name, *kernels)
    try:
        yield
    finally:
        unregister_custom_op(name)


X = np.array([[1, -2, 3], [-4, 5, -6]], np.float32)
