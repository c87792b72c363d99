"""The CPU twin: runs where there is no device, and is refused where it is not the model that was compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
from delegraph import CPUDelegate, EdgeTPUDelegate, Interpreter, TwinMismatch, UnknownDevice, UnsupportedOp, verify
from delegraph.delegates.edgetpu.twin import Twin
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.read import read
from edge_tpu.kit import PAIRS, noise, outputs, pair, same

NO_DEVICE: dict[str, Any] = {"library": "/nonexistent/libedgetpu.so.1"}


@pytest.mark.parametrize("name", models.thinned(PAIRS, "keras_lstm_mnist_ptq", "mobilenet_v1_0.25_128_quant"))
def test_without_a_device_the_twin_gives_the_bits_of_the_cpu(name: str) -> None:
    compiled, twin = pair(name)
    delegate = EdgeTPUDelegate(cpu_twin=twin, **NO_DEVICE)
    with Interpreter(str(twin)) as cpu, Interpreter(str(compiled), delegates=[delegate]) as it:
        cpu.allocate_tensors()
        it.allocate_tensors()
        assert "edgetpu-twin" in {partition.delegate for partition in it.plan.partitions}
        assert [(event.kind, event.delegate) for event in it.events] == [("absent", "edgetpu")]
        for seed in range(2):
            same(outputs(it, noise(cpu, seed)), outputs(cpu, noise(cpu, seed)))


def test_verify_compares_with_the_reference_kernels_of_the_twin() -> None:
    compiled, twin = pair("mobilenet_v1_0.25_128_quant")
    tpu = EdgeTPUDelegate(cpu_twin=twin, **NO_DEVICE)
    found = verify(str(compiled), [tpu, CPUDelegate(op_resolver="BUILTIN_REF")])
    assert found.ok and found.outputs[0].size == 1001 and "edgetpu-twin" in found.delegates
    off = verify(str(compiled), [tpu])  # XNNPACK rounds otherwise than the reference kernels, here and there
    assert not off.ok and off.blame is not None
    with pytest.raises(UnsupportedOp):
        verify(str(compiled), [EdgeTPUDelegate(**NO_DEVICE)])


def test_what_a_region_is() -> None:
    compiled, twin = (read(path).graphs[0] for path in pair("movenet_single_pose_lightning_ptq"))
    (op,) = (op for op in compiled.ops if op.kind == "CUSTOM")
    region = Twin(pair("movenet_single_pose_lightning_ptq")[1]).region(compiled, op)
    left = [op.kind for op in twin.ops if op.index not in region.ops]
    assert sorted(left) == sorted(op.kind for op in compiled.ops if op.kind != "CUSTOM")


def test_neither_device_nor_twin() -> None:
    with pytest.raises(UnsupportedOp) as caught:
        _ = Interpreter(str(pair("keras_lstm_mnist_ptq")[0]), delegates=[EdgeTPUDelegate(**NO_DEVICE)]).plan
    assert "edgetpu-custom-op" in str(caught.value) and "/nonexistent/libedgetpu.so.1" in str(caught.value)
    assert "cpu_twin" in str(caught.value) and "libedgetpu1-std" in str(caught.value)


def test_no_delegate_for_it() -> None:
    with pytest.raises(UnsupportedOp, match=r"wanted delegates=\[EdgeTPUDelegate\(cpu_twin=\.\.\.\)\]"):
        Interpreter(str(pair("keras_lstm_mnist_ptq")[0])).allocate_tensors()


def test_a_twin_of_another_model() -> None:
    compiled, twin = pair("mobilenet_v1_0.25_128_quant")[0], pair("mobilenet_v2_1.0_224_quant")[1]
    with pytest.raises(TwinMismatch, match=r"mobilenet_v2.*tensor 'input': its shape is \[1, 224, 224, 3\] there"):
        Interpreter(str(compiled), delegates=[EdgeTPUDelegate(cpu_twin=twin, **NO_DEVICE)])


def compiled_of(name: str = "y", quantization: tuple[float, int] = (0.5, 1), reads: tuple[str, ...] = ("x",)) -> bytes:
    b = GraphBuilder()
    inputs = [b.input((1, 8), "INT8", name=each, quantization=(0.25, 0)) for each in reads]
    custom = {"custom_code": "edgetpu-custom-op", "custom_options": b"anything"}
    b.output(b.op("CUSTOM", inputs, (1, 8), dtype="INT8", name=name, quantization=quantization, **custom))
    return b.build()


def twin_of(reads: tuple[str, ...] = ("x", "w")) -> bytes:
    b = GraphBuilder()
    x, w = (b.input((1, 8), "INT8", name=each, quantization=(0.25, 0)) for each in reads)
    b.output(b.op("ADD", [x, w], (1, 8), name="y", quantization=(0.5, 1)))
    return b.build()


@pytest.mark.parametrize(
    ("compiled", "twin", "said"),
    [
        (compiled_of("z", reads=("x", "w")), twin_of(), "tensor 'z': it has no tensor of that name"),
        (
            compiled_of(quantization=(0.5, 2), reads=("x", "w")),
            twin_of(),
            "tensor 'y': it is quantised by scale 0.5 and zero point 1 there, by scale 0.5 and zero point 2",
        ),
        (compiled_of(), twin_of(), "it computes them from its input 'w', the op does not"),
        (compiled_of(reads=("x", "w")), twin_of(), ""),
    ],
    ids=["name", "quantisation", "input", "fits"],
)
def test_how_twins_differ(compiled: bytes, twin: bytes, said: str) -> None:
    delegate = EdgeTPUDelegate(cpu_twin=twin, **NO_DEVICE)
    if said:
        with pytest.raises(TwinMismatch) as caught:
            Interpreter(model_content=compiled, delegates=[delegate])
        assert said in str(caught.value) and "cpu_twin is the .tflite file" in str(caught.value)
    else:
        Interpreter(model_content=compiled, delegates=[delegate])


@pytest.mark.parametrize("device", ["", "usb", "usb:1", ":0", "pci:12", None])
def test_device_strings(device: str | None) -> None:
    EdgeTPUDelegate(device)


@pytest.mark.parametrize("device", ["gpu", "usb:", ":", "usb:-1", "usb:0 ", "USB", ":1234", "usb:x", 0])
def test_wrong_device_strings(device: Any) -> None:
    with pytest.raises(UnknownDevice, match=r"no Edge TPU is called .*'usb:N'"):
        EdgeTPUDelegate(device)


def test_a_plan_costs_the_device_less_than_its_twin() -> None:
    compiled, twin = (Path(path).read_bytes() for path in pair("mobilenet_v2_1.0_224_quant"))
    delegate = EdgeTPUDelegate(cpu_twin=twin, **NO_DEVICE)
    graph = read(compiled).graphs[0]
    (behind,) = delegate.company(graph.model, CPUDelegate())
    assert np.isclose(delegate.estimate(graph, [0]).seconds, 2.3e-3, rtol=0.15)  # as is published
    assert behind.estimate(graph, [0]).seconds > delegate.estimate(graph, [0]).seconds
