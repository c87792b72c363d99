"""The models that `benchmarks/gpu.py` makes: what they are called, by the work that their papers count, and sane."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from delegraph import CPUDelegate, Interpreter
from delegraph.delegates.work import arithmetic
from delegraph.graph.read import read


@pytest.fixture(scope="module")
def architectures() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "architectures.py"
    spec = importlib.util.spec_from_file_location("architectures", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
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
