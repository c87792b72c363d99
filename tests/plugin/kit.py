"""Interpreters of the runtime that is installed, with our delegates inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delegraph import Interpreter, SimulatedDelegate
from delegraph.delegates.base import Delegate
from delegraph.delegates.runtime import load_runtime
from delegraph.graph.builder import GraphBuilder


def theirs(content: bytes, delegates: Sequence[Any], **options: Any) -> Any:
    """The installed runtime's own Interpreter; `resolver` is the name of an OpResolverType."""
    runtime = load_runtime()
    kind = runtime.resolver(options.pop("resolver", "AUTO"))
    return runtime.module.Interpreter(
        model_content=content, experimental_delegates=list(delegates), experimental_op_resolver_type=kind, **options
    )


def noise(interpreter: Any, seed: int = 0) -> dict[int, NDArray[Any]]:
    """A value for each input of an interpreter."""
    rng = np.random.default_rng(seed)
    found = {}
    for d in interpreter.get_input_details():
        value = rng.normal(size=tuple(d["shape"]))
        found[d["index"]] = (value if np.dtype(d["dtype"]).kind == "f" else value * 50).astype(d["dtype"])
    return found


def outputs(interpreter: Any, inputs: dict[int, NDArray[Any]]) -> list[NDArray[Any]]:
    """What an interpreter that is allocated makes of its inputs."""
    for index, value in inputs.items():
        interpreter.set_tensor(index, value)
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def ours(content: bytes, delegate: Delegate, inputs: dict[int, NDArray[Any]]) -> list[NDArray[Any]]:
    """What our Interpreter makes of inputs, which also give the shapes."""
    with Interpreter(model_content=content, delegates=[delegate]) as interpreter:
        for index, value in inputs.items():
            interpreter.resize_tensor_input(index, value.shape)
        interpreter.allocate_tensors()
        return outputs(interpreter, inputs)


def same(found: Sequence[NDArray[Any]], wanted: Sequence[NDArray[Any]]) -> None:
    """Assert that outputs agree to the bit."""
    for f, w in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(f, w)


def device(*kinds: str, name: str = "sim") -> SimulatedDelegate:
    """A delegate that needs no hardware and takes ops of these kinds, all that the runtime has if none is named."""
    return SimulatedDelegate(name, flops=1e15, memory=1e15, latency=1e-9, run=1e-9, supports=kinds or None)


ANY = (-1, 4, 4, 8)


def chain() -> bytes:
    """CONV_2D, RELU6, EXP, ADD (of the two before) over any batch."""
    b = GraphBuilder()
    rng = np.random.default_rng(1)
    x = b.input((1, 4, 4, 3), name="x", shape_signature=(-1, 4, 4, 3))
    weights = b.constant(rng.normal(size=(8, 3, 3, 3)).astype(np.float32))
    bias = b.constant(np.zeros(8, np.float32))
    conv = b.op(
        "CONV_2D", [x, weights, bias], (1, 4, 4, 8), padding="SAME", stride_w=1, stride_h=1, shape_signature=ANY
    )
    relu = b.op("RELU6", [conv], (1, 4, 4, 8), shape_signature=ANY)
    exp = b.op("EXP", [relu], (1, 4, 4, 8), shape_signature=ANY)
    b.output(b.op("ADD", [exp, relu], (1, 4, 4, 8), shape_signature=ANY))
    return b.build()
