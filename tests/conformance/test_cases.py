"""Every case on every delegate that is here, against the oracle; and cases that hypothesis draws.

The quick tier runs one of THIN cases by OpenGL ES, whose bodies are desktop OpenGL's: the slow tier runs the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cases
from axes import Family
from case import Case
from conformance.check import DELEGATES, conforms
from conformance.oracle import prepare

THIN = 4
drawing: dict[str, Any] = {
    "deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck),
}  # fmt: skip


def runs() -> Iterator[Any]:
    """Every case on every delegate, those of the slow tier marked; a case's own runs stand together."""
    for quick, found in ((True, cases.listed()), (False, cases.more())):
        for k, (name, case) in enumerate(found):
            for api in DELEGATES:
                marks = [] if quick and (api == "gl" or k % THIN == 0) else [pytest.mark.slow]
                yield pytest.param(case, api, id=f"{name} {case.label} {api}", marks=marks)


@pytest.mark.parametrize(("case", "api"), [*runs()])
def test_case(case: Case, api: str) -> None:
    conforms(case, DELEGATES[api]())


@pytest.mark.parametrize("name", cases.families())
def test_drawn(name: str) -> None:
    any_of(cases.families()[name], 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", cases.families())
def test_many_drawn(name: str) -> None:
    any_of(cases.families()[name], 12)


def any_of(family: Family, count: int) -> None:
    @settings(max_examples=count, **drawing)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        found = family.draw(data)
        prepared = prepare(found)
        for make in DELEGATES.values():
            conforms(found, make(), prepared)

    check()
