"""Float models for other runtimes, without TensorFlow: MODEL.onnx by PyTorch, MODEL.ncnn.param and .bin by pnnx.

    python benchmarks/convert.py MODEL.tflite... [--to onnx] [--to ncnn] [--pnnx PROGRAM]

Needs `pip install torch onnx` for ONNX, `pip install torch pnnx` for ncnn. Files appear beside the model.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from delegraph.bench.peers.torch_ops import Network
from delegraph.graph.read import read

OPSET = 17
FORMATS = ("onnx", "ncnn")


def traced(model: Path) -> tuple[Any, tuple[torch.Tensor, ...], list[str]]:
    """A model as TorchScript, inputs of its shapes, and the names of its outputs. Raises ValueError as Network does."""
    graph = read(model).graphs[0]
    network = Network(graph)

    class Module(torch.nn.Module):
        def forward(self, *inputs: torch.Tensor) -> Any:
            made = network(*inputs)
            return made[0] if len(made) == 1 else made

    inputs = tuple(torch.zeros(graph.tensors[t].shape) for t in graph.inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer: shapes are constants, as they are in the model
        script = torch.jit.trace(Module().eval(), inputs)
    return script, inputs, [graph.tensors[t].name for t in graph.outputs]


def to_onnx(model: Path) -> Path:
    """The model in ONNX, outputs by their names. Raises what PyTorch's exporter does."""
    script, inputs, names = traced(model)
    path = model.with_suffix(".onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(script, inputs, str(path), output_names=names, opset_version=OPSET, dynamo=False)
    return path


def to_ncnn(model: Path, pnnx: str) -> Path:
    """The model for ncnn, in float32. Raises RuntimeError with what pnnx says."""
    script, inputs, _ = traced(model)
    with tempfile.TemporaryDirectory() as folder:
        script.save(f"{folder}/model.pt")
        shapes = ",".join(f"[{','.join(map(str, x.shape))}]" for x in inputs)
        command = [pnnx, "model.pt", f"inputshape={shapes}", "fp16=0"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=300)
        made = Path(folder, "model.ncnn.param")
        if done.returncode or not made.is_file():
            raise RuntimeError(f"pnnx does not convert {model.name}: {(done.stderr or done.stdout).strip()[-300:]}")
        for kind in ("param", "bin"):
            shutil.copy(made.with_suffix(f".{kind}"), model.with_suffix(f".ncnn.{kind}"))
    return model.with_suffix(".ncnn.param")


def found_pnnx() -> str | None:
    """The program that the package `pnnx` brings, or one that is installed."""
    found = find_spec("pnnx")
    inside = Path(found.origin or "").with_name("pnnx") if found else None
    return str(inside) if inside is not None and inside.is_file() else shutil.which("pnnx")


def main() -> None:
    parser = argparse.ArgumentParser(description="Convert float models for other runtimes.")
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.tflite")
    parser.add_argument("--to", choices=FORMATS, action="append", help="default: both")
    parser.add_argument("--pnnx", default=found_pnnx(), help="default: %(default)s")
    told = parser.parse_args()
    failed = False
    for model in told.models:
        for name in told.to or FORMATS:
            if name == "ncnn" and told.pnnx is None:
                parser.error("there is no pnnx: pip install pnnx")
            try:
                print(to_onnx(model) if name == "onnx" else to_ncnn(model, told.pnnx), flush=True)
            except (ValueError, RuntimeError, OSError, ImportError, subprocess.TimeoutExpired) as error:
                failed = True
                print(f"{model}: {error}", file=sys.stderr)
    sys.exit(failed)


if __name__ == "__main__":
    main()
