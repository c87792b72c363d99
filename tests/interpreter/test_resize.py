"""Inputs of other sizes: planned anew, nothing compiled twice, state as the runtime keeps it."""

from __future__ import annotations

import numpy as np
import pytest
from interpreter.side_by_side import Both, conv, noise
from interpreter.test_control_flow import counter, started
from ops.harness import delegate

from delegraph import GPUDelegate, Interpreter
from delegraph.graph.builder import GraphBuilder

ANY = (-1, -1, -1, 4)


def image(b: GraphBuilder) -> int:
    return b.input((1, 6, 5, 4), shape_signature=ANY)


def sized(b: GraphBuilder, x: int) -> int:
    """(n, h, w, c) as (n, h * w, c), by arithmetic on its shape as converters write it."""
    shape = b.op("SHAPE", [x], (4,), dtype="INT32", out_type="INT32")
    one = [b.constant(np.int32([1]))]
    n, h, w = (
        b.op("STRIDED_SLICE", [shape, b.constant(np.int32([k])), b.constant(np.int32([k + 1])), *one], (),
             shrink_axis_mask=1)
        for k in range(3)
    )  # fmt: skip
    pixels = b.op("MUL", [h, w], ())
    wanted = b.op("PACK", [n, pixels, b.constant(np.int32(4))], (3,), values_count=3, axis=0)
    return b.op("RESHAPE", [x, wanted], (1, 30, 4), shape_signature=(-1, -1, 4))


def test_arithmetic_on_shapes_folds_in_every_size() -> None:
    b = GraphBuilder()
    y = sized(b, conv(b, image(b), (1, 6, 5, 4)))
    b.output(b.op("NEG", [y], (1, 30, 4), shape_signature=(-1, -1, 4)))
    with Both(b.build()) as both:
        for size in ((1, 6, 5, 4), (2, 3, 4, 4), (1, 1, 1, 4), (2, 3, 4, 4)):
            both.resize(size)
            assert set(both.homes()) == {"gpu", ""}
            (got,) = both.run(noise(*size))
            assert got.shape == (size[0], size[1] * size[2], 4)
            for theirs, ours in zip(both.theirs.get_output_details(), both.ours.get_output_details(), strict=True):
                assert theirs["shape"].tolist() == ours["shape"].tolist()


def test_a_size_that_was_there_before_compiles_nothing() -> None:
    gpu = GPUDelegate()
    b = GraphBuilder()
    y = conv(b, image(b), (1, 6, 5, 4))
    z = b.op("CUMSUM", [y, b.constant(np.int32(1))], (1, 6, 5, 4), shape_signature=ANY)
    b.output(conv(b, z, (1, 6, 5, 4), seed=1))
    sizes = [(1, 6, 5, 4), (2, 3, 4, 4), (1, 2, 2, 4)]
    with Interpreter(model_content=b.build(), delegates=[gpu]) as it:
        compiled, results = [], {}
        for size in (*sizes, *sizes, sizes[1], sizes[0]):
            it.resize_tensor_input(0, size)
            it.allocate_tensors()
            it.set_tensor(0, noise(*size))
            it.invoke()
            assert gpu._programs is not None
            compiled.append(gpu._programs.compiled)
            got = it.get_tensor(it.get_output_details()[0]["index"])
            assert np.array_equal(results.setdefault(size, got), got)
        assert compiled[:3] == [2, 3, 4] and compiled[-1] == 4  # convolutions of any size are one shader
        held = len(gpu._programs)
        for k in range(20):  # only so many sizes are kept
            it.resize_tensor_input(0, (1, 7 + k, 3, 4))
            it.allocate_tensors()
        assert len(gpu._programs) <= held + 8
    assert len(gpu._programs) == 0
    gpu.close()


def test_what_is_resized_in_vain_can_be_mended() -> None:
    b = GraphBuilder()
    x, y = b.input((2, 3)), b.input((2, 3))
    b.output(b.op("ADD", [b.op("NEG", [x], (2, 3)), y], (2, 3)))
    with Both(b.build()) as both:
        both.run(noise(2, 3), noise(2, 3))
        for it in (both.theirs, both.ours):
            it.resize_tensor_input(0, (4, 3))
            with pytest.raises(RuntimeError):
                it.allocate_tensors()
        both.resize((4, 3), (4, 3))
        both.run(noise(4, 3), noise(4, 3))
        both.resize((2, 3), (2, 3))
        both.run(noise(2, 3), noise(2, 3))


