"""Other runtimes in the same benchmark: what is installed runs and is right; what is not fails its own cell only."""

from __future__ import annotations

import shutil
import sys
import venv
from collections.abc import Callable, Iterator
from enum import Flag
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from delegraph import data
from delegraph.bench.driver import Run
from delegraph.bench.matrix import make_matrix
from delegraph.bench.peers import subject
from delegraph.bench.peers.litert import LiteRT
from delegraph.bench.record import Cell, Configuration
from delegraph.graph.builder import GraphBuilder

DOUBLES = Path(__file__).with_name("doubles")
NUMBERS = np.arange(-96, 96, dtype=np.float32).reshape(1, 8, 8, 3)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ai_edge_litert") is None, reason="needs ai-edge-litert, whose CompiledModel it is")
def test_a_peer_is_measured_beside(tmp_path: Path) -> None:
    model = tmp_path / "digits.tflite"
    model.write_bytes(data.digits("f32"))
    values = {"delegates": ["cpu"], "batch": [1, 4], "peer": ["litert-cpu", "onnxruntime"], "seconds": 0.05, "sets": 1}
    run = Run(make_matrix({"models": [str(model)], **values}))
    run.carry_out()
    found = {(cell.configuration.peer, cell.configuration.batch): cell for cell in run.report().cells}
    peer, own = found["litert-cpu", 1], found["", 1]
    assert (peer.state, peer.problem) == ("done", "") and own.state == "done"
    assert peer.steady is not None and own.steady is not None and len(peer.steady.turns) == len(own.steady.turns)
    assert peer.accuracy is not None and peer.accuracy.verdict == "PASS"
    assert peer.devices is not None and "ai-edge-litert" in peer.devices["litert-cpu"]
    other = found["onnxruntime", 1]
    wanted = "digits.onnx" if find_spec("onnxruntime") else "--python onnxruntime=VENV/bin/python"
    assert other.state == "failed" and wanted in other.problem
    assert found["litert-cpu", 4].state == "failed" and "no batches" in found["litert-cpu", 4].problem
    batch = found["", 4]
    assert batch.state == "done" and batch.accuracy is not None and batch.accuracy.verdict == "PASS"


def relu(folder: Path, *others: str) -> Path:
    """max(x, 0) of [1, 8, 8, 3], as a model of TensorFlow Lite's; others are "mean" (of all) and "half" (x / 2)."""
    b = GraphBuilder()
    x = b.input((1, 8, 8, 3))
    b.output(b.op("RELU", [x], (1, 8, 8, 3), name="relu"))
    if "mean" in others:
        b.output(b.op("MEAN", [x, b.constant([0, 1, 2, 3], "INT32")], (1, 1, 1, 1), name="mean", keep_dims=True))
    if "half" in others:
        b.output(b.op("MUL", [x, b.constant([0.5], "FLOAT32")], (1, 8, 8, 3), name="half"))
    path = folder / "relu.tflite"
    path.write_bytes(b.build())
    return path


def beside(model: Path, peer: str, **values: Any) -> Cell:
    told = {"models": [str(model)], "delegates": ["cpu"], "peer": peer, "seconds": 0.05, "sets": 1, **values}
    run = Run(make_matrix(told))
    run.carry_out()
    return run.report().cells[1]


