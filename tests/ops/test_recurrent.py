"""What cases cannot say of recurrent ops: several of them, what they share with others, what they refuse."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

import delegraph
from delegraph.graph.builder import GraphBuilder

from .harness import Arrays, Loaded, delegate, difference, graph_of, random_inputs, refusals, refuses

Shape = tuple[int, ...]
RUNS = 3


@dataclass(frozen=True)
class State:
    """The shape of a variable."""

    shape: Shape


Given = Shape | State | NDArray[Any] | None  # a computed input, a variable, a constant, nothing


def noise(*shape: int, seed: int = 1) -> NDArray[np.float32]:
    return (np.random.default_rng([*shape, seed]).standard_normal(shape) / 2).astype(np.float32)


def model(kind: str, given: Sequence[Given], shapes: Sequence[Shape], **options: Any) -> bytes:
    b = GraphBuilder()
    tensors = []
    for value in given:
        if value is None:
            tensors.append(-1)
        elif isinstance(value, tuple):
            tensors.append(b.input(value))
        else:
            tensors.append(b.variable(value.shape) if isinstance(value, State) else b.constant(value))
    made = [b.tensor(shape) for shape in shapes]
    b.op(kind, tensors, outputs=made, **{"fused_activation_function": "TANH", **options})
    b.output(*made)
    return b.build()


def reference(content: bytes, runs: Sequence[Arrays]) -> list[list[NDArray[Any]]]:
    """What each run gives; before the last, variables are reset."""
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    found = []
    for k, inputs in enumerate(runs):
        if k == len(runs) - 1:
            interpreter.reset_all_variables()
        for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
        found.append([interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()])
    return found


def check(content: bytes, tolerance: float = 1e-5, launches: int | None = None) -> None:
    """Assert that each of several runs gives what the reference kernels give, the last with variables reset."""
    graph = graph_of(content)
    refused = refusals(graph)
    assert not refused, f"the GPU refuses {refused}"
    runs = [random_inputs(graph, seed) for seed in range(RUNS)]
    with ExitStack() as stack:
        loaded = Loaded(stack, delegate(), graph, False)
        if launches is not None:
            assert len(loaded.lowering.uses) == launches
        for k, (inputs, wanted) in enumerate(zip(runs, reference(content, runs), strict=True)):
            if k == RUNS - 1:
                loaded.executable.reset_variables()
            for got, want in zip(loaded.run(inputs), wanted, strict=True):
                assert difference(got, want) <= tolerance, f"run {k} is {difference(got, want):.2e} off"


def cell(n: int, x: int, h: int, seed: int = 1) -> list[Given]:
    return [noise(h, x, seed=seed), noise(h, h, seed=seed) / 4, noise(h, seed=seed), State((n, h))]


def gates(x: int, h: int, out: int, input_gate: bool, peepholes: bool, projection: str, seed: int = 1) -> list[Given]:
    """Inputs 1 to 17."""
    rng = iter(range(100 * seed, 100 * seed + 99))

    def some(there: bool, *shape: int, scale: float = 1.0) -> Given:
        return noise(*shape, seed=next(rng)) * np.float32(scale) if there else None

    return [
        some(input_gate, h, x), *(some(True, h, x) for _ in range(3)),
        some(input_gate, h, out, scale=0.2), *(some(True, h, out, scale=0.2) for _ in range(3)),
        some(peepholes and input_gate, h), some(peepholes, h), some(peepholes, h),
        some(input_gate, h), *(some(True, h) for _ in range(3)),
        some(projection != "none", out, h), some(projection == "biased", out),
    ]  # fmt: skip


def states(n: int, h: int, out: int) -> list[Given]:
    return [State((n, out)), State((n, h))]


def test_two_ops_remember_apart_and_an_activation_is_fused() -> None:
    b = GraphBuilder()
    x = b.input((2, 3))
    for seed in (1, 2):
        tensors = [x]
        for value in cell(2, 3, 5, seed):
            tensors.append(b.variable(value.shape) if isinstance(value, State) else b.constant(value))
        y = b.op("RNN", tensors, (2, 5), fused_activation_function="TANH")
        b.output(b.op("ABS", [y], (2, 5)))
    check(b.build(), launches=2)


def test_what_an_op_reads_of_itself_is_not_fused() -> None:
    """The state of a basic LSTM, of which its activation is made, goes through one more op."""
    b = GraphBuilder()
    n, x, h = 2, 3, 4
    tensors = [
        b.input((n, x)),
        b.variable((n, h)),
        b.constant(noise(4 * h, x + h)),
        b.constant(noise(4 * h)),
        b.variable((n, h)),
    ]
    made = [b.tensor(shape) for shape in ((n, h), (n, h), (n, x + h), (n, 4 * h))]
    b.op("LSTM", tensors, outputs=made, kernel_type="BASIC", fused_activation_function="TANH")
    b.output(
        made[0], *(b.op("ABS", [t], shape) for t, shape in zip(made[1:], ((n, h), (n, x + h), (n, 4 * h)), strict=True))
    )
    check(b.build())


REFUSED: list[tuple[str, bytes]] = [
    ("state", model("RNN", [(2, 3), *cell(2, 3, 5)[:3], (2, 5)], [(2, 5)])),
    ("state", model("RNN", [(2, 3), *cell(2, 3, 5)[:3], State((2, 4))], [(2, 5)])),
    ("shape", model("RNN", [(2, 3), noise(5, 4), *cell(2, 3, 5)[1:]], [(2, 5)])),
    ("shape", model("RNN", [(2, 3), *cell(2, 3, 5)], [(2, 6)])),
    ("variable", model("ADD", [(2, 3), State((2, 3))], [(2, 3)], fused_activation_function="NONE")),
    ("projection", model("LSTM", [(2, 3), *gates(3, 6, 4, True, False, "none"), *states(2, 6, 4)], [(2, 4)])),
    ("shape", model("SVDF", [(2, 3), noise(5, 3), noise(5, 2), None, State((2, 10))], [(2, 2)], rank=2)),
]


@pytest.mark.parametrize(("code", "content"), REFUSED)
def test_refused(code: str, content: bytes) -> None:
    refuses(content, code)


def test_an_interpreter_keeps_and_resets_what_ops_on_the_gpu_remember() -> None:
    """Between ops on the host, in a plan of three partitions."""
    b = GraphBuilder()
    x = b.op("RELU", [b.input((2, 3))], (2, 3))
    tensors = [x]
    for value in cell(2, 3, 5):
        tensors.append(b.variable(value.shape) if isinstance(value, State) else b.constant(value))
    y = b.op("RNN", tensors, (2, 5), fused_activation_function="TANH")
    b.output(b.op("RELU", [y], (2, 5)))
    content = b.build()
    runs = [[noise(2, 3, seed=seed)] for seed in range(RUNS)]
    wanted = reference(content, runs)
    interpreter = delegraph.Interpreter(model_content=content, delegates=[delegate()], pin={"cpu": ["RELU"]})
    interpreter.allocate_tensors()
    assert [p.delegate for p in interpreter.plan.partitions] == ["cpu", "gpu", "cpu"]
    for k, (inputs, want) in enumerate(zip(runs, wanted, strict=True)):
        if k == RUNS - 1:
            interpreter.reset_all_variables()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs[0])
        interpreter.invoke()
        got = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        assert difference(got, want[0]) <= 1e-5
