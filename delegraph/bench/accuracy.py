"""How far outputs are from those of the reference kernels, and what thresholds say of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .record import Accuracy, OutputError, Thresholds, Verdict

FEWEST = 5  # scores that a vector must have to be ranked
TIE = 1e-3  # of the range of the reference's scores: those that near to the best are as good

Reals = NDArray[np.float64]


def compare(name: str, found: Sequence[Reals], wanted: Sequence[Reals]) -> OutputError:
    """One output of several inferences against the reference's, in real values. Raises ValueError for other shapes."""
    for a, b in zip(found, wanted, strict=True):
        if a.shape != b.shape:
            raise ValueError(f"output {name!r} has shape {list(a.shape)}, the reference's has {list(b.shape)}")
    a, b = (np.concatenate([part.reshape(-1) for part in side]) for side in (found, wanted))
    both_nan = np.isnan(a) & np.isnan(b)
    nans = int((np.isnan(a) & ~both_nan).sum())
    counted = ~np.isnan(a) & ~np.isnan(b) & (a != b) & np.isfinite(a) & np.isfinite(b)
    same = both_nan | (a == b)
    difference = np.zeros_like(a)
    difference[counted] = np.abs(a[counted] - b[counted])
    lost = int((~counted & ~same & ~np.isnan(a)).sum())  # infinite on one side only: as bad as no number
    scale = float(np.abs(b[np.isfinite(b)]).mean()) if np.isfinite(b).any() else 0.0
    mean = float(difference.mean()) if difference.size else 0.0
    ranked = [pair for pair in zip(found, wanted, strict=True) if _is_scores(pair[1])]
    return OutputError(
        name, float(difference.max(initial=0.0)), mean, mean / scale if scale else mean, nans + lost, _cosine(a, b),
        _agreement(ranked, 1), _agreement(ranked, 5),
    )  # fmt: skip


def judge(outputs: Sequence[OutputError], inputs: int, limits: Thresholds) -> Accuracy:
    """The verdict on all outputs: that of the worst number, which `why` names."""
    worst: tuple[Verdict, str] = ("PASS", "")
    for output in outputs:
        for verdict, why in _verdicts(output, limits):
            if ("PASS", "WARN", "FAIL").index(verdict) > ("PASS", "WARN", "FAIL").index(worst[0]):
                worst = verdict, f"{output.name}: {why}"
    return Accuracy(worst[0], tuple(outputs), inputs, worst[1])


def _verdicts(output: OutputError, limits: Thresholds) -> list[tuple[Verdict, str]]:
    found: list[tuple[Verdict, str]] = []

    def at_most(value: float, warn: float, fail: float, what: str) -> None:
        if value > warn:
            bound, verdict = (fail, "FAIL") if value > fail else (warn, "WARN")
            found.append((verdict, f"{what} {value:.3g} above {bound:g}"))  # type: ignore[arg-type]

    def at_least(value: float | None, warn: float, fail: float, what: str) -> None:
        if value is not None and value < warn:
            bound, verdict = (fail, "FAIL") if value < fail else (warn, "WARN")
            found.append((verdict, f"{what} {value:.4g} below {bound:g}"))  # type: ignore[arg-type]

    if output.nans:
        found.append(("FAIL", f"{output.nans} values are no numbers"))
    at_most(output.relative, limits.relative_warn, limits.relative_fail, "relative error")
    at_least(output.cosine, limits.cosine_warn, limits.cosine_fail, "cosine")
    at_least(output.top1, limits.top1_warn, limits.top1_fail, "top-1 agreement")
    return found


def _cosine(a: Reals, b: Reals) -> float | None:
    finite = np.isfinite(a) & np.isfinite(b)
    a, b = a[finite], b[finite]
    a, b = (v / np.abs(v).max(initial=0.0) if np.abs(v).max(initial=0.0) else v for v in (a, b))  # no overflow
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    if not norms:
        return None
    return float(np.clip(a @ b / norms, -1.0, 1.0))


def _is_scores(array: NDArray[Any]) -> bool:
    """Whether it is a vector of scores, or a batch of them: all dimensions but the first and the last are one."""
    return array.ndim >= 1 and array.shape[-1] >= FEWEST and all(d == 1 for d in array.shape[1:-1]) and array.size > 0


def _agreement(pairs: Sequence[tuple[Reals, Reals]], k: int) -> float | None:
    """The share of rows whose best `k` are among the reference's best `k`, or tie with them."""
    hits: list[bool] = []
    for found, wanted in pairs:
        columns = wanted.shape[-1]
        for a, b in zip(found.reshape(-1, columns), wanted.reshape(-1, columns), strict=True):
            if not np.isfinite(b).all():
                continue
            least = np.sort(b)[-k] - TIE * (b.max() - b.min())
            best = np.argsort(-np.nan_to_num(a, nan=-np.inf), kind="stable")[:k]
            hits.append(bool((b[best] >= least).all()))
    return sum(hits) / len(hits) if hits else None
