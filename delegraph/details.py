"""Tensor details as TensorFlow Lite's interpreter gives them, read off the graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph.model import Graph, Model, Tensor

DENSE = 0  # DimensionType.DENSE of the schema

# What the runtime calls the types that numpy has another name for, or none.
OTHER_SCALARS: dict[str, Any] = {
    "INT4": np.int8, "RESOURCE": np.object_, "STRING": np.bytes_, "VARIANT": np.object_,
}  # fmt: skip


def tensor_details(graph: Graph, index: int) -> dict[str, Any]:
    """One tensor's details, with the keys and types that `Interpreter.get_tensor_details` has.

    Raises ValueError for an index out of range.
    """
    if not 0 <= index < len(graph.tensors):
        raise ValueError(f"Invalid tensor index {index} exceeds max tensor index {len(graph.tensors) - 1}")
    tensor = graph.tensors[index]
    scales, zero_points, axis = _quantization(tensor)
    per_tensor = (float(scales[0]), int(zero_points[0])) if len(scales) == 1 else (0.0, 0)
    return {
        "name": tensor.name,
        "index": index,
        "shape": np.array(tensor.shape, np.int32),
        "shape_signature": np.array(tensor.shape_signature, np.int32),
        "dtype": scalar_type(tensor),
        "quantization": per_tensor,
        "quantization_parameters": {
            "scales": scales,
            "zero_points": zero_points,
            "quantized_dimension": axis,
            "block_size": 0,
        },
        "sparsity_parameters": _sparsity(graph, tensor) if tensor.is_sparse else {},
    }


def _quantization(tensor: Tensor) -> tuple[Any, Any, int]:
    if tensor.quantization is None:
        return np.array([], np.float32), np.array([], np.int32), 0
    q = tensor.quantization
    return np.array(q.scales, np.float32), np.array(q.zero_points, np.int32), q.axis


def _sparsity(graph: Graph, tensor: Tensor) -> dict[str, Any]:
    table = graph.model.tables["subgraphs"][graph.index]["tensors"][tensor.index]["sparsity"]
    dimensions = []
    for d in table["dim_metadata"]:
        if d["format"] == DENSE:
            dimensions.append({"format": DENSE, "dense_size": d["dense_size"]})
        else:
            segments, indices = (np.array(d[f]["values"], np.int32) for f in ("array_segments", "array_indices"))
            dimensions.append({"format": d["format"], "array_segments": segments, "array_indices": indices})
    found = {"traversal_order": np.array(table["traversal_order"], np.int32)}
    if table["block_map"] is not None and len(table["block_map"]):
        found["block_map"] = np.array(table["block_map"], np.int32)
    return {**found, "dim_metadata": dimensions}


def scalar_type(tensor: Tensor) -> Any:
    """The numpy scalar type that the runtime reports (`numpy.float32`)."""
    return OTHER_SCALARS.get(tensor.type) or tensor.dtype.type


def signature_list(model: Model) -> dict[str, dict[str, list[str]]]:
    """Signature key -> its input and output names, as `Interpreter.get_signature_list` gives them."""
    return {s.key: {"inputs": list(s.inputs), "outputs": list(s.outputs)} for s in model.signatures}