@pytest.fixture
def doubles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Doubles instead of the runtimes themselves."""
    monkeypatch.syspath_prepend(DOUBLES)
    names = [path.stem for path in DOUBLES.glob("*.py")]
    held = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    yield
    for name in names:
        sys.modules.pop(name, None)
    sys.modules.update(held)


def ncnn_files(folder: Path, *layers: str) -> None:
    """A network as pnnx would write it."""
    (folder / "relu.ncnn.param").write_text("\n".join(["7767517", f"{len(layers)} {len(layers)}", *layers, ""]))
    (folder / "relu.ncnn.bin").write_bytes(b"")


def opened(model: Path, peer: str) -> Any:
    """The peer with the model loaded, after one inference on numbers from -96 to 95."""
    made = subject(model, Configuration("", peer=peer), [(1, 8, 8, 3)])
    made.open()
    made.load()
    made.compile()
    made.feed([NUMBERS])
    made.infer()
    return made


@pytest.mark.skipif(sys.platform == "win32", reason="virtual environments are laid out otherwise there")
def test_a_peer_runs_in_the_python_that_has_it(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    site = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    shutil.copy(DOUBLES / "ncnn.py", site)
    ncnn_files(tmp_path, "Input in0 0 1 in0", "ReLU relu 1 1 in0 out0")
    found = beside(relu(tmp_path), "ncnn", python=[f"ncnn={tmp_path}/venv/bin/python"])
    assert (found.state, found.problem) == ("done", "")
    assert found.devices == {"ncnn": "ncnn double, double 0"}
    assert found.accuracy is not None and found.accuracy.verdict == "PASS"


@pytest.mark.usefixtures("doubles")
def test_ncnn_says_what_is_on_the_cpu_and_outputs_are_found_by_size(tmp_path: Path) -> None:
    model = relu(tmp_path, "mean")
    ncnn_files(tmp_path, "Input in0 0 1 in0", "Reduction mean 1 1 in0 out0", "ReLU relu 1 1 in0 out1")
    made = opened(model, "ncnn")
    assert made.describe()["notes"] == ("1 of its 3 nodes run on the CPU (Reduction)",)
    found = made.outputs()
    assert list(found) == ["relu", "mean"] and found["mean"].item() == NUMBERS.mean()
    np.testing.assert_array_equal(found["relu"], np.maximum(NUMBERS, 0))
    ncnn_files(tmp_path, "Input in0 0 1 in0", "Half half 1 1 in0 out1", "ReLU relu 1 1 in0 out0")
    made = opened(relu(tmp_path, "half"), "ncnn")
    np.testing.assert_array_equal(made.outputs()["half"], NUMBERS / 2)  # both of a size: pnnx's numbers tell
    ncnn_files(tmp_path, "Input in0 0 1 in0", "Pad pad 1 1 in0 out0")
    with pytest.raises(RuntimeError, match=r"does not read relu\.ncnn\.param"):
        opened(model, "ncnn")


@pytest.mark.usefixtures("doubles")
def test_onnx_runtime_says_what_is_on_the_cpu_and_outputs_are_found_by_name(tmp_path: Path) -> None:
    model = relu(tmp_path, "half")
    (tmp_path / "relu.onnx").write_text("")
    made = opened(model, "onnxruntime")
    assert made.describe()["notes"] == ("1 of its 2 nodes run on the CPU (ReduceMean)",)
    np.testing.assert_array_equal(made.outputs()["half"], NUMBERS / 2)
    (tmp_path / "relu.onnx").write_text("no gpu")
    assert opened(model, "onnxruntime").describe()["notes"][0].startswith("all of it runs on the CPU")
    with pytest.raises(ValueError, match=r"output 1 .* has shape \[1, 1, 1, 1\], onnxruntime makes \[1, 8, 8, 3\]"):
        opened(relu(tmp_path, "mean"), "onnxruntime").outputs()


class Accelerators(Flag):
    CPU, GPU = 1, 2


def litert(monkeypatch: pytest.MonkeyPatch, compiled: Callable[[Accelerators], Any]) -> None:
    """LiteRT's modules, with a compiler of their own."""
    options = SimpleNamespace(
        Options=lambda hardware_accelerators, **_: hardware_accelerators, CpuOptions=dict, GpuOptions=dict
    )
    made = SimpleNamespace(from_file=lambda path, options: compiled(options))
    modules = {
        "hardware_accelerator": SimpleNamespace(HardwareAccelerator=Accelerators),
        "options": options,
        "compiled_model": SimpleNamespace(CompiledModel=made),
    }
    monkeypatch.setattr(LiteRT, "module", lambda self, name, package: modules[name.rpartition(".")[2]])


def test_litert_leaves_what_its_gpu_lacks_to_the_cpu_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compiled(accelerators: Accelerators) -> Any:
        if accelerators is Accelerators.GPU:
            raise RuntimeError("Some ops are not accelerated. Add kLiteRtHwAcceleratorCpu")
        return SimpleNamespace(is_fully_accelerated=lambda: False)

    litert(monkeypatch, compiled)
    made = subject(relu(tmp_path), Configuration("", peer="litert-gpu"), [(1, 8, 8, 3)])
    made.load()
    assert made.describe()["notes"] == ("a part of it runs on the CPU",)


def test_a_gpu_that_litert_cannot_use_is_no_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(accelerators: Accelerators) -> Any:
        assert accelerators is Accelerators.GPU
        raise RuntimeError("ERROR: [compiled_model.h:1961]")

    litert(monkeypatch, compiled)
    made = subject(relu(tmp_path), Configuration("", peer="litert-gpu"), [(1, 8, 8, 3)])
    with pytest.raises(RuntimeError, match=r"finds no driver for WebGPU, or cannot use it: ERROR: \[compiled"):
        made.load()


def test_a_missing_runtime_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ncnn", None)
    with pytest.raises(ImportError, match=r"ncnn is not in .*pip install ncnn there, .* --python ncnn=VENV/bin/python"):
        opened(relu(tmp_path), "ncnn")


@pytest.mark.skipif(find_spec("ncnn") is None, reason="needs ncnn")
def test_ncnn_runs_what_stands_beside_the_model(tmp_path: Path) -> None:
    model = relu(tmp_path)
    layers = "Input in0 0 1 in0\nReLU relu 1 1 in0 out0 0=0.0\n"
    (tmp_path / "relu.ncnn.param").write_text(f"7767517\n2 2\n{layers}")
    (tmp_path / "relu.ncnn.bin").write_bytes(b"")
    found = beside(model, "ncnn")
    assert (found.state, found.problem) == ("done", "")
    assert found.accuracy is not None and found.accuracy.outputs[0].max_error == 0


@pytest.mark.skipif(not (find_spec("onnxruntime") and find_spec("onnx")), reason="needs onnxruntime and onnx")
def test_onnx_runtime_runs_what_stands_beside_the_model(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, save

    model = relu(tmp_path)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8, 8, 3]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", [x], [y])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), tmp_path / "relu.onnx")
    found = beside(model, "onnxruntime")
    assert (found.state, found.problem) == ("done", "")
    assert found.accuracy is not None and found.accuracy.outputs[0].max_error == 0
