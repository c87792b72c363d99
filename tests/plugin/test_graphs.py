"""Graphs that are more than a row of ops: signatures, control flow, state, shapes that depend on data, custom ops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from delegraph import CPUDelegate, tflite_delegate
from delegraph.graph.builder import GraphBuilder
from plugin.kit import chain, device, noise, ours, outputs, same, theirs

SHAPE = (1, 3, 2)


def counted_loop(b: GraphBuilder, count: int, x: int) -> int:
    """`count` times x = |x| - 0.5; the loop's last value."""
    test, body = b.subgraph("condition"), b.subgraph("body")
    n, _ = test.input((1,), "INT32"), test.input(SHAPE)
    test.output(test.op("GREATER", [n, test.constant(np.int32([0]))], (1,), dtype="BOOL"))
    n, v = body.input((1,), "INT32"), body.input(SHAPE)
    less = body.op("SUB", [n, body.constant(np.int32([1]))], (1,))
    body.output(less, body.op("SUB", [body.op("ABS", [v], SHAPE), body.constant(np.float32([0.5]))], SHAPE))
    made = [b.tensor((1,), "INT32"), b.tensor(SHAPE)]
    b.op("WHILE", [count, x], outputs=made, cond_subgraph_index=test.index, body_subgraph_index=body.index)
    return made[1]


def both(content: bytes, delegate: Any, inputs: dict[int, Any], runs: int = 1) -> tuple[list[Any], list[Any]]:
    """What a runtime makes of inputs with a delegate inside, and without, run for run."""
    found: list[list[Any]] = []
    for delegates in ([delegate], []):
        it = theirs(content, delegates)
        it.allocate_tensors()
        found.append([np.copy(y) for _ in range(runs) for y in outputs(it, inputs)])
        it.reset_all_variables()
        found[-1] += outputs(it, inputs)
    return found[0], found[1]


def test_signatures() -> None:
    b = GraphBuilder()
    x = b.input((2, 3), name="x")
    y = b.op("NEG", [x], (2, 3))
    b.output(y)
    other = b.subgraph("other")
    p = other.input((2, 3), name="p")
    q = other.op("EXP", [other.op("NEG", [p], (2, 3))], (2, 3))
    other.output(q)
    b.signature("negate", {"x": x}, {"y": y})
    other.signature("both", {"p": p}, {"q": q})
    content = b.build()
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    for given in (content, None):
        delegate = tflite_delegate(device("NEG"), model=given)
        it = theirs(content, [delegate])
        assert delegate.explain().count("sim took 1 of") == 2
        np.testing.assert_array_equal(it.get_signature_runner("negate")(x=value)["y"], -value)
        np.testing.assert_allclose(it.get_signature_runner("both")(p=value)["q"], np.exp(-value), rtol=1e-6)


def test_a_loop_whose_body_is_taken() -> None:
    b = GraphBuilder()
    x, count = b.input(SHAPE), b.input((1,), "INT32")
    b.output(b.op("NEG", [counted_loop(b, count, b.op("NEG", [x], SHAPE))], SHAPE))
    content = b.build()
    for given in (content, None):
        delegate = tflite_delegate(device("NEG", "ABS"), model=given)
        rng = np.random.default_rng(0)
        for n in (0, 1, 5):
            inputs = {0: rng.normal(size=SHAPE).astype(np.float32), 1: np.array([n], np.int32)}
            same(*both(content, delegate, inputs))


def test_a_state_is_the_runtime_s_own() -> None:
    b = GraphBuilder()
    rng = np.random.default_rng(2)
    x = b.input((1, 3))
    weights = [b.constant(rng.normal(size=s).astype(np.float32)) for s in ((4, 3), (4, 4), (4,))]
    h = b.op("RNN", [x, *weights, b.variable((1, 4))], (1, 4), fused_activation_function="TANH")
    b.output(b.op("NEG", [h], (1, 4)))
    content = b.build()
    delegate = tflite_delegate(device("RNN"), model=content)
    found, wanted = both(content, delegate, {0: np.float32([[1, 2, 3]])}, runs=3)
    same(found, wanted)
    assert not np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[3])


