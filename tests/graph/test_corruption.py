"""Corrupted models: only InvalidModel comes out of `read`, and what passes crashes neither runtime.

The children run under the installed runtime, and also under the Python that $DELEGRAPH_TFLITE_RUNTIME_PYTHON names.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import models
from delegraph.errors import InvalidModel
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Model
from delegraph.graph.old_runtime import aborts_tflite_runtime
from delegraph.graph.read import read

from .corruption import Runner, corrupt, mutate, structure
from .kit import single
from .recipes import recipes
from .wholes import everything, folding

HANG = 20.0  # seconds; a read takes milliseconds
MEMORY = 300 << 20

SOURCES: dict[str, Callable[[], list[bytes]]] = {
    "mobilenet_v1_quant": lambda: [models.shared("coral/mobilenet_v1_0.25_128_quant.tflite").read_bytes()],
    "face_detection": lambda: [models.mediapipe("face_detection_short_range").read_bytes()],
    "everything": lambda: [everything()],
    "single ops": lambda: [*map(single, recipes()), folding()],
}


def pythons() -> dict[str, str]:
    """Runtime -> the Python that has it."""
    found = {"ai_edge_litert" if find_spec("ai_edge_litert") else "tflite_runtime": sys.executable}
    old = os.environ.get("DELEGRAPH_TFLITE_RUNTIME_PYTHON")
    return {**found, "tflite_runtime": old} if old else found


@pytest.fixture
def runners() -> Iterator[dict[str, Runner]]:
    made = {name: Runner(python) for name, python in pythons().items()}
    yield made
    for runner in made.values():
        runner.close()


def survives(source: str, seeds: range, runners: dict[str, Runner], folder: Path) -> Counter[str]:
    """Corrupt, read, and run what passes; every fourth seed damages bytes, the others change values.

    Real models, whose values are mostly names and shapes, are damaged every time.
    """
    originals = [(content, structure(content)) for content in SOURCES[source]()]
    authored = source in ("everything", "single ops")
    counts: Counter[str] = Counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = folder / "corrupted.tflite"
    for seed in seeds:
        content, places = originals[seed % len(originals)]
        damaged = mutate(content, seed) if authored and seed // len(originals) % 4 else corrupt(content, places, seed)
        start = time.monotonic()
        try:
            model = read(damaged)
        except InvalidModel as error:
            assert error.field and error.problem
            counts["rejected"] += 1
            continue
        finally:
            assert time.monotonic() - start < HANG, f"{source}, seed {seed}: read hangs"
        counts["passed"] += 1
        path.write_bytes(damaged)
        for name, runner in runners.items():
            if name == "tflite_runtime" and beyond_tflite_runtime(model):
                counts[f"{name} left out"] += 1
                continue
            outcome = runner.run(path)
            counts[f"{name} {outcome.split()[0]}"] += 1
            assert outcome.startswith(("ran", "refused")), f"{source}, seed {seed}, {name}: {outcome}"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < MEMORY
    return counts


def beyond_tflite_runtime(model: Model) -> bool:
    """Whether the CPU delegate keeps this model from tflite-runtime."""
    return any(aborts_tflite_runtime(op, graph.tensors) for graph in model.graphs for op in graph.ops)


@pytest.mark.parametrize("source", SOURCES)
def test_a_few_corruptions(source: str, runners: dict[str, Runner], tmp_path: Path) -> None:
    counts = survives(source, range(300 if source == "single ops" else 25), runners, tmp_path)
    assert counts["rejected"] and counts["passed"]


@pytest.mark.soak
@pytest.mark.parametrize("source", SOURCES)
def test_ten_thousand_corruptions(
    source: str, runners: dict[str, Runner], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    counts = survives(source, range(1000, 1000 + (10_000 if source == "single ops" else 3_334)), runners, tmp_path)
    for what, count in counts.items():
        record_property(what, count)
    print(f"\n{source}: {dict(counts)}")


def test_the_children_run_what_is_right(runners: dict[str, Runner], tmp_path: Path) -> None:
    """The sources of the corruptions are themselves accepted and run, else nothing would be shown."""
    path = tmp_path / "model.tflite"
    for recipe in recipes():
        content = single(recipe)
        read(content)
        path.write_bytes(content)
        for name, runner in runners.items():
            newer = name == "tflite_runtime" and recipe.kind in ("DILATE", "REDUCE_WINDOW")
            assert newer or runner.run(path) == "ran", (name, recipe.kind)
    path.write_bytes(everything())
    assert {runner.run(path) for runner in runners.values()} == {"ran"}


def test_a_child_that_crashes_is_noticed(tmp_path: Path) -> None:
    """INT8 addition without scales aborts in both runtimes, and read refuses it."""
    b = GraphBuilder()
    b.output(b.op("ADD", [b.input((4,), "INT8"), b.input((4,), "INT8")], (4,)))
    content = b.build()
    with pytest.raises(InvalidModel, match="scale"):
        read(content)
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    runner = Runner()
    assert runner.run(path).startswith("crashed")
    b = GraphBuilder()
    b.output(b.op("ADD", [b.input((4,)), b.input((4,))], (4,)))
    path.write_bytes(b.build())
    assert runner.run(path) == "ran"
    runner.close()
