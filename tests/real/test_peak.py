"""Memory of real models: an arena is hardly larger than what is alive at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from ops.harness import delegate

import models
from delegraph import CPUDelegate
from delegraph.graph.read import read
from delegraph.partitioner.memory import Span, most_alive
from delegraph.partitioner.plan import Allocation
from delegraph.partitioner.planner import make_plan

SHARED = (
    "coral/deeplabv3_mnv2_dm05_pascal_quant", "coral/keras_lstm_mnist_ptq", "coral/mobilenet_v1_0.25_128_quant",
    "coral/mobilenet_v2_1.0_224_quant", "coral/movenet_single_pose_lightning_ptq", "zoo/mobilenet_v2_int8",
)  # fmt: skip
SMALL = 1024  # bytes: two tensors of alignment, which in an arena of a few KiB are more than a twentieth


def least(allocations: list[Allocation]) -> int:
    """The most bytes alive at one moment; tensors that share their bytes, or are part of another, count once."""
    found = {(a.offset, a.offset + a.nbytes, a.first, a.last) for a in allocations}
    own = [s for s in found if not any(s != o and o[0] <= s[0] and s[1] <= o[1] and o[2:] == s[2:] for o in found)]
    return most_alive(Span(high - low, first, last) for low, high, first, last in own)


def check(path: Path) -> None:
    plan = make_plan(read(path.read_bytes()).graphs[0], [delegate(), CPUDelegate()])
    for space, size in plan.arenas.items():
        bound = least([a for a in plan.allocations if a.space == space])
        assert bound <= size <= max(1.05 * bound, bound + SMALL), f"{space}: {size} bytes, at least {bound}"


@pytest.mark.parametrize("name", SHARED)
def test_shared(name: str) -> None:
    check(models.shared(f"{name}.tflite"))


@pytest.mark.parametrize("name", models.MEDIAPIPE_PLAIN)
def test_mediapipe(name: str) -> None:
    check(models.mediapipe(name))
