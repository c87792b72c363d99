"""Several devices: a model on each of them, and the segments of a model, whose frames overlap."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from delegraph import (
    DeviceAbsent,
    EdgeTPUDelegate,
    EdgeTPUPool,
    Interpreter,
    InvalidModel,
    TwinMismatch,
    chain,
    edge_tpus,
)
from delegraph.data import digits
from delegraph.delegates.edgetpu.compiler import Compiler
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.join import join
from delegraph.graph.read import read
from edge_tpu.kit import PAIRS, PCI, USB, Bench, noise, outputs, pair, same
from models import thinned


@pytest.fixture
def two(bench: Bench) -> Iterator[list[EdgeTPUDelegate]]:
    bench.plug(USB, PCI)
    found = [bench.delegate(f":{k}", name=f"edgetpu-{k}") for k in range(2)]
    yield found
    for delegate in found:
        delegate.close()


def frames(content: bytes, count: int) -> tuple[list[Any], list[Any]]:
    """Inputs, and what the CPU makes of them."""
    with Interpreter(model_content=content) as cpu:
        cpu.allocate_tensors()
        given = [noise(cpu, seed)[0] for seed in range(count)]
        return given, [outputs(cpu, [frame])[0] for frame in given]


@pytest.fixture
def segments(bench: Bench, compiler: Path, tmp_path: Path) -> list[Path]:
    made = Compiler(compiler).segments(digits("int8"), 2)
    paths = [tmp_path / f"digits_segment_{i}_of_2_edgetpu.tflite" for i in range(2)]
    for path, content in zip(paths, made, strict=True):
        path.write_bytes(content)
    return paths


def test_segments_are_one_interpreter_whose_stages_overlap(
    bench: Bench, two: list[EdgeTPUDelegate], segments: list[Path]
) -> None:
    given, wanted = frames(digits("int8"), 6)
    with chain(segments[1], two) as it:
        it.allocate_tensors()
        assert [p.delegate for p in it.plan.partitions] == ["edgetpu-0", "edgetpu-1"]
        same(outputs(it, [given[0]]), [wanted[0]])
        bench.slow(0.1)
        same(list(it.stream(given, depth=2)), wanted)
    assert bench.overlaps()


@pytest.mark.slow
def test_a_segment_whose_device_fails_runs_on_the_twin(bench: Bench, segments: list[Path]) -> None:
    bench.plug(USB, PCI)
    devices = edge_tpus(2, library=bench.library, cpu_twin=digits("int8"))
    given, wanted = frames(digits("int8"), 2)
    with chain(segments, devices, on_failure="replan") as it:
        it.allocate_tensors()
        bench.act("abort")
        same(outputs(it, [given[0]]), [wanted[0]])
        assert [p.delegate for p in it.plan.partitions] == ["edgetpu-0-twin", "edgetpu-1"]
    for delegate in devices:
        delegate.close()


@pytest.mark.slow
def test_a_pool_has_frames_on_every_device(bench: Bench, two: list[EdgeTPUDelegate]) -> None:
    compiled, twin = pair("mobilenet_v1_0.25_128_quant")
    bench.knows((compiled, twin))
    given, wanted = frames(twin.read_bytes(), 6)
    with EdgeTPUPool(compiled, two) as pool:
        bench.slow(0.1)
        same(list(pool.stream(given)), wanted)
        assert bench.overlaps()
        found: dict[int, Any] = {}

        def work(k: int) -> None:
            with pool.interpreter() as it:
                found[k] = outputs(it, [given[k]])[0]

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        same([found[k] for k in range(4)], wanted[:4])


def absent(twin: Path, name: str) -> EdgeTPUDelegate:
    return EdgeTPUDelegate(cpu_twin=twin, library="/nonexistent/libedgetpu.so.1", name=name)


def test_what_remembers_is_for_one_device() -> None:
    compiled, twin = pair("keras_lstm_mnist_ptq")
    delegates = [absent(twin, "a"), absent(twin, "b")]
    with EdgeTPUPool(compiled, delegates) as pool, pytest.raises(ValueError, match="remembers"):
        pool.stream([])


@pytest.mark.slow
def test_too_few_devices(bench: Bench) -> None:
    with pytest.raises(DeviceAbsent, match="3 Edge TPUs are wanted and 1 here"):
        edge_tpus(3, library=bench.library)
    (delegate,) = edge_tpus(library=bench.library)
    assert delegate.name == "edgetpu-0"
    delegate.close()
    bench.plug()
    with pytest.raises(DeviceAbsent, match=r"no Edge TPU is here: libedgetpu finds no Edge TPU"):
        edge_tpus(library=bench.library)
    with pytest.raises(ValueError, match="2 segments need as many delegates, not 1"):
        chain([relu("first", "between"), relu("between", "last")], [bench.delegate()])


def test_segments_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"not called \.\.\._segment_I_of_N"):
        chain("model_edgetpu.tflite", [])
    with pytest.raises(ValueError, match=r"Could not open .*segment_0_of_2"):
        chain(tmp_path / "m_segment_1_of_2_edgetpu.tflite", [])


def test_a_twin_of_another_model() -> None:
    compiled, _ = pair("keras_lstm_mnist_ptq")
    with pytest.raises(TwinMismatch):
        chain([compiled], [absent(pair("mobilenet_v1_0.25_128_quant")[1], "a")])


def relu(name: str, to: str, step: float = 0.5, second: bool = False) -> bytes:
    b = GraphBuilder()
    x = b.input((1, 4), "INT8", name=name, quantization=(step, 0))
    y = b.op("RELU", [x], (1, 4), name=to, quantization=(0.5, 0))
    if second:
        b.output(b.op("ADD", [x, b.input((1, 4), "INT8", name="first", quantization=(0.5, 0))], (1, 4), name="aside",
                      quantization=(0.5, 0)))  # fmt: skip
    b.output(y)
    return b.build()


def test_join() -> None:
    models = [read(relu("first", "between")), read(relu("between", "last", second=True))]
    whole = read(join(models)).graphs[0]
    assert [whole.tensors[t].name for t in whole.inputs] == ["first"]
    assert [whole.tensors[t].name for t in whole.outputs] == ["aside", "last"]
    with Interpreter(model_content=whole.model.content) as it:
        it.allocate_tensors()
        x = np.array([[-3, 0, 5, 100]], np.int8)
        aside, last = outputs(it, [x])
        np.testing.assert_array_equal(last, np.maximum(x, 0))
        np.testing.assert_array_equal(aside, [[-3, 0, 10, 127]])


@pytest.mark.parametrize("name", thinned(PAIRS, "keras_lstm_mnist_ptq"))
def test_a_real_model_alone_stays_what_it_is(name: str) -> None:
    """Compiled by Coral's compiler, through `join`, on its twin."""
    compiled, twin = pair(name)
    with chain([compiled], [absent(twin, "edgetpu")]) as it, Interpreter(str(twin)) as cpu:
        it.allocate_tensors()
        cpu.allocate_tensors()
        same(outputs(it, noise(cpu)), outputs(cpu, noise(cpu)))


def test_join_of_what_does_not_fit() -> None:
    with pytest.raises(InvalidModel, match=r"models\[1\]\.inputs: 'between' has another quantization than before it"):
        join([read(relu("first", "between")), read(relu("between", "last", step=0.25))])
