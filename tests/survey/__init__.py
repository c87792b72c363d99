"""Which models of one op LiteRT's reference kernels run: every numeric type, ranks to 8, every way options may be.

`python tests/survey KIND ...` prints which of them the GPU refuses. Each file here holds forms: functions of a kind
that make cases, by far more than any reference runs.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from case import (
    BOOL,
    FLOAT,
    FLOAT16,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    Case,
    Input,
    Shape,
    Type,
    between,
    case,
)

Forms = Iterator[Case]
Maker = Callable[[str], Forms]
I8, U8, I16 = INT8.quantized(0.5), UINT8.quantized(0.5, 3), INT16.quantized(0.5)
QUANTIZED = [I8, U8, I16]
TYPES = [FLOAT, *QUANTIZED, FLOAT16, FLOAT64, INT8, UINT8, INT16, UINT16, INT32, UINT32, INT64, UINT64, BOOL]
COMPLEX = Type("COMPLEX64")
RANKS: list[Shape] = [
    (), (4,), (2, 4), (2, 3, 4), (2, 3, 1, 4), (1, 2, 3, 2, 4), (1, 2, 1, 3, 2, 4), (1, 2, 1, 3, 2, 1, 2), (2, 1) * 4,
]  # fmt: skip
ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
BOTH = (False, True)
_makers: dict[str, Maker] = {}


def forms(*kinds: str) -> Callable[[Maker], Maker]:
    """Register a function as what makes the forms of some kinds, in lines of names."""

    def register(make: Maker) -> Maker:
        _makers.update(dict.fromkeys(" ".join(kinds).split(), make))
        return make

    return register


@cache
def makers() -> Mapping[str, Maker]:
    """By kind, what makes its forms."""
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            importlib.import_module(f"{__name__}.{info.name}")
    return _makers


def form(kind: str, *inputs: Input, **options: Any) -> Case:
    """A case whose values are 1, 2 and 3."""
    return case(kind, *inputs, values=between(1, 3), **options)


def each(types: list[Type] = TYPES, ranks: list[Shape] = RANKS) -> Iterator[tuple[Type, Shape]]:
    """Every type with every shape."""
    return ((type, shape) for type in types for shape in ranks)
