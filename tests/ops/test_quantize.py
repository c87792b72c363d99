"""QUANTIZE and DEQUANTIZE: every pair of types, one scale and many, and quotients and roots to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from delegraph.delegates.gpu import compiler
from delegraph.graph.builder import GraphBuilder

from .harness import check, graph_of, refuses, run_gpu
from .quantized import affine, exact
from .single import Type, by_channel, model, one

INTEGERS = ("INT8", "UINT8", "INT16")
MAKES = {"INT8": INTEGERS, "UINT8": INTEGERS, "INT16": ("INT8", "INT16", "INT32"), "INT32": ("INT8", "INT16")}
PAIRS = [(source, made) for source, makes in MAKES.items() for made in makes]
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e38, -1e38, 1e-45, 3e9, -3e9]


def scaled(rng: np.random.Generator, type: str, low: float = -3, high: float = 0) -> Type:
    scale, zero = affine(rng, type.lower(), low, high)
    return Type(type, (scale, 0 if type == "INT32" else zero))


@pytest.mark.parametrize(("source", "made"), PAIRS)
def test_requantize(source: str, made: str) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        before, after = scaled(rng, source, -3 if source != "INT32" else -9, -1), scaled(rng, made)
        if source == made == "INT16":
            before, after = (Type("INT16", (t.quantization[0], 0)) for t in (before, after))
        shape = ((4, 64), (3, 5))[seed % 2]
        exact(one("QUANTIZE", before(shape), makes=after), rng, launches=1)


@pytest.mark.parametrize("made", INTEGERS)
def test_floats(made: str) -> None:
    """Over more than the type's range, among them values in the middle between two, and such as are no numbers."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        after = scaled(rng, made)
        scale = np.float32(after.quantization[0])
        info = np.iinfo(made.lower())
        steps = rng.integers(2 * info.min - 9, 2 * info.max + 9, 600) + rng.choice([0, 0.5, 0.25], 600)
        x = np.concatenate([(steps * scale).astype(np.float32), SPECIAL]).astype(np.float32)
        x = x[: 609 if seed % 2 else 608]
        check(one("QUANTIZE", x.shape, makes=after), inputs=[x], tolerance=0.0, launches=1)


@pytest.mark.parametrize("type", INTEGERS)
@pytest.mark.parametrize(("shape", "axis"), [((2, 3, 4), 2), ((2, 3, 4), 1), ((5, 3), 0)])
def test_a_scale_for_each_channel(shape: tuple[int, ...], axis: int, type: str) -> None:
    rng = np.random.default_rng(axis)
    n = shape[axis]
    info = np.iinfo(type.lower())
    by = Type(type, by_channel(10 ** rng.uniform(-3, 0, n), axis, rng.integers(info.min, info.max, n)))
    x = rng.standard_normal(shape).astype(np.float32)
    check(model("QUANTIZE", [shape], [shape], by), inputs=[x], tolerance=0.0, launches=1)
    if type != "INT16":
        exact(model("DEQUANTIZE", [by(shape)], [shape], Type()), rng)


@pytest.mark.parametrize("shape", [(4, 64), (3, 5)])
@pytest.mark.parametrize("type", INTEGERS)
def test_dequantize(type: str, shape: tuple[int, ...]) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        before = scaled(rng, type) if type != "INT16" else Type(type, (0.01 * (seed + 1), 0))
        exact(one("DEQUANTIZE", before(shape), makes=Type()), rng, launches=1)


def test_dequantize_half() -> None:
    x = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float16)
    check(one("DEQUANTIZE", Type("FLOAT16")((3, 8)), makes=Type()), inputs=[x], tolerance=0.0, launches=1)


def test_refusals() -> None:
    before = Type("INT16", (0.1, 5))
    b = GraphBuilder()
    x = b.input((3, 5), "INT16", quantization=before.quantization)
    b.output(b.op("QUANTIZE", [x], (3, 5), dtype="INT16", quantization=(0.2, 0)))
    refuses(b.build(), "quantization")
    b = GraphBuilder()
    x = b.input((3, 5), "INT16", quantization=(0.1, 0))
    b.output(b.op("QUANTIZE", [x], (3, 5), dtype="UINT8", quantization=(0.2, 0)))
    refuses(b.build(), "type")


def floats(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Of any bits that make a normal number, near 1 and far from it."""
    bits = rng.integers(0, 1 << 32, count, np.uint32)
    near = bits & np.uint32(0x807FFFFF) | np.uint32(0x3F800000)
    found = np.where(rng.integers(0, 2, count), bits, near).astype(np.uint32).view(np.float32)
    return np.where(np.isfinite(found) & (np.abs(found) > 1e-30), found, np.float32(1.5))


@pytest.mark.parametrize("off", ["1.0", "1.0000004", "0.9999996"])
def test_quotients_and_roots_are_the_nearest_floats(off: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where GLSL's own are off, as its specification allows, by as much as `off`."""
    origin, text = compiler.library("exact")
    for built_in in ("float(m) / float(n)", "sqrt(float(MANTISSA(a)) * float(1 << up))"):
        assert built_in in text
        text = text.replace(built_in, f"{built_in} * {off}")
    real = compiler.library
    monkeypatch.setattr(compiler, "library", lambda name: (origin, text) if name == "exact" else real(name))
    rng = np.random.default_rng(0)
    x, y = floats(rng, 4096), floats(rng, 4096)
    with np.errstate(over="ignore", under="ignore"):
        quotient = x / y
    normal = (np.abs(quotient) > 1e-37) & np.isfinite(quotient)
    (got,) = run_gpu(graph_of(one("DIV", x.shape, y.shape)), [x, y])
    np.testing.assert_array_equal(got[normal], quotient[normal])
    # Neighbours of squares have roots that lie nearest to where they are rounded one way or the other.
    squares = np.square(np.arange(1, 4096, dtype=np.float32)) * np.float32(1 + 1e-7 * np.sign(x[:4095]))
    roots = np.concatenate([np.abs(x), squares])
    (got,) = run_gpu(graph_of(one("SQRT", roots.shape)), [roots])
    np.testing.assert_array_equal(got, np.sqrt(roots))
