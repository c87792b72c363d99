"""Ops that make or take bools: comparisons, logic, choices, positions of extremes."""

from __future__ import annotations

import numpy as np
import pytest

from delegraph.graph.builder import GraphBuilder

from .harness import check, refuses
from .single import Type, model

BOOL, FLOAT, INT8, INT16, INT32, INT64, UINT8 = map(
    Type, ("BOOL", "FLOAT32", "INT8", "INT16", "INT32", "INT64", "UINT8")
)


def test_a_comparison_is_fused_and_its_bool_goes_on() -> None:
    b = GraphBuilder()
    x = b.input((3, 8))
    y = b.op("RELU", [x], (3, 8))
    above, below, one_or_none = b.tensor((3, 8), "BOOL"), b.tensor((3, 8), "BOOL"), b.tensor((3, 8))
    b.op("GREATER", [y, b.constant(np.float32(0.5))], outputs=[above])
    b.op("LOGICAL_NOT", [above], outputs=[below])
    b.op("CAST", [below], outputs=[one_or_none], in_data_type="BOOL", out_data_type="FLOAT32")
    b.output(b.op("MUL", [one_or_none, x], (3, 8)))
    check(b.build(), launches=1)


@pytest.mark.parametrize(
    "content, code",
    [
        (model("LESS", [(2, 3), (2,)], [(2, 3)], BOOL), "shape"),
        (model("LESS", [(2, 3), INT32((3,))], [(2, 3)], BOOL), "type"),
        (model("LOGICAL_AND", [INT32((3,)), INT32((3,))], [(3,)], INT32), "type"),
        (model("SELECT", [BOOL((2,)), (3, 2), (3, 2)], [(3, 2)], FLOAT), "shape"),
        (model("SELECT_V2", [BOOL((3,)), (3, 2), (3, 2)], [(3, 2)], FLOAT), "shape"),
        (model("SELECT_V2", [BOOL((2,)), (3, 2), INT32((3, 2))], [(3, 2)], FLOAT), "type"),
        (model("ARG_MAX", [(2, 3), np.array(2, np.int32)], [(2,)], INT32, output_type="INT32"), "axis"),
    ],
)
def test_refusals(content: bytes, code: str) -> None:
    refuses(content, code)