@pytest.mark.parametrize(
    "index, size, strict",
    [
        (0, (2, 9, 9, 4), True),
        (0, (1, 6, 5, 3), True),
        (0, (1, 6, 5), True),
        (0, (2, 6, 5, 4), False),
        (99, (1,), False),
    ],
)
def test_strict_is_what_it_is_in_the_runtime(index: int, size: tuple[int, ...], strict: bool) -> None:
    b = GraphBuilder()
    b.output(conv(b, image(b), (1, 6, 5, 4)))
    with Both(b.build()) as both:
        raised = []
        for it in (both.theirs, both.ours):
            try:
                it.resize_tensor_input(index, size, strict=strict)
                it.allocate_tensors()
                raised.append(None)
            except (RuntimeError, ValueError):
                raised.append(True)
        assert raised[0] == raised[1]


def recurrent(b: GraphBuilder, x: int, size: int) -> int:
    weights = [b.constant(noise(size, size, seed=k) / 2) for k in range(2)]
    return b.op("RNN", [x, *weights, b.constant(noise(size)), b.variable((1, size))], (1, size),
                fused_activation_function="TANH")  # fmt: skip


@pytest.mark.parametrize("front", ["gpu", "mixed", "cpu"])
def test_state_lasts_from_one_inference_to_the_next(front: str) -> None:
    """Until it is reset, or inputs take another size: whichever runs the op."""
    b = GraphBuilder()
    x, other = b.input((1, 4)), b.input((1, 3), shape_signature=(-1, 3))
    made = b.op("BUCKETIZE", [other], (1, 3), dtype="INT32", boundaries=[0.0]) if front == "mixed" else None
    b.output(recurrent(b, x, 4), *([made] if made is not None else []), b.op("NEG", [other], (1, 3)))
    with Both(b.build()) as both:
        if front == "cpu":
            both.ours = Interpreter(model_content=b.build())
            both.ours.allocate_tensors()
        else:
            if made is not None:
                both.ours = Interpreter(
                    model_content=b.build(), delegates=[delegate()], exclude={"gpu": "BUCKETIZE"}
                )  # fmt: skip
                both.ours.allocate_tensors()
            assert ("cpu" in both.homes()) == (front == "mixed") and both.homes()[0 if made is None else 1] == "gpu"
        first = [both.run(noise(1, 4), noise(1, 3), tolerance=1e-4)[0] for _ in range(3)]
        assert not np.array_equal(first[0], first[1])
        both.allocate()
        both.run(noise(1, 4), noise(1, 3), tolerance=1e-4)
        for it in (both.theirs, both.ours):
            it.reset_all_variables()
        assert np.array_equal(both.run(noise(1, 4), noise(1, 3), tolerance=1e-4)[0], first[0])
        both.run(noise(1, 4), noise(1, 3), tolerance=1e-4)
        both.resize((1, 4), (2, 3))
        again = [both.run(noise(1, 4), noise(2, 3), tolerance=1e-4)[0] for _ in range(2)]
        assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=False))


def test_resources_outlast_another_size() -> None:
    b = GraphBuilder()
    x, other = b.input((1, 4)), b.input((1, 3), shape_signature=(-1, 3))
    started(b, ("total",), (1, 4))
    b.output(counter(b, "total", b.op("ABS", [x], (1, 4)), (1, 4)), b.op("NEG", [other], (1, 3)))
    with Both(b.build()) as both:
        assert both.homes() == ["cpu", "gpu", "cpu", "cpu", "cpu", "cpu", "gpu"]
        for size in ((1, 3), (2, 3), (1, 3), (5, 3)):
            both.resize((1, 4), size)
            for _ in range(2):
                both.run(noise(1, 4), noise(*size))


def test_resources_outlast_another_size_where_all_is_on_the_cpu() -> None:
    b = GraphBuilder()
    x, other = b.input((1, 4)), b.input((1, 3), shape_signature=(-1, 3))
    started(b, ("total",), (1, 4))
    unique = [b.tensor((3,), shape_signature=(-1,)), b.tensor((3,), "INT32")]
    b.op("UNIQUE", [b.op("RESHAPE", [other], (3,), new_shape=[-1])], outputs=unique, idx_out_type="INT32")
    b.output(counter(b, "total", x, (1, 4)), unique[0])
    with Both(b.build()) as both:
        both.ours = Interpreter(model_content=b.build(), delegates=[delegate()], exclude={"gpu": lambda g, op: True})
        both.ours.allocate_tensors()
        for size in ((1, 3), (2, 3), (1, 3)):
            both.resize((1, 4), size)
            both.run(noise(1, 4), noise(*size))


