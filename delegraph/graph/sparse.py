"""TFLite's sparse tensor format: checking its parameters, and expanding the stored values.

A tensor of rank n with m blocked dimensions is stored as n + m levels, outermost first. `traversal_order` says which
dimension a level walks (n + i is the inside of block i, of dimension `block_map[i]`); a level is dense, or lists in CSR
fashion which indices are present under each node of the level above. Source: the comments on SparsityParameters in
TFLite's schema.fbs, and its FormatConverter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidModel
from .schema import ENUMS

DENSE, SPARSE_CSR = 0, 1
Ints = NDArray[np.int64]


def check_sparsity(path: str, table: Mapping[str, Any], shape: tuple[int, ...]) -> int:
    """How many values the parameters speak of. Raises InvalidModel naming the field that is inconsistent.

    Takes time in proportion to the parameters, whatever size the dense tensor has.
    """
    order, block_map = _ints(table["traversal_order"]), _ints(table["block_map"])
    levels = table["dim_metadata"] or []
    rank, total = len(shape), len(shape) + len(block_map)
    if sorted(order.tolist()) != list(range(total)) or sorted(order[:rank].tolist()) != list(range(rank)):
        raise InvalidModel(
            f"{path}.traversal_order",
            f"{order.tolist()} does not order {rank} dimensions, then {len(block_map)} blocks",
        )
    blocked: list[int] = block_map.tolist()
    if sorted(set(blocked)) != blocked or not all(0 <= d < rank for d in blocked):
        raise InvalidModel(f"{path}.block_map", f"{blocked} is not an ascending choice of {rank} dimensions")
    if len(levels) != total:
        raise InvalidModel(f"{path}.dim_metadata", f"{len(levels)} levels, where {total} are wanted")
    sizes = _level_sizes(path, order, blocked, levels, shape)
    nodes = 1
    for i, (level, size) in enumerate(zip(levels, sizes, strict=True)):
        at = f"{path}.dim_metadata[{i}]"
        if level["format"] == DENSE:
            if level["dense_size"] != size:
                raise InvalidModel(f"{at}.dense_size", f"{level['dense_size']}, where the dimension has {size}")
            nodes *= size
        elif level["format"] == SPARSE_CSR:
            nodes = _check_csr(at, level, nodes, size)
        else:
            raise InvalidModel(f"{at}.format", f"{level['format']} is neither dense nor CSR")
    return nodes


def _level_sizes(path: str, order: Ints, blocked: list[int], levels: Any, shape: tuple[int, ...]) -> list[int]:
    """How many indices each level ranges over."""
    rank = len(shape)
    sizes = dict(enumerate(shape))
    for i in range(rank, len(order)):
        dim = blocked[int(order[i]) - rank]
        size = levels[i]["dense_size"]
        at = f"{path}.dim_metadata[{i}]"
        if levels[i]["format"] != DENSE:
            raise InvalidModel(f"{at}.format", "the inside of a block has to be dense")
        if size < 1 or shape[dim] % size:
            raise InvalidModel(f"{at}.dense_size", f"blocks of {size} do not divide dimension {dim} of {list(shape)}")
        sizes[dim], sizes[int(order[i])] = shape[dim] // size, size
    return [sizes[d] for d in order.tolist()]


def _check_csr(path: str, level: Mapping[str, Any], nodes: int, size: int) -> int:
    segments, indices = _values(level["array_segments"]), _values(level["array_indices"])
    if len(segments) != nodes + 1 or segments[0] != 0 or (np.diff(segments) < 0).any():
        raise InvalidModel(f"{path}.array_segments", f"not {nodes + 1} ascending numbers from 0")
    if segments[-1] != len(indices):
        raise InvalidModel(f"{path}.array_indices", f"{len(indices)} of them, where segments end at {segments[-1]}")
    if len(indices) and (indices.min() < 0 or indices.max() >= size):
        raise InvalidModel(f"{path}.array_indices", f"from {indices.min()} to {indices.max()}, where there are {size}")
    return len(indices)


def densify(table: Mapping[str, Any], shape: tuple[int, ...], values: NDArray[Any]) -> NDArray[Any]:
    """The dense tensor of `shape` for stored `values` (1-D) under checked parameters."""
    order, block_map = _ints(table["traversal_order"]), _ints(table["block_map"])
    rank = len(shape)
    strides = [math.prod(shape[d + 1 :]) for d in range(rank)]
    inside = {d: table["dim_metadata"][i]["dense_size"] for i, d in enumerate(order.tolist()) if d >= rank}
    block = {int(block_map[d - rank]): size for d, size in inside.items()}
    place = np.zeros(1, np.int64)  # where in the dense tensor each node stands
    node = np.zeros(1, np.int64)  # and its number within the level
    for d, level in zip(order.tolist(), table["dim_metadata"], strict=True):
        stride = strides[d] * block.get(d, 1) if d < rank else strides[int(block_map[d - rank])]
        if level["format"] == DENSE:
            steps = np.arange(level["dense_size"], dtype=np.int64)
            place = (place[:, None] + steps * stride).reshape(-1)
            node = (node[:, None] * len(steps) + steps).reshape(-1)
        else:
            segments, indices = _values(level["array_segments"]), _values(level["array_indices"])
            counts = segments[node + 1] - segments[node]
            starts = np.cumsum(counts) - counts
            node = np.arange(counts.sum()) + np.repeat(segments[node] - starts, counts)
            place = np.repeat(place, counts) + indices[node] * stride
    out = np.zeros(math.prod(shape), values.dtype)
    out[place] = values
    return out.reshape(shape)


def sparsify(
    array: NDArray[Any],
    formats: Sequence[int],
    order: Sequence[int] = (),
    blocks: Mapping[int, int] | None = None,
) -> tuple[dict[str, Any], NDArray[Any]]:
    """(parameters, stored values) of an array: the inverse of `densify`.

    `formats` gives DENSE or SPARSE_CSR for each level; `order` is the traversal order (default: as they stand);
    `blocks` maps a dimension to its block size, which has to divide it.
    """
    blocks = dict(sorted((blocks or {}).items()))
    rank = array.ndim
    split = [
        n for d, size in enumerate(array.shape) for n in ((size // blocks[d], blocks[d]) if d in blocks else (size,))
    ]
    axis = {d: d + sum(b < d for b in blocks) for d in range(rank)}
    axis.update({rank + i: axis[d] + 1 for i, d in enumerate(blocks)})
    order = list(order) or list(range(rank + len(blocks)))
    levels = array.reshape(split).transpose([axis[d] for d in order])
    nodes, metadata = np.zeros(1, np.int64), []
    for i, (size, form) in enumerate(zip(levels.shape, formats, strict=True)):
        children = nodes[:, None] * size + np.arange(size)
        if form == DENSE:
            metadata.append({"format": DENSE, "dense_size": size})
            nodes = children.reshape(-1)
            continue
        above = math.prod(levels.shape[: i + 1])
        present = (levels.reshape(above, levels.size // max(above, 1)) != 0).any(axis=1)[children]
        nodes = children[present]
        metadata.append({
            "format": SPARSE_CSR,
            **index_vector("array_segments", np.concatenate([[0], np.cumsum(present.sum(axis=1))])),
            **index_vector("array_indices", nodes % size),
        })  # fmt: skip
    return {"traversal_order": order, "block_map": list(blocks), "dim_metadata": metadata}, levels.reshape(-1)[nodes]


def index_vector(field: str, values: Ints) -> dict[str, Any]:
    """A SparseIndexVector of the narrowest type that holds the values."""
    largest = int(values.max(initial=0))
    name = "Uint8Vector" if largest < 1 << 8 else "Uint16Vector" if largest < 1 << 16 else "Int32Vector"
    return {f"{field}_type": ENUMS["SparseIndexVector"].values[name], field: {"values": values}}


def _ints(values: Any) -> Ints:
    return np.zeros(0, np.int64) if values is None else np.asarray(values, np.int64)


def _values(table: Mapping[str, Any] | None) -> Ints:
    return _ints(None if table is None else np.asarray(table["values"] if table["values"] is not None else []))