def test_shapes_that_depend_on_data_stay_with_the_runtime() -> None:
    b = GraphBuilder()
    x = b.input((4,))
    y = b.op("NEG", [x], (4,))
    where = b.op("WHERE", [b.op("GREATER", [y, b.constant(np.float32(0))], (4,), dtype="BOOL")], (4, 1), dtype="INT64",
                 shape_signature=(-1, 1))  # fmt: skip
    b.output(b.op("NEG", [where], (4, 1), shape_signature=(-1, 1)), b.op("NEG", [b.op("EXP", [y], (4,))], (4,)))
    content = b.build()
    delegate = tflite_delegate(device("NEG", "GREATER"), model=content)
    it = theirs(content, [delegate])
    it.allocate_tensors()
    assert "took 2 of 6 ops" in delegate.explain() and "op 5 NEG: dynamic_shape" in delegate.explain()
    for values in ([1, -2, -3, 4], [-1, -2, -3, -4], [1, 1, 1, 1]):
        plain = theirs(content, [])
        plain.allocate_tensors()
        same(outputs(it, {0: np.float32(values)}), outputs(plain, {0: np.float32(values)}))
    it.resize_tensor_input(0, (6,))
    it.allocate_tensors()
    plain.resize_tensor_input(0, (6,))
    plain.allocate_tensors()
    same(outputs(it, {0: np.float32([1, -2, 3, -4, 5, -6])}), outputs(plain, {0: np.float32([1, -2, 3, -4, 5, -6])}))


def test_an_op_that_the_runtime_lacks() -> None:
    from delegraph import HostDelegate, register_custom_op, unregister_custom_op

    b = GraphBuilder()
    y = b.op("CUSTOM", [b.op("NEG", [b.input((3,))], (3,))], (3,), custom_code="Halve")
    b.output(b.op("NEG", [y], (3,)))
    content = b.build()
    register_custom_op("Halve", lambda inputs, options: [inputs[0] / 2])
    try:
        delegate = tflite_delegate(HostDelegate(), model=content)
        it = theirs(content, [delegate])
        it.allocate_tensors()
        same(outputs(it, {0: np.float32([1, 2, 3])}), [np.float32([0.5, 1, 1.5])])
        assert "host took 1 of 3 ops" in delegate.explain()
    finally:
        unregister_custom_op("Halve")


def test_constants_that_cross_into_the_runtime() -> None:
    """A folded op whose readers are not all taken is the runtime's; what is taken reads the constant all the same."""
    b = GraphBuilder()
    w = b.op("DEQUANTIZE", [b.constant(np.float16([1, 2, 3]))], (3,), dtype="FLOAT32")
    x = b.input((3,))
    b.output(b.op("ADD", [x, w], (3,)), b.op("MUL", [x, w], (3,)))
    content = b.build()
    for given in (content, None):
        for kinds, taken in ((("ADD", "DEQUANTIZE"), 1), (("ADD", "MUL", "DEQUANTIZE"), 3)):
            delegate = tflite_delegate(device(*kinds), model=given)
            it = theirs(content, [delegate])
            it.allocate_tensors()
            assert f"took {taken} of 3" in delegate.explain()
            same(*both(content, delegate, noise(it)))


def test_a_runtime_inside_the_runtime() -> None:
    content = chain()
    it = theirs(content, [tflite_delegate(CPUDelegate())])
    it.allocate_tensors()
    inputs = noise(it)
    same(outputs(it, inputs), ours(content, device(), inputs))


def test_an_absent_device_leaves_all_to_the_runtime() -> None:
    from delegraph.delegates.base import Probe

    sim: Any = device()
    sim.probe = lambda: Probe(False, "unplugged", "plug it in")
    content = chain()
    delegate = tflite_delegate(sim)
    it = theirs(content, [delegate])
    it.allocate_tensors()
    inputs = noise(it)
    same(outputs(it, inputs), ours(content, device(), inputs))
    assert delegate.events[0].kind == "absent" and "absent: unplugged; plug it in" in delegate.explain()
    with pytest.raises(ValueError, match="Could not open"):
        tflite_delegate(sim, model="/nowhere.tflite")
