"""Custom ops as GPU kernels of a user's own: where their bodies lie, and what becomes of kernels that are broken."""

from __future__ import annotations

import importlib
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ops.harness import delegate

import models
from delegraph import DelegateError, Interpreter, UnsupportedOp
from delegraph.delegates import custom
from delegraph.graph.builder import GraphBuilder

from .kit import NAME, X, model, registered, run

KERNEL = """
from delegraph.errors import Reason
from delegraph.shaders.program import Arg, Const, Program
import numpy as np

TYPES = {types}

def lower(graph, op, limits):
    source, output = op.inputs[0], op.outputs[0]
    {more}
    return (Program("{body}", {{"FACTOR": 2.0}}, (Arg("source", source),), output, (1, 1, 1)),)
"""
BODY = """
void main() {
    uint i = invocation();
    if (i < ELEMENTS) store(i, source(i) * VALUE(FACTOR));
}
"""


def write(
    folder: Path, name: str, body: str = BODY, types: str = '{"FLOAT32"}', more: str = "", calls: str = "times"
) -> None:
    (folder / f"{name}.py").write_text(KERNEL.format(types=types, more=more, body=calls))
    if body:
        (folder / "times.glsl").write_text(body)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name, module in sys.modules.items() if str(tmp_path) in str(getattr(module, "__file__", ""))]:
        del sys.modules[name]
    for name in [name for name in custom.registered() if name == NAME]:
        custom.unregister_custom_op(name)


def load(name: str) -> Any:
    importlib.invalidate_caches()
    return importlib.import_module(name)


@pytest.mark.parametrize("module", ["kernel_of_mine", "package_of_mine.ops.kernel"])
def test_a_pair_of_files_in_a_module_or_a_package_is_a_kernel(folder: Path, module: str) -> None:
    *packages, name = module.split(".")
    place = folder.joinpath(*packages)
    place.mkdir(parents=True, exist_ok=True)
    for k in range(len(packages)):
        folder.joinpath(*packages[: k + 1], "__init__.py").touch()
    write(place, name)
    with registered(NAME, load(module)), Interpreter(model_content=model(), delegates=[delegate()]) as it:
        np.testing.assert_array_equal(run(it, X)[0], np.maximum(X * 4, 0))
        assert {d.delegate for d in it.plan.decisions} == {"gpu"}
        assert it.plan.launches == {0: 2}, "RELU is fused into the custom op"


def test_an_object_with_lower_is_a_kernel(folder: Path) -> None:
    write(folder, "kernel_object")
    module = load("kernel_object")

    class Kernel:
        TYPES = frozenset({"FLOAT32"})
        lower = staticmethod(module.lower)

    with registered(NAME, Kernel()), Interpreter(model_content=model(), delegates=[delegate()]) as it:
        np.testing.assert_array_equal(run(it, X)[0], np.maximum(X * 4, 0))


def test_a_kernel_may_use_a_body_that_is_shipped(folder: Path) -> None:
    more = 'from delegraph.shaders.program import Stage\n    return (Program("elementwise", {}, '
    more += '(Arg("source", source),), output, (1, 1, 1), stages=(Stage("x * 2.0"),)),)'
    write(folder, "kernel_shipped", body="", more=more)
    with registered(NAME, load("kernel_shipped")), Interpreter(model_content=model(), delegates=[delegate()]) as it:
        np.testing.assert_array_equal(run(it, X)[0], np.maximum(X * 4, 0))


def test_types_that_a_kernel_does_not_take_are_refused(folder: Path) -> None:
    write(folder, "kernel_types", types='{"FLOAT32"}')
    with registered(NAME, load("kernel_types"), lambda inputs, options: [inputs[0] * 2]):
        it = Interpreter(model_content=model(type="INT32"), delegates=[delegate()])
        decision = it.plan.decisions[1]
        assert (decision.delegate, [r.code for r in decision.reasons["gpu"]]) == ("host", ["type"])


def test_registering_later_counts(folder: Path) -> None:
    write(folder, "kernel_later")
    it = Interpreter(model_content=model(), delegates=[delegate()])
    with pytest.raises(UnsupportedOp, match=f"the GPU has no kernel for {NAME}"):
        it.allocate_tensors()
    with registered(NAME, load("kernel_later")):
        np.testing.assert_array_equal(run(it, X)[0], np.maximum(X * 4, 0))
    it.close()


