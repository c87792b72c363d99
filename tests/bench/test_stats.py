"""Intervals hold what they promise where turns drift, and are not too wide; ratios cancel what disturbs both."""

from __future__ import annotations

import numpy as np
import pytest

from bench.kit import steady
from delegraph.bench.record import Steady
from delegraph.bench.stats import mean_ratio, median, ratio, summary


def drifting(rng: np.random.Generator, turns: int = 20, each: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Samples whose median is 1, in turns that are shifted as a whole; and the shifts."""
    shifts = 0.05 * rng.standard_normal((turns, 1))
    return np.exp(shifts + 0.02 * rng.standard_normal((turns, each))), shifts


def test_the_interval_of_a_median_holds_it_though_turns_drift() -> None:
    held = 0
    for seed in range(100):
        samples, _ = drifting(np.random.default_rng(seed))
        found = median(samples.tolist())
        held += found.low <= 1 <= found.high
        assert found.low <= found.value <= found.high and found.width < 0.1
    assert held >= 88  # of 95 that are expected


def test_samples_drawn_one_by_one_would_promise_too_much() -> None:
    samples, _ = drifting(np.random.default_rng(3))
    apart = median([[x] for x in samples.reshape(-1)])
    together = median(samples.tolist())
    assert together.high - together.low > 1.5 * (apart.high - apart.low)


def test_what_disturbs_both_cancels_out_of_a_ratio() -> None:
    rng = np.random.default_rng(0)
    base, shifts = drifting(rng)
    other = 1.02 * np.exp(shifts + 0.02 * rng.standard_normal(base.shape))
    found = ratio(other.tolist(), base.tolist())
    assert 1 < found.low <= 1.02 <= found.high < 1.035


def test_a_mean_of_ratios_is_their_geometric_one() -> None:
    pairs = [(steady(k * s, seed=k).turns, steady(s, seed=10 + k).turns) for k, s in ((2, 0.1), (8, 0.001))]
    found = mean_ratio(pairs)
    assert found.low < 4 < found.high and found.value == pytest.approx(4, rel=0.05)
    inverse = mean_ratio([(b, a) for a, b in pairs])
    assert inverse.value == pytest.approx(1 / found.value)


def test_a_summary_is_that_of_all_samples() -> None:
    found = summary(Steady(((1.0, 2.0, 3.0), (4.0, 5.0))))
    assert (found.count, found.min, found.median.value, found.mean, found.max) == (5, 1.0, 3.0, 3.0, 5.0)
    assert found.deviation == pytest.approx(np.std([1, 2, 3, 4, 5], ddof=1))
    assert (found.p90, found.p95, found.p99) == pytest.approx(tuple(np.percentile([1, 2, 3, 4, 5], [90, 95, 99])))
    assert summary(Steady(((2.0,),))).median.width == 0


def test_nothing_can_be_said_without_samples() -> None:
    with pytest.raises(ValueError, match="no samples"):
        summary(Steady(()))
    with pytest.raises(ValueError, match="no round in common"):
        ratio([], [[1.0]])
