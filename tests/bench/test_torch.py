"""PyTorch as a peer: each op that it is told of, on the conformance cases, and whole models."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cases
from case import FLOAT, Case, case, positive
from conformance.check import agree
from conformance.oracle import prepare
from delegraph import data
from delegraph.bench.peers import subject
from delegraph.bench.record import Configuration
from delegraph.graph.read import read

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="needs torch (pip install torch)")


def network(content: bytes) -> Any:
    from delegraph.bench.peers.torch_ops import Network

    return Network(read(content).graphs[0])


IMAGE = (1, 3, 4, 5)
CASES = [
    case("SUB", FLOAT.constant((5,)), IMAGE),
    case("DIV", IMAGE, IMAGE, values=positive),
    case("MINIMUM", IMAGE, FLOAT.constant((3, 1, 1))),
    case("RESIZE_NEAREST_NEIGHBOR", IMAGE, [7, 9]),
]


def is_float(case: Case) -> bool:
    computed = [value for value in case.inputs if value is not None and value.role != "constant"]
    return all(made == FLOAT for made in (*case.makes, *(value.type for value in computed)))


def test_ops_are_the_references() -> None:
    """Or are refused with a ValueError, but of each kind some are taken."""
    import torch

    from delegraph.bench.peers.torch_ops import MAPPINGS, UNARY

    taken = set()
    for found in (*CASES, *(listed for _, listed in cases.listed())):
        if found.name not in {*MAPPINGS, *UNARY} or not is_float(found):
            continue
        prepared = prepare(found)
        try:
            made = network(prepared.content)
        except ValueError as error:
            assert "torch" in str(error)
            continue
        for inputs, wanted in zip(prepared.inputs, prepared.wanted, strict=True):
            if all(np.isfinite(x).all() for x in inputs):  # at the edges of windows torch has 0 * inf
                results = made(*(torch.from_numpy(np.array(x)) for x in inputs))
                agree(found, [y.numpy() for y in results], wanted, found.label)
                taken.add(found.name)
    assert taken == {*MAPPINGS, *UNARY}


def test_a_model_is_run_and_its_device_told(tmp_path: Path) -> None:
    path = tmp_path / "digits.tflite"
    path.write_bytes(data.digits("f32"))
    graph = read(path).graphs[0]
    shape = graph.tensors[graph.inputs[0]].shape
    made = subject(path, Configuration("", peer="torch"), [shape])
    made.open()
    made.load()
    made.compile()
    made.feed([np.random.default_rng(0).random(shape, np.float32)])
    made.infer()
    (scores,) = made.outputs().values()
    assert scores.sum() == pytest.approx(1, abs=1e-5) and scores.min() >= 0
    assert made.describe()["devices"]["torch"].startswith("torch ")


def test_what_is_not_told_in_its_words_is_named(tmp_path: Path) -> None:
    path = tmp_path / "digits.tflite"
    path.write_bytes(data.digits("int8"))
    shape = read(path).graphs[0].tensors[read(path).graphs[0].inputs[0]].shape
    made = subject(path, Configuration("", peer="torch"), [shape])
    made.open()
    with pytest.raises(ValueError, match="torch"):
        made.load()
