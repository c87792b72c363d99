"""How TFLite's types lie in GL: what stands in a buffer for an element, and what GLSL calls it. The one table of it.

An element takes one word of 32 bits, but for those of 64 bits, which take two, low word first: their own bytes. Those
of 8 bits lie four to a word where the last axis has fours of them, and floats two where that is asked for (`packing`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import NUMPY_TYPES, PACKED, Graph, Tensor
from .program import Const, Scratch, literal


@dataclass(frozen=True)
class Stored:
    """`dtype` is what a buffer holds of an element; `one` and `four` are GLSL's types of one and of four, if it has."""

    dtype: np.dtype[Any]
    one: str
    four: str = ""


_FLOAT = Stored(np.dtype("f4"), "float", "vec4")
_INT = Stored(np.dtype("i4"), "int", "ivec4")
STORED = {
    "FLOAT32": _FLOAT, "FLOAT16": _FLOAT, "INT32": _INT, "UINT32": Stored(np.dtype("u4"), "uint", "uvec4"),
    "BOOL": _INT, "INT8": _INT, "UINT8": _INT, "INT16": _INT, "UINT16": _INT,
    "INT64": Stored(np.dtype("i8"), "ivec2"), "UINT64": Stored(np.dtype("u8"), "uvec2"),
    **dict.fromkeys(PACKED, _INT), "FLOAT64": Stored(np.dtype("f8"), "uvec2"),
    "COMPLEX64": Stored(np.dtype("c8"), "uvec2"),
}  # fmt: skip
_BY_DTYPE = {NUMPY_TYPES[name]: stored for name, stored in STORED.items() if name not in PACKED}
_FOURS = {stored.one: stored.four for stored in STORED.values()}


@dataclass(frozen=True, eq=False, kw_only=True)
class Held(Tensor):
    """A tensor that GL holds in another way than the file has it: `declared` is that.

    Where it is `half`, it is FLOAT32 to kernels, but its elements take half a word each (IEEE 754's binary16);
    `bounded` says that what an op makes of it is known to fit.
    """

    declared: Tensor
    half: bool = False
    bounded: bool = False


def declared(tensor: Tensor) -> Tensor:
    """A tensor as the file has it."""
    return tensor.declared if isinstance(tensor, Held) else tensor


def packing(tensor: Tensor | Scratch) -> str:
    """How several elements of a tensor share a word, as `Const.packed` has it; "" where each has its own.

    Bytes are where four are stored at once: one by one each takes two atomics, and in movenet a convolution to 34
    channels 2.8 times as long. What is kept from run to run is read and written in place, and so is not packed.
    """
    if half(tensor):
        return "half"
    if isinstance(tensor, Scratch):
        fours = tensor.fours
    else:
        fours = not tensor.is_variable and bool(tensor.shape) and tensor.shape[-1] % 4 == 0
    return tensor.type if fours and tensor.type in BYTES.values() else ""


def packings(graph: Graph, sources: Iterable[object]) -> dict[int | Scratch, str]:
    """How those of these share words that do: tensors of a graph, by index, and memory between programs."""
    found = {s: packing(graph.tensors[s] if isinstance(s, int) else s) for s in sources if isinstance(s, int | Scratch)}
    return {source: how for source, how in found.items() if how}


def half(tensor: Tensor | Scratch) -> bool:
    """Whether a tensor's elements are stored in half."""
    return isinstance(tensor, Held) and tensor.half


def unbounded(tensor: Tensor | Scratch) -> bool:
    """Whether what an op makes of a tensor may be more than it is stored in can hold."""
    return isinstance(tensor, Held) and tensor.half and not tensor.bounded


def in_half(array: NDArray[Any]) -> NDArray[np.float16]:
    """Floats rounded to half, flat, made up to whole words. What is beyond half's range becomes infinite."""
    with np.errstate(over="ignore"):
        rounded = np.asarray(array, np.float16).reshape(-1)
    return np.append(rounded, np.float16(0)) if rounded.size % 2 else rounded


