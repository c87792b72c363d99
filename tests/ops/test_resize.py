"""Images resized: nearest neighbours bit for bit, bilinear within 1e-6 of the scale of the reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from delegraph.graph.builder import GraphBuilder

from .harness import check, refuses
from .single import model, one

KINDS = {"RESIZE_BILINEAR": 1e-6, "RESIZE_NEAREST_NEIGHBOR": 0.0}
BOTH = {"align_corners": True, "half_pixel_centers": True}


def test_what_follows_is_fused() -> None:
    b = GraphBuilder()
    x, y = b.input((1, 3, 3, 8)), b.input((1, 6, 6, 8))
    size = b.constant(np.array([6, 6], np.int32))
    for kind in KINDS:
        bigger = b.op(kind, [x, size], (1, 6, 6, 8), half_pixel_centers=True)
        b.output(b.op("ADD", [bigger, y], (1, 6, 6, 8)))
    check(b.build(), launches=2, tolerance=1e-6)


def test_a_resize_to_the_same_size_moves_nothing() -> None:
    check(one("RESIZE_NEAREST_NEIGHBOR", (2, 5, 7, 3), [5, 7], half_pixel_centers=True), tolerance=0, launches=0)


@pytest.mark.parametrize(
    ("code", "shape", "size", "declared", "flags"),
    [
        ("half_pixel_centers", (1, 2, 2, 1), [4, 4], (1, 4, 4, 1), BOTH),
        ("shape", (1, 2, 2, 1), [4, 4], (1, 4, 5, 1), {}),
        ("shape", (1, 2, 2, 1), [4], (1, 4, 4, 1), {}),
        ("shape", (1, 2, 2, 1), [-1, 4], (1, 4, 4, 1), {}),
        ("shape", (2, 2, 1), [4, 4], (4, 4, 1), {}),
        ("storage_limit", (1, 1, 1, 1), [1 << 15, 1 << 15], (1, 1 << 15, 1 << 15, 1), {}),
        ("type", (1, 2, 2, 1), np.array([4, 4], np.int16), (1, 4, 4, 1), {}),
    ],
)
def test_what_cannot_be_is_refused(
    code: str, shape: tuple[int, ...], size: Any, declared: tuple[int, ...], flags: dict[str, bool]
) -> None:
    refuses(model("RESIZE_BILINEAR", (shape, size), [declared], **flags), code)
