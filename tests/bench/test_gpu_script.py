"""`benchmarks/gpu.py`: the models that it makes, by the work that their papers count, and the tables that it prints."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bench import kit
from delegraph import CPUDelegate, Interpreter
from delegraph.bench.record import Configuration
from delegraph.delegates.base import Ceiling
from delegraph.delegates.work import arithmetic
from delegraph.graph.read import read

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def architectures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("architectures")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    spec = importlib.util.spec_from_file_location("benchmark_of_gpus", BENCHMARKS / "gpu.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)  # by its path, for there is a package of tests of that name
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


# Millions of multiply-adds at 224 x 224, and of weights, as the papers give them.
PUBLISHED = {"mobilenet_v1": (569, 4.2), "mobilenet_v2": (300, 3.4), "efficientnet_b0": (390, 5.3)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_they_are_what_they_are_called(architectures: ModuleType, name: str) -> None:
    content = architectures.ARCHITECTURES[name](1, 224)
    graph = read(content).graphs[0]
    products = sum(arithmetic(graph, op) for op in graph.ops) / 2e6
    weights = sum(t.size for t in graph.tensors if t.is_constant) / 1e6
    assert (products, weights) == (
        pytest.approx(PUBLISHED[name][0], rel=0.02),
        pytest.approx(PUBLISHED[name][1], rel=0.05),
    )


def test_answers_depend_on_the_image(architectures: ModuleType) -> None:
    model = architectures.mobilenet_v2(2, 64)
    it = Interpreter(model_content=model, delegates=[CPUDelegate()])
    it.allocate_tensors()
    it.set_tensor(it.get_input_details()[0]["index"], np.random.default_rng(0).random((2, 64, 64, 3), np.float32))
    it.invoke()
    first, second = it.get_tensor(it.get_output_details()[0]["index"])
    assert first.sum() == pytest.approx(1, abs=1e-4) and np.abs(first - second).max() > 1e-5


def test_tables_tell_ratios_of_what_ran_wholly_and_rightly(gpu: ModuleType) -> None:
    """Twice as fast as a peer on two models; on a third the peer left a part to the CPU, and does not count."""
    cells = []
    for k, notes in enumerate([(), (), ("3 of its 9 nodes run on the CPU (Pad)",)]):
        ours = kit.cell(k, Configuration("gpu"), 0.01, seed=k)
        cells.append(replace(ours, ceilings={"gpu": Ceiling(1e10, 1e9)}, ops=(replace(ours.ops[0], floor=0.001),)))
        cells.append(
            replace(kit.cell(k, Configuration("", peer="ncnn"), 0.01 if notes else 0.02, seed=9 + k), notes=notes)
        )
    report = replace(kit.report(), cells=tuple(cells))
    table, said = gpu.speed_table(report)
    columns = {column.header: list(column.cells) for column in table.columns}
    assert list(columns) == ["model", "gpu", "ncnn", "/ ncnn"]
    ratios = [float(text.partition(" ")[0]) for text in columns["/ ncnn"]]
    assert ratios == pytest.approx([0.5, 0.5, 1.0, 0.5], rel=0.05)  # the last is the geometric mean
    assert columns["ncnn"][2].endswith("*") and said == [f"model_2, ncnn *: {cells[-1].notes[0]}"]
    rows = {column.header: list(column.cells) for column in gpu.floor_table(report).columns}
    assert rows["floor ms"] == ["1"] * 3 and float(rows["times"][0]) == pytest.approx(10, rel=0.05)
    early = replace(report, cells=tuple(replace(cell, ceilings={}) for cell in cells))  # time was over too soon
    rows = {column.header: list(column.cells) for column in gpu.floor_table(early).columns}
    assert rows["GFLOP/s"] == [""] * 3 and rows["floor ms"] == ["1"] * 3
