"""Lookups in tables, and tensors of one value."""

from __future__ import annotations

from ....graph.model import Graph, Op
from ..abi import L1, L3, L4, Operation
from ..node import Node, Nodes, Refused, Ways, affine, i32, numbers, real
from ..reading import Types, alike, result, source, tensor


def embedding_lookup(graph: Graph, op: Op) -> Nodes:
    """Rows of a table, by number."""
    places, _ = source(graph, op, {"INT32": L1})
    table, level = source(graph, op, {"FLOAT32": L1, "FLOAT16": L4, "INT32": L3, "UINT8": L3, "INT8": L4}, 1, None)
    shape, wanted = tensor(graph, table).shape, tensor(graph, places).shape
    if len(shape) < 2 or len(wanted) != 1:
        raise Refused("rank", f"{list(wanted)} of {list(shape)}", "a list of rows of a table")
    y = result(graph, op, (wanted[0], *shape[1:]), type=tensor(graph, table).type)
    alike(graph, table, y)
    return (Node(Operation.EMBEDDING_LOOKUP, (places, table), (y,), level),)


def hashtable_lookup(graph: Graph, op: Op) -> Nodes:
    """Rows of a table, by key; the second result says which keys are there."""
    types: Types = {"FLOAT32": L1, "FLOAT16": 0, "INT32": L1, "UINT8": L1}
    wanted, _ = source(graph, op, {"INT32": L1})
    keys, _ = source(graph, op, {"INT32": L1}, 1)
    table, level = source(graph, op, types, 2, None)
    shape = tensor(graph, table).shape
    counts = [len(tensor(graph, t).shape) for t in (wanted, keys)]
    if counts != [1, 1] or len(shape) < 2 or tensor(graph, keys).shape != shape[:1]:
        raise Refused("shape", f"a table {list(shape)}", "a key for each row")
    y = result(graph, op, (*tensor(graph, wanted).shape, *shape[1:]), type=tensor(graph, table).type)
    hits = result(graph, op, tensor(graph, wanted).shape, 1, "UINT8")
    if affine(graph.tensors[hits]) not in ((0.0, 0), (1.0, 0)):
        raise Refused("quantization", affine(graph.tensors[hits]), "hits that are not quantised")
    alike(graph, table, y)
    return (Node(Operation.HASHTABLE_LOOKUP, (wanted, keys, table), (y, hits), level),)


def fill(graph: Graph, op: Op) -> Nodes:
    """A tensor of one constant value."""
    value, level = source(graph, op, {"FLOAT32": L4, "INT32": L4}, 1, None)
    number, kind = graph.constant(value), tensor(graph, value).type
    if number is None or number.size != 1 or graph.constant(op.inputs[0]) is None:
        raise Refused("not_constant", "the value or the shape", "constants")
    y = result(graph, op, None, type=kind)
    shape = graph.tensors[y].shape
    if not shape:
        raise Refused("rank", "a scalar", "at least one dimension")
    single = i32(int(number.reshape(()))) if kind == "INT32" else real(float(number.reshape(())), kind)
    return (Node(Operation.FILL, (numbers(shape), single), (y,), level),)


OPS: dict[str, Ways] = {
    "EMBEDDING_LOOKUP": (embedding_lookup,),
    "FILL": (fill,),
    "HASHTABLE_LOOKUP": (hashtable_lookup,),
}
