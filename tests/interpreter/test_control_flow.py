"""Control flow, state, strings and data-dependent shapes in the middle of a plan: these stay on the CPU alone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from interpreter.side_by_side import Both, conv, noise
from ops.harness import delegate

from delegraph import Interpreter, InvalidModel
from delegraph.delegates.runtime import load_runtime
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.read import read
from delegraph.stream import remembers

IMAGE = (1, 6, 5, 4)


def counted_loop(b: GraphBuilder, count: int, x: int, shape: tuple[int, ...]) -> int:
    """`count` times x = |x| - 0.5; the loop's last value."""
    test, body = b.subgraph("condition"), b.subgraph("body")
    n, _ = test.input((1,), "INT32"), test.input(shape)
    test.output(test.op("GREATER", [n, test.constant(np.int32([0]))], (1,), dtype="BOOL"))
    n, v = body.input((1,), "INT32"), body.input(shape)
    less = body.op("SUB", [n, body.constant(np.int32([1]))], (1,))
    body.output(less, body.op("SUB", [body.op("ABS", [v], shape), body.constant(np.float32([0.5]))], shape))
    made = [b.tensor((1,), "INT32"), b.tensor(shape)]
    b.op("WHILE", [count, x], outputs=made, cond_subgraph_index=test.index, body_subgraph_index=body.index)
    return made[1]


def test_a_loop_between_convolutions() -> None:
    b = GraphBuilder()
    x, count = b.input(IMAGE), b.input((1,), "INT32")
    turned = counted_loop(b, count, conv(b, x, IMAGE), IMAGE)
    b.output(conv(b, turned, IMAGE, seed=1))
    with Both(b.build()) as both:
        assert both.homes() == ["gpu", "cpu", "gpu"]
        assert [p.delegate for p in both.ours.plan.partitions] == ["gpu", "cpu", "gpu"]
        for n in (0, 1, 7):
            both.run(noise(*IMAGE), [np.int32(n)])


def test_a_loop_that_grows_its_value_is_dynamic_behind() -> None:
    b = GraphBuilder()
    x, count = b.input((1, 4)), b.input((1,), "INT32")
    test, body = b.subgraph("condition"), b.subgraph("body")
    n, _ = test.input((1,), "INT32"), test.input((1, 4), shape_signature=(-1, 4))
    test.output(test.op("GREATER", [n, test.constant(np.int32([0]))], (1,), dtype="BOOL"))
    n, v = body.input((1,), "INT32"), body.input((1, 4), shape_signature=(-1, 4))
    less = body.op("SUB", [n, body.constant(np.int32([1]))], (1,))
    body.output(less, body.op("CONCATENATION", [v, v], (2, 4), axis=0, shape_signature=(-1, 4)))
    made = [b.tensor((1,), "INT32"), b.tensor((1, 4), shape_signature=(-1, 4))]
    b.op("WHILE", [count, b.op("NEG", [x], (1, 4))], outputs=made, cond_subgraph_index=1, body_subgraph_index=2)
    b.output(b.op("RELU", [made[1]], (1, 4), shape_signature=(-1, 4)))
    with Both(b.build()) as both:
        assert both.homes() == ["gpu", "cpu", "cpu"]
        for n in (0, 2, 3, 1):
            (got,) = both.run(noise(1, 4), [np.int32(n)])
            assert got.shape == (2**n, 4)


def test_a_branch_between_convolutions() -> None:
    b = GraphBuilder()
    less, x = b.input((1,), "BOOL"), b.input(IMAGE)
    then, otherwise = b.subgraph("then"), b.subgraph("else")
    then.output(conv(then, then.input(IMAGE), IMAGE, seed=2))
    otherwise.output(otherwise.op("NEG", [otherwise.input(IMAGE)], IMAGE))
    chosen = b.op("IF", [less, conv(b, x, IMAGE)], IMAGE, dtype="FLOAT32", then_subgraph_index=1, else_subgraph_index=2)
    b.output(conv(b, chosen, IMAGE, seed=1))
    with Both(b.build()) as both:
        assert both.homes() == ["gpu", "cpu", "gpu"]
        for value in (True, False, True):
            both.run([value], noise(*IMAGE))


