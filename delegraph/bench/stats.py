"""Numbers that sum samples up: quantiles, and intervals that heed that samples of one turn resemble one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .record import Steady

LEVEL = 0.95
RESAMPLES = 1000

Turns = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Interval:
    """A value, and the bounds within which the true one lies with 95 %."""

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """How far the farther bound is from the value, as a part of it."""
        return max(self.high - self.value, self.value - self.low) / self.value if self.value else 0.0


@dataclass(frozen=True)
class Summary:
    """Latencies in seconds: quantiles, moments, and the 95 % interval of the median."""

    count: int
    min: float
    median: Interval
    mean: float
    p90: float
    p95: float
    p99: float
    max: float
    deviation: float


def summary(steady: Steady) -> Summary:
    """The samples summed up. Raises ValueError without any."""
    samples = np.array(steady.samples)
    if not samples.size:
        raise ValueError("there are no samples")
    p90, p95, p99 = np.percentile(samples, [90, 95, 99])
    deviation = float(samples.std(ddof=1)) if samples.size > 1 else 0.0
    return Summary(
        samples.size, float(samples.min()), median(steady.turns), float(samples.mean()),
        float(p90), float(p95), float(p99), float(samples.max()), deviation,
    )  # fmt: skip


def median(turns: Turns) -> Interval:
    """The median of all samples and its interval: a bootstrap that draws whole turns (Davison and Hinkley, 1997, 3.8).

    Samples of one turn share what the machine did then, so they are not drawn one by one; with a single turn they are.
    """
    pools = [np.array(turn) for turn in turns if len(turn)]
    if len(pools) == 1:
        pools = [pools[0][k : k + 1] for k in range(len(pools[0]))]
    value = float(np.median(np.concatenate(pools)))
    low, high = np.percentile(_medians(pools), _bounds())
    return Interval(value, min(float(low), value), max(float(high), value))


def ratio(turns: Turns, base: Turns) -> Interval:
    """How many times as long one takes as the base, by their medians. Raises ValueError without a turn of both."""
    return mean_ratio([(turns, base)])


def mean_ratio(pairs: Sequence[tuple[Turns, Turns]]) -> Interval:
    """The geometric mean, over several models, of how many times as long one takes as the base, by their medians.

    Turns of one number were taken in the same round, so they are drawn together, and what disturbed both cancels out.
    """
    values, draws = [], []
    for turns, base in pairs:
        rounds = [(np.array(a), np.array(b)) for a, b in zip(turns, base, strict=False) if len(a) and len(b)]
        if not rounds:
            raise ValueError("they have no round in common")
        ours, theirs = [a for a, _ in rounds], [b for _, b in rounds]
        values.append(np.log(np.median(np.concatenate(ours)) / np.median(np.concatenate(theirs))))
        draws.append(np.log(_medians(ours) / _medians(theirs)))
    value = float(np.exp(np.mean(values)))
    apart = [np.random.default_rng(k).permutation(drawn) for k, drawn in enumerate(draws)]  # models are independent
    low, high = np.exp(np.percentile(np.mean(apart, axis=0), _bounds()))
    return Interval(value, min(float(low), value), max(float(high), value))


def _medians(pools: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The median of each resample of the pools; pools of one length are drawn in one go."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(pools), (RESAMPLES, len(pools)))
    if len({len(pool) for pool in pools}) == 1:
        together = np.stack(pools)[drawn].reshape(RESAMPLES, -1)
        found: NDArray[np.float64] = np.median(together, axis=1)
        return found
    return np.array([np.median(np.concatenate([pools[k] for k in row])) for row in drawn])


def _bounds() -> list[float]:
    return [50 * (1 - LEVEL), 50 * (1 + LEVEL)]
