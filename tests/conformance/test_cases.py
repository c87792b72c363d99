"""Every case on every delegate that is here, against the oracle; and cases that hypothesis draws.

OpenGL ES has desktop OpenGL's bodies: the quick tier runs one of THIN cases by it, the slow tier the others, and its
own cases by one of the two in turn. So does the host's memory see one of THIN cases of the quick tier, and the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cases
from axes import Family
from case import Case
from conformance.check import DELEGATES, conforms, conforms_on_host, on_host
from conformance.oracle import prepare

THIN = 8
LONG, FEW = ("lstm", "rnn"), 3  # families whose shaders take long to compile; the quick tier runs so many of each
drawing: dict[str, Any] = {
    "deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck),
}  # fmt: skip


def runs(slow: bool) -> Iterator[Any]:
    """Cases on delegates; a case's own runs stand together. Where no `slow` ones are wanted, fewer are made."""
    met: Counter[str] = Counter()
    for k, (name, case) in enumerate(cases.listed()):
        met[name] += 1
        late = met[name] > FEW and any(part in name for part in LONG)
        for api in (*DELEGATES, *(["host"] if on_host(case) else [])):
            marks = [] if not late and (api == "gl" or k % THIN == 0) else [pytest.mark.slow]
            if slow or not marks:
                yield pytest.param(case, api, id=f"{name} {case.label} {api}", marks=marks)
    for k, (name, case) in enumerate(cases.more() if slow else ()):
        api = [*DELEGATES][k % len(DELEGATES)]
        yield pytest.param(case, api, id=f"{name} {case.label} {api}", marks=pytest.mark.slow)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.function is test_case:
        metafunc.parametrize(("case", "api"), [*runs("not slow" not in metafunc.config.option.markexpr)])


def test_case(case: Case, api: str) -> None:
    if api == "host":
        conforms_on_host(case)
    else:
        conforms(case, DELEGATES[api]())


@pytest.mark.parametrize("name", cases.families())
def test_drawn(name: str) -> None:
    any_of(cases.families()[name], 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", cases.families())
def test_many_drawn(name: str) -> None:
    any_of(cases.families()[name], 3)


def any_of(family: Family, count: int) -> None:
    @settings(max_examples=count, **drawing)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        found = family.draw(data)
        prepared = prepare(found)
        conforms(found, DELEGATES[data.draw(st.sampled_from([*DELEGATES]), "api")](), prepared)

    check()