def counter(b: GraphBuilder, name: str, more: int, shape: tuple[int, ...]) -> int:
    """variable += more; its new value."""
    handle = b.op("VAR_HANDLE", [], (), dtype="RESOURCE", shared_name=name)
    new = b.op("ADD", [b.op("READ_VARIABLE", [handle], shape, dtype="FLOAT32"), more], shape)
    b.op("ASSIGN_VARIABLE", [handle, new], outputs=[])
    return new


def started(b: GraphBuilder, names: tuple[str, ...], shape: tuple[int, ...]) -> None:
    """CALL_ONCE: every variable begins as ones."""
    start = b.subgraph("start")
    for name in names:
        handle = start.op("VAR_HANDLE", [], (), dtype="RESOURCE", shared_name=name)
        start.op("ASSIGN_VARIABLE", [handle, start.constant(np.ones(shape, np.float32))], outputs=[])
    b.op("CALL_ONCE", [], outputs=[], init_subgraph_index=start.index)


def test_a_variable_counts_from_one_inference_to_the_next() -> None:
    b = GraphBuilder()
    x = b.input(IMAGE)
    started(b, ("total",), IMAGE)
    total = counter(b, "total", conv(b, x, IMAGE), IMAGE)
    b.output(conv(b, total, IMAGE, seed=1))
    with Both(b.build()) as both:
        assert both.homes() == ["cpu", "gpu", "cpu", "cpu", "cpu", "cpu", "gpu"]
        reason = both.ours.plan.decisions[4].reasons["gpu"][0]
        assert reason.code == "state" and "variable 'total'" in reason.met
        made = [both.run(noise(*IMAGE))[0] for _ in range(3)]
        assert not np.array_equal(made[0], made[1])
        both.allocate()
        both.run(noise(*IMAGE))
        for it in (both.theirs, both.ours):
            it.reset_all_variables()  # of resources a runtime lets nobody but the model dispose
        both.run(noise(*IMAGE))


def test_what_shares_nothing_lies_in_partitions_of_its_own() -> None:
    b = GraphBuilder()
    x = b.input(IMAGE)
    first = counter(b, "first", conv(b, x, IMAGE), IMAGE)
    b.output(counter(b, "second", conv(b, first, IMAGE, seed=1), IMAGE))
    graph = read(b.build()).graphs[0]
    assert {tie.ops for tie in graph.ties.values()} == {(1, 2, 3, 4), (6, 7, 8, 9)}
    b = GraphBuilder()
    x = b.input(IMAGE)
    started(b, ("first", "second"), IMAGE)
    first = counter(b, "first", conv(b, x, IMAGE), IMAGE)
    b.output(counter(b, "second", conv(b, first, IMAGE, seed=1), IMAGE))
    with Both(b.build()) as both:  # CALL_ONCE begins both, and so ties them, with the convolution between them
        assert both.homes() == ["cpu", "gpu", *["cpu"] * 9]
        for _ in range(3):
            both.run(noise(*IMAGE))


def test_a_variable_that_a_subgraph_uses_too() -> None:
    b = GraphBuilder()
    turn, x = b.input((1,), "BOOL"), b.input((2, 3))
    started(b, ("v",), (2, 3))
    doubled, same = b.subgraph("double"), b.subgraph("same")
    v = doubled.input((2, 3))
    handle = doubled.op("VAR_HANDLE", [], (), dtype="RESOURCE", shared_name="v")
    doubled.op("ASSIGN_VARIABLE", [handle, doubled.op("ADD", [v, v], (2, 3))], outputs=[])
    doubled.output(v)
    same.output(same.op("NEG", [same.input((2, 3))], (2, 3)))
    before = b.op("TANH", [x], (2, 3))
    y = b.op("IF", [turn, before], (2, 3), dtype="FLOAT32", then_subgraph_index=2, else_subgraph_index=3)
    handle = b.op("VAR_HANDLE", [], (), dtype="RESOURCE", shared_name="v")
    b.output(b.op("EXP", [y], (2, 3)), b.op("READ_VARIABLE", [handle], (2, 3), dtype="FLOAT32"))
    with Both(b.build()) as both:
        assert both.homes() == ["cpu", "gpu", "cpu", "cpu", "gpu", "cpu"]
        for k, value in enumerate((False, True, False, True, True)):
            both.run([value], noise(2, 3, seed=k), tolerance=1e-4)


