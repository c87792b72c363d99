"""Real models: all are accepted, written back they compute the same, and what folds is what the runtime computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
from delegraph.graph import flat
from delegraph.graph.model import Graph
from delegraph.graph.read import read

from .test_flat import same
from .test_write import Values, run, run_ops

interpreter = pytest.importorskip("ai_edge_litert.interpreter")

CORAL = (
    "deeplabv3_mnv2_dm05_pascal_quant", "keras_lstm_mnist_ptq", "mobilenet_v1_0.25_128_quant",
    "mobilenet_v2_1.0_224_quant", "movenet_single_pose_lightning_ptq",
)  # fmt: skip
COMPILED = tuple(f"{name}_edgetpu" for name in CORAL)
CUSTOM = ("face_landmark_with_attention", *COMPILED)

FIND: dict[str, Callable[[], Path]] = {
    **{n: (lambda name=n: models.mediapipe(name)) for n in (*models.MEDIAPIPE_PLAIN, *models.MEDIAPIPE_CUSTOM)},
    **{name: (lambda name=name: models.zoo(name)) for name in models.ZOO},
    **{name: (lambda name=name: models.shared(f"coral/{name}.tflite")) for name in (*CORAL, *COMPILED)},
    "mobilenet_v2_int8": lambda: models.shared("zoo/mobilenet_v2_int8.tflite"),
}  # fmt: skip


def noise_for(graph: Graph, seed: int = 7) -> Values:
    rng = np.random.default_rng(seed)
    values: Values = {}
    for t in graph.inputs:
        tensor = graph.tensors[t]
        whole = tensor.dtype.kind in "iu"
        draw = rng.integers(0, 100, tensor.shape) if whole else rng.random(tensor.shape)
        values[t] = draw.astype(tensor.dtype)
    return values


def by_name(graph: Graph, values: Values) -> dict[str, np.ndarray]:
    return {graph.tensors[t].name: values[t] for t in graph.inputs}


def tiered(names: Iterable[str]) -> list[Any]:
    """The names as test parameters; the float zoo, which has to be made first, soaks."""
    return [pytest.param(n, marks=pytest.mark.soak) if n in models.ZOO else n for n in names]


@pytest.mark.parametrize("name", tiered(FIND))
def test_round_trip(name: str) -> None:
    """Decoded and encoded again a model has the same tables, and gives the same bytes."""
    content = FIND[name]().read_bytes()
    model = read(content)
    again = flat.encode(model.tables)
    assert same(flat.decode(content), flat.decode(again))
    graph = model.graphs[0]
    assert not graph.dynamic or name in CUSTOM
    if name not in CUSTOM and sum(t.nbytes for t in graph.tensors if t.is_constant) < 30 << 20:
        feeds = by_name(graph, noise_for(graph))
        expected, found = run(content, feeds), run(again, feeds)
        assert expected.keys() == found.keys()
        for key, value in expected.items():
            assert value.tobytes() == found[key].tobytes()


FOLDING = (*models.MEDIAPIPE_PLAIN, *models.MEDIAPIPE_CUSTOM[1:], "mobilenet_v2_fp16w")


@pytest.mark.parametrize("name", tiered(n for n in FOLDING if not n.startswith("selfie")))
def test_folded_constants_are_the_runtimes(name: str) -> None:
    graph = read(FIND[name]()).graphs[0]
    runtime = interpreter.Interpreter(
        model_content=graph.model.content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=interpreter.OpResolverType.BUILTIN_REF,
    )
    runtime.allocate_tensors()
    runtime.invoke()
    for t in graph.folded:
        assert graph.folded[t].array.tobytes() == runtime.get_tensor(t).tobytes(), graph.tensors[t].name
    left = [op.kind for op in graph.ops if op.index not in graph.folded_ops]
    assert "DENSIFY" not in left and "DEQUANTIZE" not in left


@pytest.mark.parametrize(
    "name", ["mobilenet_v1_0.25_128_quant", "keras_lstm_mnist_ptq", "hand_recrop", "face_detection_full_range_sparse"]
)
def test_cut_in_two(name: str) -> None:
    """At some op boundaries, two sub-models chained give the bytes of the whole: quantised, stateful, float, sparse."""
    graph = read(FIND[name]()).graphs[0]
    values = noise_for(graph)
    whole = run(graph.model.content, by_name(graph, values))
    live = [op.index for op in graph.ops if op.index not in graph.folded_ops]
    for cut in range(1, len(live), max(1, len(live) // 5)):
        made = dict(values)
        run_ops(graph, live[:cut], made)
        run_ops(graph, live[cut:], made)
        for t in graph.outputs:
            assert made[t].tobytes() == whole[graph.tensors[t].name].tobytes(), cut
