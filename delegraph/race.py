"""Races: what does the same in several ways, run in turn until it is clear which is the fastest."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from .timing import Trial

FEWEST = 7  # runs of one before it can lose narrowly
FAR = 1.3  # times as slow as another: loses at once
CLEAR = 2.58  # standard deviations within which 99 % of a normal distribution lie
SAME = 0.01  # of the time: a difference that does not matter


def race(trials: Sequence[Trial], lap: Callable[[Sequence[Trial]], None], end: float) -> list[Trial]:
    """Run laps until all but one have lost, or hardly differ, or it is `end` by `time.perf_counter`; those that lost.

    A lap runs each of the trials that it is given once, so that times may be compared in pairs.
    """
    racing = list(trials)
    while racing:
        lap(racing)
        best = min(racing, key=lambda trial: trial.median)
        gaps = [gap(trial, best) for trial in racing]
        undecided = [high for low, high in gaps if low <= 0 and high > SAME * best.median]
        racing = [trial for trial, (low, _) in zip(racing, gaps, strict=True) if trial is best or low <= 0]
        if len(best.seconds) >= FEWEST and (not undecided or time.perf_counter() > end):
            break
    return [trial for trial in trials if trial not in racing]


def gap(trial: Trial, best: Trial) -> tuple[float, float]:
    """By how many seconds a plan is slower than the best: at the least and at the most, as far as is clear.

    From paired differences: the interval that holds their median with 99 % (of its order statistics, the binomial being
    near enough to normal), which single disturbed runs do not move.
    """
    differences = sorted(a - b for a, b in zip(trial.seconds, best.seconds, strict=False))
    if len(differences) < FEWEST:
        far = differences[0] > (FAR - 1) * best.median and len(differences) > 1
        return (differences[0], differences[-1]) if far else (-math.inf, math.inf)
    outside = max(int((len(differences) - CLEAR * math.sqrt(len(differences))) / 2), 0)
    return differences[outside], differences[-1 - outside]
