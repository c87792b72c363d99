"""Every conformance case on a real GPU, against the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import cases
from case import Case
from conformance.check import conforms
from delegraph import GPUDelegate


def every() -> Iterator[Any]:
    for quick, found in ((True, cases.listed()), (False, cases.more())):
        for name, case in found:
            yield pytest.param(case, id=f"{name} {case.label}", marks=[] if quick else [pytest.mark.slow])


@pytest.mark.parametrize("case", [*every()])
def test_case(case: Case, gpu: GPUDelegate) -> None:
    conforms(case, gpu)
