"""What a case's model is, what it is fed, and what it must give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from case import REFERENCE, Array, Body, Case, Shape, Typed
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.sparse import DENSE, SPARSE_CSR

RESOLVERS = {True: OpResolverType.BUILTIN_REF, False: OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES}


@dataclass(frozen=True)
class Prepared:
    """A case's model; for each run the values of what is computed, and the outputs that are wanted."""

    content: bytes
    inputs: list[list[Array]]
    wanted: list[list[Array]]


@lru_cache(maxsize=1)  # delegates take turns at each case
def prepare(case: Case) -> Prepared:
    """Raises RuntimeError or ValueError where the oracle refuses the case."""
    rng = np.random.default_rng(case.seed)
    held = drawn(case, rng)
    runs = [held, *(_again(case, held, rng) for _ in range(case.runs - 1))]
    computed = [k for k, value in enumerate(case.inputs) if value is not None and value.role == "computed"]
    inputs = [[np.asarray(run[k]) for k in computed] for run in runs]
    if callable(case.oracle):
        wanted = [[np.asarray(y) for y in case.oracle(*run, **case.options)] for run in runs]
        wanted = [[y.astype(t.dtype) for y, t in zip(ys, case.makes, strict=True)] for ys in wanted]
        return Prepared(model(case, held, [y.shape for y in wanted[0]]), inputs, wanted)
    shapes = case.shapes if case.shapes is not None else shapes_of(case, held)
    content = model(case, held, shapes)
    return Prepared(content, inputs, run_runtime(content, inputs, case.oracle == REFERENCE))


def drawn(case: Case, rng: np.random.Generator) -> list[Array | None]:
    """What each input holds; None for one that is absent, and for a variable."""
    return [
        value.draw(rng, case.values) if value is not None and value.role != "variable" else None
        for value in case.inputs
    ]


def _again(case: Case, held: Sequence[Array | None], rng: np.random.Generator) -> list[Array | None]:
    """What inputs hold in a further run: other values of those that are computed."""
    return [
        value.draw(rng, case.values) if value is not None and value.role == "computed" else kept
        for value, kept in zip(case.inputs, held, strict=True)
    ]


def model(case: Case, held: Sequence[Array | None], shapes: Sequence[Shape]) -> bytes:
    """The .tflite of a case, given what its constants hold and the shapes of its outputs."""
    b = GraphBuilder()
    tensors = [_add(b, value, array) for value, array in zip(case.inputs, held, strict=True)]
    made = [
        b.tensor(shape, type.name, quantization=type.quantization)
        for shape, type in zip(shapes, case.makes, strict=True)
    ]
    between = [b.tensor(t.shape, t.type.name, quantization=t.type.quantization) for t in case.intermediates]
    options = {name: _subgraph(b, value) if isinstance(value, Body) else value for name, value in case.options.items()}
    b.op(case.kind, tensors, outputs=made, intermediates=between or None, **options)
    b.output(*made)
    return b.build()


def _subgraph(b: GraphBuilder, body: Body) -> int:
    inside = b.subgraph(body.kind)
    x, y = (inside.input((), body.type.name) for _ in range(2))
    inside.output(inside.op(body.kind, [x, y], (), dtype=body.type.name) if body.kind else y)
    return inside.index


def _add(b: GraphBuilder, value: Typed | None, array: Array | None) -> int:
    if value is None:
        return -1
    name, quantization = value.type.name, value.type.quantization
    if value.role == "computed":
        return b.input(value.shape, name, quantization=quantization)
    if value.role == "variable":
        return b.variable(value.shape, name, quantization=quantization)
    if value.role == "sparse":
        assert array is not None
        return b.sparse_constant(array, (DENSE, SPARSE_CSR, DENSE), blocks={1: 16}, quantization=quantization)
    return b.constant(array, name, quantization=quantization)


def _open(content: bytes, reference: bool) -> Interpreter:
    made = Interpreter(model_content=content, experimental_op_resolver_type=RESOLVERS[reference])
    made.allocate_tensors()
    return made


def shapes_of(case: Case, held: Sequence[Array | None]) -> list[Shape]:
    """The shapes of the outputs as the runtime corrects them in a draft."""
    rank = max((len(value.shape) for value in case.inputs if value is not None and value.role == "computed"), default=1)
    draft = model(case, held, [(1,) * rank] * len(case.makes))
    details = _open(draft, case.oracle == REFERENCE).get_output_details()
    return [tuple(detail["shape"].tolist()) for detail in details]


def run_runtime(content: bytes, runs: Sequence[Sequence[Array]], reference: bool = True) -> list[list[Array]]:
    """What LiteRT gives in each run; before the last of several, variables are reset."""
    interpreter = _open(content, reference)
    found: list[list[Any]] = []
    for k, inputs in enumerate(runs):
        if k and k == len(runs) - 1:
            interpreter.reset_all_variables()
        for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
        found.append([interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()])
    return found
