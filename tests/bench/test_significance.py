"""The test of a change: how often it sees one that is none, and misses one that is, on many kinds of noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delegraph.bench.matrix import SAMPLES
from delegraph.bench.significance import MOST, adjusted, change, p_value

Noise = Callable[[np.random.Generator, int], np.ndarray]
LEVEL = 0.01
FEW = 50


def following(by: float) -> Noise:
    """Each resembles the one before it."""

    def made(rng: np.random.Generator, n: int) -> np.ndarray:
        fresh = rng.standard_normal(n) * math.sqrt(1 - by**2)
        found = [rng.standard_normal()]
        for k in range(n - 1):
            found.append(by * found[-1] + fresh[k])
        return np.array(found)

    return made


NOISES: dict[str, Noise] = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "skewed": lambda rng, n: rng.exponential(1.0, n),
    "stray values": lambda rng, n: rng.standard_normal(n) * 0.5 + (rng.random(n) < 0.05) * rng.exponential(8, n),
    "two levels": lambda rng, n: np.where(rng.random(n) < 0.3, 2.0, 0.0) + 0.3 * rng.standard_normal(n),
    "following": following(0.5),
    "turns": lambda rng, n: np.repeat(rng.standard_normal(n // 5), 5) * 0.6 + rng.standard_normal(n) * 0.8,
    "coarse clock": lambda rng, n: np.round(2 * rng.standard_normal(n)) / 2,
}
EASY = ("normal", "skewed", "stray values", "two levels", "coarse clock")  # one sample says nothing of the next


def latencies(name: str, rng: np.random.Generator, spread: float, n: int = FEW) -> list[float]:
    """Around 10 ms, with a standard deviation of `spread` of that."""
    x = NOISES[name](rng, n)
    mean, deviation = moments(name)
    return list(0.01 * (1 + spread * (x - mean) / deviation).clip(1e-3))


@lru_cache
def moments(name: str) -> tuple[float, float]:
    many = NOISES[name](np.random.default_rng(0), 4000)
    return float(many.mean()), float(many.std())


@pytest.mark.parametrize("name", NOISES)
def test_the_same_again_is_no_change(name: str) -> None:
    rng = np.random.default_rng(1)
    seen = [p_value(latencies(name, rng, 0.05), latencies(name, rng, 0.05)) < LEVEL for _ in range(100)]
    assert sum(seen) <= 3


@pytest.mark.parametrize("name", EASY)
def test_five_percent_are_found(name: str) -> None:
    rng = np.random.default_rng(2)
    pairs = [(latencies(name, rng, 0.05), np.multiply(latencies(name, rng, 0.05), 1.05)) for _ in range(100)]
    assert sum(p_value(base, list(new)) < LEVEL for base, new in pairs) >= 95


@pytest.mark.slow
@pytest.mark.parametrize("name", EASY)
def test_the_interval_holds_the_change(name: str) -> None:
    rng = np.random.default_rng(2)
    pairs = [(latencies(name, rng, 0.05), np.multiply(latencies(name, rng, 0.05), 1.05)) for _ in range(100)]
    found = [change(base, list(new), LEVEL) for base, new in pairs]
    assert sum(c.ratio.low <= 1.05 <= c.ratio.high for c in found) >= 97
    assert all(c.p == p_value(base, list(new)) for c, (base, new) in zip(found, pairs, strict=True))


@pytest.mark.parametrize("spread", [0.1, 0.3])
def test_where_that_is_too_little_the_smallest_that_would_have_been_found_is(spread: float) -> None:
    rng = np.random.default_rng(3)
    smallest = [change(*(latencies("normal", rng, spread) for _ in range(2)), LEVEL).smallest for _ in range(15)]
    typical = float(np.median(smallest))
    assert typical > 0.05
    pairs = [
        (latencies("normal", rng, spread), np.multiply(latencies("normal", rng, spread), 1 + typical))
        for _ in range(100)
    ]
    assert 85 <= sum(p_value(base, list(new)) < LEVEL for base, new in pairs) <= 100


def test_more_samples_find_less() -> None:
    rng = np.random.default_rng(4)
    found = [change(*(latencies("normal", rng, 0.05, n) for _ in range(2)), LEVEL) for n in (12, 50, 400, 5000)]
    assert all(a.smallest > b.smallest for a, b in pairwise(found))
    assert found[2].smallest < 0.02 and max(found[-1].worth) <= MOST


def test_samples_that_follow_on_one_another_are_worth_fewer() -> None:
    rng = np.random.default_rng(5)
    worth = [
        change(*(latencies(name, rng, 0.05, 1000) for _ in range(2)), LEVEL).worth[0]
        for name in ("normal", "following")
    ]
    assert worth[0] > 700 and 200 < worth[1] < 450  # (1 - 0.5) / (1 + 0.5) of them


def test_few_samples_are_no_evidence() -> None:
    assert change([1.0, 1.1, 1.2], [2.0, 2.1, 2.2], LEVEL).p == pytest.approx(0.1)
    found = change([1.0, 1.1], [9.0, 9.1], LEVEL)
    assert found.p > LEVEL and found.smallest == math.inf and found.ratio.high == math.inf
    with pytest.raises(ValueError, match="at least two samples of each run, not 1 and 2"):
        change([1.0], [1.0, 2.0], LEVEL)


def test_samples_without_any_noise() -> None:
    same = change([0.5] * 20, [0.5] * 20, LEVEL)
    assert (same.p, same.ratio.value) == (1.0, 1.0)
    other = change([0.5] * 20, [0.51] * 20, LEVEL)
    assert (
        other.p < 1e-9 and other.ratio.value == pytest.approx(1.02) and other.ratio.low == pytest.approx(1.02, rel=1e-3)
    )


def test_of_many_cells_that_did_not_change_none_seems_to() -> None:
    rng = np.random.default_rng(6)
    seen = 0
    for _ in range(25):
        found = [p_value(*(latencies("normal", rng, 0.05) for _ in range(2))) for _ in range(12)]
        seen += any(p < LEVEL for p in adjusted(found))
    assert seen <= 1
    assert adjusted([]) == [] and adjusted([0.01, 0.04]) == [0.02, 0.04]


@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(st.lists(st.floats(1e-6, 1e3), min_size=2, max_size=40), st.lists(st.floats(1e-6, 1e3), min_size=2, max_size=40))
def test_what_it_says_holds_together(base: list[float], new: list[float]) -> None:
    there, back = change(base, new, LEVEL), change(new, base, LEVEL)
    assert 0 < there.p <= 1 and there.smallest >= 0 and there.ratio.low <= there.ratio.value <= there.ratio.high
    assert there.p == pytest.approx(back.p) and there.ratio.value == pytest.approx(1 / back.ratio.value)
    assert not (there.p < LEVEL * 0.9 and there.ratio.low < 0.998 and there.ratio.high > 1.002)


@pytest.mark.slow
@pytest.mark.parametrize("name", EASY)
def test_as_many_samples_as_bench_takes_find_five_percent_in_one_of_many_cells(name: str) -> None:
    """What is compared with 23 others that did not change has to be 24 times as sure."""
    rng = np.random.default_rng(8)
    pairs = [
        (latencies(name, rng, 0.05, SAMPLES), np.multiply(latencies(name, rng, 0.05, SAMPLES), 1.05))
        for _ in range(100)
    ]
    assert sum(p_value(base, list(new)) < LEVEL / 24 for base, new in pairs) >= 95


@pytest.mark.parametrize("spread", [0.1, 0.2])
def test_so_many_samples_as_it_says_find_it(spread: float) -> None:
    rng = np.random.default_rng(9)
    few = [change(*(latencies("normal", rng, spread) for _ in range(2)), LEVEL).needed(0.05) for _ in range(15)]
    wanted = int(np.median([n for n in few if n is not None]))
    assert wanted > SAMPLES
    pairs = [
        (latencies("normal", rng, spread, wanted), np.multiply(latencies("normal", rng, spread, wanted), 1.05))
        for _ in range(60)
    ]
    assert 50 <= sum(p_value(base, list(new)) < LEVEL for base, new in pairs) <= 60
    assert change([1.0, 1.1], [9.0, 9.1], LEVEL).needed(0.05) is None
