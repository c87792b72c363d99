"""SELECT and SELECT_V2 by conditions that are constant, and by those that are computed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from .harness import refuses
from .single import model

Shape = tuple[int, ...]


def mask(*shape: int) -> NDArray[np.bool_]:
    return np.asarray(np.random.default_rng(0).integers(0, 2, shape), bool)


@pytest.mark.parametrize(
    ("kind", "condition", "first", "second", "made"),
    [
        ("SELECT", (3,), (2, 3), (2, 3), (2, 3)), ("SELECT", (1,), (2, 3), (2, 3), (2, 3)),
        ("SELECT", (2, 3), (2, 3), (3,), (2, 3)), ("SELECT_V2", (2,), (2, 3), (2, 3), (2, 3)),
        ("SELECT_V2", (2, 1), (2, 3), (3,), (3, 2)),
    ],
)  # fmt: skip
def test_shapes_that_do_not_go_together_are_refused(
    kind: str, condition: Shape, first: Shape, second: Shape, made: Shape
) -> None:
    refuses(model(kind, [mask(*condition), first, second], [made]), "shape")
