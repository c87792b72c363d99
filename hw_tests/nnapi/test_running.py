"""A phone over time: how long a run takes, and thousands of them."""

from __future__ import annotations

import pytest
from endurance import is_sane, lasts

from delegraph import NNAPIDelegate


def test_latency(nnapi: NNAPIDelegate) -> None:
    """Behind a cable, on the phone's CPU, it may be far slower than this machine; a hundred times is no sane driver."""
    is_sane(nnapi, 100)


@pytest.mark.slow
def test_a_thousand_runs_agree(nnapi: NNAPIDelegate) -> None:
    lasts(nnapi, 1000)