def halved(constant: Const) -> Const:
    """The same constant of floats, rounded to half, two to a word."""
    return Const(lambda: in_half(constant.pack()), -(-constant.nbytes // 8) * 4, packed="half")


BYTES = {np.dtype("i1"): "INT8", np.dtype("u1"): "UINT8"}
BLOCK = "ivec4[4]"  # four by four integers that are the bytes of four words


def in_bytes(pack: Callable[[], NDArray[Any]], size: int, dtype: np.dtype[Any]) -> Const:
    """A constant of `size` integers of INT8 or UINT8 (`dtype`), four to a word; `pack` makes them."""

    def padded() -> NDArray[Any]:
        array = np.asarray(pack(), dtype).reshape(-1)
        return np.pad(array, (0, -array.size % 4))

    return Const(padded, -(-size // 4) * 4, packed=BYTES[dtype])


def constant_of(value: NDArray[Any], weights: bool = False) -> Const:
    """A constant that holds a tensor's value: integers of 8 bits as bytes, others as activations of their type lie."""
    if value.dtype in BYTES:
        return in_bytes(lambda: value, value.size, value.dtype)
    return Const(lambda: stored(value), value.size * stored_dtype(value.dtype).itemsize, weights)


# What a kernel module may say of itself as TYPES and RESULTS.
FLOAT = frozenset({"FLOAT32"})
FLOATS = FLOAT | {"FLOAT16"}  # which is computed in float32, and then rounded
QUANTIZED = frozenset({"INT8", "UINT8", "INT16"})
INDICES = frozenset({"INT32", "INT64"})
ANY = frozenset(STORED) - PACKED.keys()

DOUBLES = ("int64", "float64", "float64_sums")  # the libraries that compute with FLOAT64


def stored(array: NDArray[Any]) -> NDArray[Any]:
    """A host array as it lies in a buffer: C-contiguous, not copied where nothing changes."""
    return np.ascontiguousarray(array, stored_dtype(array.dtype))


def stored_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What a buffer holds of elements of a host array; one that no tensor has stays as it is."""
    return _BY_DTYPE[dtype].dtype if dtype in _BY_DTYPE else dtype


def stored_bytes(tensor: Tensor | Scratch) -> int:
    """Bytes of a dense tensor, or of memory between programs, in a GL buffer; 0 for a type that GL does not hold."""
    packed = packing(tensor)
    if packed:
        return -(-tensor.size // 2) * 4 if packed == "half" else tensor.size
    return tensor.size * STORED[tensor.type].dtype.itemsize if tensor.type in STORED else 0


def like(tensor: Tensor, pack: Callable[[], NDArray[Any]]) -> Const:
    """A constant of a tensor's type and size that a kernel makes, each element in words of its own."""
    return Const(pack, tensor.size * STORED[tensor.type].dtype.itemsize)


def glsl(type: str, value: str = "float") -> str:
    """GLSL's name of a TFLite type's elements, one ("float") or four ("vec4") at a time."""
    return widened(STORED[type].one, value)


def widened(one: str, value: str) -> str:
    """The GLSL type of one ("float") or four ("vec4") of elements whose own GLSL type is `one`."""
    if value != "vec4":
        return one
    assert _FOURS[one], f"{one} has no form of four"
    return _FOURS[one]


def element(value: Any, type: str) -> str:
    """GLSL for one element of a TFLite type; every bit of a float is kept."""
    found = np.asarray(value, NUMPY_TYPES[type]).astype(STORED[type].dtype)
    if found.itemsize == 4 and found.dtype != np.uint32:
        return literal(found.item())
    return f"{STORED[type].one}({', '.join(f'{word:#x}u' for word in found.reshape(1).view(np.uint32))})"


def width(value: str) -> int:
    """How many elements a value of a GLSL type holds: 1, 4, or 16 of a BLOCK."""
    return 16 if value == BLOCK else 4 if value in _FOURS.values() else 1


def words(value: str) -> int:
    """How many words of 32 bits a value of a GLSL type takes in a buffer."""
    return int(value[-1]) if value[-1].isdigit() else 1


def has_four(*ones: str) -> bool:
    """Whether GLSL has types of four of all these."""
    return all(_FOURS.get(one, one) for one in ones)


def in_fours(types: Collection[str], *sizes: int) -> bool:
    """Whether values of these TFLite types can be taken four at a time where all of these sizes are made of fours."""
    return not math.gcd(*sizes) % 4 and all(STORED[type].four for type in types)
