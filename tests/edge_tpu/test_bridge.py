"""The Edge TPU of another machine: the bits of the CPU, what ops remember, and a child process that dies over there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.kit import Wire, wired
from delegraph import BridgeError, DelegateError, Interpreter, RemoteDelegate
from delegraph.doctor import check
from edge_tpu.kit import PCI, USB, Bench, noise, outputs, pair, same

LSTM = "keras_lstm_mnist_ptq"  # it has an int16 state, which is set back with a bridge's own messages


@contextmanager
def lent(bench: Bench) -> Iterator[Wire]:
    """A bridge that lends the double."""
    with wired(sites={"edgetpu": lambda device=None: bench.delegate(device).site}) as (wire, _):
        yield wire


@pytest.mark.parametrize("on_failure", ["raise", "replan"])
def test_a_model_that_remembers(bench: Bench, on_failure: str) -> None:
    compiled, twin = pair(LSTM)
    bench.knows((compiled, twin))
    with lent(bench) as wire, Interpreter(str(twin)) as cpu:
        cpu.allocate_tensors()
        far = RemoteDelegate(wire.uri, "edgetpu")
        with Interpreter(str(compiled), delegates=[far], on_failure=on_failure) as tpu:  # type: ignore[arg-type]
            tpu.allocate_tensors()
            assert "remote-edgetpu" in {partition.delegate for partition in tpu.plan.partitions}
            for seed in range(2):
                inputs = noise(cpu, seed)
                same(outputs(tpu, inputs), outputs(cpu, inputs))
            for one in (tpu, cpu):
                one.reset_all_variables()
            same(outputs(tpu, inputs), outputs(cpu, inputs))
            wire.cut()  # what it remembered is gone, which is said until it is given up
            for _ in range(3):
                with pytest.raises(RuntimeError, match=r"connection|remember"):
                    outputs(tpu, inputs)
            for one in (tpu, cpu):
                one.reset_all_variables()
            same(outputs(tpu, inputs), outputs(cpu, inputs))


def test_doctor_and_the_twin_on_this_side(bench: Bench) -> None:
    compiled, twin = pair("mobilenet_v1_0.25_128_quant")
    bench.knows((compiled, twin))
    with lent(bench) as wire, Interpreter(str(twin)) as cpu:
        found = check(RemoteDelegate(wire.uri, "edgetpu"))
        assert (found.here, found.well) == (True, True) and found.sum.startswith("ok: it opens")
        cpu.allocate_tensors()
        far = RemoteDelegate(wire.uri, "edgetpu", cpu_twin=twin)
        with Interpreter(str(compiled), delegates=[far], on_failure="replan") as tpu:
            tpu.allocate_tensors()
            for seed in range(3):
                inputs = noise(cpu, seed)
                same(outputs(tpu, inputs), outputs(cpu, inputs))
                wire.cut()
            assert "remote-edgetpu-twin" in {partition.delegate for partition in tpu.plan.partitions}
            assert [e.kind for e in tpu.events][:2] == ["failed", "replanned"]


def test_a_device_over_there_is_chosen(bench: Bench) -> None:
    bench.plug(USB, PCI)
    with lent(bench) as wire:
        for device, said in ((None, "usb Edge TPU"), ("pci", "pci Edge TPU")):
            assert said in RemoteDelegate(wire.uri, "edgetpu", device=device).probe().detail
        absent = RemoteDelegate(wire.uri, "edgetpu", device="pci:1").probe()
        assert not absent.here and "there is no Edge TPU 'pci:1'" in absent.detail
        with pytest.raises(ValueError, match="say ':N', 'usb'"):
            RemoteDelegate(wire.uri, "edgetpu", device="toaster")


def test_a_new_connection_is_told(bench: Bench) -> None:
    compiled, twin = pair("mobilenet_v1_0.25_128_quant")
    bench.knows((compiled, twin))
    with lent(bench) as wire, Interpreter(str(compiled), delegates=[RemoteDelegate(wire.uri, "edgetpu")]) as tpu:
        tpu.allocate_tensors()
        first = outputs(tpu, noise(tpu))
        wire.cut()
        with pytest.raises(DelegateError):
            for _ in range(2):
                outputs(tpu, noise(tpu))
        same(outputs(tpu, noise(tpu)), first)
        assert [(e.kind, e.delegate) for e in tpu.events] == [
            ("failed", "remote-edgetpu"), ("restarted", "remote-edgetpu"),
        ]  # fmt: skip
        assert "again, after it was cut" in tpu.events[-1].message


@pytest.mark.slow
def test_a_child_that_dies_over_there_does_not_end_the_bridge(bench: Bench) -> None:
    compiled, twin = pair("mobilenet_v1_0.25_128_quant")
    bench.knows((compiled, twin))
    with lent(bench) as wire, Interpreter(str(twin)) as cpu:
        cpu.allocate_tensors()
        inputs = noise(cpu)
        with Interpreter(str(compiled), delegates=[RemoteDelegate(wire.uri, "edgetpu")]) as tpu:
            tpu.allocate_tensors()
            same(outputs(tpu, inputs), outputs(cpu, inputs))
            bench.act("abort")
            with pytest.raises(RuntimeError) as caught:
                for _ in range(2):
                    outputs(tpu, inputs)
            assert not isinstance(caught.value.__cause__, BridgeError)
            bench.calm()
            same(outputs(tpu, inputs), outputs(cpu, inputs))
