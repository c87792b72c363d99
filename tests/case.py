"""What a conformance case is: one op as data, what it is given, and how near its results must come.

    case("PAD", (2, 3), [[0, 1], [2, 0]])                        a float32 input that is computed, an int32 constant
    case("ADD", INT8((2, 3)), INT8.constant((3,)), makes=INT8)   a constant of values that are drawn
    case("LOG", FLOAT((5,), positive), tolerance=1e-6)           an input whose values are drawn in another way
    case("RNN", (2, 3), ..., FLOAT.variable((2, 5)), runs=3)     a state, kept from run to run

`tests/cases/<op>.py` holds cases, and families of them over axes (`axes.py`); `conformance/` runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from delegraph.graph.model import NUMPY_TYPES, PACKED, Quantization

Shape = tuple[int, ...]
Array = NDArray[Any]
Values = Callable[[np.random.Generator, Shape, "np.dtype[Any]"], Array]


@dataclass(frozen=True)
class Type:
    """A type of tensors, and how they are quantised: (scale, zero point), or by channel as `by_channel` says."""

    name: str = "FLOAT32"
    quantization: Quantization | tuple[float, int] | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """What numpy calls it, or what holds an element of what it packs."""
        return NUMPY_TYPES[INT8.name if self.name in PACKED else self.name]

    def __call__(self, value: Shape | ArrayLike, values: Values | ArrayLike | None = None) -> Typed:
        """A tensor: a tuple is the shape of one that is computed, with `values`; all else a constant's value."""
        if isinstance(value, tuple):
            return Typed(self, value, "computed", values)
        return Typed(self, np.shape(value), "constant", np.asarray(value, NUMPY_TYPES.get(self.name)))

    def constant(self, shape: Shape, values: Values | None = None) -> Typed:
        """A constant of drawn values."""
        return Typed(self, shape, "constant", values)

    def variable(self, shape: Shape) -> Typed:
        """A state: zeros at first, kept from run to run."""
        return Typed(self, shape, "variable")

    def quantized(self, scale: float, zero_point: int = 0) -> Type:
        """This type with one scale, as float32 holds it, and zero point."""
        return Type(self.name, (float(np.float32(scale)), zero_point))

    def affine(self, pick: Random, low: float = -3, high: float = 0, zero_point: int | None = None) -> Type:
        """This type with a scale from 10 ** low to 10 ** high, and any zero point that TFLite gives it."""
        info = np.iinfo(self.dtype)
        zero = 0 if self.name == "INT16" else pick.randint(info.min, info.max) if zero_point is None else zero_point
        return self.quantized(10 ** pick.uniform(low, high), zero)


@dataclass(frozen=True, eq=False)
class Typed:
    """A tensor that an op is given. `role` is computed, constant, sparse or variable; `values` say what it holds.

    A sparse one is a constant matrix that the file holds in blocks of 16 columns, without those that are 0.

    They are an array or a function of (generator, shape, dtype); None is the case's own, or `noise`.
    """

    type: Type
    shape: Shape
    role: str
    values: Values | ArrayLike | None = None

    def fixed(self) -> Typed:
        """The same as a constant."""
        return replace(self, role="constant")

    def draw(self, rng: np.random.Generator, values: Values | None = None) -> Array:
        """What it holds."""
        found = self.values if self.values is not None else values or noise
        made = found(rng, self.shape, self.type.dtype) if callable(found) else np.asarray(found, self.type.dtype)
        return np.asarray(made, self.type.dtype).reshape(self.shape)


@dataclass(frozen=True)
class Body:
    """As an op's option: a subgraph whose one op makes one of two scalars, or of none, which gives the second."""

    kind: str
    type: Type

    def __str__(self) -> str:
        """In a case's label."""
        return self.kind or "update"


(
    BOOL, FLOAT, FLOAT16, FLOAT64, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, INT4, INT2,
    COMPLEX64,
) = map(Type, (
    "BOOL", "FLOAT32", "FLOAT16", "FLOAT64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64",
    "INT4", "INT2", "COMPLEX64",
))  # fmt: skip


STEP = 2.0**-10  # of half: what a function that is rounded to it may be off, of its scale


def by_channel(scales: ArrayLike, axis: int = 0, zero_points: ArrayLike | None = None) -> Quantization:
    """A scale for each position of an axis; zero points are 0 unless given."""
    found = np.asarray(scales, np.float32)
    zeros = np.zeros(found.shape, np.int64) if zero_points is None else np.asarray(zero_points, np.int64)
    return Quantization(found, zeros, axis)


# Values


