"""Every case on every delegate that is here, against the oracle; and cases that hypothesis draws."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cases
from axes import Family
from case import Case
from conformance.check import DELEGATES, conforms
from conformance.oracle import prepare

CASES = [
    *(pytest.param(found, id=f"{name} {found.label}") for name, found in cases.listed()),
    *(pytest.param(found, id=f"{name} {found.label}", marks=pytest.mark.slow) for name, found in cases.more()),
]
drawing: dict[str, Any] = {
    "deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck),
}  # fmt: skip


@pytest.mark.parametrize("api", DELEGATES)
@pytest.mark.parametrize("case", CASES)
def test_case(case: Case, api: str) -> None:
    conforms(case, DELEGATES[api]())


@pytest.mark.parametrize("name", cases.families())
def test_drawn(name: str) -> None:
    any_of(cases.families()[name], 4)


@pytest.mark.slow
@pytest.mark.parametrize("name", cases.families())
def test_many_drawn(name: str) -> None:
    any_of(cases.families()[name], 25)


def any_of(family: Family, count: int) -> None:
    @settings(max_examples=count, **drawing)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        found = family.draw(data)
        prepared = prepare(found)
        for make in DELEGATES.values():
            conforms(found, make(), prepared)

    check()
