"""Custom ops as numpy functions: registering, what they are given, and what becomes of those that fail."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from delegraph import (
    CPUDelegate,
    CustomOptions,
    DelegateError,
    HostDelegate,
    Interpreter,
    NullDelegate,
    UnsupportedOp,
    register_custom_op,
    unregister_custom_op,
)
from delegraph.delegates import custom
from delegraph.graph.builder import GraphBuilder

from .kit import NAME, X, model, registered, run


def doubled(inputs: list[NDArray[Any]], options: CustomOptions) -> list[NDArray[Any]]:
    return [inputs[0] * 2]


@pytest.fixture(autouse=True)
def nothing_stays_registered() -> Any:
    before = custom.registered()
    yield
    left = set(custom.registered()) - set(before)
    for name in left:
        unregister_custom_op(name)
    assert not left


def test_a_model_that_the_runtime_refuses_runs() -> None:
    with registered(NAME, doubled), Interpreter(model_content=model()) as it:
        np.testing.assert_array_equal(run(it, X)[0], np.maximum(X * 4, 0))
        assert [d.delegate for d in it.plan.decisions] == ["cpu", "host", "cpu"]
        assert "host      1 op in 1 partition" in it.plan.explain()
        assert "builtin" not in it.plan.explain()


def test_without_a_function_the_error_says_how_to_give_one_and_then_it_runs() -> None:
    it = Interpreter(model_content=model())
    with pytest.raises(UnsupportedOp, match=rf"op 1 \({NAME}\).*register_custom_op\('{NAME}', function\)"):
        it.allocate_tensors()
    with registered(NAME, doubled):
        np.testing.assert_array_equal(run(it, X)[0], np.maximum(X * 4, 0))
    it.close()


def test_what_a_function_is_given() -> None:
    seen: list[Any] = []

    def look(inputs: list[NDArray[Any]], options: CustomOptions) -> list[NDArray[Any]]:
        seen.append((inputs, options))
        return [inputs[0] + inputs[2]]

    b = GraphBuilder()
    x = b.input((2, 3))
    fixed = b.constant(np.arange(6, dtype=np.float32).reshape(2, 3))
    b.output(b.op("CUSTOM", [x, -1, fixed], (2, 3), custom_code=NAME, custom_options=b"\1\2\3", op_version=7))
    with registered(NAME, look), Interpreter(model_content=b.build()) as it:
        np.testing.assert_array_equal(run(it, X)[0], X + np.arange(6).reshape(2, 3))
    [(inputs, options)] = seen
    assert inputs[1] is None and isinstance(options, bytes)
    assert (bytes(options), options.version, options.outputs) == (b"\1\2\3", 7, (((2, 3), np.dtype("f4")),))
    for array in (inputs[0], inputs[2]):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


def test_options_are_fields_by_name() -> None:
    def scaled(inputs: list[NDArray[Any]], options: CustomOptions) -> list[NDArray[Any]]:
        return [inputs[0] * np.float32(options.fields["factor"])]

    with registered(NAME, scaled), Interpreter(model_content=model(fields={"factor": 2.5})) as it:
        np.testing.assert_array_equal(run(it, X)[0], np.maximum(X * 5, 0))


def test_an_op_without_options_has_none() -> None:
    def none(inputs: list[NDArray[Any]], options: CustomOptions) -> list[NDArray[Any]]:
        assert not options
        with pytest.raises(ValueError, match="FlexBuffer"):
            _ = options.fields
        return list(inputs)

    with registered(NAME, none), Interpreter(model_content=model()) as it:
        run(it, X)


@pytest.mark.parametrize(
    "returned, said",
    [
        (lambda x: [x[:1]], r"returned float32 \[1, 3\] for output 0, not float32 \[2, 3\]"),
        (lambda x: [x.astype(np.float64)], r"returned float64 \[2, 3\] for output 0, not float32 \[2, 3\]"),
        (lambda x: [x, x], "returned 2 outputs, not a list of 1"),
        (lambda x: x, "returned ndarray, not a list of 1"),
        (lambda x: None, "returned NoneType, not a list of 1"),
        (lambda x: [None], "returned NoneType for output 0"),
        (lambda x: 1 / 0, "raised ZeroDivisionError: division by zero"),
    ],
)
def test_a_function_that_fails_is_one_error_and_the_interpreter_goes_on(returned: Any, said: str) -> None:
    broken = [True]

    def function(inputs: list[NDArray[Any]], options: CustomOptions) -> Any:
        return returned(inputs[0]) if broken[0] else [inputs[0] * 2]

    with registered(NAME, function), Interpreter(model_content=model()) as it:
        with pytest.raises(DelegateError, match=rf"^host: op 1 \({NAME}\): its function {said}"):
            run(it, X)
        assert it.events[-1].kind == "failed"
        broken[0] = False
        it.invoke()
        np.testing.assert_array_equal(it.get_tensor(it.get_output_details()[0]["index"]), np.maximum(X * 4, 0))


def test_registering_twice() -> None:
    register_custom_op(NAME, doubled)
    register_custom_op(NAME, doubled)
    with pytest.raises(ValueError, match=f"'{NAME}' has a kernel for the host already"):
        register_custom_op(NAME, lambda inputs, options: inputs)
    register_custom_op(NAME, lambda inputs, options: [-inputs[0]], overwrite=True)
    with Interpreter(model_content=model()) as it:
        np.testing.assert_array_equal(run(it, X)[0], np.maximum(X * -2, 0))
    unregister_custom_op(NAME)
    with pytest.raises(ValueError, match="nothing is registered"):
        unregister_custom_op(NAME)


@pytest.mark.parametrize(
    "args, error, said",
    [
        (("", doubled), TypeError, "name is a text"),
        ((3, doubled), TypeError, "name is a text"),
        ((NAME,), TypeError, "no kernel is given"),
        ((NAME, 3), TypeError, "a kernel is a module"),
        ((NAME, doubled, lambda inputs, options: inputs), ValueError, "has a kernel for the host already"),
    ],
)
def test_what_is_no_registration(args: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        register_custom_op(*args)


def test_threads_may_register_at_once() -> None:
    names = [f"{NAME}{k}" for k in range(64)]
    threads = [threading.Thread(target=register_custom_op, args=(name, doubled)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        unregister_custom_op(name)


def test_a_function_goes_before_the_runtimes_own_op() -> None:
    """LiteRT has a custom op TFLite_Detection_PostProcess; what the user registers is what runs."""
    b = GraphBuilder()
    b.output(b.op("CUSTOM", [b.input((2, 3))], (2, 3), custom_code="TFLite_Detection_PostProcess"))
    with registered("TFLite_Detection_PostProcess", doubled), Interpreter(model_content=b.build()) as it:
        np.testing.assert_array_equal(run(it, X)[0], X * 2)
        assert [d.delegate for d in it.plan.decisions] == ["host"]


def test_outputs_of_any_shape() -> None:
    def positive(inputs: list[NDArray[Any]], options: CustomOptions) -> list[NDArray[Any]]:
        assert options.outputs[0][0] is None
        return [inputs[0][inputs[0] > 0]]

    b = GraphBuilder()
    b.output(b.op("CUSTOM", [b.input((2, 3))], (1,), custom_code=NAME, shape_signature=(-1,)))
    with registered(NAME, positive), Interpreter(model_content=b.build()) as it:
        np.testing.assert_array_equal(run(it, X)[0], [1, 3, 5])
        np.testing.assert_array_equal(run(it, -X)[0], [2, 4, 6])


@pytest.mark.parametrize("type", ["INT8", "INT64", "BOOL", "FLOAT16", "UINT8"])
def test_types_that_numpy_has(type: str) -> None:
    b = GraphBuilder()
    b.output(b.op("CUSTOM", [b.input((4,), type)], (4,), dtype=type, custom_code=NAME))

    def turned(inputs: list[NDArray[Any]], options: CustomOptions) -> list[NDArray[Any]]:
        return [inputs[0][::-1]]

    with registered(NAME, turned), Interpreter(model_content=b.build()) as it:
        x = np.array([1, 0, 1, 1]).astype(it.get_input_details()[0]["dtype"])
        np.testing.assert_array_equal(run(it, x)[0], x[::-1])


def test_a_variable_is_refused() -> None:
    b = GraphBuilder()
    b.output(b.op("CUSTOM", [b.input((2, 3)), b.variable((2, 3))], (2, 3), custom_code=NAME))
    with registered(NAME, doubled), pytest.raises(UnsupportedOp, match="host: variable"):
        Interpreter(model_content=b.build()).allocate_tensors()


def test_an_op_may_be_called_like_a_builtin_one() -> None:
    b = GraphBuilder()
    b.output(b.op("CUSTOM", [b.input((2, 3))], (2, 3), custom_code="RELU"))
    with registered("RELU", doubled), Interpreter(model_content=b.build()) as it:
        np.testing.assert_array_equal(run(it, X)[0], X * 2)


def test_the_host_delegate_stands_behind_the_cpu_only_where_there_are_custom_ops() -> None:
    b = GraphBuilder()
    b.output(b.op("RELU", [b.input((2, 3))], (2, 3)))
    assert Interpreter(model_content=b.build()).plan.delegates == ("cpu",)
    with registered(NAME, doubled):
        assert Interpreter(model_content=model()).plan.delegates == ("cpu", "host")
        given = Interpreter(model_content=model(), delegates=[HostDelegate(), CPUDelegate()])
        assert given.plan.delegates == ("host", "cpu")


def test_rules_know_the_host_delegate() -> None:
    with registered(NAME, doubled):
        plan = Interpreter(model_content=model(), pin={"host": NAME}, min_partition_ops=3).plan
        assert [d.delegate for d in plan.decisions] == ["cpu", "host", "cpu"]
        with pytest.raises(UnsupportedOp, match="host: excluded"):
            _ = Interpreter(model_content=model(), exclude={"host": NAME}).plan


def test_fastest_places_custom_ops_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with registered(NAME, doubled):
        it = Interpreter(model_content=model(), delegates=[NullDelegate(["ADD"])], placement="fastest")
        assert it.plan.decisions[1].delegate == "host"


def test_plans_with_custom_ops_are_saved_and_loaded() -> None:
    with registered(NAME, doubled):
        saved = Interpreter(model_content=model()).plan
        with Interpreter(model_content=model(), plan=saved.to_json()) as it:
            assert it.plan == saved
            np.testing.assert_array_equal(run(it, X)[0], np.maximum(X * 4, 0))


def test_a_function_that_is_gone_when_memory_is_reserved() -> None:
    with registered(NAME, doubled):
        it = Interpreter(model_content=model())
        _ = it.plan
    with pytest.raises(DelegateError, match=rf"op 1 \({NAME}\): its function is not registered any more"):
        it.allocate_tensors()


def test_a_function_that_fails_is_not_replaced_where_no_other_delegate_can() -> None:
    def broken(inputs: list[NDArray[Any]], options: CustomOptions) -> list[NDArray[Any]]:
        raise RuntimeError("out of order")

    it = Interpreter(model_content=model(), on_failure="replan")
    with registered(NAME, broken), pytest.raises(RuntimeError, match=rf"{NAME}.*out of order"):
        run(it, X)
    it.close()
