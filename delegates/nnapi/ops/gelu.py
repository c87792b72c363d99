"""GELU, which NNAPI does not have, of operations on single values that it has."""

from __future__ import annotations

import math
from collections.abc import Callable

from ....graph.model import Graph, Op
from ..abi import L3, Operation, Type
from ..node import Arg, Between, Const, Node, Nodes, Ways, between, full
from ..program import Operand
from ..reading import NONE, Types, result, source, tensor

TYPES: Types = {"FLOAT32": L3, "FLOAT16": 0}  # half is too short for the sums below
# erfc(x) ~ sum(A[k] * t ** (k + 1)) * exp(-x * x), t = 1 / (1 + P * x), for x >= 0, within 1.5e-7 (Abramowitz and
# Stegun, Handbook of Mathematical Functions, 7.1.26).
P = 0.3275911
A = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


def constant(value: float) -> Const:
    """One float for all."""
    return full(Operand(Type.TENSOR_FLOAT32, (1,)), value)


def gelu(graph: Graph, op: Op) -> Nodes:
    """By the tangent or by the error function, as the op says."""
    x, _ = source(graph, op, TYPES)
    y = result(graph, op, tensor(graph, x).shape)
    nodes: list[Node] = []

    def make(code: Operation, *inputs: Arg) -> Between:
        made = between(graph, x)
        more = (NONE,) if code in (Operation.ADD, Operation.MUL, Operation.SUB, Operation.DIV) else ()
        nodes.append(Node(code, (*inputs, *more), (made,), L3))
        return made

    (by_tangent if op.options.approximate else by_error_function)(x, make)
    last = nodes.pop()
    return (*nodes, Node(last.code, last.inputs, (y,), last.level))


def by_tangent(x: int, make: Callable[..., Between]) -> None:
    """x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3)))."""
    root = math.sqrt(2 / math.pi)
    inner = make(
        Operation.ADD, make(Operation.MUL, make(Operation.MUL, x, x), constant(0.044715 * root)), constant(root)
    )
    bent = make(Operation.TANH, make(Operation.MUL, x, inner))
    make(Operation.MUL, make(Operation.MUL, x, constant(0.5)), make(Operation.ADD, bent, constant(1.0)))


def by_error_function(x: int, make: Callable[..., Between]) -> None:
    """max(x, 0) - |x| / 2 * erfc(|x| / sqrt(2)), which is x / 2 * (1 + erf(x / sqrt(2)))."""
    size = make(Operation.ABS, x)
    t = make(
        Operation.DIV,
        constant(1.0),
        make(Operation.ADD, make(Operation.MUL, size, constant(P / math.sqrt(2))), constant(1.0)),
    )
    tail: Arg = constant(A[-1] / 2)
    for factor in reversed(A[:-1]):
        tail = make(Operation.ADD, make(Operation.MUL, t, tail), constant(factor / 2))
    falls = make(Operation.EXP, make(Operation.MUL, make(Operation.MUL, x, x), constant(-0.5)))
    rest = make(Operation.MUL, make(Operation.MUL, make(Operation.MUL, t, tail), falls), size)
    make(Operation.SUB, make(Operation.RELU, x), rest)


OPS: dict[str, Ways] = {"GELU": (gelu,)}
