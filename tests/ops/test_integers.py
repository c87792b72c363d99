"""Integers and bools: what the reference dies of, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from .harness import graph_of, refuses, run_gpu
from .single import Type, model


def test_the_lowest_number_modulo_minus_one() -> None:
    low = np.array([-(2**31), 5], np.int32)
    content = model("FLOOR_MOD", [Type("INT32")((2,)), np.array([-1, -1], np.int32)], [(2,)])
    assert run_gpu(graph_of(content), [low])[0].tolist() == [0, 0]


@pytest.mark.parametrize(
    "content, code",
    [
        (model("POW", [Type("INT32")((3,)), [1, -1, 2]], [(3,)]), "operand"),
        (model("DIV", [Type("INT64")((3,)), np.array([1, 5, 2])], [(3,)]), "type"),
        (model("ADD", [Type("BOOL")((3,)), Type("BOOL")((3,))], [(3,)]), "type"),
        (model("MEAN", [Type("BOOL")((3,)), [0]], [()]), "type"),
    ],
)
def test_refusals(content: bytes, code: str) -> None:
    refuses(content, code)
