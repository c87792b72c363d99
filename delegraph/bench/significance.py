"""Whether latencies changed from one run to another: a test, an interval of the change, and what could have been found.

Latencies are skewed, have stray values far above the rest, and follow on one another: a slow one is likely behind a
slow one. So the test goes by ranks (Brunner and Munzel, The Nonparametric Behrens-Fisher Problem, 2000), which no stray
value moves and which does not ask for equal spread, and takes the samples for as many as they are worth: their number
over the autocorrelation time, estimated from both runs. That is the larger of two estimates, as each is too low for
some kind of dependence: Geyer's initial monotone sequence (Practical Markov Chain Monte Carlo, 1992) and that of a
first-order autoregression, its coefficient corrected for bias (Kendall, 1954). docs/compare.md tells what it was tried
on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .stats import Interval

POWER = 0.95  # with which the smallest change would have been found
MOST = 2000  # samples of a run that are looked at; of more, every second, third ... one
CLEAR = 1.0  # standard errors by which samples resemble the one before them, for that to be heeded
FAR = math.log(1e6)  # no change is larger

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """How many times as long it takes now: `ratio` with the interval that holds it with 1 - `level`.

    It is the median of the ratios of all pairs of samples (Hodges and Lehmann, 1963). `p` is the chance of as large a
    difference where nothing changed. `smallest` is the change that would have been found with 95 % (0.05: by 5 %),
    infinite where there are too few samples. `worth` is how many independent samples each run is worth, and `samples`
    how many the one has that has fewer.
    """

    ratio: Interval
    p: float
    smallest: float
    worth: tuple[float, float]
    samples: int

    def needed(self, by: float) -> int | None:
        """How many samples of each run a change `by` (0.05: 5 %) takes to be found with 95 %; None if that is unknown.

        The smallest change that is found goes with the root of their number.
        """
        if not math.isfinite(self.smallest):
            return None
        return math.ceil(self.samples * (math.log1p(self.smallest) / math.log1p(by)) ** 2)


def change(base: Sequence[float], new: Sequence[float], level: float, comparisons: int = 1) -> Change:
    """The change from one run's latencies, in the order in which they were measured, to those of another.

    `level` is how often a change may be seen where there is none; `comparisons` of how many this is one, which
    `smallest` allows for. Raises ValueError for fewer than two samples in either.
    """
    a, b, worn = _logs(base, new)
    apart = float(np.median(np.subtract.outer(b, a)))
    bounds = [_not_rejected(a, b, worn, level, apart, side) for side in (-1, 1)]
    low, high = min(bounds[0], apart), max(bounds[1], apart)
    wide = _not_rejected(a, b, worn, level / comparisons, apart, 1) - apart
    below = apart - _not_rejected(a, b, worn, level / comparisons, apart, -1)
    return Change(
        Interval(*(math.exp(x) for x in (apart, low, high))), _p_value(a, b, worn),
        _smallest(max(wide, below), level / comparisons, len(a) / worn, len(b) / worn),
        (len(a) / worn, len(b) / worn), min(len(base), len(new)),
    )  # fmt: skip


def p_value(base: Sequence[float], new: Sequence[float]) -> float:
    """That of `change`, at less cost."""
    return _p_value(*_logs(base, new))


def _logs(base: Sequence[float], new: Sequence[float]) -> tuple[Floats, Floats, float]:
    """The logarithms of both runs' samples, and how many of them in a row are worth one."""
    if min(len(base), len(new)) < 2:
        raise ValueError(f"a change takes at least two samples of each run, not {len(base)} and {len(new)}")
    a, b = (np.log(_thinned(np.asarray(samples, np.float64))) for samples in (base, new))
    return a, b, _autocorrelation_time(a, b)


def adjusted(p_values: Sequence[float]) -> list[float]:
    """P values of one comparison's cells as they have to be read together (Benjamini and Hochberg, 1995).

    Where all that are below a level are called changes, that part of these is none on average; and where nothing
    changed at all, the chance to call anything a change is no more than the level.
    """
    from scipy.stats import false_discovery_control

    return [float(p) for p in false_discovery_control(p_values)] if len(p_values) else []