def test_a_loose_input_of_another_size_leaves_state_alone() -> None:
    """A partition that holds a state and reads a tensor whose shape changes with every inference."""
    b = GraphBuilder()
    v = b.input((1, 6))
    mask = b.op("GREATER", [v, b.constant(np.float32([0.0]))], (1, 6), dtype="BOOL")
    where = b.op("WHERE", [mask], (1, 2), dtype="INT64", shape_signature=(-1, 2))
    size = b.op("SHAPE", [where], (2,), dtype="INT32", out_type="INT32")
    x = b.op("CAST", [b.op("NEG", [size], (2,))], (2,), dtype="FLOAT32")
    places = b.op("CAST", [where], (1, 2), dtype="FLOAT32", shape_signature=(-1, 2))
    cell = recurrent(b, b.op("RESHAPE", [x], (1, 2), new_shape=[1, 2]), 2)
    b.output(b.op("ADD", [places, x], (1, 2), shape_signature=(-1, 2)), cell)
    with Both(b.build()) as both:
        both.ours = Interpreter(model_content=b.build(), delegates=[delegate()], pin={"cpu": "RNN"})
        both.ours.allocate_tensors()
        last = both.ours.plan.partitions[-1]
        assert last.delegate == "cpu" and len(last.ops) == 2 and len(last.inputs) == 3
        for seed in range(4):
            both.run(noise(1, 6, seed=seed), tolerance=1e-4)


def test_an_input_without_elements() -> None:
    b = GraphBuilder()
    x, y = b.input((2, 3), shape_signature=(-1, 3)), b.input((2, 3))
    halved = b.op("NEG", [x], (2, 3), shape_signature=(-1, 3))
    b.output(halved, b.op("CONCATENATION", [halved, b.op("ABS", [y], (2, 3))], (4, 3), axis=0, shape_signature=(-1, 3)))
    with Both(b.build()) as both:
        for n in (2, 0, 1, 0):
            both.resize((n, 3), (2, 3))
            assert both.homes() == ["gpu"] * 3
            assert [y.shape for y in both.run(noise(n, 3), noise(2, 3))] == [(n, 3), (n + 2, 3)]


def test_shapes_behind_places_that_are_computed() -> None:
    """One row of each image at a computed place: a runtime does not say before it runs what comes of other sizes."""
    b = GraphBuilder()
    x, at = image(b), b.input((1,), "INT32")
    every, one = b.constant(np.int32([0])), b.constant(np.int32([1, 1]))
    begin = b.op("CONCATENATION", [every, at], (2,), dtype="INT32", axis=0)
    row = b.op(
        "STRIDED_SLICE", [x, begin, begin, one], (1, 5, 4), shape_signature=(-1, -1, 4), shrink_axis_mask=2,
        begin_mask=1, end_mask=1,
    )  # fmt: skip
    y = b.op("NEG", [row], (1, 5, 4), shape_signature=(-1, -1, 4))
    ids = b.op("MAXIMUM", [at, b.constant(np.int32([0]))], (1,), dtype="INT32")
    flat = b.op("RESHAPE", [y, b.constant(np.int32([1, -1]))], (1, 20), shape_signature=(1, -1))
    b.output(y, b.op("UNSORTED_SEGMENT_SUM", [flat, ids, b.constant(np.int32(3))], (3, 20), shape_signature=(3, -1)))
    with Both(b.build()) as both:
        for size in ((1, 6, 5, 4), (2, 3, 7, 4), (1, 3, 2, 4)):
            both.resize(size, (1,))
            assert set(both.homes()) == {"gpu"}
            for place in (0, 2):
                both.run(noise(*size), np.int32([place]))


@pytest.mark.parametrize("stated", [(0,), (2, 0), (0, 0), (3, 3), (2, 4), (1, 2, 3)])
def test_the_file_may_say_wrong_shapes(stated: tuple[int, ...]) -> None:
    b = GraphBuilder()
    x = b.input((2, 3))
    b.output(b.op("NEG", [b.op("ADD", [x, x], stated)], stated))
    with Both(b.build()) as both:
        both.run(noise(2, 3))
        assert both.homes() == ["gpu", "gpu"]
