"""RNN and SVDF by a tangent, which NNAPI's own operations do not have: this and what comes before it, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from ....graph.model import Graph, Op
from ..abi import L1, Operation
from ..node import TENSORS, Arg, Between, Next, Node, Nodes, Omitted, Refused, Ways, full, i32, numbers, operand_of
from ..program import Operand
from ..reading import NONE, Shape, result, tensor
from .over_time import joined, parted, shaped
from .recurrent import bidirectional_rnn, rnn, simple, steps, svdf, two_ways


def tangent(op: Op) -> None:
    """Refuse other activations."""
    if op.options.fused_activation_function != "TANH":
        raise Refused("activation", op.options.fused_activation_function, "NONE, RELU, RELU_N1_TO_1, RELU6 or TANH")


def svdf_and_tangent(graph: Graph, op: Op) -> Nodes:
    """SVDF without an activation, which it does not remember, and the tangent."""
    tangent(op)
    (node,) = svdf(graph, op, NONE)
    y = node.outputs[1]
    assert isinstance(y, int)
    sums = Between(operand_of(graph.tensors[y]))
    return (replace(node, outputs=(node.outputs[0], sums)), Node(Operation.TANH, (sums,), (y,)))


def product(x: Arg, weights: Arg, bias: Arg, y: Between) -> Node:
    """What weights make of the last dimension of `x`, with a bias."""
    return Node(Operation.FULLY_CONNECTED, (x, weights, bias, NONE), (y,), L1)


def one_way(
    x: Arg,
    cell: Sequence[Arg],
    hidden: int,
    rows: Shape,
    like: Operand,
    time: int,
    more: tuple[Arg, Arg] | None = None,
    back: bool = False,
) -> tuple[list[Node], list[Between]]:
    """(a cell's operations along `x`, what it gives at each step); `like` is one of these.

    `more` is a second input that is read beside `x`, and weights for it, if there are any.
    """
    batches, units = like.dims
    count = rows[time] if len(rows) == 2 else 1
    sums, nothing = shaped(like, batches * count, units), full(Operand(like.type, (units,)), 0)
    nodes = [product(x, cell[0], cell[2], sums)]
    if more is not None and not isinstance(more[1], Omitted):
        other, both = shaped(like, *sums.operand.dims), shaped(like, *sums.operand.dims)
        nodes += [product(*more, nothing, other), Node(Operation.ADD, (sums, other, NONE), (both,), L1)]
        sums = both
    parts = [sums]
    if count > 1:
        whole = shaped(like, *rows, units)
        parting, parts = parted(whole, whole.operand, time)
        nodes += [Node(Operation.RESHAPE, (sums, numbers(whole.operand.dims)), (whole,), L1), *parting]
    before: Arg = hidden
    found: dict[int, Between] = {}
    for k in range(count)[:: -1 if back else 1]:
        again, total, found[k] = (shaped(like, *like.dims) for _ in range(3))
        nodes += [
            product(before, cell[1], nothing, again),
            Node(Operation.ADD, (parts[k], again, NONE), (total,), L1),
            Node(Operation.TANH, (total,), (found[k],), L1),
        ]
        before = found[k]
    return [*nodes, Node(Operation.TANH, (total,), (Next(hidden),), L1)], [found[k] for k in range(count)]


def composed(sequence: bool, graph: Graph, op: Op) -> Nodes:
    """RNN and UNIDIRECTIONAL_SEQUENCE_RNN."""
    tangent(op)
    x, rows, batches, inputs = steps(graph, op, sequence)
    (*cell, hidden), units = simple(graph, op, 1, batches, inputs)
    y, time = result(graph, op, (*rows, units)), 0 if sequence and op.options.time_major else 1
    like = Operand(TENSORS[tensor(graph, x).type], (batches, units))
    nodes, found = one_way(x, cell, hidden, rows, like, time)
    if sequence:
        return (*nodes, *joined(found, like, y, time))
    return tuple(replace(node, outputs=(y,)) if node.outputs == (found[0],) else node for node in nodes)


def composed_both_ways(graph: Graph, op: Op) -> Nodes:
    """BIDIRECTIONAL_SEQUENCE_RNN."""
    tangent(op)
    it, time = two_ways(graph, op), 0 if op.options.time_major else 1
    kind = TENSORS[tensor(graph, it.x).type]
    merged = op.options.merge_outputs
    targets: list[int | Between] = [*it.made]
    if merged:
        targets = [Between(Operand(kind, (*it.rows, n))) for n in it.units]
    nodes: list[Node] = []
    for way, (source, target) in enumerate(zip((it.x, it.back), targets, strict=True)):
        like, more = Operand(kind, (it.batches, it.units[way])), (it.auxiliary, it.more[way])
        made, found = one_way(source, it.cells[way], it.states[way], it.rows, like, time, more, way == 1)
        nodes += [*made, *joined(found, like, target, time)]
    if merged:
        nodes.append(Node(Operation.CONCATENATION, (*targets, i32(2)), it.made, L1))
    return tuple(nodes)


OPS: dict[str, Ways] = {
    "BIDIRECTIONAL_SEQUENCE_RNN": (bidirectional_rnn, composed_both_ways),
    "RNN": (partial(rnn, False), partial(composed, False)),
    "SVDF": (svdf, svdf_and_tangent),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (partial(rnn, True), partial(composed, True)),
}