def _p_value(a: Floats, b: Floats, worn: float) -> float:
    """Two-sided, of the hypothesis that neither run tends to be longer; `worn` samples are worth one."""
    from scipy.special import stdtr

    above, below = _placed(a, b), _placed(b, a)  # the part of the other run that is shorter than each
    difference = abs(float(below.mean()) - 0.5)
    if not difference:
        return 1.0
    spread = [float(x.var(ddof=1)) * worn / len(x) for x in (above, below)]
    least = _least_p(len(a) / worn, len(b) / worn)
    if not sum(spread):
        return least  # they do not overlap
    freedom = sum(spread) ** 2 / sum(s**2 / max(len(x) / worn - 1, 1) for s, x in zip(spread, (a, b), strict=True))
    return max(2 * float(stdtr(freedom, -difference / math.sqrt(sum(spread)))), least)


def _placed(x: Floats, among: Floats) -> Floats:
    """For each of `x` the part of others that is less; those that are the same count half."""
    others = np.sort(among)
    found: Floats = (np.searchsorted(others, x, "left") + np.searchsorted(others, x, "right")) / (2 * len(others))
    return found


def _least_p(n: float, m: float) -> float:
    """That of the most extreme order of so many samples: no test by ranks can be surer."""
    return min(2 * math.exp(math.lgamma(n + 1) + math.lgamma(m + 1) - math.lgamma(n + m + 1)), 1.0)


def _not_rejected(a: Floats, b: Floats, worn: float, level: float, apart: float, side: int) -> float:
    """The largest (or with `side` -1 smallest) shift of which the test does not say that it was not that."""
    inside, outside = 0.0, FAR
    if _p_value(a, b - apart - side * outside, worn) >= level:
        return apart + side * math.inf
    while outside - inside > max(1e-5, 1e-3 * outside):
        middle = (inside + outside) / 2
        if _p_value(a, b - apart - side * middle, worn) >= level:
            inside = middle
        else:
            outside = middle
    return apart + side * outside


def _smallest(half: float, level: float, n: float, m: float) -> float:
    """The change found with `POWER`, from the half width of the interval at `level`."""
    from scipy.stats import t

    freedom = max(n + m - 2, 1)
    surely = float(t.isf(level / 2, freedom))
    return math.expm1(half * (surely + float(t.isf(1 - POWER, freedom))) / surely) if half < FAR else math.inf


def _autocorrelation_time(a: Floats, b: Floats) -> float:
    """How many samples in a row are worth one, at least 1; both runs together, so that it is less of a guess."""
    lags = max(min(len(a), len(b)) // 2, 1)
    n = len(a) + len(b)
    r = (len(a) * _autocorrelations(a, lags) + len(b) * _autocorrelations(b, lags)) / n
    if lags < 2 or r[1] * math.sqrt(n) <= CLEAR:
        return 1.0
    first = r[1] + 2 * (1 + 3 * max(r[1], 0.0)) / n
    regression = (1 + first) / (1 - first) if first < 1 else math.inf
    time, before = -1.0, math.inf
    for k in range(0, lags - 1, 2):
        before = min(before, float(r[k] + r[k + 1]))
        if before <= 0:
            break
        time += 2 * before
    return float(np.clip(max(regression, time), 1.0, min(len(a), len(b)) / 2))


def _autocorrelations(x: Floats, lags: int) -> Floats:
    """Of the normal scores of samples in a row, so that stray values do not hide it; 1 at lag 0."""
    from scipy.stats import norm, rankdata

    scores = norm.ppf((rankdata(x) - 0.5) / len(x))
    scores = scores - scores.mean()
    power = np.abs(np.fft.rfft(scores, 2 * len(x))) ** 2
    found: Floats = np.fft.irfft(power)[: lags + 1]
    same: Floats = np.zeros(lags + 1)
    same[0] = 1.0
    return found / float(found[0]) if found[0] > 0 else same


def _thinned(samples: Floats) -> Floats:
    return samples[:: -(-len(samples) // MOST)]