def noise(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Floats of a normal distribution; integers over all that their type holds."""
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype.type, endpoint=True)
    return rng.integers(0, 2, shape).astype(bool) if dtype.kind == "b" else rng.standard_normal(shape).astype(dtype)


def positive(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Above 0."""
    return np.asarray(np.abs(noise(rng, shape, dtype)) + dtype.type(0.01), dtype)


def scaled(by: float) -> Values:
    """Noise times a number."""
    return lambda rng, shape, dtype: np.asarray(noise(rng, shape, dtype) * by, dtype)


def between(low: int, high: int) -> Values:
    """Whole numbers, both ends included."""
    return lambda rng, shape, dtype: rng.integers(low, high + 1, shape).astype(dtype)


def any_bits(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Floats of any exponent, subnormal ones, infinities and NaN among them."""
    return rng.integers(0, 256, (*shape, dtype.itemsize), np.uint8).view(dtype).reshape(shape)


def few(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Values that are often the same, the extremes of their type among them; no NaN."""
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind == "f":
        return rng.choice(np.array([-np.inf, -2, -0.0, 0, 2, np.inf], dtype), shape)
    info = np.iinfo(dtype)
    some = {info.min, info.min + 1, 0, 1, 2, info.max, *((-1, -2) if info.min else ())}
    wide = {2**32, 2**32 + 1, -(2**32), -(2**31) - 1, 2**31} if dtype == np.int64 else set()
    return rng.choice(np.array(sorted(some | wide), dtype), shape)


def halves(rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Integers of which half are small and half are anything."""
    small = rng.integers(-9 if dtype.kind == "i" else 0, 40, shape).astype(dtype)
    return np.where(rng.integers(0, 2, shape) == 1, small, noise(rng, shape, dtype)).astype(dtype)


# Cases

Input = Typed | Shape | list[Any] | Array | np.generic | None
Numpy = Callable[..., Any]
REFERENCE = "reference"  # LiteRT's reference kernels (BUILTIN_REF)
RUNTIME = "runtime"  # LiteRT's other kernels, for ops of which it has no reference kernel


@dataclass(frozen=True, eq=False)
class Case:
    """One op. `inputs` are tensors or None; `makes` the types of the outputs; `shapes` theirs, or None: ask the oracle.

    `oracle` is REFERENCE, RUNTIME or a numpy function of all inputs (None where one is absent) and the options, in
    float64. `tolerance` is relative to max(range, largest absolute value) of each output of floats; integers must be
    the same. `runs` > 1 runs it so many times, the last with variables reset.
    """

    kind: str
    inputs: tuple[Typed | None, ...]
    makes: tuple[Type, ...]
    shapes: tuple[Shape, ...] | None
    options: Mapping[str, Any]
    values: Values | None = None
    tolerance: float = 1e-5
    oracle: str | Numpy = REFERENCE
    runs: int = 1
    seed: int = 0
    intermediates: tuple[Typed, ...] = ()

    @property
    def name(self) -> str:
        """The kind as people read it: a custom op by its own name."""
        return str(self.options.get("custom_code", self.kind))

    @property
    def label(self) -> str:
        """All that tells cases of a file apart at a glance."""
        parts = ["-" if value is None else _shown(value) for value in self.inputs]
        given = [f"{k}={v}" for k, v in self.options.items() if k not in ("custom_code", "custom_options")]
        return " ".join([self.name, *parts, "->", *(type.name for type in self.makes), *given])


def case(
    kind: str, *inputs: Input, makes: Type | Sequence[Type] | None = None, outputs: int | Sequence[Shape] = 1,
    values: Values | None = None, tolerance: float = 1e-5, oracle: str | Numpy = REFERENCE, runs: int = 1,
    seed: int = 0, intermediates: Sequence[Typed] = (), **options: Any,
) -> Case:  # fmt: skip
    """A case of TFLite's op `kind`, with its `options` by TFLite's names, and `op_version`.

    An input is a Typed, a shape (computed, float32), a list (an int32 constant), an array (a constant) or None.
    `outputs` is how many there are, or their shapes, where the reference compares those in the file. `makes` is their
    type or types, by default that of the first input which is computed.
    """
    given = tuple(map(_typed, inputs))
    count = outputs if isinstance(outputs, int) else len(outputs)
    if makes is None:
        makes = next((value.type for value in given if value is not None and value.role == "computed"), FLOAT)
    types = (makes,) * count if isinstance(makes, Type) else tuple(makes)
    shapes = None if isinstance(outputs, int) else tuple(map(tuple, outputs))
    return Case(
        kind, given, types, shapes, options, values, tolerance, oracle, runs, seed, tuple(intermediates)
    )  # fmt: skip


def _typed(value: Input) -> Typed | None:
    if value is None or isinstance(value, Typed):
        return value
    if isinstance(value, tuple):
        return FLOAT(value)
    array = np.asarray(value, np.int32 if isinstance(value, list) else None)
    name = next(name for name, dtype in NUMPY_TYPES.items() if dtype == array.dtype)
    return Typed(Type(name), array.shape, "constant", array)


def _shown(value: Typed) -> str:
    """A tensor in a test's name: f32[2,3] is computed, =f32[3] constant (short ones by value), ~f32[3] a state."""
    short = value.type.name.lower().replace("float", "f").replace("uint", "u").replace("int", "i")
    mark = {"computed": "", "constant": "=", "sparse": "%", "variable": "~"}[value.role]
    if value.role == "constant" and isinstance(value.values, np.ndarray) and value.values.size <= 8:
        return f"{mark}{short}{value.values.tolist()}".replace(" ", "")
    return f"{mark}{short}[{','.join(map(str, value.shape))}]"
