"""Verifying finds each of the seeded faults at the op that has it, and nothing where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph import wholes
from graph.kit import add
from graph.recipes import Recipe, recipes
from numpy.typing import NDArray
from ops.harness import delegate

import models
from delegraph import CPUDelegate, DelegateError, GPUDelegate, Interpreter
from delegraph.data import digits
from delegraph.delegates.gpu import launches
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph
from delegraph.graph.read import read
from delegraph.inputs import arrays_for, inputs_of
from delegraph.shaders.program import Program
from delegraph.verification.difference import Tolerance
from delegraph.verification.verify import verify

from .faults import FACE, FAULTS, LSTM, MOVENET, Fault, content_of, contents, each, seeded


def inputs_for(graph: Graph, fault: Fault) -> dict[str, NDArray[Any]]:
    """What the model is shown."""
    found = {}
    for t in (graph.tensors[t] for t in graph.inputs):
        q = t.quantization
        quantization = (float(q.scales[0]), int(q.zero_points[0])) if q is not None and q.scales.size else (0.0, 0)
        detail = {"shape": t.shape, "dtype": t.dtype, "quantization": quantization}
        found[t.name] = models.input_for(detail, fault.source, fault.low)
    return found


@pytest.mark.parametrize("fault", each())
def test_a_wrong_kernel_is_found_at_its_op(fault: Fault) -> None:
    content = content_of(fault)
    model = read(content)
    delegate()  # skips or fails where there is no GL
    with seeded(fault, model.fingerprint):
        gpu = GPUDelegate()
        try:
            found = verify(content, [gpu], inputs=inputs_for(model.graphs[0], fault), quick=True)
        finally:
            gpu.close()
    print(f"\n{fault.model} op {fault.op} {fault.of}, {fault.what}: {found.off}, {found.blame}")
    assert found.off or found.problem
    assert found.blame is not None and (found.blame.kind, found.blame.ops) == ("op", (fault.op,))


@contextmanager
def opened() -> Iterator[GPUDelegate]:
    """A delegate that no other test has seen a right kernel of."""
    delegate()  # skips or fails where there is no GL
    gpu = GPUDelegate()
    try:
        yield gpu
    finally:
        gpu.close()


def test_op_by_op_a_wrong_kernel_is_off_and_what_follows_carries_it() -> None:
    fault = FAULTS[0]
    content = content_of(fault)
    with seeded(fault, read(content).fingerprint), opened() as gpu:
        found = verify(content, [gpu])
    assert [c.op for c in found.ops if c.off and c.fused is None] == [3]  # op 2 is off where op 3 is fused into it
    root, wrong = found.ops[2], found.ops[3]
    assert root.fused is not None and Tolerance().exceeded(root.fused) and str(root.here) == "same"
    assert wrong.into == 2 and wrong.here is not None and Tolerance().exceeded(wrong.here)
    assert all(c.carried is not None and Tolerance().exceeded(c.carried) for c in found.ops[3:])
    assert all(not Tolerance().exceeded(c.carried) for c in found.ops[:3] if c.carried is not None)
    assert found.blame is not None and (found.blame.kind, found.blame.ops) == ("op", (3,)) and not found.ok


@pytest.mark.parametrize("name", models.thinned(["digits f32", "digits int8", LSTM, MOVENET, FACE], "digits f32", LSTM))
def test_right_kernels_are_right_and_each_op_is_looked_at(name: str) -> None:
    content = contents(name)
    graph = read(content).graphs[0]
    found = verify(content, [delegate()], seed=3)
    assert found.ok and found.complete and found.blame is None
    assert sorted(c.op for c in found.ops) == [op.index for op in graph.ops if op.index not in graph.folded_ops]
    assert all(c.here is not None and c.carried is not None and not c.problem for c in found.ops)


def test_a_wrong_fusion_is_blamed_on_the_ops_together(monkeypatch: pytest.MonkeyPatch) -> None:
    right = launches.Lowerer.joined

    def joined(self: launches.Lowerer, old: Program, root: int, program: Program) -> Program:
        made = right(self, old, root, program)
        return replace(made, stages=tuple(replace(s, expression=s.expression.replace("relu", "")) for s in made.stages))

    monkeypatch.setattr(launches.Lowerer, "joined", joined)
    with opened() as gpu:
        found = verify(digits("f32"), [gpu])
    assert found.blame is not None and (found.blame.kind, found.blame.ops) == ("fusion", (2, 3))
    assert [c.op for c in found.ops if c.off] == [2, 7]
    assert "right one by one but not fused" in str(found.blame)


def test_what_is_saved_is_the_op_with_what_it_was_fed(tmp_path: Path) -> None:
    fault = FAULTS[0]
    content = content_of(fault)
    with seeded(fault, read(content).fingerprint), opened() as gpu:
        found = verify(content, [gpu], quick=True)
    assert found.blame is not None
    path = tmp_path / "op.tflite"
    beside = found.blame.save(path)
    model = read(path)
    assert [op.kind for op in model.graphs[0].ops] == ["ADD"] and beside == tmp_path / "op.npz"
    (wanted,), (got,) = found.blame.wanted.values(), found.blame.got.values()
    with np.load(beside) as arrays, Interpreter(model_path=path, delegates=[delegate()]) as it:
        inputs = arrays_for(inputs_of(it), [str(beside)], None, None)
        it.allocate_tensors()
        for index, value in inputs.items():
            it.set_tensor(index, value)
        it.invoke()
        right = it.get_tensor(it.get_output_details()[0]["index"])
        (name,) = found.blame.wanted
        assert np.array_equal(arrays[f"wanted:{name}"], wanted) and np.array_equal(arrays[f"got:{name}"], got)
    assert np.abs(right - wanted).max() < 1e-5 < np.abs(right - got).max()
    assert verify(path, [delegate()], inputs={k: found.blame.inputs[k] for k in found.blame.inputs}).ok


def looping() -> bytes:
    """A loop between two convolutions, so that the CPU takes a part."""
    b = GraphBuilder()
    x, count = b.input((1, 4, 4, 4)), b.input((1,), "INT32")
    test, body = b.subgraph("condition"), b.subgraph("body")
    n, _ = test.input((1,), "INT32"), test.input((1, 4, 4, 4))
    test.output(test.op("GREATER", [n, test.constant(np.int32([0]))], (1,), dtype="BOOL"))
    n, v = body.input((1,), "INT32"), body.input((1, 4, 4, 4))
    less = body.op("SUB", [n, body.constant(np.int32([1]))], (1,))
    body.output(less, body.op("ABS", [v], (1, 4, 4, 4)))
    made = [b.tensor((1,), "INT32"), b.tensor((1, 4, 4, 4))]
    first = b.op("NEG", [x], (1, 4, 4, 4))
    b.op("WHILE", [count, first], outputs=made, cond_subgraph_index=1, body_subgraph_index=2)
    b.output(b.op("EXP", [made[1]], (1, 4, 4, 4)))
    return b.build()


def test_several_delegates_and_a_loop() -> None:
    found = verify(looping(), [delegate(), CPUDelegate()])
    assert found.ok and [c.delegate for c in found.ops] == ["gpu", "cpu", "gpu"] and len(found.delegates) == 2


def test_strings_and_shapes_that_depend_on_data() -> None:
    b = GraphBuilder()
    x = b.input((2, 5))
    places = b.op("WHERE", [b.op("GREATER", [x, b.constant(np.float32([0.5]))], (2, 5), dtype="BOOL")], (4, 2),
                  dtype="INT64", shape_signature=(-1, 2))  # fmt: skip
    b.output(b.op("CAST", [places], (4, 2), dtype="FLOAT32", shape_signature=(-1, 2)))
    found = verify(b.build(), [delegate(), CPUDelegate()])
    assert found.ok and [c.delegate for c in found.ops] == ["gpu", "cpu", "cpu"]
    assert all(c.here is not None for c in found.ops)


def test_a_plan_that_does_not_compile_says_where() -> None:
    fault = Fault("digits f32", 11, "SOFTMAX", "does not compile", constants={"BETA": "no_such_thing"})
    content = content_of(fault)
    with seeded(fault, read(content).fingerprint), opened() as gpu, pytest.raises(DelegateError, match="no_such_thing"):
        verify(content, [gpu])


def test_ctrl_c_leaves_what_was_found() -> None:
    def at_the_fifth(done: float, what: str) -> None:
        if what == "op 4":
            raise KeyboardInterrupt

    found = verify(digits("int8"), [delegate()], progress=at_the_fifth)
    assert not found.complete and [c.op for c in found.ops] == [0, 1, 2, 3] and len(found.outputs) == 1


def test_inputs_by_name_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"the model has no input 'y', but these:\n  0: "):
        verify(digits("f32"), [delegate()], inputs={"y": np.zeros(1)})
    with pytest.raises(ValueError, match=r"input '0' holds float64 \[1\]"):
        verify(digits("f32"), [delegate()], inputs={"0": np.zeros(1)})


@pytest.mark.parametrize("make", [wholes.folding, wholes.control_flow], ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", ["gpu", "cpu"])
def test_folded_weights_variables_and_tables(make: Callable[[], bytes], name: str) -> None:
    found = verify(make(), [delegate() if name == "gpu" else CPUDelegate()])
    assert found.ok and found.ops and all(c.delegate == name or make is wholes.control_flow for c in found.ops)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.kind)
def test_every_kind_of_op(recipe: Recipe) -> None:
    b = GraphBuilder()
    add(b, recipe)
    found = verify(b.build(), [delegate()])
    assert found.ok, found.blame
    assert [c.kind for c in found.ops if c.here is not None] or not found.ops
