"""What kernels of integer recurrent ops refuse."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from case import INT8, INT16, Case
from cases.quantized_lstm import quantized_lstm
from conformance.oracle import model
from delegraph import InvalidModel

from .harness import graph_of, refuses


def lstm(projection: str = "none", **others: object) -> Case:
    """A plain LSTM of 7 inputs and 20 units, but for `others`."""
    wanted = {
        "op": "LSTM", "input_gate": True, "peepholes": False, "normalized": False, "projection": projection,
        "size": (2, 3, 7, 20), "cell": -11, "clips": (0.0, 0.0),
    }  # fmt: skip
    made = quantized_lstm.make(Random(0), **{**wanted, **others})
    assert made is not None
    return made


def content(case: Case) -> bytes:
    """The model of a case."""
    rng = np.random.default_rng(0)
    assert case.shapes is not None
    return model(case, [None if v is None or v.role == "variable" else v.draw(rng) for v in case.inputs], case.shapes)


def without_projection(case: Case) -> Case:
    return replace(case, inputs=(*case.inputs[:16], None, None, *case.inputs[18:]))


def computed(case: Case, k: int) -> Case:
    given = case.inputs[k]
    assert given is not None
    return replace(case, inputs=(*case.inputs[:k], replace(given, role="computed"), *case.inputs[k + 1 :]))


REFUSED = [
    ("intermediates", replace(lstm(), intermediates=lstm().intermediates[:4])),
    ("projection", without_projection(lstm("plain"))),
    ("quantization", lstm(cell=-8)),
    ("quantization", lstm(cell=-16)),
    ("not_constant", computed(lstm(), 2)),
]


@pytest.mark.parametrize(("code", "case"), REFUSED)
def test_refused(code: str, case: Case) -> None:
    refuses(content(case), code)


@pytest.mark.parametrize("case", [
    replace(lstm(), inputs=(*lstm().inputs[:19], lstm().inputs[18], *lstm().inputs[20:])),
    replace(lstm(), intermediates=(*lstm().intermediates[:4], INT8((1,)))),
    replace(lstm(), inputs=(*lstm().inputs[:19], INT16.variable((2, 20)), *lstm().inputs[20:])),
])  # fmt: skip
def test_what_a_runtime_takes_on_trust_is_invalid(case: Case) -> None:
    with pytest.raises(InvalidModel):
        graph_of(content(case))
