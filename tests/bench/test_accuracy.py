"""Errors against a reference, and verdicts, on outputs whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest

from delegraph.bench.accuracy import compare, judge
from delegraph.bench.record import Thresholds

SCORES = np.array([[0.1, 0.4, 0.2, 0.15, 0.1, 0.05]])


def test_the_same_is_without_error() -> None:
    found = compare("scores", [SCORES, SCORES], [SCORES, SCORES])
    assert (found.max_error, found.mean_error, found.relative, found.nans) == (0, 0, 0, 0)
    assert (found.cosine, found.top1, found.top5) == (pytest.approx(1), 1, 1)
    assert judge([found], 2, Thresholds()).verdict == "PASS"


def test_errors_are_those_that_were_made() -> None:
    off = SCORES + np.array([[0.03, 0, 0, 0, -0.06, 0]])
    found = compare("scores", [off, SCORES], [SCORES, SCORES])
    assert found.max_error == pytest.approx(0.06) and found.mean_error == pytest.approx(0.09 / 12)
    assert found.relative == pytest.approx(0.09 / SCORES.sum() / 2)
    a, b = np.concatenate([off, SCORES], 1)[0], np.tile(SCORES[0], 2)
    assert found.cosine == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_agreement_counts_rows_and_forgives_ties() -> None:
    other = SCORES[:, ::-1]
    found = compare("scores", [np.concatenate([SCORES, other])], [np.concatenate([SCORES, SCORES])])
    assert found.top1 == 0.5 and found.top5 == 0.5
    tied = np.array([[0.5, 0.5, 0, 0, 0, 0.0]])
    assert compare("s", [tied + np.eye(1, 6, 1) * 1e-6], [tied]).top1 == 1
    assert compare("map", [np.zeros((1, 4, 4, 7))], [np.zeros((1, 4, 4, 7))]).top1 is None


@pytest.mark.parametrize(
    "change, verdict, why",
    [
        (1e-6, "PASS", ""),
        (2e-3, "WARN", "out: relative error"),
        (0.5, "FAIL", "out: relative error"),
        (np.nan, "FAIL", "out: 1 values are no numbers"),
        (np.inf, "FAIL", "out: 1 values are no numbers"),
    ],
)
def test_the_worst_number_decides(change: float, verdict: str, why: str) -> None:
    wanted = np.ones((1, 2, 2, 1))
    found = wanted.copy()
    found[0, 0, 0, 0] += 4 * change
    fine = compare("fine", [wanted], [wanted])
    got = judge([fine, compare("out", [found], [wanted])], 1, Thresholds())
    assert got.verdict == verdict and got.why.startswith(why)


def test_odd_outputs_are_no_trouble() -> None:
    nothing, nan = np.zeros((0, 3)), np.full((1, 5), np.nan)
    assert compare("empty", [nothing], [nothing]).max_error == 0
    both = compare("nan", [nan], [nan])
    assert (both.nans, both.cosine, both.top1) == (0, None, None)
    assert compare("one", [np.array(1.5)], [np.array(1.0)]).max_error == 0.5
    huge = np.array([1e300, -1e300])
    assert compare("huge", [huge], [huge]).cosine == pytest.approx(1)
    with pytest.raises(ValueError, match="'out' has shape"):
        compare("out", [np.zeros(3)], [np.zeros(4)])
