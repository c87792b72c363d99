"""A real GPU over time: how long a run takes, and ten thousand of them."""

from __future__ import annotations

import pytest
from endurance import is_sane, lasts

from delegraph import GPUDelegate


def test_latency(gpu: GPUDelegate) -> None:
    """Even the GPU of a small board is not far behind one thread beside it: else something else computes."""
    is_sane(gpu, 10)


@pytest.mark.slow
def test_ten_thousand_runs_agree(gpu: GPUDelegate) -> None:
    lasts(gpu, 10_000)
