"""Ops that find their values by constant numbers: gathered, scattered, joined by segment, turned around, laid over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .harness import graph_of, refuses, run_gpu
from .single import Input, model


def test_lookup_in_a_constant_table() -> None:
    ids = np.array([3, 0, 3, 2], np.int32)
    table = np.arange(20, dtype=np.float32).reshape(4, 5)
    content = model("EMBEDDING_LOOKUP", [ids, table], [(4, 5)])
    assert (run_gpu(graph_of(content), [])[0] == table[ids]).all()


def false(kind: str, *inputs: Input, shape: tuple[int, ...] = (3, 4), **options: Any) -> bytes:
    return model(kind, inputs, [shape], **options)


REFUSED: list[tuple[str, bytes]] = [
    ("indices", false("GATHER_ND", (3, 4), [[3]], shape=(1, 4))),
    ("indices", false("GATHER_ND", (3, 4), [[-1]], shape=(1, 4))),
    ("indices", false("GATHER_ND", (3, 4), [[0, 4]], shape=(1,))),
    ("shape", false("GATHER_ND", (3, 4), [[0, 0, 0]], shape=(1,))),
    ("shape", false("GATHER_ND", (3, 4), [[0]], shape=(1, 5))),
    ("indices", false("EMBEDDING_LOOKUP", [0, 1, 3], (3, 4))),
    ("shape", false("EMBEDDING_LOOKUP", [[0, 1, 2]], (3, 4))),
    ("axis", false("REVERSE_SEQUENCE", (3, 4), [1, 2, 3], seq_dim=0, batch_dim=0)),
    ("axis", false("REVERSE_SEQUENCE", (3, 4), [1, 2, 3], seq_dim=-1, batch_dim=0)),
    ("shape", false("REVERSE_SEQUENCE", (3, 4), [1, 2], seq_dim=1, batch_dim=0)),
    ("shape", false("MATRIX_DIAG", (3,))),
    ("shape", false("MATRIX_SET_DIAG", (3, 4), (3,), shape=(4, 3))),
    ("shape", false("DYNAMIC_UPDATE_SLICE", (3, 4), (4, 4), [0, 0])),
    ("shape", false("DYNAMIC_UPDATE_SLICE", (3, 4), (4,), [0, 0])),
    ("segments", false("SEGMENT_SUM", (5, 4), [0, 0, 2, 2, 2])),
    ("segments", false("SEGMENT_SUM", (5, 4), [1, 1, 2, 2, 2])),
    ("shape", false("SEGMENT_SUM", (5, 4), [0, 0, 1, 1, 1])),
    ("segments", false("UNSORTED_SEGMENT_SUM", (5, 4), [0, 0, 2, 2, 3], [3])),
    ("shape", false("UNSORTED_SEGMENT_SUM", (5, 4), [0, 0, 2, 2], [3])),
    ("shape", false("SCATTER_ND", [[0], [1]], (2, 5), [3, 4])),
    ("shape", false("SCATTER_ND", [[0], [1]], (2, 4), [3, 0], shape=(3, 0))),
]


@pytest.mark.parametrize(("code", "content"), REFUSED)
def test_refused(code: str, content: bytes) -> None:
    refuses(content, code)
