"""The generated header, compile errors, limits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ops.harness import delegate, graph_of

from delegraph.delegates.gpu import GPUDelegate, blocks, compiler, lowering
from delegraph.delegates.gpu.launches import lower
from delegraph.delegates.gpu.programs import Programs
from delegraph.errors import DelegateError
from delegraph.graph.builder import GraphBuilder
from delegraph.shaders.program import Arg, Const, Elementwise, Limits, Program, Stage, groups_for, literal

from .graphs import chain, conv
from .launch import launched

PROGRAM = Program("elementwise", {}, (Arg("source", 0),), 1, (1, 1, 1))


def run_store(stage: Stage, operand: np.ndarray[Any, Any], value: str, x: np.ndarray[Any, Any]) -> Any:
    """What a stage makes of `x`, on the GPU."""
    program = Program("elementwise", {}, (Arg("source", 0, value),), 1, (1, 1, 1), value=value, stages=(stage,))
    return launched(program, x.size // (4 if value == "vec4" else 1), [x, np.zeros_like(x), operand])


@pytest.mark.parametrize("value", ["float", "vec4"])
@pytest.mark.parametrize("period", [0, 1, 2, 3, 4, 6, 8, 12])
def test_an_operand_repeats_over_the_output(value: str, period: int) -> None:
    x = np.arange(24, dtype=np.float32)
    operand = np.arange(24 if period == 0 else max(period, 4), dtype=np.float32) * 100
    got = run_store(Stage("x + y", operand=1, period=period), operand, value, x)
    want = x + (operand if period == 0 else operand[np.arange(24) % period])
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    "value", [0.1, -0.0, 1e-38, 3.4028234e38, 1 / 3, float("inf"), float("-inf"), float("nan"), 7, -3, 16777217.0]
)
def test_literals_keep_every_bit(value: float) -> None:
    x = np.zeros(4, np.float32)
    got = run_store(Stage(f"x * 0.0 + float({literal(value)})"), x, "float", x)
    np.testing.assert_array_equal(got, np.full(4, value, np.float32))


def test_the_same_text_is_compiled_once() -> None:
    programs = Programs(delegate().device)
    texts = [programs.acquire(PROGRAM, 8)[0] for _ in range(3)]
    assert len(programs) == 1
    programs.release(texts[:2])
    assert len(programs) == 1
    programs.release(texts[2:])
    assert len(programs) == 0


def test_a_compile_error_shows_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = "// a body\n\nvoid main() {\n    store(0u, undeclared_thing);\n}\n"
    monkeypatch.setattr(compiler, "body", lambda name: (f"{name}.glsl", broken))
    with pytest.raises(DelegateError) as error:
        Programs(delegate().device).acquire(PROGRAM, 8)
    message = str(error.value)
    assert "shader 'elementwise'" in message
    assert "elementwise.glsl:4: store(0u, undeclared_thing);" in message
    assert message.count("undeclared_thing") >= 2  # the line, and what the driver says of it


def test_an_error_in_a_fused_stage_shows_the_store() -> None:
    program = Program("elementwise", {}, (Arg("source", 0),), 1, (1, 1, 1), stages=(Stage("no_such_function(x)"),))
    with pytest.raises(DelegateError, match=r"store:2: .*no_such_function\(x\);"):
        Programs(delegate().device).acquire(program, 8)


def graph_and_op() -> tuple[Any, Any]:
    graph = graph_of(chain(1))
    return graph, graph.ops[0]


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(storage_bytes=64), "storage_limit"),
        (Limits(storage_blocks=2), "buffer_limit"),
        (Limits(invocations=16), "invocation_limit"),
    ],
)
def test_what_passes_a_limit_is_refused(limits: Limits, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, op = graph_and_op()
    monkeypatch.setattr(GPUDelegate, "limits", limits)
    verdict = GPUDelegate().supports(graph, op)
    assert not verdict.ok and verdict.reasons[0].code == code


def test_groups_have_a_limit() -> None:
    graph = graph_of(one_relu(1000))
    refused = lowering.lower_op(graph, graph.ops[0], Limits(groups=1))
    assert isinstance(refused, lowering.Refusal) and refused.reasons[0].code == "group_limit"


def test_shared_memory_has_a_limit_and_a_way_within_it() -> None:
    b = GraphBuilder()
    weights = b.constant(np.ones((8, 8), np.float32))
    b.output(b.op("FULLY_CONNECTED", [b.input((1, 8)), weights, -1], (1, 8)))
    graph = graph_of(b.build())
    roomy, tight = (lowering.lower_op(graph, graph.ops[0], Limits(shared_bytes=n)) for n in (32768, 16))
    assert isinstance(roomy, tuple) and roomy[0].way == "threads along outputs"
    reason = lowering.over_limit(graph, roomy[0], Limits(shared_bytes=16))
    assert reason is not None and reason.code == "shared_limit"
    assert isinstance(tight, tuple) and tight[0].shared == 0, "another way of the kernel's needs none"


def test_a_tensor_beyond_the_storage_limit_is_refused() -> None:
    shape = (1, delegate().limits.storage_bytes // 4096 + 1, 1, 1024)
    b = GraphBuilder()
    b.output(b.op("RELU", [b.input(shape)], shape))
    graph = graph_of(b.build())
    assert [r.code for r in delegate().supports(graph, graph.ops[0]).reasons] == ["storage_limit"]


def test_more_groups_than_one_dimension_has_are_folded() -> None:
    for n in (1, 64, 65, 65535 * 64, 65535 * 64 + 1, 1 << 28):
        x, y, z = groups_for(n, 64, Limits())
        assert max(x, y, z) <= 65535 and x * y * z * 64 >= n


def test_folded_groups_reach_every_element(monkeypatch: pytest.MonkeyPatch) -> None:
    """With few groups allowed in x, the launch is folded over y."""
    graph = graph_of(one_relu(1000))
    limits = Limits(groups=3)
    step = lowering.lower_op(graph, graph.ops[0], limits)
    assert isinstance(step, Elementwise)
    program = lowering.alone(graph, step.input, step.stage, step.output, limits)
    assert program.groups[1] > 1
    x = np.arange(1000, dtype=np.float32)
    np.testing.assert_array_equal(launched(program, 250, [x, np.zeros_like(x)]), x)


def one_relu(n: int) -> bytes:
    b = GraphBuilder()
    b.output(b.op("RELU", [b.input((n,))], (n,)))
    return b.build()


def test_kernels_are_asked_in_order_and_their_reasons_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from delegraph.errors import Reason

    asked = []

    def kernel(name: str) -> Any:
        def lower(*_: Any) -> Reason:
            asked.append(name)
            return Reason(name)

        return SimpleNamespace(lower=lower)

    monkeypatch.setattr(lowering, "kernels_for", lambda op: (kernel("special"), kernel("general")))
    graph, op = graph_and_op()
    assert [r.code for r in GPUDelegate().supports(graph, op).reasons] == ["special", "general"]
    assert asked == ["special", "general"]


def test_ops_without_a_kernel_and_other_types_are_refused() -> None:
    b = GraphBuilder()
    b.output(b.op("COS", [b.input((4,), "INT8", quantization=(0.1, 0))], (4,), quantization=(0.1, 0)))
    graph = graph_of(b.build())
    assert [r.code for r in delegate().supports(graph, graph.ops[0]).reasons] == ["type"]
    b = GraphBuilder()
    b.output(b.op("CUSTOM", [b.input((4,))], (4,), custom_code="Mystery"))
    graph = graph_of(b.build())
    reasons = delegate().supports(graph, graph.ops[0]).reasons
    assert [r.code for r in reasons] == ["no_kernel"] and "Mystery" in str(reasons[0])


def test_lowering_an_op_that_is_refused_names_it() -> None:
    b = GraphBuilder()
    b.output(b.op("CUSTOM", [b.input((4,))], (4,), custom_code="Mystery"))
    with pytest.raises(DelegateError, match=r"op 0 \(Mystery\)"):
        delegate().lower(graph_of(b.build()), (0,))


def test_a_constant_of_another_size_than_announced_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from delegraph.delegates.gpu.blocks import alone
    from delegraph.delegates.gpu.places import Places, Weights

    graph = graph_of(chain(1))
    arena = delegate().allocate(256)
    places = Places(graph, delegate().lower(graph, (0,)), arena, {}, 256)
    program = Program("elementwise", {}, (Arg("source", Const(lambda: np.zeros(3, np.float32), 16)),), 1, (1, 1, 1))
    with delegate().device.current(), pytest.raises(DelegateError, match="packed into 12"):
        places.arrange(alone(program))
        places.pack(Weights(delegate().device), "key")
    arena.close()


QUOTIENTS = """
void main() {
    uint i = invocation();
    if (i < ELEMENTS) store(i, int(RESULT(uint(source(i)), uint(by(i)))));
}
"""


DIVISIONS = [("divide", np.floor_divide, 31), ("modulo", np.remainder, 31), ("divide_few", np.floor_divide, 20)]


@pytest.mark.parametrize(("name", "want", "bits"), DIVISIONS)
def test_integers_are_divided_exactly(monkeypatch: pytest.MonkeyPatch, name: str, want: Any, bits: int) -> None:
    rng, most = np.random.default_rng(3), (1 << bits) - 1
    i = np.concatenate([rng.integers(0, 1 << min(n, bits), 4000) for n in (4, 12, 24, 31)])
    n = np.maximum(rng.permutation(i) >> rng.integers(0, 31, i.size), 1)
    i = np.concatenate([i, n * (i // n), np.maximum(n * (i // n) - 1, 0), [most] * 3]).astype(np.int32)
    n = np.concatenate([n, n, n, [1, most, 3]]).astype(np.int32)
    monkeypatch.setattr(compiler, "body", lambda _: ("quotients.glsl", QUOTIENTS))
    inputs = (Arg("source", 0, "int"), Arg("by", 2, "int"))
    program = Program("quotients", {"RESULT": name}, inputs, 1, groups_for(i.size, 64, Limits()), value="int")
    np.testing.assert_array_equal(launched(program, i.size, [i, n, np.zeros_like(i)], 2), want(i, n))


def test_the_header_comes_first_and_the_body_once() -> None:
    b = GraphBuilder()
    x = b.input((1, 4, 4, 4))
    b.output(b.op("RELU", [conv(b, x, (1, 4, 4, 4), 3)], (1, 4, 4, 4)))
    graph = graph_of(b.build())
    launches, _ = lower(graph, (0, 1), frozenset(), Limits())
    program = launches[0].program
    text = compiler.joined(compiler.source(program, 16, [(block, [(0, 0)]) for block in blocks.alone(program)]))
    assert (
        text.startswith("#version 430\n") and "#define ELEMENTS uint(sizes[" in text and text.count("void main()") == 1
    )
