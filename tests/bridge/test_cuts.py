"""The connection breaks: after every message, in the middle of each, in both directions, while it is slow."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from bridge.kit import Wire, infer, sums, vectors, wired
from delegraph import BridgeError, Interpreter, RemoteDelegate
from delegraph.delegates.bridge.wire import HEADER, Channel

STRIDE = 7  # of the places where it breaks besides the borders of messages


@contextmanager
def running(wire: Wire, on_failure: str) -> Iterator[Interpreter]:
    """An interpreter that has inferred twice, so that it fetches outputs by now; the wire counts from here."""
    delegate = RemoteDelegate(wire.uri, timeout=5.0)
    with Interpreter(model_content=sums(), delegates=[delegate], on_failure=on_failure) as it:  # type: ignore[arg-type]
        it.allocate_tensors()
        for seed in range(2):
            x, y = vectors(seed=seed)
            assert np.array_equal(infer(it, x, y), x + y)
        assert not it.events
        wire.reset()
        wire.forget()
        yield it


def borders(heard: bytes) -> list[int]:
    """Where the messages in some bytes end."""
    ends, at = [], 0
    while at < len(heard):
        _, _, note, nbytes = HEADER.unpack_from(heard, at)
        at += HEADER.size + note + nbytes
        ends.append(at)
    assert at == len(heard)
    return ends


@pytest.fixture(scope="module")
def traffic() -> dict[str, bytes]:
    """What one inference says in each direction."""
    with wired() as (wire, _), running(wire, "raise") as it:
        x, y = vectors()
        infer(it, x, y)
        return {way: bytes(heard) for way, heard in wire.heard.items()}


def places(heard: bytes, stride: int) -> list[int]:
    """After how many bytes to break: at the borders of messages, a byte before and after, and every few bytes."""
    near = {end + k for end in [0, *borders(heard)] for k in (-1, 0, 1)}
    return sorted(n for n in near | set(range(1, len(heard), stride)) if 0 < n <= len(heard))


def test_one_inference_is_one_round_trip(traffic: dict[str, bytes]) -> None:
    assert len(borders(traffic["up"])) == 3  # two writes and a run
    assert len(borders(traffic["down"])) == 2  # it is done, and the output


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("stride", [STRIDE * 5, pytest.param(1, marks=pytest.mark.soak)])
def test_a_cut_anywhere_costs_time_and_no_result(way: str, stride: int, traffic: dict[str, bytes]) -> None:
    for count in places(traffic[way], stride):
        with wired() as (wire, _), running(wire, "replan") as it:
            wire.reset(**{way: count})
            for seed in range(3):
                x, y = vectors(seed=seed)
                assert np.array_equal(infer(it, x, y), x + y), (way, count)
            assert [e.kind for e in it.events] == ["failed", "replanned"], (way, count)


@pytest.mark.parametrize("way", ["up", "down"])
def test_without_replanning_it_is_an_error_and_the_next_inference_is_right(way: str, traffic: dict[str, bytes]) -> None:
    with wired() as (wire, _), running(wire, "raise") as it:
        for count in places(traffic[way], STRIDE * 5):
            wire.reset(**{way: count})
            failed = 0
            for seed in range(3):
                x, y = vectors(seed=seed)
                try:
                    out = infer(it, x, y)
                except RuntimeError as error:
                    assert isinstance(error.__cause__, BridgeError)
                    failed += 1
                else:
                    assert np.array_equal(out, x + y), (way, count, seed)
            assert failed == 1, (way, count)


def test_what_was_there_is_not_made_up_after_a_cut() -> None:
    with wired() as (wire, _):
        delegate = RemoteDelegate(wire.uri, timeout=5.0)
        arena = delegate.allocate(256)
        sent = np.arange(64, dtype=np.float32)
        arena.write(0, sent)
        wire.cut()
        with pytest.raises(BridgeError):
            arena.wait()
        with pytest.raises(BridgeError, match="was lost, and what was there"):
            arena.read(0, np.empty(64, np.float32))
        arena.write(0, sent)  # dials again
        found = np.empty(64, np.float32)
        arena.read(0, found)
        assert np.array_equal(found, sent)
        arena.close()
        with pytest.raises(BridgeError, match="given back"):
            arena.write(0, sent)


@pytest.mark.parametrize("at", range(4))
def test_an_interrupt_in_the_middle_of_a_message(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C leaves half an answer on its way, which is not taken for another one's."""
    x, y = vectors()
    with wired() as (wire, _), running(wire, "raise") as it:
        calls, honest = iter(range(100)), Channel.take

        def take(channel: Channel, into: object, what: str, end: float | None = None) -> None:
            if threading.current_thread() is threading.main_thread() and next(calls) == at:
                raise KeyboardInterrupt
            honest(channel, into, what, end)

        monkeypatch.setattr(Channel, "take", take)
        with pytest.raises(KeyboardInterrupt):
            infer(it, x, y)
        for seed in range(3):
            x, y = vectors(seed=seed)
            assert np.array_equal(infer(it, x, y), x + y)


def test_latency_changes_nothing() -> None:
    with wired(latency=0.01) as (wire, _), running(wire, "raise") as it:
        for seed in range(5):
            x, y = vectors(seed=seed)
            assert np.array_equal(infer(it, x, y), x + y)
        for (x, y), out in zip(
            map(vectors, [7] * 6, range(6)), it.stream(map(vectors, [7] * 6, range(6))), strict=True
        ):
            assert np.array_equal(out, x + y)


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("parts", [9, pytest.param(150, marks=pytest.mark.slow)])
def test_a_cut_while_it_is_set_up(way: str, parts: int) -> None:
    """In handshakes, while a program goes over, in the first inference: it is planned around, or done once more."""
    x, y = vectors()
    total = 0
    for k in range(parts):
        with wired() as (wire, _):  # a new one each time, which has no program yet
            wire.reset(**({way: max(total * k // parts, 1)} if k else {}))
            with Interpreter(model_content=sums(), delegates=[RemoteDelegate(wire.uri)], on_failure="replan") as it:
                it.allocate_tensors()
                assert np.array_equal(infer(it, x, y), x + y)
                assert bool(k) == (not wire.cuts and bool(it.events)), (way, k)
                total = total or wire.count[way]