def test_a_subgraph_that_counts_is_state_too() -> None:
    b = GraphBuilder()
    turn, x = b.input((1,), "BOOL"), b.input((2,))
    then, otherwise = b.subgraph("then"), b.subgraph("else")
    then.output(counter(then, "v", then.input((2,)), (2,)))
    otherwise.output(otherwise.op("NEG", [otherwise.input((2,))], (2,)))
    b.output(b.op("IF", [turn, x], (2,), dtype="FLOAT32", then_subgraph_index=1, else_subgraph_index=2))
    graph = read(b.build()).graphs[0]
    assert graph.assigns and graph.ties[0].ops == (0,) and "op 0 (IF)" in remembers(graph)
    assert not graph.model.graphs[2].assigns


def words(b: GraphBuilder, keys: int, shape: tuple[int, ...]) -> int:
    """The numbers that a hash table has for strings; -1 for others."""
    start = b.subgraph("start")
    table = start.op("HASHTABLE", [], (1,), dtype="RESOURCE", table_id=3, key_dtype="STRING", value_dtype="INT64")
    known = start.constant(["cat", "dog", "emu"], "STRING"), start.constant(np.int64([2, 0, 1]))
    start.op("HASHTABLE_IMPORT", [table, *known], outputs=[])
    b.op("CALL_ONCE", [], outputs=[], init_subgraph_index=start.index)
    table = b.op("HASHTABLE", [], (1,), dtype="RESOURCE", table_id=3, key_dtype="STRING", value_dtype="INT64")
    return b.op("HASHTABLE_FIND", [table, keys, b.constant(np.int64([-1]))], shape, dtype="INT64")


def test_strings_are_looked_up_on_the_cpu_and_what_is_found_goes_on() -> None:
    b = GraphBuilder()
    keys = b.input((4,), "STRING")
    found = b.op("CAST", [words(b, keys, (4,))], (4,), dtype="INT32", in_data_type="INT64", out_data_type="INT32")
    rows = b.op("GATHER", [b.constant(noise(3, 8)), found], (4, 8), axis=0)
    b.output(b.op("FULLY_CONNECTED", [rows, b.constant(noise(5, 8, seed=1)), -1], (4, 5)), keys)
    with Both(b.build()) as both:
        assert both.homes() == ["cpu", "cpu", "cpu", "gpu", "gpu", "gpu"]
        for value in (["cat", "dog", "emu", "cat"], [b"emu"] * 4, np.array(["dog", b"emu", "cat", "dog"], object)):
            _, got = both.run(value)
            assert got.tolist() == [v if isinstance(v, bytes) else v.encode() for v in value]
        for wrong in (["cat"], [["cat"] * 4], [1, 2, 3, 4], "cat"):
            said = []
            for it in (both.theirs, both.ours):
                with pytest.raises(ValueError) as caught:
                    it.set_tensor(keys, np.array(wrong))
                said.append(str(caught.value))
            assert said[0] == said[1]


def test_strings_between_partitions() -> None:
    """One op makes strings, and one on the other side of what the GPU does reads them."""
    b = GraphBuilder()
    at, x = b.input((2,), "INT32"), b.input((2,), "INT32")
    chosen = b.op("GATHER", [b.constant(["cat", "dog", "emu"], "STRING"), at], (2,), dtype="STRING", axis=0)
    count = b.op("ABS", [x], (2,))
    again = b.op("GATHER", [chosen, count], (2,), dtype="STRING", axis=0)
    b.output(again)
    with Both(b.build()) as both:
        assert both.homes() == ["cpu", "gpu", "cpu"]
        (got,) = both.run(np.int32([2, 0]), np.int32([-1, 1]))
        assert got.tolist() == [b"cat", b"cat"]


