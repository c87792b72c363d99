"""Integers and bools: arithmetic to the limits of each type, conversions, reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from .harness import check, graph_of, random_values, refuses, run_gpu
from .single import Type, model, one
from .test_compare import DTYPES, SHAPES, few_values

ALL = {**DTYPES, "UINT16": "u2", "UINT32": "u4"}
LONG = ("INT32", "INT64")
NARROW = ("INT8", "UINT8", "INT16")
BINARY = {
    "ADD": LONG, "SUB": LONG, "MUL": LONG, "SQUARED_DIFFERENCE": ("INT32",),
    "MAXIMUM": (*LONG, *NARROW), "MINIMUM": (*LONG, *NARROW),
    "BITWISE_XOR": ("INT32", "UINT32", "UINT16", *NARROW), "RIGHT_SHIFT": ("INT32", "UINT32", "UINT16", *NARROW),
}  # fmt: skip
DIVISIONS = {"DIV": ("INT32",), "FLOOR_DIV": ("INT32", "INT8", "INT16"), "FLOOR_MOD": (*LONG, "INT8", "INT16")}


def integers(type: str, shape: tuple[int, ...], seed: int) -> NDArray[Any]:
    """Half of them small, half anything."""
    dtype = np.dtype(ALL[type])
    rng = np.random.default_rng(seed)
    small = rng.integers(-9 if dtype.kind == "i" else 0, 40, shape).astype(dtype)
    return np.where(rng.integers(0, 2, shape) == 1, small, random_values(rng, shape, dtype)).astype(dtype)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("kind, type", [(kind, type) for kind, types in BINARY.items() for type in types])
def test_binary(kind: str, type: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    a, b = (integers(type, shape, seed) for seed, shape in enumerate(shapes))
    of = Type(type)
    check(one(kind, *map(of, shapes), makes=of), inputs=[a, b], launches=1)
    check(one(kind, of(shapes[0]), b, makes=of), inputs=[a], launches=1)
    check(one(kind, a, of(shapes[1]), makes=of), inputs=[b], launches=1)


@pytest.mark.parametrize("kind, type", [(kind, type) for kind, types in BINARY.items() for type in types])
def test_limits(kind: str, type: str) -> None:
    if type in ALL and type not in DTYPES:
        return
    a, b = (few_values(Type(type), (400,), seed) for seed in (0, 1))
    check(one(kind, Type(type)((400,)), Type(type)((400,))), inputs=[a, b])


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("kind, type", [(kind, type) for kind, types in DIVISIONS.items() for type in types])
def test_division(kind: str, type: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    a, b = (integers(type, shape, seed) for seed, shape in enumerate(shapes))
    b[b == 0] = 7
    b = np.asarray(np.where(b == -1, -7, b), b.dtype) if kind == "FLOOR_MOD" else b
    check(one(kind, Type(type)(shapes[0]), b), inputs=[a], launches=1)


@pytest.mark.parametrize("type", ["INT32", "INT8", "INT16", "INT64"])
@pytest.mark.parametrize("kind", DIVISIONS)
def test_division_at_the_limits(kind: str, type: str) -> None:
    if type not in DIVISIONS[kind]:
        return
    a, b = (few_values(Type(type), (400,), seed) for seed in (0, 1))
    b[b == 0] = 3
    # The lowest number by -1: FLOOR_MOD ends the reference's process, narrow results of FLOOR_DIV depend on its loop.
    if kind == "FLOOR_MOD" or type in NARROW:
        b[b == -1] = -3
    check(one(kind, Type(type)((400,)), b), inputs=[a])


def test_the_lowest_number_modulo_minus_one() -> None:
    low = np.array([-(2**31), 5], np.int32)
    content = model("FLOOR_MOD", [Type("INT32")((2,)), np.array([-1, -1], np.int32)], [(2,)])
    assert run_gpu(graph_of(content), [low])[0].tolist() == [0, 0]


def test_powers() -> None:
    base = np.repeat(np.array([0, 1, -1, 2, -2, 3, -3, 7, 46341, -46341, 2**31 - 1, -(2**31)], np.int32), 12)
    exponent = np.tile(np.array([0, 1, 2, 3, 5, 10, 19, 20, 30, 31, 32, 100], np.int32), 12)
    check(one("POW", Type("INT32")(base.shape), exponent), inputs=[base])
    for power in (0, 1, 2, 3, 31):
        small = base[np.abs(base.astype(np.float64)) ** power < 2**31]
        check(one("POW", Type("INT32")(small.shape), np.array([power], np.int32)), inputs=[small])


@pytest.mark.parametrize("activation", ["RELU", "RELU6", "RELU_N1_TO_1"])
@pytest.mark.parametrize("small", [(3, 5, 4), (3,), (3, 1, 1)], ids=str)
@pytest.mark.parametrize("kind, type", [*((k, t) for k in ("ADD", "SUB", "MUL") for t in LONG), ("DIV", "INT32")])
def test_fused_activation(kind: str, type: str, small: tuple[int, ...], activation: str) -> None:
    whole = (3, 5, 3) if small == (3,) else (3, 5, 4)
    a, b = (
        np.random.default_rng(seed).integers(-5, 9, shape).astype(ALL[type])
        for seed, shape in enumerate((whole, small))
    )
    b[b == 0] = 2
    check(one(kind, Type(type)(whole), b, fused_activation_function=activation), inputs=[a], launches=1)


UNARY = {"ABS": ("INT32",), "NEG": (*LONG, "INT8", "INT16"), "SIGN": ("INT32",), "ZEROS_LIKE": LONG}


@pytest.mark.parametrize("shape", [(), (7,), (2, 3, 4), (1, 2, 1, 3, 1)], ids=str)
@pytest.mark.parametrize("kind, type", [(kind, type) for kind, types in UNARY.items() for type in types])
def test_unary(kind: str, type: str, shape: tuple[int, ...]) -> None:
    check(one(kind, Type(type)(shape)), inputs=[few_values(Type(type), shape, 0)], launches=1)
    check(one(kind, Type(type)(shape)), launches=1)


FLOATS = np.array(
    [0.5, -0.5, 1.9, -1.9, 3e9, -3e9, 1e19, -1e19, np.nan, np.inf, -np.inf, 300.7, -300.7, 7e4, -7e4, 128, 255, 127.5,
     2147483520, 4294967040, -1, 0, -0.0, 1e-40, 8388609, 1.5e10, -1.5e10, 9.2233715e18, -9.223372e18, 4294967296,
     16777217 * 256, 5e-3],
    np.float32,
)  # fmt: skip


def extremes(type: str) -> NDArray[Any]:
    """Values of a type where conversions round, wrap around or end."""
    dtype = np.dtype(ALL[type])
    if dtype.kind == "f":
        return FLOATS
    info = np.iinfo(dtype) if dtype.kind in "iu" else np.iinfo(np.uint8)
    near = [
        p + d
        for k in (0, 7, 8, 15, 16, 24, 25, 31, 32, 33, 40, 53, 62, 63)
        for p in (2**k, -(2**k))
        for d in (-1, 0, 1)
    ]
    near += [2**62 + 2**38, 2**62 + 2**38 + 1, 2**40 + 2**16, 2**40 + 2**16 + 1, 2**40 + 3 * 2**16, 2**55 - 1]
    found = [v for v in near if info.min <= v <= info.max]
    return np.array([0, *found], dtype)


@pytest.mark.parametrize("target", ALL)
@pytest.mark.parametrize("source", ALL)
def test_cast(source: str, target: str) -> None:
    rng = np.random.default_rng(0)
    for x in (extremes(source), random_values(rng, (3, 4), np.dtype(ALL[source]))):
        options = {"in_data_type": source, "out_data_type": target}
        check(one("CAST", Type(source)(x.shape), makes=Type(target), **options), inputs=[x], tolerance=0, launches=1)


@pytest.mark.parametrize("shape", [(), (1, 3, 1, 2, 3)], ids=str)
def test_cast_of_ranks(shape: tuple[int, ...]) -> None:
    content = one("CAST", Type("INT64")(shape), makes=Type("FLOAT32"), in_data_type="INT64", out_data_type="FLOAT32")
    check(content, tolerance=0)


REDUCERS = {
    "SUM": LONG, "REDUCE_PROD": (*LONG, "BOOL"), "REDUCE_MAX": (*LONG, *NARROW, "BOOL"),
    "REDUCE_MIN": (*LONG, *NARROW, "BOOL"), "REDUCE_ANY": ("BOOL",), "REDUCE_ALL": ("BOOL",),
}  # fmt: skip


@pytest.mark.parametrize("keep_dims", [False, True])
@pytest.mark.parametrize(
    "shape, axes",
    [((7,), [0]), ((2, 7, 5, 3), [1, 2]), ((2, 6, 8), [-1]), ((2, 6, 8), [0, 1]), ((5, 601), [1]),
     ((2, 3, 1, 2, 4), [0, 2, 3]), ((3, 4), []), ((2, 4), [0, 1])],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("kind, type", [(kind, type) for kind, types in REDUCERS.items() for type in types])
def test_reduce(kind: str, type: str, shape: tuple[int, ...], axes: list[int], keep_dims: bool) -> None:
    content = one(kind, Type(type)(shape), axes, keep_dims=keep_dims)
    x = few_values(Type(type), shape, 0) if type == "BOOL" else integers(type, shape, 0) | 1
    check(content, inputs=[x], launches=1)
    if type == "BOOL":
        for value in (False, True):
            check(content, inputs=[np.full(shape, value)], launches=1)


@pytest.mark.parametrize(
    "content, code",
    [
        (model("POW", [Type("INT32")((3,)), [1, -1, 2]], [(3,)]), "operand"),
        (model("DIV", [Type("INT64")((3,)), np.array([1, 5, 2])], [(3,)]), "type"),
        (model("ADD", [Type("BOOL")((3,)), Type("BOOL")((3,))], [(3,)]), "type"),
        (model("MEAN", [Type("BOOL")((3,)), [0]], [()]), "type"),
    ],
)
def test_refusals(content: bytes, code: str) -> None:
    refuses(content, code)
