"""Compiled models through the whole path: plan, child process, the real runtime with the double in it, stitching."""

from __future__ import annotations

import pytest

import models
from delegraph import Interpreter
from delegraph.doctor import check
from edge_tpu.kit import PAIRS, Bench, noise, outputs, pair, same


@pytest.mark.parametrize("isolate", [True, False], ids=["isolated", "here"])
@pytest.mark.parametrize("name", models.thinned(PAIRS, "keras_lstm_mnist_ptq", "mobilenet_v1_0.25_128_quant"))
def test_a_pair_gives_the_bits_of_the_cpu(bench: Bench, name: str, isolate: bool) -> None:
    compiled, twin = pair(name)
    bench.knows((compiled, twin))
    with Interpreter(str(twin)) as cpu, Interpreter(str(compiled), delegates=[bench.delegate(isolate=isolate)]) as tpu:
        cpu.allocate_tensors()
        tpu.allocate_tensors()
        assert "edgetpu" in {partition.delegate for partition in tpu.plan.partitions}
        for seed in range(2):
            inputs = noise(cpu, seed)
            same(outputs(tpu, inputs), outputs(cpu, inputs))


def test_doctor_opens_the_device(bench: Bench) -> None:
    found = check(bench.delegate())
    assert (found.here, found.well) == (True, True)
    assert "2-1, libedgetpu BuildLabel" in found.detail and found.sum.startswith("ok: it opens")
