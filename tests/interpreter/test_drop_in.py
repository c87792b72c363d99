"""Code that swaps the import goes on working: one script under both classes, everything it prints compared."""

from __future__ import annotations

import inspect
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from interpreter.first import First
from interpreter.script import lines

from delegraph import CPUDelegate, Interpreter
from delegraph.data import digits
from delegraph.delegates.runtime import load_runtime
from delegraph.graph.read import read


@pytest.mark.parametrize("kind", ["f32", "int8"])
@pytest.mark.parametrize("cut", [0, 2])
def test_one_script_prints_the_same_under_both_classes(kind: str, cut: int) -> None:
    content = digits(kind)
    tensors = len(read(content).graphs[0].tensors)
    reference = load_runtime().module.Interpreter
    make = partial(Interpreter, delegates=[First(cut), CPUDelegate()]) if cut else Interpreter
    for theirs, ours in zip(lines(reference, content, tensors), lines(make, content, tensors), strict=True):
        if not theirs[1].startswith("raises AttributeError"):  # what tflite-runtime has not got yet
            assert ours == theirs


def test_constructor_takes_the_same_arguments_in_the_same_order() -> None:
    theirs = list(inspect.signature(load_runtime().module.Interpreter.__init__).parameters)
    ours = list(inspect.signature(Interpreter.__init__).parameters)
    assert ours[: len(theirs)] == theirs


def test_every_public_name_is_there() -> None:
    theirs = load_runtime().module.Interpreter
    assert [n for n in dir(theirs) if not n.startswith("_") and not hasattr(Interpreter, n)] == []


@pytest.mark.parametrize(
    "arguments",
    [
        {}, {"model_content": b""}, {"model_path": "/no/such/file.tflite"}, {"model_content": b"no model at all"},
        {"num_threads": 0}, {"num_threads": "2"}, {"experimental_op_resolver_type": 7},
        {"model_path": "a", "model_content": b"b"},
    ],
)  # fmt: skip
def test_bad_arguments_raise_the_same_types(arguments: dict[str, object]) -> None:
    if arguments and "model_content" not in arguments and "model_path" not in arguments:
        arguments = {**arguments, "model_content": digits("f32")}
    with pytest.raises(Exception) as theirs:
        load_runtime().module.Interpreter(**arguments)
    with pytest.raises(theirs.type):
        Interpreter(**arguments)  # type: ignore[arg-type]


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="speed"):
        Interpreter(model_content=digits("f32"), speed="high")  # type: ignore[call-arg]


def test_the_runtimes_own_resolver_type_is_accepted() -> None:
    kind = load_runtime().module.OpResolverType.BUILTIN_REF
    with Interpreter(model_content=digits("f32"), experimental_op_resolver_type=kind) as it:
        it.allocate_tensors()


def test_preserve_all_tensors_makes_every_activation_readable_across_a_cut() -> None:
    graph = read(digits("f32")).graphs[0]
    ops = range(len(graph.ops))
    activations = frozenset(t for op in graph.ops for t in op.outputs)
    content = graph.submodel(ops, activations)  # tflite-runtime's own option lets ADD overwrite what it reads
    reference = load_runtime().open(content, experimental_op_resolver_type=load_runtime().resolver("BUILTIN_REF"))
    cpu = CPUDelegate(experimental_preserve_all_tensors=True)
    ours = Interpreter(model_content=digits("f32"), delegates=[First(3), cpu], experimental_preserve_all_tensors=True)
    x = np.random.default_rng(3).random(tuple(graph.tensors[graph.inputs[0]].shape), np.float32)
    for it in (reference, ours):
        it.allocate_tensors()
        it.set_tensor(it.get_input_details()[0]["index"], x)
        it.invoke()
    wanted = {d["name"]: reference.get_tensor(d["index"]) for d in reference.get_output_details()}
    for t, name in graph.submodel_names(ops, activations).items():
        if t in activations:
            np.testing.assert_allclose(ours.get_tensor(t), wanted[name], rtol=0, atol=1e-5, err_msg=name)


def test_preserve_all_tensors_is_heeded_where_the_cpu_delegate_was_given_and_runs_all() -> None:
    cpu = CPUDelegate(op_resolver="BUILTIN_WITHOUT_DEFAULT_DELEGATES")
    found = []
    for kept in (False, True):
        with Interpreter(model_content=digits("int8"), delegates=[cpu], experimental_preserve_all_tensors=kept) as it:
            it.allocate_tensors()
            places = [it.tensor(op.outputs[0])().ctypes.data for op in it.graph.ops]
            found.append(len(places) - len(set(places)))
    assert found[1] < found[0], "fewer tensors share memory where all are kept"


def test_reads_a_path_and_closes(tmp_path: Path) -> None:
    path = tmp_path / "digits.tflite"
    path.write_bytes(digits("f32"))
    for source in (path, str(path)):
        with Interpreter(source) as it:
            it.allocate_tensors()
            it.invoke()
        it.close()
        with pytest.raises(RuntimeError, match="not ready"):
            it.invoke()