@pytest.mark.parametrize("gpu", [False, True])
def test_strings_that_nobody_set_are_empty(gpu: bool) -> None:
    """A runtime by itself ends the process here: so does a test that fails, were it not in one of its own."""
    script = """
import sys
from interpreter.test_control_flow import words
from delegraph import GPUDelegate, Interpreter
from delegraph.graph.builder import GraphBuilder
b = GraphBuilder()
b.output(b.op("NEG", [words(b, b.input((2,), "STRING"), (2,))], (2,), dtype="INT64"))
it = Interpreter(model_content=b.build(), delegates=[GPUDelegate()] if sys.argv[1] == "True" else None)
it.allocate_tensors()
it.invoke()
print(it.get_tensor(it.get_output_details()[0]["index"]).tolist())
"""
    done = subprocess.run([sys.executable, "-c", script, str(gpu)], capture_output=True, text=True, cwd="tests")
    assert done.stdout.strip() == "[1, 1]", done.stderr


def test_shapes_that_depend_on_data_are_outputs() -> None:
    b = GraphBuilder()
    x = b.input((1, 6))
    y = b.op("ABS", [x], (1, 6))
    mask = b.op("GREATER", [y, b.constant(np.float32([[1.0]]))], (1, 6), dtype="BOOL")
    where = b.op("WHERE", [mask], (1, 2), dtype="INT64", shape_signature=(-1, 2))
    flat = b.op("RESHAPE", [b.op("ROUND", [y], (1, 6)), b.constant(np.int32([6]))], (6,))
    unique = [b.tensor((1,), shape_signature=(-1,)), b.tensor((6,), "INT32")]
    b.op("UNIQUE", [flat], outputs=unique, idx_out_type="INT32")
    b.output(where, unique[0], y)
    with Both(b.build()) as both:
        assert both.homes() == ["gpu", "gpu", "cpu", "gpu", "gpu", "cpu"]
        for seed in range(4):
            both.run(2 * noise(1, 6, seed=seed))


def test_the_gpu_goes_on_where_the_shape_is_static_again() -> None:
    b = GraphBuilder()
    x = b.input((6,))
    mask = b.op("GREATER", [x, b.constant(np.float32([0.0]))], (6,), dtype="BOOL")
    where = b.op("WHERE", [mask], (1, 1), dtype="INT64", shape_signature=(-1, 1))
    at = b.op(
        "CAST", [where], (1, 1), dtype="INT32", shape_signature=(-1, 1), in_data_type="INT64", out_data_type="INT32"
    )
    taken = b.op("GATHER_ND", [x, at], (1,), shape_signature=(-1,))
    spread = b.op("SCATTER_ND", [at, taken, b.constant(np.int32([6]))], (6,), dtype="FLOAT32")
    b.output(b.op("SQRT", [spread], (6,)))
    with Both(b.build()) as both:
        assert both.homes() == ["gpu", "cpu", "cpu", "cpu", "cpu", "gpu"]
        for seed in range(4):
            both.run(noise(6, seed=seed))


def test_non_max_suppression() -> None:
    b = GraphBuilder()
    boxes, scores = b.input((8, 4)), b.input((8,))
    most, overlap, least = b.constant(np.int32(5)), b.constant(np.float32(0.4)), b.constant(np.float32(0.1))
    kept = [b.tensor((5,), "INT32"), b.tensor((), "INT32")]
    sure = b.op("LOGISTIC", [scores], (8,))
    b.op("NON_MAX_SUPPRESSION_V4", [boxes, sure, most, overlap, least], outputs=kept)
    b.output(b.op("GATHER", [boxes, kept[0]], (5, 4), axis=0), kept[1])
    with Both(b.build()) as both:
        assert both.homes() == ["gpu", "gpu", "gpu"]
        corners = np.random.default_rng(0).random((8, 4)).astype(np.float32)
        both.run(np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], 1), noise(8))


