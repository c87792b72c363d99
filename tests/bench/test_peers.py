"""Other runtimes in the same benchmark: what is installed runs and is right; what is not fails its own cell only."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from delegraph import data
from delegraph.bench.driver import Run
from delegraph.bench.matrix import make_matrix
from delegraph.bench.record import Cell
from delegraph.graph.builder import GraphBuilder


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
    wanted = "digits.onnx" if find_spec("onnxruntime") else "No module named 'onnxruntime'"
    assert other.state == "failed" and wanted in other.problem
    assert found["litert-cpu", 4].state == "failed" and "no batches" in found["litert-cpu", 4].problem
    batch = found["", 4]
    assert batch.state == "done" and batch.accuracy is not None and batch.accuracy.verdict == "PASS"


def relu(folder: Path) -> Path:
    """max(x, 0) of [1, 8, 8, 3], as a model of TensorFlow Lite's."""
    b = GraphBuilder()
    b.output(b.op("RELU", [b.input((1, 8, 8, 3))], (1, 8, 8, 3)))
    path = folder / "relu.tflite"
    path.write_bytes(b.build())
    return path


def beside(model: Path, peer: str) -> Cell:
    run = Run(make_matrix({"models": [str(model)], "delegates": ["cpu"], "peer": peer, "seconds": 0.05, "sets": 2}))
    run.carry_out()
    return run.report().cells[1]


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
