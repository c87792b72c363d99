"""What edgetpu_compiler put into an `edgetpu-custom-op`: a FlexBuffer around executables that only libedgetpu reads.

Their format is `executable.fbs` in google-coral/libedgetpu: the first field of a package is the version of the
runtime that it needs at least. The names in the FlexBuffer are those of `custom_op_data.cc` there.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from ...graph.flexbuffer import decode
from ...graph.model import Graph, Op
from ...graph.read import read

CUSTOM_CODE = "edgetpu-custom-op"
EXECUTABLE = "4"


def is_compiled(op: Op) -> bool:
    """Whether an op is what the compiler made of others."""
    return op.kind == "CUSTOM" and op.custom_code == CUSTOM_CODE


def compiled(graph: Graph) -> list[Op]:
    """The ops of a graph that the compiler made."""
    return [op for op in graph.ops if is_compiled(op)]


def needed(program: bytes) -> int:
    """The version of libedgetpu's runtime that a compiled model needs; 0 where it does not say."""
    return max((min_runtime_version(op) for op in compiled(read(program).graphs[0])), default=0)


def min_runtime_version(op: Op) -> int:
    """The version of libedgetpu's runtime that one op needs; 0 where it does not say."""
    package = executable(op)
    try:
        (root,) = struct.unpack_from("<I", package)
        table = root - struct.unpack_from("<i", package, root)[0]
        size, _, field = struct.unpack_from("<HHH", package, max(table, 0))
        return int(struct.unpack_from("<i", package, root + field)[0]) if size >= 6 and field else 0
    except struct.error:
        return 0


def executable(op: Op) -> bytes:
    """The package in an op's options; empty where that is not what they hold."""
    raw = op.options["custom_options"]
    try:
        options: Any = decode(b"" if raw is None else bytes(raw), "surrogateescape")
    except ValueError:
        return b""
    found = options.get(EXECUTABLE) if isinstance(options, Mapping) else None
    if isinstance(found, str):
        return found.encode("utf-8", "surrogateescape")
    return found if isinstance(found, bytes) else b""