@pytest.mark.parametrize(
    "more, said",
    [
        ("1 / 0", "kernel: the registered kernel raised ZeroDivisionError"),
        ("return None", "kernel: the registered kernel returned None"),
        ("return ()", r"kernel: the registered kernel returned \(\)"),
        ("return (3,)", r"kernel: the registered kernel returned \(3,\)"),
        ('return (Program("missing", {}, (), output, (1, 1, 1)),)', r"there is no missing\.glsl beside kernel_broken"),
        ('return (Program("times", {}, (), source, (1, 1, 1)),)', "reads or writes other tensors"),
        ('return (Program("times", {}, (Arg("source", 0),), output, (1, 1, 1)),)', "reads or writes other tensors"),
        ('return Reason("moon", "full", "new")', r"moon: full \(wanted new\)"),
        ('return (Program("times", {"N": 2.5}, (), output, (1, 1, 1), sizes=("N",)),)', "size N is no constant"),
        ('return (Program("times", {}, (), output, (1, 1, 1), sizes=("N",)),)', "size N is no constant"),
        ('return (Program("times", {}, (), output, (1, 1, 1), (4096, 1, 1)),)', "invocation_limit"),
    ],
)
def test_a_kernel_that_is_broken_is_a_reason(folder: Path, more: str, said: str) -> None:
    write(folder, "kernel_broken", more=more)
    with registered(NAME, load("kernel_broken")):
        it = Interpreter(model_content=model(), delegates=[delegate()])
        with pytest.raises(UnsupportedOp, match=rf"op 1 \({NAME}\).*gpu: .*{said}"):
            it.allocate_tensors()


def test_a_body_that_does_not_compile_shows_its_line(folder: Path) -> None:
    write(folder, "kernel_syntax", body=BODY.replace("FACTOR", "FACTOR + nonsense"))
    with registered(NAME, load("kernel_syntax")):
        it = Interpreter(model_content=model(), delegates=[delegate()])
        with pytest.raises(DelegateError, match=r"(?s)times.*times\.glsl:4: .*nonsense"):
            it.allocate_tensors()


def test_a_constant_that_cannot_be_packed_names_the_op(folder: Path) -> None:
    more = 'return (Program("times", {"FACTOR": 2.0}, (Arg("source", source), '
    more += 'Arg("table", Const(lambda: 1 / 0, 4))), output, (1, 1, 1)),)'
    write(folder, "kernel_constant", more=more)
    with registered(NAME, load("kernel_constant")):
        it = Interpreter(model_content=model(), delegates=[delegate()])
        with pytest.raises(DelegateError, match=rf"op 1 \({NAME}\): packing a constant raised ZeroDivisionError"):
            it.allocate_tensors()


def test_a_custom_op_called_like_a_builtin_one_is_not_taken_for_it() -> None:
    b = GraphBuilder()
    b.output(b.op("CUSTOM", [b.input((2, 3))], (2, 3), custom_code="RELU"))
    with pytest.raises(UnsupportedOp, match="the GPU has no kernel for RELU"):
        Interpreter(model_content=b.build(), delegates=[delegate()]).allocate_tensors()


def test_the_example(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    example = models.ROOT / "examples" / "custom_op"
    monkeypatch.syspath_prepend(str(example))
    try:
        runpy.run_path(str(example / "run.py"), run_name="__main__")
    finally:
        custom.unregister_custom_op("Vignette")
        del sys.modules["vignette"]
    said = capsys.readouterr().out
    assert "gpu       2 ops in 1 partition, 1 launch" in said and "host      1 op in 1 partition" in said
    assert float(said.split("largest difference: ")[1]) < 1e-6


def test_constants_are_those_of_the_kernel_that_is_registered(folder: Path) -> None:
    """Interpreters of one model share its weights, but not across kernels."""
    body = "void main() {\n    uint i = invocation();\n    if (i < ELEMENTS) store(i, source(i) * table(0));\n}\n"
    more = 'return (Program("{}", {{}}, (Arg("source", source), Arg("table", '
    more += "Const(lambda: np.float32([{}]), 4))), output, (1, 1, 1)),)"
    (folder / "by_table.glsl").write_text(body)
    write(folder, "kernel_two", body="", more=more.format("by_table", 2))
    write(folder, "kernel_three", body="", more=more.format("by_table", 3))
    with registered(NAME, load("kernel_two")), Interpreter(model_content=model(), delegates=[delegate()]) as two:
        np.testing.assert_array_equal(run(two, X)[0], np.maximum(X * 4, 0))
        custom.register_custom_op(NAME, load("kernel_three"), overwrite=True)
        with Interpreter(model_content=model(), delegates=[delegate()]) as three:
            np.testing.assert_array_equal(run(three, X)[0], np.maximum(X * 6, 0))
        np.testing.assert_array_equal(run(two, X)[0], np.maximum(X * 4, 0))
