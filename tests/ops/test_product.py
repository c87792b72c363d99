"""Products of matrices: every way they may be stored, broadcast and given."""

from __future__ import annotations

import pytest

from .harness import refuses
from .single import model


@pytest.mark.parametrize(
    ("left", "right", "made"),
    [
        ((2, 3, 4), (2, 5, 4), (2, 3, 4)), ((2, 3, 4), (3, 4, 5), (3, 3, 5)), ((3, 4), (4,), (3,)),
        ((1, 1, 1, 1, 3, 4), (4, 5), (1, 1, 1, 1, 3, 5)), ((3, 4), (4, 5), (3, 6)),
    ],
)  # fmt: skip
def test_shapes_that_do_not_meet_are_refused(
    left: tuple[int, ...], right: tuple[int, ...], made: tuple[int, ...]
) -> None:
    refuses(model("BATCH_MATMUL", [left, right], [made]), "shape")
