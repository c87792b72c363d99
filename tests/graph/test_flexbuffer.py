"""FlexBuffers: what flatbuffers' own package writes is read, what is broken is refused, and in little time."""

from __future__ import annotations

import random
from typing import Any

import pytest
from flatbuffers import flexbuffers

from delegraph.graph.flexbuffer import decode

VALUES = [
    None, True, False, 3, -5, 300, -70000, 2**40, 1.5, 0.1, "häuser", b"abc", [], {}, [1, 2, 3], [1, 2.5, "a", None],
    {"a": 1, "b": [1.5, 2.5], "c": {"x": [True, False]}}, list(range(500)), {f"key_{i}": i for i in range(300)},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_what_is_written_is_read(value: Any) -> None:
    assert decode(bytes(flexbuffers.Dumps(value))) == value


def test_vectors_of_one_type_and_values_that_are_pointed_to() -> None:
    builder = flexbuffers.Builder()
    with builder.Map():
        for name, elements in {"ints": [1, 2, 300], "bools": [True, False], "texts": ["x", "yy"]}.items():
            builder.Key(name)
            builder.TypedVectorFromElements(elements)
        for name, elements in {"two": [1, 2], "three": [1.5, 2.5, 3.5], "four": [1, -2, 3, 4]}.items():
            builder.Key(name)
            builder.FixedTypedVectorFromElements(elements)
        builder.Key("far")
        builder.IndirectFloat(2.25)
        builder.Key("farther")
        builder.IndirectInt(-7)
    assert decode(bytes(builder.Finish())) == {
        "ints": [1, 2, 300], "bools": [True, False], "texts": ["x", "yy"], "two": [1, 2], "three": [1.5, 2.5, 3.5],
        "four": [1, -2, 3, 4], "far": 2.25, "farther": -7,
    }  # fmt: skip


@pytest.mark.parametrize("data", [b"", b"\0", b"\x01\x00\x03", b"\0" * 12, b"\xff" * 12, bytes(range(200))])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        decode(data if data != b"\0" * 12 else b"\0" * 11 + b"\x07")


def test_corrupted_bytes_are_read_or_refused() -> None:
    rng = random.Random(1)
    whole = bytes(flexbuffers.Dumps({"a": 1, "b": [1.5, [3, "x", {"q": [1, 2, 3]}]], "k": list(range(50))}))
    refused = 0
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            decode(bytes(data[: rng.randint(0, len(data))] if rng.random() < 0.2 else data))
        except ValueError:
            refused += 1
    assert 0 < refused < 3000


def test_vectors_that_share_vectors_do_not_unfold_without_end() -> None:
    data = bytearray([0])
    places = [0]
    for _ in range(30):  # each a vector of two, both the one before: 2 ** 30 values
        data += bytes([2])
        start = len(data)
        data += bytes([start - places[-1], start + 1 - places[-1]])
        data += bytes([10 << 2, 10 << 2] if len(places) > 1 else [1 << 2, 1 << 2])
        places.append(start)
    data += bytes([len(data) - places[-1], 10 << 2, 1])
    with pytest.raises(ValueError, match="overlap"):
        decode(bytes(data))


def test_values_too_deep_inside_each_other_are_refused() -> None:
    value: Any = 1
    for _ in range(40):
        value = [value]
    with pytest.raises(ValueError, match="inside each other"):
        decode(bytes(flexbuffers.Dumps(value)))
