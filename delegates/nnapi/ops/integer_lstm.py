"""LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM of 8-bit integers, whose cell has 16 bits.

Android's own implementation of QUANTIZED_LSTM (QLSTM.cpp) leaves parts of its documentation out: biases where sums are
not normalised, which become columns of weights here; the sign of a zero point, which a projection onto itself has
added where there is none (what units give is then rounded twice); and what is refused below with its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ....graph.model import Graph, Op, Tensor
from ..abi import L4, Operation, Type
from ..node import (
    Arg,
    Const,
    Next,
    Node,
    Nodes,
    Omitted,
    Refused,
    affine,
    between,
    full,
    i32,
    operand_of,
    real,
)
from ..program import Operand
from ..reading import Shape, input_of, result, scaled, source, tensor
from .over_time import joined, parted, shaped
from .recurrent import size, state

STAGES = 5  # intermediates: what each gate adds up before it is normalised, and what the units make
GATE = 2.0**-12  # the scale of what a gate adds up where that is not normalised
MOST = 127  # of a weight, either way
COLUMNS = 64  # that biases may become
WITHIN = 2.0**-7  # a scale by which what units give, which is at most 1, is within 8 bits
ANDROID = "Android's own implementation"


def packed(graph: Graph, op: Op, k: int, shape: Shape, code: Type) -> Const | Omitted:
    """Input `k`, constant integers of a shape around 0, as operands of a type; left out where it is absent."""
    if (t := input_of(op, k)) < 0:
        return Omitted(code)
    found, values = tensor(graph, t), graph.constant(t)
    wanted = {Type.TENSOR_QUANT8_SYMM: "INT8", Type.TENSOR_QUANT16_SYMM: "INT16", Type.TENSOR_INT32: "INT32"}[code]
    if values is None or (found.type, found.shape) != (wanted, shape):
        met = f"input {k} is {found.type} {list(found.shape)}"
        raise Refused("not_constant", met, f"a constant {wanted} {list(shape)}")
    scale, zero = affine(found)
    if code is Type.TENSOR_INT32:
        return Const(Operand(code, shape), lambda: values)  # whose scale Android's own tests leave out as well
    if not scale > 0 or zero:
        raise Refused("quantization", f"{found.name!r} has (scale, zero point) {scale, zero}", "one scale, 0")
    return Const(Operand(code, shape, scale), lambda: values)


def integers(sequence: bool, graph: Graph, op: Op) -> Nodes:
    """QUANTIZED_LSTM, one for each step of a sequence."""
    x, level = source(graph, op, {"INT8": L4})
    scaled(graph, x)
    shape, time = tensor(graph, x).shape, 0 if sequence and op.options.time_major else 1
    if len(shape) != (3 if sequence else 2) or len(op.inputs) < 20:
        raise Refused("rank", list(shape), "batches, steps if it is a sequence, inputs")
    cells, out = size(graph, op, 19, 1), size(graph, op, 18, 1)
    batches = shape[1 - time] if sequence else shape[0]
    hidden, cell = state(graph, op, 18, (batches, out), "INT8"), state(graph, op, 19, (batches, cells), "INT16")
    y = result(graph, op, (*shape[:-1], out))
    scales = checked(graph, op, y)
    weights = weights_of(graph, op, shape[-1], cells, out)
    norms = [packed(graph, op, k, (cells,), Type.TENSOR_QUANT16_SYMM) for k in range(20, 24)]
    nodes: list[Node] = []
    given: Arg = x
    if isinstance(norms[1], Omitted):
        more, weights[:4], weights[11:15] = columns(tensor(graph, x), weights)
        if more:
            wide = between(graph, x, (*shape[:-1], shape[-1] + len(more)))
            tail = Const(between(graph, x, (*shape[:-1], len(more))).operand, lambda: along(shape[:-1], more))
            nodes.append(Node(Operation.CONCATENATION, (x, tail, i32(len(shape) - 1)), (wide,), level))
            given = wide
    reads = partial(step, weights=tuple(weights), norms=tuple(norms), scales=scales)
    if not sequence:
        return (*nodes, Node(Operation.QUANTIZED_LSTM, reads(given, hidden, cell), (Next(hidden), Next(cell), y), L4))
    return (*nodes, *unrolled(graph, given, (hidden, cell), y, time, reads))


def weights_of(graph: Graph, op: Op, inputs: int, cells: int, out: int) -> list[Any]:
    """Inputs 1 to 17, with a projection where its zero point needs one, and zeros where this has no bias."""
    found: list[Any] = [
        *(packed(graph, op, k, (cells, inputs), Type.TENSOR_QUANT8_SYMM) for k in range(1, 5)),
        *(packed(graph, op, k, (cells, out), Type.TENSOR_QUANT8_SYMM) for k in range(5, 9)),
        *[Omitted(Type.TENSOR_QUANT16_SYMM)] * 3,
        *(packed(graph, op, k, (cells,), Type.TENSOR_INT32) for k in range(12, 16)),
    ]  # fmt: skip
    projection = packed(graph, op, 16, (out, cells), Type.TENSOR_QUANT8_SYMM)
    added = packed(graph, op, 17, (out,), Type.TENSOR_INT32)
    if isinstance(projection, Omitted) and (out != cells or not isinstance(added, Omitted)):
        raise Refused("projection", f"{cells} units give {out} values", "weights that project them")
    if isinstance(projection, Omitted) and affine(graph.tensors[op.intermediates[-1]])[1]:
        itself = Operand(Type.TENSOR_QUANT8_SYMM, (out, cells), 1.0)
        projection = Const(itself, lambda: np.eye(cells, dtype=np.int8))
    if isinstance(added, Omitted) and not isinstance(projection, Omitted):
        added = full(Operand(Type.TENSOR_INT32, (out,)), 0)  # without it, zero points are left out there
    return [*found, projection, added]


def step(
    x: Arg, hidden: Arg, cell: Arg, *, weights: tuple[Arg, ...], norms: tuple[Arg, ...], scales: tuple[Arg, ...]
) -> tuple[Arg, ...]:
    """The inputs of a QUANTIZED_LSTM."""
    return (x, *weights, hidden, cell, *norms, *scales)


def checked(graph: Graph, op: Op, y: int) -> tuple[Arg, ...]:
    """The last inputs: what bounds the cell and the projection, scales of sums, and how the units' values are told."""
    o, stages = op.options, [graph.tensors[t] for t in op.intermediates]
    before, cell = tensor(graph, op.inputs[18]), tensor(graph, op.inputs[19])
    exact = math.log2(affine(cell)[0]) if affine(cell)[0] > 0 else 0.0
    if len(stages) != STAGES:
        raise Refused("intermediates", len(stages), STAGES)
    if any(input_of(op, k) >= 0 for k in range(9, 12)):
        raise Refused("peepholes", "weights by the cell's state", f"none, as {ANDROID} reads another state for them")
    if affine(before) != affine(graph.tensors[y]) or not affine(before)[0] > 0:
        raise Refused("quantization", f"the state has {affine(before)}, the result {affine(graph.tensors[y])}", "one")
    if abs(exact - round(exact)) > 1e-3 or not -15 <= round(exact) <= -9:
        raise Refused("quantization", f"the cell's state has scale {affine(cell)[0]}", "2 ** -15 to 2 ** -9")
    (scale, zero), projected = affine(stages[-1]), input_of(op, 16) >= 0
    if o.cell_clip < 0 or (o.proj_clip and projected):
        met = f"a cell within {o.cell_clip}, a projection within {o.proj_clip}"
        raise Refused("clip", met, f"none of a projection, whose unit {ANDROID} takes from its weights")
    sums = [affine(stage)[0] if input_of(op, 21) >= 0 else GATE for stage in stages[:4]]
    if not projected and (scale, zero) != affine(before):
        raise Refused("quantization", f"units give {scale, zero}, without a projection", affine(before))
    if zero and not projected:
        scale, zero = max(affine(before)[0], WITHIN), 0
    return (real(o.cell_clip), real(0.0), *map(real, sums), i32(zero), real(scale))


