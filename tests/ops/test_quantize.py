"""What QUANTIZE refuses; quotients and roots that are the nearest floats on any GPU."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from delegraph.delegates.gpu import compiler
from delegraph.graph.builder import GraphBuilder

from .harness import graph_of, refuses, run_gpu
from .single import one


def test_refusals() -> None:
    b = GraphBuilder()
    x = b.input((3, 5), "INT16", quantization=(0.1, 5))
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
