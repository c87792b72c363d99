"""Inputs and outputs in the caller's own GL buffers: without a way through the host where the GPU does the work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import moderngl
import numpy as np
import pytest
from ops.harness import delegate

from delegraph import CPUDelegate, GPUDelegate, Interpreter
from delegraph.buffers import Form
from delegraph.data import digits, held_out
from delegraph.graph.builder import GraphBuilder

SHAPE = (1, 4, 4, 3)


@pytest.fixture
def ctx() -> Iterator[moderngl.Context]:
    delegate()  # skips or fails where there is no GL
    made = moderngl.create_context(standalone=True, backend="egl", libgl="libGL.so.1", libegl="libEGL.so.1")  # type: ignore[call-overload]
    yield made
    made.release()


def chain(kinds: list[str]) -> bytes:
    b = GraphBuilder()
    x = b.input(SHAPE)
    for kind in kinds:
        x = b.op(kind, [x], SHAPE)
    b.output(x)
    return b.build()


def value(seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)


def plain(content: bytes, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with Interpreter(model_content=content) as it:
        it.allocate_tensors()
        it.set_tensor(it.get_input_details()[0]["index"], x)
        it.invoke()
        return np.asarray(it.get_tensor(it.get_output_details()[0]["index"]))


# What runs on the CPU decides by which way the bound tensors go.
CUTS: dict[str, Any] = {
    "all on the gpu": [],
    "the first on the cpu": [0],
    "the last on the cpu": [2],
    "none": [0, 1, 2],
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("replan", [False, True])
def test_a_chain_between_two_buffers(ctx: moderngl.Context, cut: str, replan: bool) -> None:
    content = chain(["TANH", "NEG", "LOGISTIC"])
    gpu = GPUDelegate(context=ctx)
    source, sink = ctx.buffer(reserve=1024), ctx.buffer(reserve=1024)
    with Interpreter(
        model_content=content, delegates=[gpu, CPUDelegate()], exclude={"gpu": CUTS[cut]},
        on_failure="replan" if replan else "raise",
    ) as it:  # fmt: skip
        index, out = it.get_input_details()[0]["index"], it.get_output_details()[0]["index"]
        it.bind_input(index, source, 256)
        it.bind_output(out, sink, 512)
        it.allocate_tensors()
        for seed in range(3):
            source.write(value(seed).tobytes(), 256)
            it.invoke()
            got = np.frombuffer(sink.read(192, offset=512), np.float32).reshape(SHAPE)
            np.testing.assert_allclose(got, plain(content, value(seed)), rtol=0, atol=1e-5)
            np.testing.assert_array_equal(it.get_tensor(out), got)
        with pytest.raises(ValueError, match="is bound to a buffer"):
            it.set_tensor(index, value(0))
        it.bind_input(index, None)
        it.bind_output(out, None)
        it.allocate_tensors()
        it.set_tensor(index, value(9))
        it.invoke()
        np.testing.assert_allclose(it.get_tensor(out), plain(content, value(9)), rtol=0, atol=1e-5)
    gpu.close()
    assert ctx.buffer(b"1234").read() == b"1234"  # the caller's context is as good as before


def test_nothing_comes_down_to_the_host(ctx: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = held_out()
    gpu = GPUDelegate(context=ctx)
    source, sink = ctx.buffer(images[:1].tobytes()), ctx.buffer(reserve=40)
    with Interpreter(model_content=digits("f32"), delegates=[gpu]) as it:
        it.bind_input(it.get_input_details()[0]["index"], source)
        it.bind_output(it.get_output_details()[0]["index"], sink)
        it.allocate_tensors()

        def never(*_: Any) -> None:
            raise AssertionError("a tensor went through the host")

        with monkeypatch.context() as patch:
            patch.setattr(Form, "read", never)
            patch.setattr(Form, "write", never)
            it.invoke()
        assert np.frombuffer(sink.read(), np.float32).argmax() == labels[0]
    gpu.close()


def test_fours_of_bytes_lie_as_they_are(ctx: moderngl.Context) -> None:
    b = GraphBuilder()
    x = b.input((1, 3, 5, 4), "UINT8")
    b.output(b.op("REVERSE_V2", [x, b.constant(np.int32([2]))], (1, 3, 5, 4), dtype="UINT8"))
    value = np.random.default_rng(0).integers(0, 256, (1, 3, 5, 4)).astype(np.uint8)
    gpu, made = GPUDelegate(context=ctx), ctx.buffer(reserve=60)
    with Interpreter(model_content=b.build(), delegates=[gpu]) as it:
        it.bind_input(it.get_input_details()[0]["index"], ctx.buffer(value.tobytes()))
        it.bind_output(it.get_output_details()[0]["index"], made)
        it.allocate_tensors()
        it.invoke()
        assert made.read() == value[:, :, ::-1].tobytes()
    gpu.close()


def test_other_bytes_lie_a_word_an_element(ctx: moderngl.Context) -> None:
    content = digits("int8")
    gpu = GPUDelegate(context=ctx)
    x = np.random.default_rng(0).integers(-128, 128, (1, 8, 8, 1)).astype(np.int8)
    with Interpreter(model_content=content, delegates=[gpu]) as it:
        it.bind_input(it.get_input_details()[0]["index"], ctx.buffer(x.astype(np.int32).tobytes()))
        it.allocate_tensors()
        it.invoke()
        got = it.get_tensor(it.get_output_details()[0]["index"])
    with Interpreter(model_content=content, delegates=[gpu]) as it:
        it.allocate_tensors()
        it.set_tensor(it.get_input_details()[0]["index"], x)
        it.invoke()
        np.testing.assert_array_equal(it.get_tensor(it.get_output_details()[0]["index"]), got)
    gpu.close()


def test_what_cannot_be_bound_is_refused(ctx: moderngl.Context) -> None:
    gpu = GPUDelegate(context=ctx)
    content = chain(["TANH"])
    with Interpreter(model_content=content, delegates=[gpu]) as it:
        with pytest.raises(ValueError, match="tensor 1 is no input"):
            it.bind_input(1, ctx.buffer(reserve=1024))
        with pytest.raises(ValueError, match="tensor 0 is no output"):
            it.bind_output(0, ctx.buffer(reserve=1024))
        with pytest.raises(ValueError, match="takes 192 bytes on the GPU, the buffer has 128"):
            it.bind_input(0, ctx.buffer(reserve=128))
        with pytest.raises(ValueError, match=r"of the context that GPUDelegate\(context=...\) was given"):
            it.bind_input(0, np.zeros(48, np.float32))
    buffer = ctx.buffer(reserve=1024)  # the caller's context is current, whatever other contexts did
    with Interpreter(model_content=content, delegates=[delegate()]) as it, pytest.raises(ValueError, match="context"):
        it.bind_input(0, buffer)
    with Interpreter(model_content=content) as it, pytest.raises(ValueError, match="no delegate here takes buffers"):
        it.bind_input(0, buffer)
    gpu.close()


def test_bound_tensors_are_float32_where_others_are_half(ctx: moderngl.Context) -> None:
    gpu = GPUDelegate(context=ctx, precision="fp16")
    content, x = chain(["RELU", "TANH"]), value(0) / 7
    with Interpreter(model_content=content, delegates=[gpu]) as it:
        it.allocate_tensors()
        assert {d.note for d in it.plan.decisions} == {"in fp16"}
        i, o = it.get_input_details()[0]["index"], it.get_output_details()[0]["index"]
        source, target = ctx.buffer(x.tobytes()), ctx.buffer(reserve=x.nbytes)
        it.bind_input(i, source)
        it.bind_output(o, target)
        it.allocate_tensors()
        it.invoke()
        assert "is bound to a buffer" in it.plan.decisions[-1].note
        got = np.frombuffer(target.read(), np.float32).reshape(SHAPE)
    np.testing.assert_allclose(got, np.tanh(np.maximum(x, 0)), atol=1e-6)
    gpu.close()
