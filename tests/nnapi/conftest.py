"""The reference library, which has to be left without breaches of the API's contract and without handles."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from nnapi_reference import Reference, built


class Phone:
    """A reference library: its path, and what can be asked of it."""

    def __init__(self, level: int) -> None:
        self.path = built(level, *os.environ.get("NNAPI_REFERENCE_FLAGS", "").split())
        self.asked = Reference(self.path)


@pytest.fixture
def phone(request: pytest.FixtureRequest) -> Iterator[Phone]:
    """A phone of feature level 1000007, or of the level that the test is parametrised with."""
    found = Phone(getattr(request, "param", 1000007))
    found.asked.reset()
    yield found
    assert not found.asked.breaches
    assert found.asked.alive == 0, "handles were left behind"
