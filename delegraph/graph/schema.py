"""The .tflite schema as data: tables, fields and enums, reflected from generated code instead of called field by field.

The source is the PyPI package `tflite` 2.18: flatc's output for TensorFlow Lite's schema, pure Python over numpy and
flatbuffers, so models can be read beside either runtime and beside none. What flatc wrote down is found by running the
builder functions with a recorder, and by looking at the names that the accessors' code uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from types import CodeType, ModuleType
from typing import Any, Literal

Shape = Literal["scalar", "string", "vector", "table", "tables", "union"]

# flatc leaves no trace of which enum a union's type is.
UNIONS = {
    "builtin_options": "BuiltinOptions",
    "builtin_options_2": "BuiltinOptions2",
    "details": "QuantizationDetails",
    "array_segments": "SparseIndexVector",
    "array_indices": "SparseIndexVector",
}

# Later than 2.18, from LiteRT's schema; types that no 2.18 runtime knows but that a reader has to name.
NEWER = {"TensorType": {"INT2": 19, "UINT4": 20, "FLOAT8_E4M3FN": 21, "FLOAT8_E5M2": 22}}

# What flatc's CamelCase does not give back.
SPELLING = {"builtin_options2": "builtin_options_2", "builtin_options2_type": "builtin_options_2_type"}

FORMATS = {
    "Bool": "?", "Int8": "b", "Uint8": "B", "Int16": "h", "Uint16": "H", "Int32": "i", "Uint32": "I", "Int64": "q",
    "Uint64": "Q", "Float32": "f", "Float64": "d",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One field: its vtable slot and what stands there.

    `format` is the struct code of a scalar or of a vector's element; `table` names the table, or a union's enum.
    """

    name: str
    slot: int
    shape: Shape
    format: str = ""
    default: Any = None
    table: str = ""


@dataclass(frozen=True)
class TableType:
    """A table's fields by name, and the value of each where the file has none."""

    name: str
    fields: Mapping[str, Field]
    defaults: Mapping[str, Any]


class Enum:
    """An enum's members, both ways."""

    def __init__(self, values: Mapping[str, int]) -> None:
        """`values` maps names to numbers."""
        self.values = values
        self.names = {number: name for name, number in values.items()}


class _Tables(dict[str, TableType]):
    def __missing__(self, name: str) -> TableType:
        self[name] = found = _reflect(name)
        return found


class _Enums(dict[str, Enum]):
    def __missing__(self, name: str) -> Enum:
        members = vars(getattr(_generated(name), name))
        known = {n: v for n, v in members.items() if not n.startswith("_")}
        self[name] = found = Enum({**known, **NEWER.get(name, {})})
        return found


TABLES = _Tables()
ENUMS = _Enums()


class _Recorder:
    """Stands in for flatbuffers.Builder and keeps the last call."""

    def __init__(self) -> None:
        self.call = ""
        self.args: tuple[Any, ...] = ()

    def __getattr__(self, name: str) -> Any:
        def record(*args: Any) -> None:
            self.call, self.args = name, args

        return record


def _generated(name: str) -> ModuleType:
    """flatc's module of a table or an enum, by itself: the package's own __init__ imports all 187, in 80 ms.

    Raises KeyError if the schema has no such thing, ImportError where the package is not installed.
    """
    package = find_spec("tflite")
    if package is None:
        raise ImportError("the package 'tflite' is not installed, a dependency of delegraph: pip install tflite")
    spec = PathFinder.find_spec(f"tflite.{name}", package.submodule_search_locations)
    if spec is None or spec.loader is None:
        raise KeyError(name)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _reflect(name: str) -> TableType:
    """The type of one table; raises KeyError if the schema has no such table."""
    module = _generated(name)
    prefix = f"{name}Add"
    fields = [_field(module, name, n[len(prefix) :]) for n in vars(module) if n.startswith(prefix)]
    fields.sort(key=lambda f: f.slot)
    return TableType(name, {f.name: f for f in fields}, {f.name: f.default for f in fields})


def _field(module: Any, table: str, camel: str) -> Field:
    recorder = _Recorder()
    getattr(module, f"{table}Add{camel}")(recorder, 1)
    slot, _, default = recorder.args
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", camel).lower()
    name = SPELLING.get(name, name)
    kind = recorder.call.removeprefix("Prepend").removesuffix("Slot")
    if kind in FORMATS:
        return Field(name, slot, "scalar", FORMATS[kind], type(default)(default) if kind != "Bool" else bool(default))
    owner = getattr(module, table)
    words = _words(getattr(owner, camel).__code__)
    made = next((w.removeprefix("tflite.") for w in words if w.startswith("tflite.")), "")
    if hasattr(owner, f"{camel}AsNumpy"):
        element = next(
            w.removesuffix("Flags")
            for w in _words(getattr(owner, f"{camel}AsNumpy").__code__)
            if w.endswith("Flags") and w != "UOffsetTFlags"
        )
        return Field(name, slot, "vector", FORMATS[element])
    if hasattr(owner, f"{camel}Length"):
        return Field(name, slot, "tables", table=made)
    if "Union" in words:
        return Field(name, slot, "union", table=UNIONS[name])
    return Field(name, slot, "string" if "String" in words else "table", table=made)


def _words(code: CodeType) -> tuple[str, ...]:
    return code.co_names