def columns(x: Tensor, weights: list[Any]) -> tuple[list[int], list[Any], list[Any]]:
    """(values beside an input, weights by the input with as many columns more, biases of 0): the same sums.

    Steps of a bias are those of the products: it is so many times the largest step from the zero point, and the rest
    times the smallest.
    """
    zero, biases = affine(x)[1], weights[11:15]
    far = 127 if zero < 0 else -128
    found = {k: b.pack().astype(np.int64) for k, b in enumerate(biases) if isinstance(b, Const)}
    if not any(b.any() for b in found.values()):
        return [], weights[:4], biases
    whole = {k: np.rint(b / (far - zero)).astype(np.int64) for k, b in found.items()}
    count = -(-max(int(np.abs(w).max()) for w in whole.values()) // MOST)
    if count >= COLUMNS:
        raise Refused("bias", f"of {max(int(np.abs(b).max()) for b in found.values())} steps", "a smaller one")
    near = zero + (1 if zero < 127 else -1)

    def wide(k: int, w: Const) -> Const:
        parts = [np.sign(whole[k]) * np.clip(np.abs(whole[k]) - MOST * c, 0, MOST) for c in range(count)]
        rest = (found[k] - (far - zero) * whole[k]) * (near - zero)
        tail = np.stack([*parts, rest], 1).astype(np.int8)
        shape = (w.operand.dims[0], w.operand.dims[1] + count + 1)
        return Const(Operand(w.operand.type, shape, w.operand.scale), lambda: np.hstack([w.pack(), tail]))

    wider = [wide(k, w) if isinstance(w, Const) else w for k, w in enumerate(weights[:4])]
    nothing = [full(b.operand, 0) if isinstance(b, Const) else b for b in biases]
    return [far] * count + [near], wider, nothing


def along(rows: Shape, values: list[int]) -> NDArray[np.int8]:
    """The same values for each row."""
    return np.broadcast_to(np.array(values, np.int8), (*rows, len(values)))


def unrolled(
    graph: Graph, x: Arg, states: tuple[int, int], y: int, time: int, reads: Callable[..., tuple[Arg, ...]]
) -> Nodes:
    """A sequence, step by step."""
    like = operand_of(graph.tensors[x]) if isinstance(x, int) else x.operand  # type: ignore[union-attr]
    nodes, parts = parted(x, like, time)
    hidden, cell = (operand_of(graph.tensors[t]) for t in states)
    rows, before = [shaped(hidden, *hidden.dims) for _ in parts], cast(tuple[Arg, Arg], states)
    for k, (part, row) in enumerate(zip(parts, rows, strict=True), 1):
        last = k == len(parts)
        after: Any = tuple(map(Next, states)) if last else tuple(shaped(s, *s.dims) for s in (hidden, cell))
        nodes.append(Node(Operation.QUANTIZED_LSTM, reads(part, *before), (*after, row), L4))
        before = after
    return (*nodes, *joined(rows, hidden, y, time))