def test_signatures_that_share_a_variable() -> None:
    b = GraphBuilder()
    x = b.input((2,), name="x")
    handle = b.op("VAR_HANDLE", [], (), dtype="RESOURCE", shared_name="v")
    b.op("ASSIGN_VARIABLE", [handle, b.op("NEG", [x], (2,))], outputs=[])
    b.output(b.op("ABS", [x], (2,), name="y"))
    b.signature("set", {"x": x}, {"y": 3})
    other = b.subgraph("get")
    handle = other.op("VAR_HANDLE", [], (), dtype="RESOURCE", shared_name="v")
    z = other.op("READ_VARIABLE", [handle], (2,), dtype="FLOAT32", name="z")
    other.output(z)
    other.signature("get", {}, {"z": z})
    with Both(b.build()) as both:
        for value in (noise(2), noise(2, seed=1)):
            for it in (both.theirs, both.ours):
                it.get_signature_runner("set")(x=value)
                np.testing.assert_array_equal(it.get_signature_runner("get")()["z"], -value)


def loop(condition: str, body: str) -> bytes:
    """WHILE (n, v) with a condition on "n", "true", "false" or "nothing", and a body that changes "n" or "v"."""
    b = GraphBuilder()
    n, v = b.input((1,), "INT32"), b.input((1,))
    test, turn = b.subgraph("condition"), b.subgraph("body")
    at, _ = test.input((1,), "INT32"), test.input((1,))
    if condition in ("true", "false"):
        test.output(test.constant(np.array([condition == "true"])))
    else:
        left = at if condition == "n" else test.constant(np.int32([1]))
        test.output(test.op("LESS", [left, test.constant(np.int32([3]))], (1,), dtype="BOOL"))
    at, value = turn.input((1,), "INT32"), turn.input((1,))
    if body == "n":
        turn.output(turn.op("ADD", [at, turn.constant(np.int32([1]))], (1,)), value)
    else:
        turn.output(at, turn.op("NEG", [value], (1,)))
    made = [b.tensor((1,), "INT32"), b.tensor((1,))]
    b.op("WHILE", [n, v], outputs=made, cond_subgraph_index=1, body_subgraph_index=2)
    b.output(*made)
    return b.build()


@pytest.mark.parametrize(
    "condition, body, said",
    [("true", "n", "always true"), ("n", "v", "nothing which a turn"), ("nothing", "n", "nothing which a turn")],
)
def test_a_loop_that_cannot_end_is_refused(condition: str, body: str, said: str) -> None:
    with pytest.raises(InvalidModel, match=rf"operators\[0\].options.cond_subgraph_index.*{said}"):
        Interpreter(model_content=loop(condition, body))


@pytest.mark.parametrize("condition", ["n", "false"])
def test_a_loop_that_ends_is_not(condition: str) -> None:
    with Both(loop(condition, "n")) as both:
        both.run(np.int32([0]), noise(1))


def test_all_tensors_are_preserved_but_what_lives_in_a_runtime() -> None:
    b = GraphBuilder()
    x = b.input((2,))
    started(b, ("v",), (2,))
    before = b.op("ABS", [x], (2,))
    b.output(b.op("NEG", [counter(b, "v", before, (2,))], (2,)))
    content = b.build()
    theirs = load_runtime().open(content)
    with Interpreter(model_content=content, delegates=[delegate()], experimental_preserve_all_tensors=True) as it:
        it.allocate_tensors()
        it.set_tensor(x, np.float32([1, -2]))
        it.invoke()
        read_back = {d["name"]: it.get_tensor(d["index"]) for d in it.get_tensor_details() if d["dtype"] is np.float32}
        assert read_back["abs"].tolist() == [1, 2] and read_back["add"].tolist() == [2, 3]
        assert read_back["read_variable"].tolist() == [1, 1]
        assert [d["dtype"] for d in it.get_tensor_details()] == [d["dtype"] for d in theirs.get_tensor_details()]
        (handle,) = [d["index"] for d in it.get_tensor_details() if d["dtype"] is np.object_]
        with pytest.raises(ValueError, match="null"):
            it.get_tensor(handle)
