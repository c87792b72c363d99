"""Constants of 8 bits lie four to a word: what they take, and that the ends of their ranges come out of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any

import numpy as np
import pytest
from ops.harness import delegate, es_delegate, graph_of, opened

from case import FLOAT, INT4, INT8, INT16, INT32, INT64, UINT8, Case, Shape, Type, Values, between, by_channel, case
from conformance.check import conforms
from conformance.oracle import prepare
from delegraph.delegates.gpu import GPUDelegate
from delegraph.delegates.gpu.launches import lower
from delegraph.shaders.program import Const, Limits

ONE_BY_ONE = {"stride_w": 1, "stride_h": 1, "padding": "SAME"}
# Of each an op, its input, its weights. Those of inputs of 8 channels lie in blocks, of 3 or 5 one input after another.
SHAPES: dict[str, tuple[str, Shape, Shape]] = {
    "conv": ("CONV_2D", (1, 4, 5, 8), (12, 3, 3, 8)),
    "few channels": ("CONV_2D", (1, 4, 5, 3), (6, 3, 3, 3)),
    "pointwise": ("CONV_2D", (1, 4, 5, 8), (20, 1, 1, 8)),
    "depthwise": ("DEPTHWISE_CONV_2D", (1, 4, 5, 8), (1, 3, 3, 8)),
    "multiplied": ("DEPTHWISE_CONV_2D", (1, 4, 5, 3), (1, 3, 3, 6)),
    "dense": ("FULLY_CONNECTED", (2, 8), (20, 8)),
    "odd": ("FULLY_CONNECTED", (2, 5), (3, 5)),
}
KINDS = [
    *[pytest.param(UINT8, zero, UINT8, id=f"UINT8 around {zero}") for zero in (0, 128, 255)],
    pytest.param(INT8, 0, INT8, id="INT8"),
    pytest.param(INT4, 0, INT8, id="INT4"),
    pytest.param(INT8, 0, FLOAT, id="INT8, of floats"),
    pytest.param(INT8, 0, INT16, id="INT8, of INT16"),
]


@cache
def plain() -> GPUDelegate:
    """One that reads what is constant from storage, as those of real devices do."""
    return opened(GPUDelegate(limits=Limits(texels=False)))


def ends(kind: Type) -> tuple[int, int]:
    """The least and the greatest integer of a type."""
    info = np.iinfo(kind.dtype)
    return (-8, 7) if kind is INT4 else (int(info.min), int(info.max))


def extreme(low: int, high: int) -> Values:
    """Integers between two, of which two in three are one of these."""
    return lambda rng, shape, dtype: np.where(
        rng.random(shape) < 2 / 3, rng.choice([low, high], shape), rng.integers(low, high, shape, endpoint=True)
    )


def made(of: str, weights: Type, zero: int, given: Type) -> Case:
    """One of SHAPES, by weights of a type around a zero point."""
    return op(*SHAPES[of], weights, zero, given)


def op(kind: str, image: Shape, sizes: Shape, weights: Type, zero: int, given: Type) -> Case:
    """An op by weights of a type around a zero point, of inputs of another, to outputs over the range of that."""
    axis = 3 if kind == "DEPTHWISE_CONV_2D" else 0
    channels = sizes[axis]
    options: dict[str, Any] = {} if kind == "FULLY_CONNECTED" else dict(ONE_BY_ONE)
    if kind == "DEPTHWISE_CONV_2D":
        options["depth_multiplier"] = channels // image[-1]
    shape, low, high = (*image[:-1], channels), *ends(weights)
    if given is FLOAT:  # the runtime's code for SSE takes -128 for 128
        w = Type(weights.name, by_channel([0.01] * channels, axis)).constant(sizes, extreme(low + 1, high))
        return case(kind, image, w, FLOAT.constant((channels,)), outputs=[shape], op_version=3, **options)
    w = weights.quantized(0.01, zero).constant(sizes, extreme(low, high))
    x = given.quantized(0.5, {UINT8: 132, INT8: 5, INT16: 0}[given])
    bias = (INT64 if given is INT16 else INT32).quantized(0.005).constant((channels,), between(-900, 900))
    spread = 0.005 * ends(given)[1] * max(zero - low, high - zero) * np.sqrt(prod(sizes) / channels)
    y = given.quantized(float(spread) / 128, 0 if given is INT16 else 3)
    inputs = x(image, extreme(*ends(given))), w, bias
    return case(kind, *inputs, makes=y, outputs=[shape], op_version=5, **options)


@pytest.mark.parametrize(("weights", "zero", "given"), KINDS)
def test_the_ends_of_ranges(weights: Type, zero: int, given: Type) -> None:
    for of in SHAPES:
        conforms(made(of, weights, zero, given), delegate())


@pytest.mark.parametrize(("gpu", "weights", "zero"), [(plain, UINT8, 255), (es_delegate, INT8, 0)])
def test_from_storage_and_by_opengl_es(gpu: Callable[[], GPUDelegate], weights: Type, zero: int) -> None:
    for of in SHAPES:
        conforms(made(of, weights, zero, weights), gpu())


def constants(each: Case, limits: Limits) -> dict[str, int]:
    """What constants of an op's programs take, by the names that bodies have for them."""
    graph = graph_of(prepare(each).content)
    launches, _ = lower(graph, (0,), frozenset(), limits)
    args = [arg for launch in launches for arg in launch.program.inputs if isinstance(arg.source, Const)]
    return {arg.name: arg.source.nbytes for arg in args if isinstance(arg.source, Const)}


@pytest.mark.parametrize("limits", [Limits(), Limits(texels=True, lanes=8, threads=16)])
@pytest.mark.parametrize(
    ("kind", "image", "sizes"),
    [
        ("CONV_2D", (1, 4, 5, 32), (64, 3, 3, 32)),
        ("CONV_2D", (1, 4, 5, 3), (64, 2, 2, 3)),
        ("DEPTHWISE_CONV_2D", (1, 4, 5, 32), (1, 3, 3, 32)),
        ("DEPTHWISE_CONV_2D", (1, 4, 5, 3), (1, 3, 3, 6)),
        ("FULLY_CONNECTED", (1, 64), (128, 64)),
        ("FULLY_CONNECTED", (1, 63), (128, 63)),
    ],
)
def test_weights_take_a_byte_each(kind: str, image: Shape, sizes: Shape, limits: Limits) -> None:
    for weights, given in ((INT8, INT8), (UINT8, UINT8), (INT4, INT8), (INT8, INT16), (INT8, FLOAT)):
        each = op(kind, image, sizes, weights, 0, given)
        assert constants(each, limits)["weights"] == -(-prod(sizes) // 4) * 4


def test_a_table_takes_a_byte_an_element() -> None:
    rows = case("GATHER", INT8.constant((10, 6)), INT32((4,), between(0, 9)), makes=INT8, axis=0, op_version=2)
    found = constants(rows, Limits())
    assert 60 in found.values() and 240 not in found.values()
    conforms(rows, delegate())


def test_other_packings_are_refused() -> None:
    with pytest.raises(ValueError, match="INT8 or UINT8, not as 'INT4'"):
        Const(lambda: np.zeros(4, np.int8), 4, packed="INT4")
