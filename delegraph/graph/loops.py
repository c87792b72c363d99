"""Loops that could never end: a runtime that has begun one cannot be stopped."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InvalidModel
from .calls import Parts
from .options import calls

# What may give another value each time, whatever it reads.
CHANGEABLE = frozenset((
    "CUSTOM", "HASHTABLE_FIND", "HASHTABLE_SIZE", "MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM",
    "READ_VARIABLE", "STABLEHLO_CUSTOM_CALL", "STABLEHLO_RNG_BIT_GENERATOR",
))  # fmt: skip


def check_loops(graphs: Sequence[Parts]) -> None:
    """Raise InvalidModel for a WHILE whose condition is true for good, or depends on nothing that a turn changes."""
    for i, graph in enumerate(graphs):
        for op in graph.ops:
            if op.kind != "WHILE":
                continue
            field = f"subgraphs[{i}].operators[{op.index}].options.cond_subgraph_index"
            condition, body = (graphs[op.options[f"{name}_subgraph_index"]] for name in ("cond", "body"))
            (told,) = condition.outputs
            constant = condition.tensors[told].data
            if constant is not None:
                if any(constant):
                    raise InvalidModel(field, "a condition that is always true: the loop would never end")
                continue
            read = _read(condition, told)
            changed = {k for k, (a, b) in enumerate(zip(body.inputs, body.outputs, strict=True)) if a != b}
            if read is not None and not read & changed:
                raise InvalidModel(field, "a condition that depends on nothing which a turn of the loop changes")


def _read(condition: Parts, told: int) -> set[int] | None:
    """The inputs, by position, on which a condition's result depends; None where it may change by itself."""
    needed = {told}
    for op in reversed(condition.ops):
        if needed.isdisjoint(op.outputs):
            continue
        variable = any(t >= 0 and condition.tensors[t].is_variable for t in op.inputs)
        if op.kind in CHANGEABLE or variable or any(calls(op.options).values()):
            return None
        needed.update(op.inputs)
    return {k for k, t in enumerate(condition.inputs) if t in needed}
