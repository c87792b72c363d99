"""What a compiled op holds, and bytes that hold no such thing."""

from __future__ import annotations

import random
from typing import Any

import pytest
from flatbuffers import flexbuffers

from delegraph.delegates.edgetpu.package import compiled, executable, min_runtime_version, needed
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Op
from delegraph.graph.read import read
from edge_tpu.kit import PAIRS, pair


def compiled_op(options: bytes) -> Op:
    b = GraphBuilder()
    x = b.input((1, 8), "INT8", quantization=(0.5, 0))
    custom = {"custom_code": "edgetpu-custom-op", "custom_options": options}
    b.output(b.op("CUSTOM", [x], (1, 8), dtype="INT8", quantization=(0.5, 0), **custom))
    return read(b.build()).graphs[0].ops[0]


def options(value: Any) -> bytes:
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Key("4")
        builder.Add(value)
    return bytes(builder.Finish())


@pytest.mark.parametrize("name", PAIRS)
def test_real_ones(name: str) -> None:
    content = pair(name)[0].read_bytes()
    (op,) = compiled(read(content).graphs[0])
    assert executable(op)[4:8] == b"DWN1" and needed(content) == 12


@pytest.mark.parametrize("value", [b"", b"short", 7, 1.5, [1, 2], {"a": 1}, bytes(64), b"\xff" * 64], ids=repr)
def test_what_is_no_package(value: Any) -> None:
    op = compiled_op(options(value))
    assert min_runtime_version(op) == 0
    assert executable(op) == (value if isinstance(value, bytes) else b"")


def test_bytes_of_any_kind() -> None:
    rng = random.Random(5)
    real = executable(compiled(read(pair(PAIRS[1])[0]).graphs[0])[0])[:200]
    assert min_runtime_version(compiled_op(b"no flexbuffer")) == 0
    for _ in range(300):
        torn = bytearray(real[: rng.randrange(8, 200)])
        for _ in range(3):
            torn[rng.randrange(len(torn))] = rng.randrange(256)
        assert isinstance(min_runtime_version(compiled_op(options(bytes(torn)))), int)
