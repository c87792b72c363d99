"""What the way over a bridge takes is measured, and decides what goes over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.kit import sums, wired
from delegraph import Interpreter, RemoteDelegate
from delegraph.calibrate import calibrate
from delegraph.costbook import CostBook
from delegraph.delegates.base import no

LATENCY = 0.01  # seconds each way, which sleeping makes at least


@pytest.fixture(autouse=True)
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.slow
def test_a_round_trip_is_the_price_of_a_run_and_counts_once() -> None:
    with wired(latency=LATENCY) as (wire, _):
        delegate = RemoteDelegate(wire.uri)
        with Interpreter(model_content=sums(), delegates=[delegate], placement="fastest") as it:
            assert {d.delegate for d in it.plan.decisions} == {"cpu"}
        rates = CostBook().rates(delegate)
        assert rates is not None and rates == delegate.rates and rates.run >= 2 * LATENCY
        for link in (rates.upload, rates.download):
            assert link.latency < 2 * LATENCY  # a round trip that counted here too would be that, at least


def test_what_cannot_compute_the_yardsticks_has_its_links_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    with wired() as (wire, _):
        delegate = RemoteDelegate(wire.uri)
        monkeypatch.setattr(delegate, "supports", lambda graph, op: no("kind", op.label))
        before = delegate.rates
        rates = calibrate(delegate)
        assert rates.source == "measured" and rates.flops == before.flops and rates.upload != before.upload


@pytest.mark.slow
def test_profile_and_tune_run_over_it() -> None:
    with wired() as (wire, _), Interpreter(model_content=sums(), delegates=[RemoteDelegate(wire.uri)]) as it:
        it.allocate_tensors()
        assert [type(t.step).__name__ for t in it.profile(3)] == ["Transfer", "Transfer", "Run", "Transfer"]
        assert {r.plan.partitions[0].delegate for r in it.tune(0.1)} == {"remote-cpu", "cpu"}
