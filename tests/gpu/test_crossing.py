"""Small integers that cross to the GPU and back as they are: the same bits as by way of the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from delegraph import DelegateError, GPUDelegate, Interpreter
from delegraph.data import digits, held_out
from delegraph.delegates.gpu import crossing, forms
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.read import read

TYPES = {"BOOL": "?", "INT8": "i1", "UINT8": "u1", "INT16": "i2", "UINT16": "u2"}


@pytest.fixture(params=["gl", "gles"])
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A delegate that lets the GPU convert all there is, and counts how often."""
    made = GPUDelegate(api=request.param)
    if not made.probe().here:
        pytest.skip(f"no GL: {made.probe().detail}")
    monkeypatch.setattr(forms, "pays", lambda device, array: array.dtype in crossing.SMALL)
    yield made
    made.close()


def values(dtype: str, size: int) -> NDArray[Any]:
    rng = np.random.default_rng(size)
    if dtype == "?":
        return rng.random(size) < 0.5
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, size, dtype, endpoint=True)


def form_of(type: str, size: int) -> Any:
    b = GraphBuilder()
    b.output(b.op("RESHAPE", [b.input((size, 1), type)], (size,), dtype=type))  # one by one, as no fours lie in a row
    return forms.form(read(b.build()).graphs[0].tensors[0])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 255, 256, 1023])
def test_every_type_and_odd_sizes(gpu: GPUDelegate, size: int) -> None:
    arena = gpu.allocate(4096 + 512)
    for type, dtype in TYPES.items():
        form, x = form_of(type, size), values(dtype, size)
        arena.write(0, np.full(4096 + 512, 0xAB, np.uint8))
        form.write(arena, 256, x)
        words = np.empty(size, np.int32)
        arena.read(256, words)
        np.testing.assert_array_equal(words, x.astype(np.int32))
        beside = np.empty(256, np.uint8)
        for start in (0, 256 + 4 * size):
            arena.read(start, beside)
            assert (beside == 0xAB).all(), (type, start)
        found = np.zeros(size, dtype)
        form.read(arena, 256, found)
        np.testing.assert_array_equal(found, x)
    arena.close()


def test_more_than_one_row_of_groups_and_views(gpu: GPUDelegate) -> None:
    form, x = form_of("UINT8", 3 * 64 * 7), values("u1", 3 * 64 * 7 * 2)
    arena = gpu.allocate(form.nbytes)
    gpu.device.limits = type(gpu.device.limits)(**{**vars(gpu.device.limits), "groups": 2})
    form.write(arena, 0, x[::2])
    found = np.zeros(3 * 64 * 7, np.uint8)
    form.read(arena, 0, found)
    np.testing.assert_array_equal(found, x[::2])
    with pytest.raises(DelegateError, match="outside"):
        form.write(arena, 256, x[::2])
    arena.close()


@pytest.mark.parametrize("quantized", ["exact", "float"])
def test_a_model_of_bytes_gives_the_same(monkeypatch: pytest.MonkeyPatch, quantized: Any) -> None:
    counted: list[str] = []
    for name in ("widen", "narrow"):
        real = getattr(crossing.Crossing, name)
        monkeypatch.setattr(
            crossing.Crossing, name, lambda self, *args, real=real, name=name: (counted.append(name), real(self, *args))
        )
    outputs = []
    for pays in (False, True):
        monkeypatch.setattr(forms, "pays", lambda device, array, pays=pays: pays)
        with Interpreter(model_content=digits("int8"), delegates=[GPUDelegate(quantized=quantized)]) as it:
            it.allocate_tensors()
            (given,), (made,) = it.get_input_details(), it.get_output_details()
            scale, zero = given["quantization"]
            for image in held_out()[0][:4]:
                it.set_tensor(given["index"], np.clip(np.round(image[None] / scale + zero), -128, 127).astype(np.int8))
                it.invoke()
                outputs.append(it.get_tensor(made["index"]))
    np.testing.assert_array_equal(outputs[:4], outputs[4:])
    assert counted.count("widen") == 4 and counted.count("narrow") == (4 if quantized == "exact" else 0)


def test_the_host_does_it_where_it_is_the_gpu(gpu: GPUDelegate) -> None:
    assert crossing.pays(gpu.device, np.zeros(1 << 20, np.uint8)) != gpu.device.software
    assert not crossing.pays(gpu.device, np.zeros(4, np.uint8))
