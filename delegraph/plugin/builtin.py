"""Ops' options as the runtime holds them in C: the structures of `builtin_op_data.h`, for a stated list of kinds.

A kind is read only where the running library agrees: ops with known options are shown to a delegate that compares.
Kinds without options need no structure. Not in the list are those that remember, call subgraphs or use resources.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from ..graph.builder import GraphBuilder
from ..graph.options import option_enum, options_table
from ..graph.schema import ENUMS, TABLES
from . import abi
from .looker import Looker
from .native import GraphContext

_CONV = "padding stride_w:i stride_h:i"
_ACTIVATION = "fused_activation_function:i"

# Fields in C's order: i an int (or an enumeration with the numbers of files), f a float, b a bool, d eight ints and how
# many of them count; padding, mirror modes and types of tensors have numbers of their own.
LAYOUTS: Mapping[str, str] = {
    "CONV_2D": f"{_CONV} {_ACTIVATION} dilation_w_factor:i dilation_h_factor:i",
    "DEPTHWISE_CONV_2D": f"{_CONV} depth_multiplier:i {_ACTIVATION} dilation_w_factor:i dilation_h_factor:i",
    "TRANSPOSE_CONV": f"{_CONV} {_ACTIVATION}",
    **dict.fromkeys(
        ("CONV_3D", "CONV_3D_TRANSPOSE"),
        f"{_CONV} stride_d:i dilation_w_factor:i dilation_h_factor:i dilation_d_factor:i {_ACTIVATION}",
    ),
    **dict.fromkeys(
        ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), f"{_CONV} filter_width:i filter_height:i {_ACTIVATION}"
    ),
    "FULLY_CONNECTED": f"{_ACTIVATION} weights_format:i keep_num_dims:b asymmetric_quantize_inputs:b",
    "BATCH_MATMUL": "adj_x:b adj_y:b asymmetric_quantize_inputs:b",
    **dict.fromkeys(("ADD", "SUB"), f"{_ACTIVATION} pot_scale_int16:b"),
    **dict.fromkeys(("MUL", "DIV", "L2_NORMALIZATION"), _ACTIVATION),
    "CONCATENATION": f"axis:i {_ACTIVATION}",
    "SOFTMAX": "beta:f",
    "LEAKY_RELU": "alpha:f",
    "GELU": "approximate:b",
    "LOCAL_RESPONSE_NORMALIZATION": "radius:i bias:f alpha:f beta:f",
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), "align_corners:b half_pixel_centers:b"),
    **dict.fromkeys(
        ("MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"), "keep_dims:b"
    ),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), "output_type"),
    "RESHAPE": "new_shape:d",
    "SQUEEZE": "squeeze_dims:d",
    **dict.fromkeys(("SPACE_TO_DEPTH", "DEPTH_TO_SPACE"), "block_size:i"),
    "STRIDED_SLICE": "begin_mask:i end_mask:i ellipsis_mask:i new_axis_mask:i shrink_axis_mask:i offset:b",
    **dict.fromkeys(("SPLIT", "SPLIT_V"), "num_splits:i"),
    "GATHER": "axis:i batch_dims:i",
    "PACK": "values_count:i axis:i",
    "UNPACK": "num:i axis:i",
    "ONE_HOT": "axis:i",
    "CUMSUM": "exclusive:b reverse:b",
    "REVERSE_SEQUENCE": "seq_dim:i batch_dim:i",
    "MIRROR_PAD": "mode",
    "SHAPE": "out_type",
    "CAST": "in_data_type out_data_type",
    "FAKE_QUANT": "min:f max:f num_bits:i narrow_range:b",
    "SPARSE_TO_DENSE": "validate_indices:b",
}

_TYPES = {"i": ctypes.c_int32, "f": ctypes.c_float, "b": ctypes.c_bool, "": ctypes.c_int32}


class Dims(ctypes.Structure):
    """Dimensions inside a structure of options."""

    _fields_ = [("data", ctypes.c_int32 * 8), ("count", ctypes.c_int)]


@cache
def _layout(kind: str) -> tuple[Any, tuple[tuple[str, str], ...]]:
    """The structure of a kind in C, and its fields with their letters."""
    fields = tuple((name, letter) for name, _, letter in (f.partition(":") for f in LAYOUTS[kind].split()))
    members = [(name, Dims if letter == "d" else _TYPES[letter]) for name, letter in fields]
    return type(kind, (ctypes.Structure,), {"_fields_": members}), fields


def readable(kind: str) -> bool:
    """Whether all options of a kind can be read, if the runtime agrees."""
    table = options_table(kind)
    return kind in LAYOUTS or table is None or not TABLES[table[1]].fields


def read_options(kind: str, address: int | None) -> dict[str, Any] | None:
    """The options of a kind in LAYOUTS from its structure, as files have them; None where they cannot be told."""
    if not address:
        return None
    struct, fields = _layout(kind)
    held = struct.from_address(address)
    table = options_table(kind)
    assert table is not None
    found: dict[str, Any] = {}
    for name, letter in fields:
        value = getattr(held, name)
        if letter == "d":
            if not 0 <= value.count <= 8:
                return None
            found[name] = np.array(value.data[: value.count], np.int32)
            continue
        enum = option_enum(table[1], name)
        if enum in ("Padding", "MirrorPadMode"):
            value -= 1  # 0 is unknown in C
        elif enum == "TensorType":
            if not 0 < value < len(abi.TYPES):
                return None
            value = ENUMS[enum].values[abi.TYPES[value]]
        if enum is not None and value not in ENUMS[enum].names:
            return None
        found[name] = value
    return found


@cache
def agreed(runtime: ModuleType) -> frozenset[str]:
    """The kinds in LAYOUTS whose structures this runtime has."""
    return frozenset(kind for kind in LAYOUTS if _agrees(runtime, kind))


def _agrees(runtime: ModuleType, kind: str) -> bool:
    """Whether two ops of a kind, each with options of its own, are read as they were written."""
    table = options_table(kind)
    assert table is not None
    builder = GraphBuilder()
    x = builder.input((1,))
    written = [_telling(table[1], kind, turn) for turn in (0, 1)]
    for options in written:
        builder.output(builder.op(kind, [x], (1,), **options))
    found: list[dict[str, Any] | None] = []

    def compare(address: int) -> None:
        context = GraphContext(address)
        found.extend(read_options(kind, context.node(n)[0].builtin_data) for n in context.plan())

    try:
        Looker(compare).show(runtime, builder.build())
    except (RuntimeError, ValueError):
        return False
    return len(found) == 2 and all(
        f is not None and all(np.array_equal(f[name], value) for name, value in options.items())
        for f, options in zip(found, written, strict=True)
    )


def _telling(table: str, kind: str, turn: int) -> dict[str, Any]:
    """Options that differ from field to field, and from one turn to the other."""
    found: dict[str, Any] = {}
    for at, (name, letter) in enumerate(_layout(kind)[1]):
        enum = option_enum(table, name)
        if letter == "d":
            found[name] = np.array([2, 1, 3][turn:], np.int32)
        elif letter == "b":
            found[name] = bool((at + turn) % 2)
        elif letter == "f":
            found[name] = at + 1.5 + turn
        elif enum == "TensorType":
            found[name] = ENUMS[enum].values[("INT64", "INT32", "FLOAT32")[at + turn]]
        else:
            found[name] = turn if enum is not None else 3 * at + 2 + turn
    return found
