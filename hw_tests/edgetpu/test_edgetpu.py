"""The Edge TPU on real hardware: Coral's pairs against the CPU, latency, a stick that is pulled, and many runs."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from endurance import GROWTH, resident

from delegraph import EdgeTPUDelegate, Interpreter
from delegraph.delegates.base import Probe
from delegraph.doctor import check
from edge_tpu.kit import PAIRS, noise, outputs, pair

DEVICE = os.environ.get("DELEGRAPH_EDGETPU")
V2 = "mobilenet_v2_1.0_224_quant"
PUBLISHED = 2.3e-3  # seconds of one inference of V2, by Coral's benchmarks
STEPS, SHARE = 2, 0.99  # so many steps of quantisation off at most, for this share of the elements


def opened(delegate: EdgeTPUDelegate, name: str, **options: Any) -> Interpreter:
    it = Interpreter(str(pair(name)[0]), delegates=[delegate], **options)
    it.allocate_tensors()
    return it


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_agrees_with_the_cpu(edgetpu: EdgeTPUDelegate, name: str) -> None:
    """What an Edge TPU rounds otherwise than TensorFlow Lite may be a step off, here and there."""
    with Interpreter(str(pair(name)[1])) as cpu, opened(edgetpu, name) as tpu:
        cpu.allocate_tensors()
        assert edgetpu.name in {partition.delegate for partition in tpu.plan.partitions}
        for seed in range(3):
            inputs = noise(cpu, seed)
            cpu.reset_all_variables()
            tpu.reset_all_variables()
            for found, wanted in zip(outputs(tpu, inputs), outputs(cpu, inputs), strict=True):
                if found.dtype.kind == "f":  # movenet's keypoints, which follow from positions of maxima
                    assert np.mean(np.isclose(found, wanted, atol=0.05)) >= 0.9
                elif found.dtype == np.int64:  # deeplab's classes
                    assert np.mean(found == wanted) >= 0.9
                else:
                    apart = np.abs(found.astype(np.int32) - wanted.astype(np.int32))
                    assert np.mean(apart <= STEPS) >= SHARE


def test_doctor(demand: Callable[[str, Probe], None]) -> None:
    delegate = EdgeTPUDelegate(DEVICE)
    demand("edgetpu", delegate.probe())
    found = check(delegate)
    assert found.well, found


def test_latency(edgetpu: EdgeTPUDelegate) -> None:
    """Within ten times of what is published: beyond, it is not the device that computes, or USB 2 that leads to it."""
    with opened(edgetpu, V2) as it:
        inputs, took = noise(it), []
        for _ in range(100):
            start = time.perf_counter()
            outputs(it, inputs)
            took.append(time.perf_counter() - start)
    median = statistics.median(took)
    print(f"{V2}: {median * 1e3:.2f} ms, {PUBLISHED * 1e3:.1f} ms are published")
    assert median < 10 * PUBLISHED


@pytest.mark.slow
def test_ten_thousand_runs_agree(edgetpu: EdgeTPUDelegate) -> None:
    with opened(edgetpu, V2) as it:
        inputs = [noise(it, seed) for seed in range(4)]
        first = [outputs(it, each) for each in inputs]
        before = resident()
        for k in range(10_000):
            np.testing.assert_array_equal(outputs(it, inputs[k % 4])[0], first[k % 4][0])
        assert resident() - before < GROWTH


def test_a_stick_that_is_pulled(
    demand: Callable[[str, Probe], None], required_models: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asks somebody to pull it, and to plug it in again: run with `-s` in a terminal."""
    delegate = EdgeTPUDelegate(DEVICE, cpu_twin=pair(V2)[1], timeout=10.0)
    demand("edgetpu", delegate.probe())
    if not sys.stdin.isatty():
        pytest.skip("nobody is there to pull the stick: run `pytest hw_tests/edgetpu -s -k pulled` in a terminal")
    with opened(delegate, V2, on_failure="replan") as it:
        inputs = noise(it)
        first = outputs(it, inputs)
        with capsys.disabled():
            print("\npull the Edge TPU now (60 s)")
        assert until(it, f"{delegate.name}-twin"), it.events
        np.testing.assert_array_equal(outputs(it, inputs)[0].argmax(), first[0].argmax())
        with capsys.disabled():
            print("plug it in again (120 s)")
        assert until(it, delegate.name, 120.0), it.events
        np.testing.assert_array_equal(outputs(it, inputs)[0], first[0])
    delegate.close()


def until(it: Interpreter, name: str, seconds: float = 60.0) -> bool:
    """Run until a delegate has the compiled op; whether that came to be in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        it.invoke()
        if name in {partition.delegate for partition in it.plan.partitions}:
            return True
        time.sleep(0.2)
    return False
